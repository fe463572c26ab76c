//! What an outbox holds, for whoever looks before it is opened or from outside: nothing is written.

use std::path::Path;

use jiff::Timestamp;
use limen_wire::event::Event;
use limen_wire::jws::{self, Expected};
use limen_wire::topic::{Topic, Up};
use rusqlite::Connection;
use uuid::Uuid;

use super::{OutboxError, rows};
use crate::clock::Reading;
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
            let first = event(&connection, identity, stretch.outbox, stretch.through + 1)?;
            found.since = first.map(|event| event.at);
        }
        found.waiting += waiting;
    }
    Ok(found)
}

/// When, by the terminal's clock then, the last event was written; `None` where there is none that can be read.
///
/// # Errors
/// When the database can't be read.
pub fn last(data: &Path, identity: &Identity) -> Result<Option<Reading>, OutboxError> {
    let connection = database::look_into(data)?;
    let Some(current) = rows::current(&connection)? else {
        return Ok(None);
    };
    let head = current.head;
    let event = event(&connection, identity, head.outbox, head.seq)?;
    Ok(event.map(|event| Reading {
        at: event.at,
        clock: event.clock,
        boot: event.boot,
        uptime_ms: event.uptime_ms,
    }))
}

/// The event with this number, where its signature holds.
fn event(
    connection: &Connection,
    identity: &Identity,
    outbox: Uuid,
    seq: u64,
) -> Result<Option<Event>, OutboxError> {
    let found = rows::read(connection, outbox, seq, seq)?;
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
        .and_then(|compact| jws::verify(&compact, &key, &expected).ok()?.claims().ok()))
}
