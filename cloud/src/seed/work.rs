//! Stretches of work as punches, and what they come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use limen_payroll::{Minor, PunchId};
use limen_wire::event::{Clock, Direction, Event, Grade, Method, Punch, What};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::ids::ObjectId;
use super::plan::House;
use super::records::Session;
use super::{Row, SeedError};
use crate::App;
use crate::agreements::Agreed;
use crate::attendance::Attendance;
use crate::attendance::read::Read;
use crate::attendance::terms::{self, Terms};
use crate::store::ledger::Fact;
use crate::store::places::Placements;
use crate::store::{AccountId, Person, PunchKey, Site, Tenant, TenantId};

/// What is kept of a stretch of work.
pub(super) struct Kept {
    pub person: AccountId,
    pub came: Timestamp,
    pub came_by: PunchKey,
    pub left: Option<(Timestamp, PunchKey)>,
}

impl Kept {
    /// Whether nothing of it is missing here.
    pub fn holds(&self, session: &Session) -> bool {
        session.check_out.is_none() || self.left.is_some()
    }
}

/// The two punches of a stretch of work; one while it lasts.
pub(super) fn punches(session: &Session) -> impl Iterator<Item = Event> {
    let punch = |at, uptime_ms, direction| Event {
        at,
        clock: Clock::Synced,
        boot: session.id.session(),
        uptime_ms,
        what: What::Punch(Punch {
            person: session.employee.account().0,
            direction,
            method: Method::Upload,
            grade: Grade::Narrow,
            frames: 1,
            model: crate::enrolment::IMPORTED.to_owned(),
        }),
    };
    let came = punch(session.check_in, 0, Direction::In);
    let left = session.check_out.map(|at| punch(at, 1, Direction::Out));
    std::iter::once(came).chain(left)
}

/// The punches of a house that are not kept yet, in the order of their times.
pub(super) fn missing(house: &House) -> Vec<Event> {
    let sessions = house.people.values().flat_map(|worker| &worker.sessions);
    let mut events: Vec<Event> = sessions
        .flat_map(|(_, session)| {
            let kept = house.kept.get(&session.id);
            let skip = kept.map_or(0, |kept| 1 + usize::from(kept.left.is_some()));
            punches(session).skip(skip)
        })
        .collect();
    events.sort_by_key(|event| event.at);
    events
}

/// The stretch of work that a fact is the beginning or the end of, if it was imported.
fn imported(fact: &Fact) -> Option<(ObjectId, Event)> {
    let event: Event = serde_json::from_str(&fact.body).ok()?;
    Some((ObjectId::of_session(event.boot)?, event))
}

/// What is kept of the work that was imported into a tenant.
pub(super) async fn kept(
    app: &App,
    tenant: TenantId,
) -> Result<HashMap<ObjectId, Kept>, SeedError> {
    let facts = all_facts(app, tenant).await?;
    let mut kept: HashMap<ObjectId, Kept> = HashMap::new();
    // By their times: the beginning is before the end, or, in one instant, was written before it.
    for fact in &facts {
        let (Some((id, event)), Some(person)) = (imported(fact), fact.person) else {
            continue;
        };
        let What::Punch(punch) = event.what else {
            continue;
        };
        if punch.direction == Direction::In {
            let came = Kept {
                person,
                came: event.at,
                came_by: fact.key,
                left: None,
            };
            kept.insert(id, came);
        } else if let Some(kept) = kept.get_mut(&id) {
            kept.left = Some((event.at, fact.key));
        }
    }
    Ok(kept)
}

async fn all_facts(app: &App, tenant: TenantId) -> Result<Vec<Fact>, SeedError> {
    let facts = app
        .store
        .facts(tenant, None, Timestamp::MIN, Timestamp::MAX);
    Ok(facts.await?)
}

