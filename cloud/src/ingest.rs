//! What terminals say: verified, placed, acknowledged. One way in for all carriers.
//!
//! `take` is given a topic and the bytes that came on it, and believes nothing else: a carrier may repeat,
//! reorder, forge or drop what it likes. An event whose signature holds is never refused; what can't be placed
//! goes to quarantine, and is acknowledged. What does not hold is refused in words, counted, and stops nobody.
//!
//! Events of all terminals that wait at the same time are written in one transaction; only after its COMMIT
//! are they acknowledged, and only that makes them done.

mod batch;
mod refusal;
mod said;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use limen_wire::PublicKey;
use limen_wire::event::{Event, What};
use uuid::Uuid;

use crate::App;
use crate::downlink::{DownlinkError, Known};
use crate::store::AccountId;
use crate::store::ledger::{NewFact, OutboxKey, Terminal};

pub use refusal::Refusal;
pub(crate) use said::{Pending, take};

/// How long a terminal is believed to be what the store said: another process may have revoked it.
const BELIEVED: Duration = Duration::from_secs(5);

/// Where everything that terminals say comes in.
#[derive(Default)]
pub struct Ingest {
    known: Mutex<HashMap<Uuid, (Instant, Arc<Known>)>>,
    queue: Mutex<Queue>,
    /// Of each outbox the session that an event came in last, and the highest number that came in it.
    came: Mutex<HashMap<OutboxKey, (Uuid, u64)>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<batch::Waiting>,
    writing: bool,
}

impl Ingest {
    /// The terminal with that id, revoked or not.
    pub(crate) async fn terminal(
        &self,
        app: &App,
        id: Uuid,
    ) -> Result<Option<Arc<Known>>, DownlinkError> {
        let cached = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known
                .get(&id)
                .filter(|(at, _)| at.elapsed() < BELIEVED)
                .map(|(_, known)| Arc::clone(known))
        };
        if cached.is_some() {
            return Ok(cached);
        }
        match app.store.terminal(id).await? {
            Some(terminal) => self.know(app, terminal).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes a terminal as the store has it now.
    pub(crate) async fn know(
        &self,
        app: &App,
        terminal: Terminal,
    ) -> Result<Arc<Known>, DownlinkError> {
        let id = terminal.id;
        let key = PublicKey::from_bytes(terminal.public_key)
            .map_err(|error| DownlinkError::Key(id, error))?;
        let site = app
            .downlink
            .site(app, terminal.tenant, terminal.site)
            .await?;
        let known = Arc::new(Known {
            terminal,
            key,
            site,
        });
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, (Instant::now(), Arc::clone(&known)));
        Ok(known)
    }

    /// An event with that number came in that session; gives the highest one that did.
    fn came(&self, outbox: OutboxKey, session: Uuid, seq: u64) -> u64 {
        let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let last = came.entry(outbox).or_insert((session, seq));
        *last = match *last {
            (same, highest) if same == session => (session, highest.max(seq)),
            _ => (session, seq),
        };
        last.1
    }

    /// What was known of the terminal no longer holds.
    pub(crate) fn forget(&self, id: Uuid) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&id);
    }
}

/// What an event says that attendance is concluded from; `None` where it says none of it. `body` is the JSON
/// of its claims.
#[must_use]
pub fn fact_of(event: &Event, body: String) -> Option<NewFact> {
    let (kind, person, amends) = match &event.what {
        What::Punch(punch) => ("punch", Some(AccountId(punch.person)), None),
        What::Amend(amend) => ("amend", None, Some(amend.of)),
        What::Rejected { .. } => ("rejected", None, None),
        What::Clock { .. } => ("clock", None, None),
        _ => return None,
    };
    Some(NewFact {
        kind: kind.to_owned(),
        at: event.at,
        person,
        amends,
        body,
    })
}
