//! People who are paid, what they punch, and what they are owed for it.

use jiff::{SignedDuration, Timestamp};
use limen_cloud::attendance::Attendance;
use limen_cloud::store::{AccountId, Adding, NewAccount, NewPerson, SealedTemplate};
use limen_cloud::vault::Sealed;
use limen_daemon::clock::Reading;
use limen_wire::event::{Clock, Direction, Grade, Method, Punch, What};
use uuid::Uuid;

use crate::house::House;

/// Currency units an hour, of everybody.
pub const RATE: i64 = 20;

impl House {
    /// Somebody with a template that is only bytes.
    pub async fn hire(&self, name: &str) -> AccountId {
        let id = AccountId(Uuid::new_v4());
        let model = self.app.faces.model().to_owned();
        let what = Sealed::Template {
            tenant: self.tenant,
            person: id,
            model: &model,
            version: 1,
        };
        let sealed = self.app.vault.seal(what, name.as_bytes()).unwrap();
        let template = SealedTemplate {
            model,
            version: 1,
            photos: 1,
            sealed,
        };
        let person = NewPerson {
            account: NewAccount {
                id,
                username: name.to_owned(),
                email: format!("{}@example.org", id.0),
                password_hash: String::new(),
                face_login: false,
                template: Some(template),
            },
            hourly_rate: RATE.into(),
            attested_by: self.employer,
            at: "2000-01-01T00:00:00Z".parse().unwrap(),
        };
        let by = Adding::Employer(self.tenant);
        self.app.store.add_person(person, by).await.unwrap();
        let _ = self.app.changed.send(self.tenant);
        id
    }

    /// What everybody's facts come to.
    pub async fn attendance(&self) -> Attendance {
        let now = self.app.now();
        Attendance::of(&self.app, self.tenant, None, now)
            .await
            .unwrap()
    }
}

/// What a person is owed, in hundredths.
pub fn owed(attendance: &Attendance, person: AccountId) -> i64 {
    let sessions = attendance.sessions(person);
    sessions.map(|worked| worked.amount.0).sum()
}

/// A reading of a clock that is right, of a boot that began at `since`.
pub fn right(at: Timestamp, since: Timestamp) -> Reading {
    Reading {
        at,
        clock: Clock::Synced,
        boot: Uuid::from_u128(since.as_microsecond().unsigned_abs().into()),
        uptime_ms: at.duration_since(since).as_millis().unsigned_abs() as u64,
    }
}

/// A punch of that person, which way they said.
pub fn stated(person: AccountId, direction: Direction) -> What {
    What::Punch(Punch {
        person: person.0,
        direction,
        method: Method::Face,
        grade: Grade::Clear,
        frames: 3,
        model: "m".to_owned(),
    })
}

/// A month ago, to the second: what follows is in the past whenever it is looked at.
pub fn a_month_ago() -> Timestamp {
    let then = Timestamp::now() - SignedDuration::from_hours(30 * 24);
    Timestamp::from_second(then.as_second()).unwrap()
}

/// splitmix64, so that a run can be had again.
pub fn random(seed: u64) -> u64 {
    let z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Numbers by chance, the same in every run.
pub struct Chance(u64);

impl Chance {
    pub fn of(seed: u64) -> Self {
        Self(seed << 20)
    }

    /// Less than `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 += 1;
        random(self.0) % below
    }
}
