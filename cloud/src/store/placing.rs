//! Where an event belongs: the decisions of the ledger, the same for every database.

use super::ledger::{NewEvent, Outcome};
use super::{Hash, StoreError};

/// What is held at a number of an outbox.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) hash: Hash,
    pub(super) prev: Hash,
    pub(super) links: Hash,
}

/// What is to be done with an event.
pub(super) enum Place<'a> {
    /// Keep it at its number.
    Store,
    /// It is there already, byte for byte.
    Duplicate,
    /// Keep it in quarantine, with the reason.
    SetAside(&'a str),
    /// The same, and mark its outbox as forked.
    Fork(&'static str),
}

impl Place<'_> {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Store => Outcome::Stored,
            Self::Duplicate => Outcome::Duplicate,
            Self::SetAside(_) => Outcome::Quarantined,
            Self::Fork(_) => Outcome::Fork,
        }
    }
}

/// How reasons of a fork begin: what follows such an event is of the other history too.
pub(super) const FORK: &str = "fork:";

/// The hash by which the next event of the outbox names this one.
pub(super) fn links(event: &NewEvent) -> Hash {
    event.stands_for.unwrap_or(event.hash)
}

/// Places an event. `held` looks up a number of its outbox, and `follows_fork` says whether the event that it
/// names before it is in quarantine as part of another history.
pub(super) fn place<'a>(
    event: &'a NewEvent,
    held: impl Fn(u64) -> Result<Option<Held>, StoreError>,
    follows_fork: impl FnOnce() -> Result<bool, StoreError>,
) -> Result<Place<'a>, StoreError> {
    if let Some(why) = &event.quarantine {
        return Ok(Place::SetAside(why));
    }
    if event.seq == 0 || event.seq == 1 && event.prev != [0; 32] {
        return Ok(Place::SetAside(
            "chain: the first event has number 1 and names no event before it",
        ));
    }
    if let Some(same) = held(event.seq)? {
        return Ok(if same.hash == event.hash {
            Place::Duplicate
        } else if same.links == links(event) || event.stands_for.is_some() {
            Place::SetAside("void: this number holds the event or its stand-in already")
        } else {
            Place::Fork("fork: this number holds a different event")
        });
    }
    if event.stands_for.is_some() {
        return stand_in(event, held);
    }
    match held(event.seq - 1)? {
        Some(before) if before.links != event.prev => {
            return Ok(Place::Fork(
                "fork: it names another event before it than the one held",
            ));
        }
        None if follows_fork()? => {
            return Ok(Place::Fork("fork: it follows an event of another history"));
        }
        _ => {}
    }
    if held(event.seq + 1)?.is_some_and(|after| after.prev != links(event)) {
        return Ok(Place::Fork(
            "fork: the event held after it names another one before it",
        ));
    }
    Ok(Place::Store)
}

/// Places an event that stands for one that was damaged: the terminal may know neither the one before nor the one
/// after any more, and says nothing of its own. So it is no other history where it doesn't fit.
fn stand_in<'a>(
    event: &NewEvent,
    held: impl Fn(u64) -> Result<Option<Held>, StoreError>,
) -> Result<Place<'a>, StoreError> {
    let fits = held(event.seq - 1)?.is_none_or(|before| before.links == event.prev)
        && held(event.seq + 1)?.is_none_or(|after| after.prev == links(event));
    Ok(match fits {
        true => Place::Store,
        false => Place::SetAside("void: the event is lost, and those beside it too"),
    })
}
