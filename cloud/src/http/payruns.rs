//! `/api/v1/pay-runs`: what is paid for a period: draft → reviewed → locked → paid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use limen_payroll::{Anomaly, Minor, PayLine, Period, RunError, RunState, Scope, Step, hours};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::agreed::{agreed, check_date, wrong};
use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::exports::{self, Cell};
use super::form;
use super::number::Number;
use super::timesheets::{LineRow, kinds, label, word};
use crate::App;
use crate::agreements::{Columns, Rows};
use crate::attendance::reckoning::LONGEST;
use crate::payrun::runs::{self, Listed, Opened, PayRunError, Sum, name_of};
use crate::store::Account;

/// How many exceptions a refusal names one by one.
const NAMED: usize = 20;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list, begin))
        .routes(routes!(look))
        .routes(routes!(review))
        .routes(routes!(lock))
        .routes(routes!(pay))
        .routes(routes!(lines))
        .routes(routes!(export))
}

impl From<PayRunError> for ApiError {
    fn from(error: PayRunError) -> Self {
        let conflict = |why: String| Self::refused(StatusCode::CONFLICT, why);
        match error {
            PayRunError::Unknown => Self::not_found("There is no such pay run"),
            PayRunError::Attendance(error) => error.into(),
            PayRunError::Refused(RunError::Unsettled(open)) => {
                let named = open.iter().take(NAMED).map(|anomaly| {
                    let at = anomaly.at.map(|at| at.to_string()).unwrap_or_default();
                    let whose = anomaly.person.map(|person| person.to_string());
                    let whose = whose.unwrap_or_default();
                    format!("{} ({whose} {at}: {anomaly})", name_of(anomaly))
                });
                let named = named.collect::<Vec<_>>().join("; ");
                conflict(format!(
                    "{} exceptions are not settled: settle them, or accept each by its id: {named}",
                    open.len()
                ))
            }
            other => conflict(other.to_string()),
        }
    }
}

/// What a run pays in a currency.
#[derive(Serialize, ToSchema)]
struct SumRow {
    #[schema(value_type = String, example = "EUR")]
    currency: limen_payroll::Currency,
    /// Whole seconds; below zero where adjustments take back more.
    seconds: i64,
    /// In hours.
    hours: Number,
    /// Gross, in currency units.
    amount: Number,
}

/// Seconds, also below zero, in hours.
pub(super) fn signed_hours(seconds: i64) -> Decimal {
    let long = hours(seconds.unsigned_abs());
    if seconds < 0 { -long } else { long }
}

impl From<Sum> for SumRow {
    fn from(sum: Sum) -> Self {
        Self {
            currency: sum.currency,
            seconds: sum.seconds,
            hours: Number(signed_hours(sum.seconds)),
            amount: Number(sum.amount.major(sum.currency)),
        }
    }
}

/// A step of a run.
#[derive(Serialize, ToSchema)]
struct StepRow {
    /// What it became.
    #[schema(example = "reviewed")]
    state: &'static str,
    /// Who did it.
    by: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Draft => "draft",
        RunState::Reviewed => "reviewed",
        RunState::Locked => "locked",
        RunState::Paid => "paid",
    }
}

fn steps(history: &[Step]) -> Vec<StepRow> {
    let row = |step: &Step| StepRow {
        state: state(step.state),
        by: step.by,
        at: step.at,
    };
    history.iter().map(row).collect()
}

/// A pay run.
#[derive(Serialize, ToSchema)]
struct RunRow {
    id: Uuid,
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
    /// Whose; none for everybody.
    people: Option<Vec<Uuid>>,
    /// `draft`, `reviewed`, `locked` or `paid`.
    #[schema(example = "draft")]
    state: &'static str,
    /// What was done, the first first.
    history: Vec<StepRow>,
    /// What a locked run pays.
    totals: Vec<SumRow>,
}

