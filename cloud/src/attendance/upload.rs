//! Uploaded check-ins: events of the same form as a terminal's, signed by the cloud as the tenant's terminal
//! `api`, in an outbox of its own.
//!
//! Whether somebody may check in is decided from the facts, and the event is written only if the outbox still
//! stands where it stood when they were read. Whoever comes between makes the other one look again: two
//! requests at once can't both check in, in one process or in several.

use std::sync::LazyLock;
use std::time::Instant;

use jiff::Timestamp;
use limen_payroll::{Kind, PunchId, State};
use limen_wire::SecretKey;
use limen_wire::bytes::Hash;
use limen_wire::event::{Clock, Direction, Event, Grade, Method, Punch, What};
use limen_wire::jws::{self, Chain, Header, JwsError};
use limen_wire::topic::{Topic, Up};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::read::Read;
use super::{Attendance, AttendanceError};
use crate::App;
use crate::ingest;
use crate::store::ledger::{Fact, NewEvent};
use crate::store::{AccountId, ApiHead, PunchKey, StoreError, TenantId};
use crate::vault::{Sealed, VaultError};

/// How often somebody else may come first. Each time somebody else has got through.
const ATTEMPTS: usize = 200;

/// What the machine has been since this program began: the `boot` of its events, and what `uptime_ms` counts
/// from. It doubles as the session that the events are signed in.
static SINCE: LazyLock<(Uuid, Instant)> = LazyLock::new(|| (Uuid::new_v4(), Instant::now()));

/// Which way an uploaded picture goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Work begins.
    In,
    /// Work ends.
    Out,
}

/// What was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When.
    pub at: Timestamp,
    /// Of a check-out: seconds of the session that it closed.
    pub seconds: u64,
    /// Of a check-out: what the session comes to, in currency units.
    pub earnings: Decimal,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// A check-in of somebody who is in.
    #[error("the person is already in")]
    AlreadyIn,
    /// A check-out of somebody who isn't.
    #[error("the person is not in")]
    NotIn,
    /// The tenant has no such person.
    #[error("there is no such person")]
    NoPerson,
    /// Others came first, every time.
    #[error("others came first {ATTEMPTS} times; try again")]
    Crowded,
    /// The hours can't be computed.
    #[error(transparent)]
    Attendance(#[from] AttendanceError),
    /// It can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key of the terminal `api` does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The event can't be signed.
    #[error("cannot sign the event")]
    Sign(#[from] JwsError),
    /// The event can't be written as JSON.
    #[error("cannot write the event")]
    Write(#[from] serde_json::Error),
}

/// Records that a person, whose face was verified, checks in or out now.
///
/// # Errors
/// [`NotRecorded::AlreadyIn`] and [`NotRecorded::NotIn`]; and what else stands in the way.
pub async fn record(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    way: Way,
) -> Result<Recorded, NotRecorded> {
    for _ in 0..ATTEMPTS {
        // First the outbox and then the facts: what is written between makes the write below fail.
        let head = app.store.api_head(tenant).await?;
        // The store keeps microseconds; an answer says what is stored.
        let at = Timestamp::from_microsecond(app.now().as_microsecond())
            .map_err(|_| StoreError::Damaged("the clock"))?;
        let event = event(person, way, at, app.faces.model());
        let body = serde_json::to_string(&event)?;
        let (found, people, terms) = super::terms(app, tenant, Some(person)).await?;
        if people.is_empty() {
            return Err(NotRecorded::NoPerson);
        }
        let mut facts = super::facts(app, tenant, Some(person)).await?;
        facts.push(fact(&head, person, at, body));
        let site = found.site.id;
        let marks = app.store.sync_marks(tenant).await?;
        let places = app.store.placements(tenant).await?;
        let read = Read::of(&facts, &marks).at_sites(&places);
        let concluded = Attendance::conclude(found, people, terms, read, at);
        let recorded = outcome(&concluded, person, punch_id(&head), way)?;

        let new = sign(app, tenant, site, &head, &event, event.at)?;
        match app.store.record_events(vec![new]).await {
            Ok(_) => {
                // A receiver that is not there misses nothing.
                let _ = app.changed.send(tenant);
                return Ok(recorded);
            }
            Err(StoreError::Overtaken(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(NotRecorded::Crowded)
}

/// What the punch comes to, if it is taken.
fn outcome(
    concluded: &Attendance,
    person: AccountId,
    punch: PunchId,
    way: Way,
) -> Result<Recorded, NotRecorded> {
    match way {
        Way::In => {
            let begun = concluded
                .sessions(person)
                .any(|w| w.session.check_in.punch == punch && w.session.state == State::Open);
            // In twice would leave the first one without an end.
            let twice = concluded
                .anomalies_of(person)
                .any(|a| a.kind == Kind::MissingOut && a.punches.contains(&punch));
            if !begun || twice {
                return Err(NotRecorded::AlreadyIn);
            }
            Ok(Recorded {
                at: concluded.now,
                seconds: 0,
                earnings: Decimal::ZERO,
            })
        }
        Way::Out => concluded
            .sessions(person)
            .find(|w| w.session.check_out.is_some_and(|out| out.punch == punch))
            .map(|w| Recorded {
                at: concluded.now,
                seconds: w.session.seconds(),
                earnings: concluded.units(w.amount),
            })
            .ok_or(NotRecorded::NotIn),
    }
}

fn event(person: AccountId, way: Way, at: Timestamp, model: &str) -> Event {
    let (boot, since) = *SINCE;
    Event {
        at,
        clock: Clock::Synced,
        boot,
        uptime_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
        what: What::Punch(Punch {
            person: person.0,
            direction: match way {
                Way::In => Direction::In,
                Way::Out => Direction::Out,
            },
            method: Method::Upload,
            grade: Grade::Clear,
            frames: 1,
            model: model.to_owned(),
        }),
    }
}

fn punch_id(head: &ApiHead) -> PunchId {
    PunchId {
        outbox: head.outbox,
        seq: head.next,
    }
}

/// The event as it will be read back.
fn fact(head: &ApiHead, person: AccountId, at: Timestamp, body: String) -> Fact {
    Fact {
        key: PunchKey {
            terminal: head.terminal,
            outbox: head.outbox,
            seq: head.next,
        },
        kind: "punch".to_owned(),
        at,
        received: at,
        person: Some(person),
        amends: None,
        body,
    }
}

/// Signs an event as the next one of the terminal `api`, whose outbox stands at `head`.
pub(crate) fn sign(
    app: &App,
    tenant: TenantId,
    site: Uuid,
    head: &ApiHead,
    event: &Event,
    received: Timestamp,
) -> Result<NewEvent, NotRecorded> {
    let body = serde_json::to_string(event)?;
    let sealed = Sealed::Key {
        purpose: "api-signing",
        tenant,
        of: head.terminal,
    };
    let seed = app.vault.open_key(sealed, &head.seed_sealed)?;
    let key = SecretKey::from_seed(*seed);
    let chain = Chain {
        outbox: head.outbox,
        seq: head.next,
        prev: Hash(head.prev),
    };
    let topic = Topic::up(head.terminal, Up::Event);
    let header = Header::new(topic, site, SINCE.0, key.kid()).at(chain);
    let compact = jws::sign(&key, &header, event)?;
    Ok(NewEvent {
        tenant,
        terminal: head.terminal,
        outbox: head.outbox,
        seq: head.next,
        hash: Hash::of(compact.as_bytes()).0,
        prev: head.prev,
        compact: compact.into_bytes(),
        received,
        fact: ingest::fact_of(event, body),
        stands_for: None,
        quarantine: None,
        own: true,
    })
}
