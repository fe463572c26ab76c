//! Saying again, in a new outbox, what the cloud could not place in the old one.

use std::collections::HashMap;

use limen_wire::event::{Amend, What};
use limen_wire::{Event, Hash};
use rusqlite::Transaction;
use uuid::Uuid;

use super::damage::{mend, verified};
use super::{Author, OutboxError, rows};
use crate::clock::Reading;
use crate::heart::{Heart, Stage};

/// Events to be said again, with the numbers that they had.
pub struct Again {
    said: Vec<(u64, Event)>,
    /// The hash of the last event before them.
    pub prev: Hash,
}

/// What `outbox` says after the event `after`.
pub fn after(
    transaction: &Transaction<'_>,
    author: &Author,
    outbox: Uuid,
    after: u64,
    now: &Reading,
    heart: &Heart,
) -> Result<Again, OutboxError> {
    let head = rows::head(transaction, outbox)?.ok_or(OutboxError::Unknown(outbox))?;
    let mut prev = head.hash;
    let mut said = Vec::new();
    for (seq, compact) in rows::read(transaction, outbox, after + 1, head.seq)? {
        heart.progress(Stage::Outbox);
        let compact = match compact {
            Some(compact) => compact,
            None => mend(transaction, author, outbox, seq, now)?,
        };
        if let Some((chain, event)) = verified(author, &compact) {
            if seq == after + 1 {
                prev = chain.prev;
            }
            said.push((seq, event));
        }
    }
    Ok(Again { said, prev })
}

impl Again {
    /// The events as they follow the event `last` of the new outbox: with their own times, but
    /// amendments name the new numbers. That the program began or ended is not said twice.
    pub fn events(self, last: u64) -> Vec<Event> {
        let mut numbers = HashMap::new();
        let mut events = Vec::new();
        for (seq, mut event) in self.said {
            match &mut event.what {
                What::Start { .. } | What::Stop { .. } | What::Void { .. } => continue,
                What::Amend(Amend { of, .. }) => match numbers.get(of) {
                    Some(number) => *of = *number,
                    // The punch is before the fork, where the cloud has it under another outbox.
                    None => {
                        tracing::error!(seq, "an amendment can't be said again");
                        continue;
                    }
                },
                _ => {}
            }
            events.push(event);
            numbers.insert(seq, last + events.len() as u64);
        }
        events
    }
}
