//! What people agree to before their face is enrolled: texts, in versions that stay readable, and what was agreed.
//!
//! The program brings a text of its own. An organisation may put its own words in its place: a new version, beside
//! which the earlier ones stay.

use jiff::Timestamp;

use crate::App;
use crate::store::consents::{Given, How, OwnText};
use crate::store::{StoreError, TenantId};

/// Version of the program's own text that people are asked by.
pub const BUILT_IN: &str = "2";

/// The program's own texts: version, language, words. The first language of a version is the one for whoever reads
/// none of the others.
const TEXTS: [(&str, &str, &str); 5] = [
    ("1", "en", include_str!("../consent/1/en.txt")),
    (BUILT_IN, "en", include_str!("../consent/2/en.txt")),
    (BUILT_IN, "de", include_str!("../consent/2/de.txt")),
    (BUILT_IN, "es", include_str!("../consent/2/es.txt")),
    (BUILT_IN, "ar", include_str!("../consent/2/ar.txt")),
];

/// Most characters of a text.
pub const MOST_CHARS: usize = 16_000;
/// Most languages of a version.
pub const MOST_LANGUAGES: usize = 32;

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its version.
    pub version: String,
    /// BCP 47.
    pub language: String,
    /// The words, in plain text.
    pub text: String,
    /// Since when it is an organisation's; none of the program's own.
    pub made: Option<Timestamp>,
}

impl From<OwnText> for Text {
    fn from(own: OwnText) -> Self {
        Self {
            version: own.version,
            language: own.language,
            text: own.text,
            made: Some(own.made),
        }
    }
}

/// Every text of an organisation, the earliest first: the program's, then its own.
///
/// # Errors
/// When the database refuses.
pub async fn texts(app: &App, tenant: TenantId) -> Result<Vec<Text>, StoreError> {
    let built_in = TEXTS.iter().map(|(version, language, text)| Text {
        version: (*version).to_owned(),
        language: (*language).to_owned(),
        text: (*text).to_owned(),
        made: None,
    });
    let own = app.store.own_texts(tenant).await?;
    Ok(built_in.chain(own.into_iter().map(Text::from)).collect())
}

/// The version that people are asked by: the newest.
#[must_use]
pub fn current(texts: &[Text]) -> &str {
    texts.last().map_or(BUILT_IN, |text| text.version.as_str())
}

/// A text that there is not.
#[derive(Debug, thiserror::Error)]
pub enum NoText {
    /// No such version.
    #[error("there is no consent text of version {0}")]
    Version(String),
    /// Not in that language.
    #[error("the consent text {version} is not there in {language}, but in: {there}")]
    Language {
        /// The version.
        version: String,
        /// The language.
        language: String,
        /// Those that it is there in.
        there: String,
    },
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What somebody agreed to, if there is such a text: the current one in English where nothing is said.
///
/// # Errors
/// [`NoText`].
pub async fn given(
    app: &App,
    tenant: TenantId,
    how: How,
    version: Option<String>,
    language: Option<String>,
    at: Timestamp,
) -> Result<Given, NoText> {
    let texts = texts(app, tenant).await?;
    let version = version.unwrap_or_else(|| current(&texts).to_owned());
    let there: Vec<&str> = texts
        .iter()
        .filter(|text| text.version == version)
        .map(|text| text.language.as_str())
        .collect();
    let Some(&first) = there.first() else {
        return Err(NoText::Version(version));
    };
    let language = language.unwrap_or_else(|| first.to_owned());
    if !there.contains(&language.as_str()) {
        let there = there.join(", ");
        return Err(NoText::Language {
            version,
            language,
            there,
        });
    }
    Ok(Given {
        how,
        version,
        language,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_and_short_enough_to_be_read() {
        for (version, language, text) in TEXTS {
            let chars = text.chars().count();
            assert!(
                (200..2_500).contains(&chars),
                "{version} {language}: {chars}"
            );
            assert!(!text.contains('<'), "{version} {language}: plain text");
        }
        let current: Vec<_> = TEXTS.iter().filter(|(v, ..)| *v == BUILT_IN).collect();
        assert_eq!(current.len(), 4);
    }
}