/// What the work of a house will come to, by the computation that everything else is computed by.
pub(super) async fn foretold(app: &App, house: &House) -> Result<Vec<Row>, SeedError> {
    let tenant = house.employer.tenant();
    let now = app.now();
    let (found, mut people, mut facts, marks) = match app.store.tenant(tenant).await? {
        Some(found) => (
            found,
            app.store.people(tenant).await?,
            all_facts(app, tenant).await?,
            app.store.sync_marks(tenant).await?,
        ),
        None => (to_be(app, house), Vec::new(), Vec::new(), Vec::new()),
    };
    for (id, worker) in &house.people {
        match &worker.new {
            Some((_, employee)) => people.push(Person {
                id: id.account(),
                site: found.site.id,
                name: worker.name.clone(),
                email: employee.holder.email.clone(),
                rates: vec![(worker.earliest().unwrap_or(now), employee.hourly_rate)],
            }),
            None => {
                let person = people.iter_mut().find(|person| person.id == id.account());
                if let (Some(person), Some(earliest)) = (person, worker.earliest()) {
                    lead_back(&mut person.rates, earliest);
                }
            }
        }
    }
    // A place for each punch that no stored one has.
    let outbox = Uuid::new_v4();
    for (event, seq) in missing(house).into_iter().zip(1..) {
        facts.push(Fact {
            key: PunchKey {
                terminal: outbox,
                outbox,
                seq,
            },
            kind: "punch".to_owned(),
            at: event.at,
            received: now,
            person: None,
            amends: None,
            body: serde_json::to_string(&event).unwrap_or_default(),
        });
    }
    let rules = terms::rules_of(app, &found).await?;
    let agreed = Agreed::of(&app.store.agreements(found.id, None).await?)?;
    let terms = Terms::new(&found, &people, rules, agreed)?;
    let places = Placements::new(found.site.id, Vec::new());
    let read = Read::of(&facts, &marks).at_sites(&places);
    let attendance = Attendance::conclude(found, people, terms, read, now);
    Ok(rows(house, &facts, &attendance))
}

/// What the store says of the same work.
pub(super) async fn told(app: &App, house: &House) -> Result<Vec<Row>, SeedError> {
    let tenant = house.employer.tenant();
    let facts = all_facts(app, tenant).await?;
    let attendance = Attendance::of(app, tenant, None, app.now()).await?;
    Ok(rows(house, &facts, &attendance))
}

/// The first rate, from that instant on.
fn lead_back(rates: &mut [(Timestamp, Decimal)], earliest: Timestamp) {
    if let Some(first) = rates.first_mut() {
        first.0 = first.0.min(earliest);
    }
}

/// A tenant that is not founded yet, as far as hours are computed from it.
fn to_be(app: &App, house: &House) -> Tenant {
    Tenant {
        id: house.employer.tenant(),
        name: house.name.clone(),
        currency: app.config.currency.clone(),
        site: Site {
            id: Uuid::nil(),
            name: String::new(),
            zone: app.config.zone.clone(),
            signing_sealed: Vec::new(),
            sealing_sealed: Vec::new(),
        },
    }
}

fn rows(house: &House, facts: &[Fact], attendance: &Attendance) -> Vec<Row> {
    let ours: BTreeSet<PunchId> = facts
        .iter()
        .filter(|fact| imported(fact).is_some())
        .map(|fact| PunchId {
            outbox: fact.key.outbox,
            seq: fact.key.seq,
        })
        .collect();
    let row = |(id, worker): (&ObjectId, &super::plan::Worker)| {
        let closed = worker.sessions.iter().filter_map(|(_, session)| {
            let worked = session.check_out?.duration_since(session.check_in);
            Some((
                u64::try_from(worked.as_secs()).unwrap_or(0),
                session.earnings,
            ))
        });
        let (mut seconds, mut pay, mut sessions) = (0, Minor(0), 0);
        for worked in attendance.sessions(id.account()) {
            let session = worked.session;
            let is_ours = ours.contains(&session.check_in.punch)
                && session
                    .check_out
                    .is_some_and(|out| ours.contains(&out.punch));
            if is_ours {
                sessions += 1;
                seconds += session.seconds();
                pay = [pay, worked.amount].into_iter().sum();
            }
        }
        let mut withheld: BTreeMap<&'static str, usize> = BTreeMap::new();
        let exceptions = attendance.exceptions().filter(|anomaly| {
            anomaly.person == Some(id.account().0)
                && anomaly.punches.iter().any(|one| ours.contains(one))
        });
        for anomaly in exceptions {
            *withheld.entry(anomaly.kind.name()).or_default() += 1;
        }
        Row {
            employer: house.name.clone(),
            person: worker.name.clone(),
            sessions: worker.sessions.len(),
            closed: closed.clone().count(),
            export_s: closed.clone().map(|(seconds, _)| seconds).sum(),
            export_earnings: closed.filter_map(|(_, earnings)| earnings).sum(),
            here: sessions,
            here_s: seconds,
            here_pay: attendance.units(pay),
            withheld: withheld.into_iter().collect(),
        }
    };
    house.people.iter().map(row).collect()
}
