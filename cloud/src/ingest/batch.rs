//! Writing events: all that wait go into one transaction, and are acknowledged after its COMMIT.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use limen_wire::Ack;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Ingest;
use crate::App;
use crate::downlink::{DownlinkError, Known};
use crate::store::StoreError;
use crate::store::ledger::{NewEvent, OutboxKey, Outcome};

/// Most events of one transaction.
const MOST: usize = 1000;

/// An event that is verified and waits to be written.
pub(super) struct Waiting {
    pub(super) event: NewEvent,
    pub(super) known: Arc<Known>,
    /// The session that was begun on the line on which it came, where its carrier knows.
    pub(super) session: Option<Uuid>,
    pub(super) done: oneshot::Sender<Outcome>,
}

fn key_of(event: &NewEvent) -> OutboxKey {
    OutboxKey {
        tenant: event.tenant,
        terminal: event.terminal,
        outbox: event.outbox,
    }
}

impl Ingest {
    /// Queues an event; it is written with all others that wait by then. The writer lives as long as there
    /// is something to write.
    pub(super) fn queue(&self, app: &Arc<App>, waiting: Waiting) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push_back(waiting);
        if !queue.writing {
            queue.writing = true;
            let app = Arc::clone(app);
            tokio::spawn(async move {
                while let Some(batch) = app.ingest.next_batch() {
                    write(&app, batch).await;
                }
            });
        }
    }

    fn next_batch(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let count = queue.waiting.len().min(MOST);
        queue.writing = count > 0;
        (count > 0).then(|| queue.waiting.drain(..count).collect())
    }
}

async fn write(app: &Arc<App>, batch: Vec<Waiting>) {
    let events: Vec<NewEvent> = batch.iter().map(|waiting| waiting.event.clone()).collect();
    match app.store.record_events(events).await {
        Ok(outcomes) => settle(app, batch, outcomes).await,
        Err(error @ StoreError::Unreachable(_)) if batch.len() > 1 => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(
                events = batch.len(), %error, cause,
                "events were not written and not acknowledged; their terminals keep them"
            );
        }
        Err(error) if batch.len() > 1 => {
            // One event that the database can't take must not hold up the others.
            tracing::warn!(%error, events = batch.len(), "a batch was not written; its events are tried one by one");
            for waiting in batch {
                write_one(app, waiting).await;
            }
        }
        Err(error) => not_written(&batch[0], &error),
    }
}

async fn write_one(app: &Arc<App>, waiting: Waiting) {
    match app.store.record_events(vec![waiting.event.clone()]).await {
        Ok(outcomes) => settle(app, vec![waiting], outcomes).await,
        Err(error) => not_written(&waiting, &error),
    }
}

fn not_written(waiting: &Waiting, error: &StoreError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let event = &waiting.event;
    tracing::error!(
        terminal = %event.terminal, seq = event.seq, %error, cause,
        "an event was not written and not acknowledged; the terminal keeps it"
    );
}

/// Says what became of the events of a batch that is committed.
async fn settle(app: &Arc<App>, batch: Vec<Waiting>, outcomes: Vec<Outcome>) {
    let mut outboxes: BTreeMap<OutboxKey, Told> = BTreeMap::new();
    let mut changed = BTreeSet::new();
    for (waiting, outcome) in batch.iter().zip(&outcomes) {
        let event = &waiting.event;
        app.metrics.event(match outcome {
            Outcome::Stored => "stored",
            Outcome::Duplicate => "duplicate",
            Outcome::Fork => "fork",
            Outcome::Quarantined => "quarantined",
        });
        if matches!(outcome, Outcome::Fork | Outcome::Quarantined) {
            tracing::warn!(
                terminal = %event.terminal, outbox = %event.outbox, seq = event.seq, ?outcome,
                why = event.quarantine, "an event was set aside; a person has to look at it"
            );
        }
        if *outcome == Outcome::Stored {
            changed.insert(event.tenant);
        }
        let entry = outboxes.entry(key_of(event)).or_insert_with(|| Told {
            known: Arc::clone(&waiting.known),
            forked: BTreeSet::new(),
            came: BTreeMap::new(),
        });
        let highest = match waiting.session {
            Some(session) => app.ingest.came(key_of(event), session, event.seq),
            // Its carrier does not know: whoever is there now is told all.
            None => u64::MAX,
        };
        entry.came.insert(waiting.session, highest);
        if *outcome == Outcome::Fork {
            entry.forked.insert(waiting.session);
        }
    }
    if let Err(error) = acknowledge(app, &outboxes).await {
        tracing::error!(%error, "written events were not acknowledged; their terminals send them again");
    }
    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
        // Whoever waited may have gone; the acknowledgement does not depend on it.
        let _ = waiting.done.send(outcome);
    }
    for tenant in changed {
        // Nobody listens in a cloud that serves no page; that is no fault.
        let _ = app.changed.send(tenant);
    }
}

/// Whom to tell how far an outbox has come.
struct Told {
    known: Arc<Known>,
    /// The sessions in which events came that are of another history than the one that is held.
    forked: BTreeSet<Option<Uuid>>,
    /// The sessions in which events came, and the highest number in each.
    came: BTreeMap<Option<Uuid>, u64>,
}

async fn acknowledge(app: &App, outboxes: &BTreeMap<OutboxKey, Told>) -> Result<(), DownlinkError> {
    let epoch = app.downlink.epoch(app).await?;
    let standings = app
        .store
        .standings(outboxes.keys().copied().collect())
        .await?;
    for standing in standings {
        let (
            Some(Told {
                known,
                forked,
                came,
            }),
            Some(session),
        ) = (outboxes.get(&standing.key), standing.session)
        else {
            continue;
        };
        // Another card with the same identity may have come meanwhile, and it may be the one whose history is held.
        // It is told nothing of events that are not its own: it would take its own for held, and never send them.
        let own = came.get(&Some(session)).or_else(|| came.get(&None));
        let Some(&highest) = own else { continue };
        let is_it = forked.contains(&Some(session)) || forked.contains(&None);
        if let (true, Some(fork)) = (is_it, standing.fork) {
            // The command goes first: what is acknowledged after it may be another's history.
            app.downlink
                .begin_outbox(known, session, &standing, fork - 1, app.now())?;
        }
        let ack = Ack {
            outbox: standing.key.outbox,
            through: standing.through.min(highest),
            epoch,
        };
        app.downlink.ack(known, session, ack)?;
    }
    Ok(())
}
