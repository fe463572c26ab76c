//! Cutting an update into pages that fit into a message.

use uuid::Uuid;

use super::{Change, MAX_CHANGES, MAX_PAGES, RosterPage};
use crate::message::Sealable;

/// Room for the changes of one page. Sealed and signed, JSON grows by 16/9, and the header comes to it.
const PAGE_BYTES: usize = 256 * 1024;

/// Why an update can't be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingError {
    /// One person's data doesn't fit.
    #[error("what is to be said of person {person} is {bytes} bytes; a page holds {PAGE_BYTES}")]
    Person {
        /// Who.
        person: Uuid,
        /// How much it is.
        bytes: usize,
    },
    /// Too many people for one update.
    #[error("the update needs {0} pages; {MAX_PAGES} is the most")]
    Pages(usize),
    /// Something is out of bounds.
    #[error("page {page} can't be sent: {why}")]
    Page {
        /// Which one.
        page: u32,
        /// What is wrong.
        why: String,
    },
}

/// The pages of an update in `epoch` that leads to version `to`: from version `from`, or from nothing
/// (`None`), replacing everything. Each fits into a message. An update without a change has one page.
///
/// # Errors
/// When one change alone doesn't fit, or there are more than a roster has.
pub fn pages(
    epoch: Uuid,
    from: Option<u64>,
    to: u64,
    changes: Vec<Change>,
) -> Result<Vec<RosterPage>, PagingError> {
    let mut parts = vec![Vec::new()];
    let mut room = PAGE_BYTES;
    for change in changes {
        let person = change.person();
        let bytes = serde_json::to_vec(&change).map_or(usize::MAX, |json| json.len() + 1);
        if bytes > PAGE_BYTES {
            return Err(PagingError::Person { person, bytes });
        }
        let last = parts.last().map_or(0, Vec::len);
        if bytes > room || last == MAX_CHANGES {
            parts.push(Vec::new());
            room = PAGE_BYTES;
        }
        room -= bytes;
        if let Some(part) = parts.last_mut() {
            part.push(change);
        }
    }
    let of = u32::try_from(parts.len())
        .ok()
        .filter(|of| *of <= MAX_PAGES)
        .ok_or(PagingError::Pages(parts.len()))?;
    let pages = (1..=of).zip(parts).map(|(page, changes)| RosterPage {
        epoch,
        from: from.unwrap_or(0),
        to,
        page,
        of,
        full: from.is_none(),
        changes,
    });
    pages
        .map(|page| match page.check() {
            Ok(()) => Ok(page),
            Err(invalid) => Err(PagingError::Page {
                page: page.page,
                why: invalid.to_string(),
            }),
        })
        .collect()
}
