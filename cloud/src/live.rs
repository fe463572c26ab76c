//! What the live page shows: who is in, the last punches and refusals, and how the terminals are.

use std::collections::BTreeMap;

use jiff::Timestamp;
use limen_payroll::{Method, ReadAs};
use limen_wire::event::Rejection;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::App;
use crate::attendance::{Attendance, AttendanceError};
use crate::site::Scope;
use crate::store::TenantId;
use crate::terminals::{self, Shown};

/// How many punches and how many refusals are shown.
const SHOWN: usize = 20;

/// Everything that the page shows at one instant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Snapshot {
    /// The instant.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// IANA zone of the first site that the caller sees.
    pub zone: String,
    /// ISO 4217.
    pub currency: String,
    /// Everybody, by name.
    pub people: Vec<PersonNow>,
    /// The last punches, latest first.
    pub punches: Vec<PunchShown>,
    /// The last refusals, latest first. Nobody is named.
    pub rejected: Vec<RejectedShown>,
    /// The terminals, by name.
    pub terminals: Vec<Shown>,
    /// How many findings of the last weeks withhold time until somebody settles them.
    pub exceptions: usize,
}

/// A person now.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonNow {
    /// Who.
    pub id: Uuid,
    /// The name to show.
    pub name: String,
    /// Whether they are at work.
    #[serde(rename = "in")]
    pub inside: bool,
    /// The last check-in while in, the last check-out otherwise.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Whole minutes of work since the working day began.
    pub minutes_today: u64,
    /// What they come to, a decimal in currency units.
    #[schema(example = "131.75")]
    pub earnings_today: String,
}

/// A punch.
#[derive(Debug, Serialize, ToSchema)]
pub struct PunchShown {
    /// The outbox and the number in it.
    pub id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub person: Uuid,
    /// Their name.
    pub name: String,
    /// `in`, `out`, or `ignored` for a double read.
    #[schema(example = "in")]
    pub direction: &'static str,
    /// Where.
    pub terminal: Option<Uuid>,
    /// Its name.
    pub terminal_name: String,
    /// How the person was known.
    #[schema(value_type = String, example = "face")]
    pub method: Method,
}

/// Somebody who was not let in.
#[derive(Debug, Serialize, ToSchema)]
pub struct RejectedShown {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Where.
    pub terminal_name: String,
    /// Why, in words.
    #[schema(example = "not recognised")]
    pub why: &'static str,
}

/// What the page of a tenant shows to whoever sees these sites.
///
/// # Errors
/// When something can't be read, or the tenant's settings can't stand.
pub async fn snapshot(
    app: &App,
    tenant: TenantId,
    scope: &Scope,
    now: Timestamp,
) -> Result<Snapshot, AttendanceError> {
    let mut attendance = Attendance::lately(app, tenant, now).await?;
    if !scope.is_all() {
        attendance.narrow(scope, &app.store.ties(tenant).await?);
    }
    let sites = app.store.sites(tenant).await?;
    let zone = sites.into_iter().find(|site| scope.sees(site.id));
    let zone = zone.map_or_else(|| attendance.tenant.site.zone.clone(), |site| site.zone);
    let terminals = terminals::list(app, tenant, scope).await?;
    let names: BTreeMap<Uuid, &str> = terminals
        .iter()
        .map(|terminal| (terminal.id, terminal.name.as_str()))
        .collect();
    Ok(Snapshot {
        as_of: now,
        zone,
        currency: attendance.tenant.currency.clone(),
        people: people(&attendance),
        punches: punches(&attendance, &names),
        rejected: rejected(&attendance, &names),
        exceptions: attendance.exceptions().count(),
        terminals,
    })
}

fn people(attendance: &Attendance) -> Vec<PersonNow> {
    let mut statuses = attendance.status();
    let people = attendance.people.iter().map(|person| {
        let status = statuses.remove(&person.id).unwrap_or_default();
        PersonNow {
            id: person.id.0,
            name: person.name.clone(),
            inside: status.inside,
            since: status.since,
            minutes_today: status.seconds_today / 60,
            earnings_today: attendance.earned_today(&status).to_string(),
        }
    });
    people.collect()
}

fn punches(attendance: &Attendance, names: &BTreeMap<Uuid, &str>) -> Vec<PunchShown> {
    let people: BTreeMap<Uuid, &str> = attendance
        .people
        .iter()
        .map(|person| (person.id.0, person.name.as_str()))
        .collect();
    let mut punches: Vec<PunchShown> = attendance
        .sheet
        .readings
        .iter()
        .filter_map(|reading| {
            let direction = match reading.read_as {
                ReadAs::In => "in",
                ReadAs::Out => "out",
                ReadAs::Ignored => "ignored",
                ReadAs::NotMe | ReadAs::NoTime | ReadAs::Removed => return None,
            };
            Some(PunchShown {
                id: format!("{}/{}", reading.punch.outbox, reading.punch.seq),
                at: reading.at?,
                person: reading.person,
                name: (*people.get(&reading.person)?).to_owned(),
                direction,
                terminal: reading.terminal,
                terminal_name: match reading.method {
                    Method::Upload => "the cloud".to_owned(),
                    _ => name_of(reading.terminal, names),
                },
                method: reading.method,
            })
        })
        .collect();
    punches.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| b.id.cmp(&a.id)));
    punches.truncate(SHOWN);
    punches
}

fn rejected(attendance: &Attendance, names: &BTreeMap<Uuid, &str>) -> Vec<RejectedShown> {
    let latest = attendance
        .rejected
        .iter()
        .rev()
        .take(SHOWN)
        .map(|rejected| RejectedShown {
            at: rejected.at,
            terminal_name: name_of(Some(rejected.terminal), names),
            why: words(rejected.why),
        });
    latest.collect()
}

/// Those that were revoked are in no list of terminals.
fn name_of(terminal: Option<Uuid>, names: &BTreeMap<Uuid, &str>) -> String {
    let name = terminal.map(|id| names.get(&id).copied().unwrap_or("no longer a terminal"));
    name.unwrap_or("correction").to_owned()
}

fn words(why: Rejection) -> &'static str {
    match why {
        Rejection::Unknown => "not recognised",
        Rejection::Ambiguous => "looks like more than one person",
        Rejection::Presentation => "a picture, a screen or a mask was shown",
        Rejection::Quality => "too far away, too dark or blurred",
        Rejection::Pin => "the number belongs to nobody",
        Rejection::Badge => "the badge belongs to nobody",
        Rejection::Qr => "the code is not valid",
        Rejection::SecondFactor => "the second factor did not follow",
        Rejection::Closed => "outside the opening hours",
        Rejection::Paused => "paused after too many failures",
    }
}
