//! When an update of the roster may be applied: all pages are there, and it goes on from what is held.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Change, RosterPage};
use crate::hello::Held;

/// A terminal's view of an update that is coming in. Pure: it applies nothing.
///
/// Pages come in any order and more than once. Whatever is refused is answered by a new
/// [`Hello`](crate::Hello), which says what is held; the cloud begins again from there.
#[derive(Debug, Default)]
pub struct Assembly {
    held: Option<Held>,
    pages: BTreeMap<u32, RosterPage>,
}

/// An update that may be applied, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// What is held once it is applied.
    pub held: Held,
    /// Whether everybody who is not in it is to be erased.
    pub full: bool,
    /// What changes, in this order.
    pub changes: Vec<Change>,
}

/// What a page led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More pages are needed.
    Waiting {
        /// How many are there.
        have: u32,
        /// Of how many.
        of: u32,
    },
    /// All are there: apply it, then say so by [`Assembly::applied`].
    Complete(Update),
    /// It leads to what is held already; nothing is to be done.
    Held,
}

/// Why a page is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A version that was left behind.
    #[error("the roster page leads to version {to}, but version {held} of this epoch is held")]
    Older {
        /// Where it leads.
        to: u64,
        /// What is held.
        held: u64,
    },
    /// It goes on from something else than what is held.
    #[error("the roster page goes on from version {from}, but {} is held", version(.held))]
    Gap {
        /// What it goes on from.
        from: u64,
        /// What is held in its epoch.
        held: Option<u64>,
    },
    /// Another epoch begins with everything.
    #[error(
        "the roster page is of epoch {0}, which is not the held one, and does not replace everything"
    )]
    Epoch(Uuid),
    /// Its update is not the one whose other pages are there.
    #[error(
        "the roster page leads to version {to} with other pages than those that are there (to version {collecting})"
    )]
    Mixed {
        /// Where it leads.
        to: u64,
        /// Where the others lead.
        collecting: u64,
    },
    /// The same page came before, and said something else.
    #[error("page {0} of the roster came twice and differs")]
    Differs(u32),
    /// Two pages of one update are about the same person.
    #[error("two pages of one roster update are about person {0}")]
    Twice(Uuid),
}

fn version(held: &Option<u64>) -> String {
    held.map_or_else(
        || "nothing".to_owned(),
        |version| format!("version {version}"),
    )
}

impl Assembly {
    /// Begins with what is held.
    pub fn new(held: Option<Held>) -> Self {
        Self {
            held,
            pages: BTreeMap::new(),
        }
    }

    /// What is held.
    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// Says that an update was applied.
    pub fn applied(&mut self, held: Held) {
        *self = Self::new(Some(held));
    }

    /// Forgets the pages that are there: a new session begins, and they are of the old one.
    pub fn restart(&mut self) {
        self.pages.clear();
    }

    /// Takes a page that was verified, opened and checked.
    ///
    /// # Errors
    /// Why it can't be taken. Nothing changes then, and a new hello is due.
    pub fn add(&mut self, page: RosterPage) -> Result<Step, Refused> {
        let held = self
            .held
            .filter(|held| held.epoch == page.epoch)
            .map(|held| held.version);
        match held {
            Some(held) if page.to < held => return Err(Refused::Older { to: page.to, held }),
            Some(held) if page.to == held && !page.full => return Ok(Step::Held),
            None if self.held.is_some() && !page.full => return Err(Refused::Epoch(page.epoch)),
            _ if !page.full && held != Some(page.from) => {
                return Err(Refused::Gap {
                    from: page.from,
                    held,
                });
            }
            _ => {}
        }
        if let Some(first) = self.pages.values().next() {
            let same = |page: &RosterPage| (page.epoch, page.from, page.to, page.of, page.full);
            if same(first) != same(&page) {
                if first.epoch == page.epoch && page.to <= first.to {
                    return Err(Refused::Mixed {
                        to: page.to,
                        collecting: first.to,
                    });
                }
                self.pages.clear();
            }
        }
        let (number, of) = (page.page, page.of);
        match self.pages.get(&number) {
            Some(there) if *there != page => return Err(Refused::Differs(number)),
            Some(_) => {}
            None => {
                self.pages.insert(number, page);
            }
        }
        let have = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        if have < of {
            return Ok(Step::Waiting { have, of });
        }
        self.complete()
    }

    fn complete(&mut self) -> Result<Step, Refused> {
        let pages = std::mem::take(&mut self.pages);
        let mut people = BTreeSet::new();
        let mut update = None;
        for page in pages.into_values() {
            let update = update.get_or_insert_with(|| Update {
                held: Held {
                    epoch: page.epoch,
                    version: page.to,
                },
                full: page.full,
                changes: Vec::new(),
            });
            for change in page.changes {
                if !people.insert(change.person()) {
                    return Err(Refused::Twice(change.person()));
                }
                update.changes.push(change);
            }
        }
        Ok(update.map_or(Step::Held, Step::Complete))
    }
}
