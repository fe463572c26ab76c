//! Rows of the damaged database by their form, and events by their text.

use std::ops::Range;

use limen_pages::rows::{Row, Value};
use uuid::Uuid;

/// An outbox's own row, as it stands there.
pub struct OutboxRow {
    pub number: i64,
    pub id: Uuid,
    pub terminal: Uuid,
    pub hardware: Vec<u8>,
    pub before: i64,
    pub born: i64,
    pub through: i64,
    pub end: Option<(i64, Vec<u8>)>,
}

/// The settings as they stand there, with their hash where they have one.
pub struct SettingsRow {
    pub epoch: Vec<u8>,
    pub version: i64,
    pub text: Vec<u8>,
    pub hash: Option<Vec<u8>>,
}

/// A row that can be told from others by its columns.
pub enum Known {
    Outbox(OutboxRow),
    /// The second copy of an outbox's mark: its number, and the mark.
    Again(i64, i64),
    /// Where the current outbox ends: its number, the event's number and hash.
    Head(i64, i64, Vec<u8>),
    /// The last place that was given to an event.
    Sequence(i64),
    /// Of the roster: its epoch and version, and the settings.
    Holding(Vec<u8>, i64, Option<SettingsRow>),
    Person {
        id: Uuid,
        hash: Vec<u8>,
        sealed: Vec<u8>,
    },
    Template {
        person: Uuid,
        model: String,
        place: i64,
        version: i64,
        sealed: Vec<u8>,
    },
    /// An event whose text goes on in another page.
    Event(Vec<u8>),
}

/// What a row is.
pub fn known(row: Row) -> Option<Known> {
    use Value::{Blob, Integer, Null, Text};
    let uuid = |bytes: &[u8]| Uuid::from_slice(bytes).ok();
    match (row.number, &row.values[..]) {
        (
            Some(number),
            [
                Null,
                Blob(id),
                Blob(terminal),
                Blob(hardware),
                Integer(before),
                Integer(born),
                Integer(through),
                end_seq,
                end_hash,
            ],
        ) => Some(Known::Outbox(OutboxRow {
            number,
            id: uuid(id)?,
            terminal: uuid(terminal)?,
            hardware: hardware.clone(),
            before: *before,
            born: *born,
            through: *through,
            end: match (end_seq, end_hash) {
                (Integer(seq), Blob(hash)) => Some((*seq, hash.clone())),
                _ => None,
            },
        })),
        (Some(number), [Null, Integer(through)]) => Some(Known::Again(number, *through)),
        (Some(_), [Null, Integer(number), Integer(seq), Blob(hash)]) => {
            Some(Known::Head(*number, *seq, hash.clone()))
        }
        (Some(_), [Text(name), Integer(last)]) if name == b"events" => Some(Known::Sequence(*last)),
        (
            Some(_),
            [
                Null,
                Blob(epoch),
                Integer(version),
                settings_epoch,
                Integer(of),
                settings,
                rest @ ..,
            ],
        ) if epoch.len() == 16 => {
            let settings = match (settings_epoch, settings) {
                (Blob(epoch), Text(text)) => {
                    let hash = match rest {
                        [Blob(hash)] => Some(hash.clone()),
                        _ => None,
                    };
                    Some(SettingsRow {
                        epoch: epoch.clone(),
                        version: *of,
                        text: text.clone(),
                        hash,
                    })
                }
                _ => None,
            };
            Some(Known::Holding(epoch.clone(), *version, settings))
        }
        (Some(_), [Null, Blob(_), Blob(_), Blob(compact)]) => Some(Known::Event(compact.clone())),
        (None, [Blob(id), Blob(hash), Blob(sealed)]) => Some(Known::Person {
            id: uuid(id)?,
            hash: hash.clone(),
            sealed: sealed.clone(),
        }),
        (
            None,
            [
                Blob(person),
                Text(model),
                Integer(place),
                Integer(version),
                Blob(sealed),
            ],
        ) => Some(Known::Template {
            person: uuid(person)?,
            model: String::from_utf8(model.clone()).ok()?,
            place: *place,
            version: *version,
            sealed: sealed.clone(),
        }),
        _ => None,
    }
}

/// What every signed message begins with: `{"` in base64url.
const BEGIN: &[u8] = b"eyJ";
/// Characters of a signature.
const SIGNATURE: usize = 86;

/// Where in a page something lies that has the form of a signed message.
pub fn texts(page: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at + BEGIN.len() <= page.len() {
        if !page[at..].starts_with(BEGIN) {
            at += 1;
            continue;
        }
        let header = at + run(&page[at..]);
        let claims = header + 1;
        let signature = claims + page.get(claims..).map_or(0, run) + 1;
        let end = signature + SIGNATURE;
        let has_dots = page.get(header) == Some(&b'.') && page.get(signature - 1) == Some(&b'.');
        if has_dots && page.get(signature..).map_or(0, run) >= SIGNATURE {
            found.push(at..end);
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// How many characters of base64url there are before another one.
fn run(bytes: &[u8]) -> usize {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    bytes.iter().take_while(|byte| is_one(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_among_other_bytes() {
        let one = format!("eyJh.eyJi.{}", "x".repeat(86));
        let page = [b"ab", one.as_bytes(), b"xx\0eyJ", one.as_bytes()].concat();
        let found = texts(&page);
        assert_eq!(found.len(), 2);
        assert_eq!(&page[found[0].clone()], one.as_bytes());
    }
}
