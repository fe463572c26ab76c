//! `/api/v1/register`: every punch with its place in the chain of its terminal, and whether the chains hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::SignedDuration;
use limen_payroll::{PunchId, ReadAs};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::exports::{self, Cell};
use super::plan::Dates;
use super::timesheets::reckoned;
use crate::App;
use crate::store::audit::hex;
use crate::store::register::Link;

/// Events that are read at once.
const PAGE: u32 = 1_000;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(verified))
}

/// The register of some dates as CSV: every punch, what became of it, and its place in the chain of its terminal. The
/// hash is SHA-256 of the event as it was signed; each event names the hash of the one before it.
#[utoipa::path(
    get, path = "/api/v1/register.csv", tag = "hours", security(("bearer" = []), ("cookie" = [])), params(Dates),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn register(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    asked: Result<Query<Dates>, QueryRejection>,
) -> ApiResult<Response> {
    let Query(asked) = asked.map_err(|error| ApiError::query(&error))?;
    let reckoning = reckoned(&app, &account, None, asked).await?;
    let period = reckoning.period;
    let terms = &reckoning.attendance.terms;
    let zone = &terms.book.at(reckoning.attendance.now).zone;
    // A clock may have been wrong by hours, and a working day ends after its date.
    let margin = SignedDuration::from_hours(48);
    let from = zone.midnight(period.first).saturating_sub(margin);
    let to = zone.midnight(period.last).saturating_add(margin + margin);
    let (from, to) = (
        from.unwrap_or(jiff::Timestamp::MIN),
        to.unwrap_or(jiff::Timestamp::MAX),
    );
    let chained = app.store.chained_facts(account.tenant, from, to).await?;
    let chained: BTreeMap<PunchId, Link> = chained
        .into_iter()
        .map(|link| {
            let id = PunchId {
                outbox: link.key.outbox,
                seq: link.key.seq,
            };
            (id, link)
        })
        .collect();
    let names = reckoning.names();
    let headings = [
        "day",
        "person",
        "name",
        "local",
        "utc",
        "read_as",
        "method",
        "terminal",
        "outbox",
        "seq",
        "received",
        "hash",
        "previous_hash",
    ];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for reading in &reckoning.attendance.sheet.readings {
        let Some(name) = names.get(&reading.person) else {
            continue;
        };
        let day = reading.at.map(|at| {
            let rules = terms.book.at(at);
            let day = terms
                .plan
                .working_day(reading.person, reading.site, at, rules);
            (day, rules.zone_of(reading.site).local(at), at)
        });
        // What nobody knows the time of stands in every register.
        if day.is_some_and(|(day, ..)| !period.contains(day)) {
            continue;
        }
        let link = chained.get(&reading.punch);
        let word = |value: serde_json::Result<serde_json::Value>| {
            let value = value.ok();
            let word = value.as_ref().and_then(serde_json::Value::as_str);
            word.unwrap_or_default().to_owned()
        };
        let read_as: ReadAs = reading.read_as;
        let none = String::new;
        rows.push(vec![
            day.map_or_else(none, |(day, ..)| day.to_string()).into(),
            reading.person.to_string().into(),
            (*name).into(),
            day.map_or_else(none, |(_, local, _)| local.to_string())
                .into(),
            day.map_or_else(none, |(.., at)| at.to_string()).into(),
            word(serde_json::to_value(read_as)).into(),
            word(serde_json::to_value(reading.method)).into(),
            reading
                .terminal
                .map_or_else(none, |id| id.to_string())
                .into(),
            reading.punch.outbox.to_string().into(),
            rust_decimal::Decimal::from(reading.punch.seq).into(),
            link.map_or_else(none, |link| link.received.to_string())
                .into(),
            link.map_or_else(none, |link| hex(&link.hash)).into(),
            link.map_or_else(none, |link| hex(&link.prev)).into(),
        ]);
    }
    let name = format!("register-{}-{}.csv", period.first, period.last);
    let csv = exports::csv(&headings, &rows);
    Ok(exports::file("text/csv; charset=utf-8", &name, csv))
}

/// The chain of an outbox.
#[derive(Serialize, ToSchema)]
struct ChainRow {
    terminal: Uuid,
    outbox: Uuid,
    /// How many events hold.
    events: u64,
    /// SHA-256 of the last of them, in hexadecimal: kept elsewhere, it shows whether the end was cut off.
    head: String,
    /// The first event that is not what was signed, or does not follow the one before it.
    broken_at: Option<u64>,
    /// The first event after a gap that is known: events before it were lost, and it can't be told what they were.
    gap_at: Option<u64>,
}

/// Follow the chain of every terminal from its first event: whether each is what was signed, and follows the one before
/// it.
#[utoipa::path(
    get, path = "/api/v1/register/verified", tag = "hours", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<ChainRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn verified(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<ChainRow>>> {
    let mut chains: Vec<(ChainRow, u64, [u8; 32])> = Vec::new();
    let mut after = (Uuid::nil(), Uuid::nil(), 0);
    loop {
        let page = app.store.chain(account.tenant, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = (last.key.terminal, last.key.outbox, last.key.seq);
        for link in &page {
            follow(&mut chains, link);
        }
    }
    Ok(Json(chains.into_iter().map(|(row, ..)| row).collect()))
}

fn follow(chains: &mut Vec<(ChainRow, u64, [u8; 32])>, link: &Link) {
    let same = chains.last().is_some_and(|(row, ..)| {
        (row.terminal, row.outbox) == (link.key.terminal, link.key.outbox)
    });
    if !same {
        let row = ChainRow {
            terminal: link.key.terminal,
            outbox: link.key.outbox,
            events: 0,
            head: String::new(),
            broken_at: None,
            gap_at: None,
        };
        chains.push((row, 1, [0; 32]));
    }
    let Some((row, next, wanted)) = chains.last_mut() else {
        return;
    };
    let signed: [u8; 32] = Sha256::digest(&link.compact).into();
    let gap = link.key.seq != *next;
    let holds = signed == link.hash && (gap || link.prev == *wanted);
    if !holds && row.broken_at.is_none() {
        row.broken_at = Some(link.key.seq);
    }
    if gap && row.gap_at.is_none() {
        row.gap_at = Some(link.key.seq);
    }
    row.events += u64::from(holds && row.broken_at.is_none());
    row.head = hex(&link.hash);
    (*next, *wanted) = (link.key.seq + 1, link.links);
}