impl From<Listed> for RunRow {
    fn from(run: Listed) -> Self {
        Self {
            id: run.id,
            first: run.scope.period.first,
            last: run.scope.period.last,
            people: run.scope.people.map(Vec::from_iter),
            state: state(run.state),
            history: steps(&run.history),
            totals: run.totals.into_iter().map(SumRow::from).collect(),
        }
    }
}

/// The pay runs, the last one first.
#[utoipa::path(
    get, path = "/api/v1/pay-runs", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<RunRow>), (status = 401, body = Detail), (status = 403, body = Detail))
)]
async fn list(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<RunRow>>> {
    let mut runs = runs::list(&app, account.tenant).await?;
    runs.reverse();
    Ok(Json(runs.into_iter().map(RunRow::from).collect()))
}

/// Whose pay of which dates.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Begin {
    #[schema(value_type = String, format = Date)]
    first: Date,
    /// The last date, included; at most a year after the first.
    #[schema(value_type = String, format = Date)]
    last: Date,
    /// Only these; everybody where it is left out.
    people: Option<Vec<Uuid>>,
}

/// What was begun.
#[derive(Serialize, ToSchema)]
struct Begun {
    id: Uuid,
}

/// Begin a pay run.
#[utoipa::path(
    post, path = "/api/v1/pay-runs", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    request_body = Begin,
    responses(
        (status = 201, body = Begun),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn begin(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    body: ApiResult<form::Json<Begin>>,
) -> ApiResult<(StatusCode, Json<Begun>)> {
    let form::Json(said) = body?;
    check_date("first", said.first)?;
    check_date("last", said.last)?;
    if said.first > said.last || (said.last - said.first).get_days() >= LONGEST {
        return Err(wrong(
            "last",
            "give a date from the first one on, at most a year after it",
        ));
    }
    if let Some(people) = &said.people {
        let known = app.store.people(account.tenant).await?;
        let known: BTreeSet<Uuid> = known.iter().map(|person| person.id.0).collect();
        if people.is_empty() || !people.iter().all(|person| known.contains(person)) {
            return Err(wrong("people", "give one or more of your own people"));
        }
    }
    let scope = Scope {
        period: Period {
            first: said.first,
            last: said.last,
        },
        people: said.people.map(BTreeSet::from_iter),
    };
    let id = runs::begin(&app, (account.tenant, account.id), scope).await?;
    Ok((StatusCode::CREATED, Json(Begun { id })))
}

/// An exception: its time, or a part of its pay, is not in the run.
#[derive(Serialize, ToSchema)]
struct OpenRow {
    /// To accept it by.
    id: String,
    person: Option<Uuid>,
    name: Option<String>,
    /// One word for it.
    #[schema(example = "forgotten")]
    kind: &'static str,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// A sentence.
    message: String,
}

/// What a person gets.
#[derive(Serialize, ToSchema)]
struct PaidRow {
    person: Uuid,
    name: String,
    #[schema(value_type = String, example = "EUR")]
    currency: limen_payroll::Currency,
    seconds: i64,
    hours: Number,
    /// Gross, in currency units, adjustments included.
    amount: Number,
    /// The part of it that settles runs before.
    adjusted: Number,
    /// In the locked run before.
    before: Number,
    /// More than then, or less.
    difference: Number,
}

/// A pay run with what it pays.
#[derive(Serialize, ToSchema)]
struct RunOpened {
    id: Uuid,
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
    people: Option<Vec<Uuid>>,
    /// `draft`, `reviewed`, `locked` or `paid`.
    state: &'static str,
    /// Whether it pays something else than what was reviewed: it has to be reviewed again.
    changed: bool,
    history: Vec<StepRow>,
    totals: Vec<SumRow>,
    /// By name.
    paid: Vec<PaidRow>,
    /// What has to be settled, or accepted at the lock.
    unsettled: Vec<OpenRow>,
    /// The locked run that it is compared with.
    before: Option<Uuid>,
}

pub(super) async fn open(app: &App, account: &Account, id: &str) -> ApiResult<Opened> {
    let unknown = || ApiError::from(PayRunError::Unknown);
    let id = Uuid::parse_str(id).map_err(|_| unknown())?;
    Ok(Opened::of(app, account.tenant, id).await?)
}

fn paid(opened: &Opened) -> Vec<PaidRow> {
    let names = opened.reckoning.names();
    let nothing = limen_payroll::PayRun {
        lines: Vec::new(),
        adjustments: Vec::new(),
        ..opened.run.clone()
    };
    let before = opened.before.as_ref().unwrap_or(&nothing);
    let mut adjusted: BTreeMap<_, Minor> = BTreeMap::new();
    for one in &opened.run.adjustments {
        let sum = adjusted.entry((one.person, one.currency)).or_default();
        *sum = [*sum, one.amount].into_iter().sum();
    }
    let covered = |person: Uuid| match &opened.run.scope.people {
        None => true,
        Some(people) => people.contains(&person),
    };
    let differences = opened.run.difference(before).into_iter();
    let rows = differences.filter(|d| covered(d.person)).map(|d| {
        let units = |amount: Minor| Number(amount.major(d.currency));
        PaidRow {
            person: d.person,
            name: names.get(&d.person).copied().unwrap_or_default().to_owned(),
            currency: d.currency,
            seconds: d.now_s,
            hours: Number(signed_hours(d.now_s)),
            amount: units(d.now),
            adjusted: units(
                adjusted
                    .get(&(d.person, d.currency))
                    .copied()
                    .unwrap_or_default(),
            ),
            before: units(d.before),
            difference: Number(d.now.major(d.currency) - d.before.major(d.currency)),
        }
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| (&a.name, a.person).cmp(&(&b.name, b.person)));
    rows
}

/// A pay run: what each person gets, what is not settled, and the difference to the run before. One that isn't locked
/// is computed as of now.
#[utoipa::path(
    get, path = "/api/v1/pay-runs/{id}", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run")),
    responses(
        (status = 200, body = RunOpened),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
    )
)]
async fn look(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<RunOpened>> {
    let opened = open(&app, &account, &id).await?;
    let names = opened.reckoning.names();
    let row = |anomaly: &Anomaly| OpenRow {
        id: name_of(anomaly),
        person: anomaly.person,
        name: anomaly
            .person
            .and_then(|person| names.get(&person))
            .map(|name| (*name).to_owned()),
        kind: anomaly.kind.name(),
        at: anomaly.at,
        message: anomaly.to_string(),
    };
    let run = &opened.run;
    Ok(Json(RunOpened {
        id: run.id,
        first: run.scope.period.first,
        last: run.scope.period.last,
        people: run.scope.people.clone().map(Vec::from_iter),
        state: state(run.state),
        changed: opened.changed,
        history: steps(&run.history),
        totals: runs::sums(run).into_iter().map(SumRow::from).collect(),
        paid: paid(&opened),
        unsettled: run.unsettled.iter().map(row).collect(),
        before: opened.before.as_ref().map(|run| run.id),
    }))
}

/// Say that a run was looked at. What it pays now is what will be locked.
#[utoipa::path(
    post, path = "/api/v1/pay-runs/{id}/review", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run")),
    responses(
        (status = 204, description = "It is reviewed"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "It is locked, or was changed meanwhile"),
    )
)]
async fn review(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let opened = open(&app, &account, &id).await?;
    opened.review(&app, (account.tenant, account.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which exceptions stay open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Lock {
    /// The ids of exceptions that somebody has read and will settle later.
    #[serde(default)]
    accept: Vec<String>,
}

/// Lock a run that was reviewed: it never changes any more. Each exception has to be settled, or accepted by its id:
/// then the settled part is paid. What is learned later is an adjustment in the next run.
#[utoipa::path(
    post, path = "/api/v1/pay-runs/{id}/lock", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run")),
    request_body = Lock,
    responses(
        (status = 204, description = "It is locked"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "Not reviewed, changed since, not over, or exceptions are open: each is named"),
        (status = 422, body = FieldProblems),
    )
)]
async fn lock(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    body: ApiResult<form::Json<Lock>>,
) -> ApiResult<StatusCode> {
    let opened = open(&app, &account, &id).await?;
    let form::Json(said) = body?;
    let by = (account.tenant, account.id);
    opened.lock(&app, by, &said.accept).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say that the money of a locked run has left.
#[utoipa::path(
    post, path = "/api/v1/pay-runs/{id}/paid", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run")),
    responses(
        (status = 204, description = "It is paid"),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "It isn't locked"),
    )
)]
async fn pay(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let opened = open(&app, &account, &id).await?;
    opened.pay(&app, (account.tenant, account.id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose lines.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Which person.
    pub person: Uuid,
}

/// What a run pays or takes back for one before.
#[derive(Serialize, ToSchema)]
struct AdjustmentRow {
    /// The locked run; nil for sessions that were marked as paid one by one.
    run: Uuid,
    #[schema(value_type = String, format = Date)]
    day: Date,
    seconds: i64,
    hours: Number,
    #[schema(value_type = String, example = "EUR")]
    currency: limen_payroll::Currency,
    amount: Number,
}

/// What a person gets of a run, line by line.
#[derive(Serialize, ToSchema)]
struct LinesOf {
    lines: Vec<LineRow>,
    adjustments: Vec<AdjustmentRow>,
}

/// What a person gets of a run, line by line: each is a multiplication.
#[utoipa::path(
    get, path = "/api/v1/pay-runs/{id}/lines", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run"), Whose),
    responses(
        (status = 200, body = LinesOf),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn lines(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> ApiResult<Json<LinesOf>> {
    let opened = open(&app, &account, &id).await?;
    let Query(whose) = whose.map_err(|error| ApiError::query(&error))?;
    let kinds = kinds(&opened.reckoning.attendance.terms);
    let own = opened.run.lines.iter().filter(|l| l.person == whose.person);
    let adjusted = opened.run.adjustments.iter();
    Ok(Json(LinesOf {
        lines: own.map(|line| LineRow::of(line, &kinds)).collect(),
        adjustments: adjusted
            .filter(|a| a.person == whose.person)
            .map(|a| AdjustmentRow {
                run: a.run,
                day: a.day,
                seconds: a.seconds,
                hours: Number(signed_hours(a.seconds)),
                currency: a.currency,
                amount: Number(a.amount.major(a.currency)),
            })
            .collect(),
    }))
}

/// Which file.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Export {
    /// The name of the columns: `lines`, `totals`, or one's own; `totals` where it is left out.
    columns: Option<String>,
}

/// A run as a table: CSV.
#[utoipa::path(
    get, path = "/api/v1/pay-runs/{id}/export.csv", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run"), Export),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn export(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    asked: Result<Query<Export>, QueryRejection>,
) -> ApiResult<Response> {
    let (headings, rows, name) = table(&app, &account, &id, asked).await?;
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let csv = exports::csv(&headings, &rows);
    Ok(exports::file(
        "text/csv; charset=utf-8",
        &format!("{name}.csv"),
        csv,
    ))
}

type Table = (Vec<String>, Vec<Vec<Cell>>, String);

async fn table(
    app: &App,
    account: &Account,
    id: &str,
    asked: Result<Query<Export>, QueryRejection>,
) -> ApiResult<Table> {
    let opened = open(app, account, id).await?;
    let Query(asked) = asked.map_err(|error| ApiError::query(&error))?;
    let wanted = asked.columns.unwrap_or_else(|| "totals".to_owned());
    let (agreed, _) = agreed(app, account, None).await?;
    let own = agreed.columns.into_values();
    let mut all = exports::built_in().into_iter().chain(own);
    let columns = all
        .find(|columns| columns.name == wanted)
        .ok_or_else(|| ApiError::in_query("columns", "there are no columns of that name"))?;
    let headings = columns.columns.iter().map(|c| c.heading.clone()).collect();
    let rows = filled(&opened, &columns);
    let period = opened.run.scope.period;
    let name = format!("{wanted}-{}-{}", period.first, period.last);
    Ok((headings, rows, name))
}

fn filled(opened: &Opened, columns: &Columns) -> Vec<Vec<Cell>> {
    let run = &opened.run;
    let people = &opened.reckoning.attendance.people;
    let email: BTreeMap<Uuid, &str> = people.iter().map(|p| (p.id.0, p.email.as_str())).collect();
    let names = opened.reckoning.names();
    let of_run = |field: &str, person: Uuid| -> Option<Cell> {
        Some(match field {
            "run" => run.id.to_string().into(),
            "first" => run.scope.period.first.to_string().into(),
            "last" => run.scope.period.last.to_string().into(),
            "person" => person.to_string().into(),
            "name" => names.get(&person).copied().unwrap_or_default().into(),
            "email" => email.get(&person).copied().unwrap_or_default().into(),
            _ => return None,
        })
    };
    let row = |cell: &dyn Fn(&str) -> Cell| -> Vec<Cell> {
        columns.columns.iter().map(|c| cell(&c.field)).collect()
    };
    match columns.rows {
        Rows::Totals => paid(opened)
            .iter()
            .map(|paid| {
                row(&|field| {
                    of_run(field, paid.person).unwrap_or_else(|| match field {
                        "hours" => paid.hours.0.into(),
                        "seconds" => Decimal::from(paid.seconds).into(),
                        "currency" => paid.currency.to_string().into(),
                        "amount" => paid.amount.0.into(),
                        "before" => paid.before.0.into(),
                        _ => paid.difference.0.into(),
                    })
                })
            })
            .collect(),
        Rows::Lines => {
            let kinds = kinds(&opened.reckoning.attendance.terms);
            let lines = run.lines.iter().map(|line| {
                row(&|field| {
                    of_run(field, line.person).unwrap_or_else(|| of_line(field, line, &kinds))
                })
            });
            let adjusted = run.adjustments.iter().map(|a| {
                row(&|field| {
                    of_run(field, a.person).unwrap_or_else(|| match field {
                        "day" | "due" => a.day.to_string().into(),
                        "component" => "adjustment".into(),
                        "text" => format!("adjustment of {}", a.run).into(),
                        "hours" => signed_hours(a.seconds).into(),
                        "seconds" => Decimal::from(a.seconds).into(),
                        "currency" => a.currency.to_string().into(),
                        "amount" => a.amount.major(a.currency).into(),
                        _ => "".into(),
                    })
                })
            });
            lines.chain(adjusted).collect()
        }
    }
}

fn of_line(field: &str, line: &PayLine, kinds: &BTreeMap<Uuid, String>) -> Cell {
    match field {
        "day" => line.day.to_string().into(),
        "due" => line.due.to_string().into(),
        "component" => word(&line.component).into(),
        "text" => label(&line.component, kinds).into(),
        "from" => line.from.to_string().into(),
        "to" => line.to.to_string().into(),
        "hours" => hours(line.seconds).into(),
        "seconds" => Decimal::from(line.seconds).into(),
        "rate" => line.per_hour.decimal().into(),
        "factor" => Decimal::from(line.factor).into(),
        "currency" => line.currency.to_string().into(),
        "amount" => line.amount.major(line.currency).into(),
        "rules" => Decimal::from(line.rules).into(),
        _ => line
            .punches
            .iter()
            .map(|punch| format!("{}/{}", punch.outbox, punch.seq))
            .collect::<Vec<_>>()
            .join(" ")
            .into(),
    }
}
