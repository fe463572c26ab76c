//! What waits for the cloud, for whoever looks at a terminal from outside: nothing is written.

use std::path::Path;

use jiff::Timestamp;
use limen_wire::event::Event;
use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use rusqlite::Connection;

use super::{OutboxError, Stretch, rows};
use crate::database;
use crate::keys::Identity;

/// How many events the cloud has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Of all outboxes of the terminal.
    pub waiting: u64,
    /// When the oldest of them was, by the terminal's clock then; `None` where none waits or it can't be read.
    pub since: Option<Timestamp>,
}

/// Looks into the database in `data`; a terminal may work with it meanwhile.
///
/// # Errors
/// When it can't be read.
pub fn backlog(data: &Path, identity: &Identity) -> Result<Backlog, OutboxError> {
    let connection = database::look_into(data)?;
    let mut found = Backlog {
        waiting: 0,
        since: None,
    };
    for stretch in rows::stretches(&connection, identity.site.terminal)? {
        let waiting = stretch
            .next
            .saturating_sub(1)
            .saturating_sub(stretch.through);
        if waiting > 0 && found.waiting == 0 {
            found.since = first(&connection, identity, &stretch)?;
        }
        found.waiting += waiting;
    }
    Ok(found)
}

/// When the first event was that waits.
fn first(
    connection: &Connection,
    identity: &Identity,
    stretch: &Stretch,
) -> Result<Option<Timestamp>, OutboxError> {
    let seq = stretch.through + 1;
    let found = rows::read(connection, stretch.outbox, seq, seq)?;
    let site = &identity.site;
    let expected = Expected {
        topic: Topic::up(site.terminal, Up::Event),
        site: site.site,
        session: None,
    };
    let key = identity.keys.signing.public();
    Ok(found
        .into_iter()
        .find_map(|(_, compact)| compact)
        .and_then(|compact| jws::verify(&compact, &key, &expected).ok()?.claims().ok())
        .map(|event: Event| event.at))
}
