//! What a terminal would have sent, written into the server's own database: hours of days that are over.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use limen_cloud::Store;
use limen_cloud::store::ledger::{NewEvent, NewFact, Outcome};
use limen_cloud::store::{AccountId, PaidSession, PunchKey, TenantId};
use limen_wire::event::{Clock, Direction, Event, Grade, Method, Punch, Rejection, What};
use limen_wire::{Hash, PublicKey};
use uuid::Uuid;

use crate::database::{Database, Value};
use crate::server::{Server, email};

/// The cloud's own terminal.
pub struct Api {
    pub terminal: Uuid,
    pub site: Uuid,
    pub key: PublicKey,
}

/// The database of a running server.
pub struct Past {
    database: Database,
    store: Arc<dyn Store>,
    tenant: TenantId,
    now: Timestamp,
}

impl Past {
    /// Of the organisation of that employer.
    pub async fn of(server: &Server, employer: &str) -> Self {
        let now = Timestamp::now();
        let store = server.place().store().await;
        let account = store
            .account_by_email(email(employer))
            .await
            .unwrap()
            .unwrap();
        Self {
            database: server.place().database(),
            store,
            tenant: account.tenant,
            now,
        }
    }

    /// That many hours ago.
    pub fn ago(&self, hours: i64) -> Timestamp {
        let at = self.now - SignedDuration::from_hours(hours);
        Timestamp::from_second(at.as_second()).unwrap()
    }

    /// A rate from a month ago on.
    pub async fn earns(&self, person: &str, per_hour: &str) {
        let from = self.ago(30 * 24);
        self.store
            .set_rate(
                self.tenant,
                self.person(person).await,
                from,
                per_hour.parse().unwrap(),
            )
            .await
            .unwrap();
    }

    /// A setting of the organisation.
    pub async fn sets(&self, key: &'static str, json: &str) {
        self.store
            .set_setting(self.tenant, key, json.to_owned(), None)
            .await
            .unwrap();
    }

    /// A punch of a person at a terminal.
    pub async fn punch(&self, person: &str, at: Timestamp, direction: Direction) {
        let punch = self.punch_of(person, direction).await;
        assert_eq!(self.record(at, punch, |_| {}).await, Ok(Outcome::Stored));
    }

    /// A session of that many seconds which began that many hours ago.
    pub async fn session(&self, person: &str, hours_ago: i64, seconds: i64) {
        let begin = self.ago(hours_ago);
        self.punch(person, begin, Direction::In).await;
        self.punch(
            person,
            begin + SignedDuration::from_secs(seconds),
            Direction::Out,
        )
        .await;
    }

    /// How many sessions are marked as paid when a pay run comes with that one.
    pub async fn marked(&self, person: &str, check_in: Timestamp, check_out: Timestamp) -> usize {
        let person = self.person(person).await;
        let session = PaidSession {
            person,
            opened_by: PunchKey {
                terminal: Uuid::new_v4(),
                outbox: Uuid::new_v4(),
                seq: 1,
            },
            check_in,
            check_out,
            amount_minor: 100,
            currency: "EUR".to_owned(),
        };
        self.store
            .mark_paid(self.tenant, vec![session], 0, person, self.now)
            .await
            .unwrap()
    }

    /// A punch that goes to quarantine.
    pub async fn quarantined(&self, person: &str, at: Timestamp, direction: Direction) {
        let punch = self.punch_of(person, direction).await;
        let outcome = self.record(at, punch, |event| {
            event.quarantine = Some("signed by a revoked key".to_owned());
        });
        assert_eq!(outcome.await, Ok(Outcome::Quarantined));
    }

    /// A punch whose number another event has.
    pub async fn forked(&self, person: &str, at: Timestamp, direction: Direction) {
        let punch = self.punch_of(person, direction).await;
        let outcome = self.record(at, punch, |event| {
            event.own = false;
            event.seq = 1;
            event.prev = Hash::ZERO.0;
        });
        assert_eq!(outcome.await, Ok(Outcome::Fork));
    }

    /// Somebody who was not known.
    pub async fn rejected(&self, at: Timestamp) {
        let rejected = What::Rejected {
            why: Rejection::Unknown,
        };
        assert_eq!(self.record(at, rejected, |_| {}).await, Ok(Outcome::Stored));
    }

    /// The cloud's own terminal, as the database has it.
    pub fn api(&self) -> Api {
        let api = "SELECT id, site, public_key FROM terminals WHERE kind = 'api'";
        let row = self.database.rows(api, &[]).remove(0);
        Api {
            terminal: row[0].id(),
            site: row[1].id(),
            key: PublicKey::from_bytes(row[2].bytes().try_into().unwrap()).unwrap(),
        }
    }

    /// The outbox of the cloud's own terminal.
    pub async fn outbox(&self) -> Uuid {
        self.store.api_head(self.tenant).await.unwrap().outbox
    }

    /// Whoever writes into the database does something.
    pub fn changed_behind_its_back(&self, sql: &str) {
        self.database.rows(sql, &[]);
    }

    /// Every stored event, as it was signed.
    pub fn compacts(&self) -> Vec<String> {
        let events = "SELECT compact FROM events ORDER BY seq";
        let rows = self.database.rows(events, &[]);
        let compact = |row: &Vec<Value>| String::from_utf8(row[0].bytes().to_vec()).unwrap();
        rows.iter().map(compact).collect()
    }

    /// Who has that name.
    pub async fn person(&self, name: &str) -> AccountId {
        self.store
            .account_by_email(email(name))
            .await
            .unwrap()
            .unwrap()
            .id
    }

    async fn punch_of(&self, person: &str, direction: Direction) -> What {
        What::Punch(Punch {
            person: self.person(person).await.0,
            direction,
            method: Method::Face,
            grade: Grade::Clear,
            frames: 3,
            model: "dlib-resnet34-v1".to_owned(),
        })
    }

    async fn record(
        &self,
        at: Timestamp,
        what: What,
        change: impl FnOnce(&mut NewEvent),
    ) -> Result<Outcome, String> {
        let head = self.store.api_head(self.tenant).await.unwrap();
        let person = match &what {
            What::Punch(punch) => Some(AccountId(punch.person)),
            _ => None,
        };
        let kind = if person.is_some() {
            "punch"
        } else {
            "rejected"
        };
        let event = Event {
            at,
            clock: Clock::Synced,
            boot: Uuid::from_u128(7),
            uptime_ms: head.next,
            what,
        };
        let body = serde_json::to_string(&event).unwrap();
        let compact = format!("{}.{body}.", head.next);
        let mut event = NewEvent {
            tenant: self.tenant,
            terminal: head.terminal,
            outbox: head.outbox,
            seq: head.next,
            hash: Hash::of(compact.as_bytes()).0,
            prev: head.prev,
            compact: compact.into_bytes(),
            received: at,
            fact: Some(NewFact {
                kind: kind.to_owned(),
                at,
                person,
                amends: None,
                body,
            }),
            stands_for: None,
            quarantine: None,
            own: true,
        };
        change(&mut event);
        let outcomes = self.store.record_events(vec![event]).await;
        outcomes
            .map(|outcomes| outcomes[0])
            .map_err(|error| error.to_string())
    }
}
