//! `/api/v1`: hours day by day, each minute and cent explained, and figures by person, site and week.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use limen_payroll::{
    Compared, Component, Effect, ExplainedDay, Figures, PayLine, ReadAs, Setting, figures, hours,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::agreed::today;
use super::auth::Allowed;
use super::employees::{AnomalyRow, word as state};
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::exports::{self, Cell};
use super::leave::visible;
use super::number::Number;
use super::plan::Dates;
use crate::App;
use crate::attendance::reckoning::{Reckoning, dates};
use crate::attendance::terms::Terms;
use crate::store::{Account, AccountId, Role};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(days))
        .routes(routes!(timesheets))
        .routes(routes!(analytics))
        .routes(routes!(analytics_csv))
}

/// One word for what a line pays.
pub(super) fn word(component: &Component) -> &'static str {
    match component {
        Component::Work => "work",
        Component::PaidBreak => "paid_break",
        Component::Leave { .. } => "leave",
        Component::Holiday { .. } => "holiday",
        Component::Premium { .. } => "premium",
        Component::Overtime { .. } => "overtime",
    }
}

/// The names of the kinds of leave.
pub(super) fn kinds(terms: &Terms) -> BTreeMap<Uuid, String> {
    let kinds = terms.agreed.leave_types.iter();
    kinds.map(|kind| (kind.id, kind.name.clone())).collect()
}

/// What a line pays, in a person's words.
pub(super) fn label(component: &Component, kinds: &BTreeMap<Uuid, String>) -> String {
    match component {
        Component::Work => "work".to_owned(),
        Component::PaidBreak => "paid break".to_owned(),
        Component::Leave { kind } => kinds
            .get(kind)
            .cloned()
            .unwrap_or_else(|| "leave".to_owned()),
        Component::Holiday { name } => format!("holiday: {name}"),
        Component::Premium { name } => format!("premium: {name}"),
        Component::Overtime { .. } => "overtime".to_owned(),
    }
}

/// A punch that something comes from.
#[derive(Serialize, ToSchema)]
pub(super) struct PunchRef {
    outbox: Uuid,
    seq: u64,
}

/// A line of pay: `seconds × per_hour × factor ÷ 3600 = amount`.
#[derive(Serialize, ToSchema)]
pub(super) struct LineRow {
    /// The working day.
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// The date that says which pay period it belongs to.
    #[schema(value_type = String, format = Date)]
    due: Date,
    /// `work`, `paid_break`, `leave`, `holiday`, `premium` or `overtime`.
    #[schema(example = "work")]
    component: &'static str,
    /// The same for people.
    text: String,
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    seconds: u64,
    hours: Number,
    /// The person's rate, a premium's, or the week's regular rate.
    per_hour: Number,
    /// The part of the rate that it pays.
    factor: Number,
    #[schema(value_type = String, example = "EUR")]
    currency: limen_payroll::Currency,
    amount: Number,
    /// The version of the rules.
    rules: u32,
    /// The shift that was planned.
    shift: Option<Uuid>,
    /// The punches that it is between.
    punches: Vec<PunchRef>,
    /// The whole computation in a sentence.
    why: String,
}

impl LineRow {
    pub(super) fn of(line: &PayLine, kinds: &BTreeMap<Uuid, String>) -> Self {
        Self {
            day: line.day,
            due: line.due,
            component: word(&line.component),
            text: label(&line.component, kinds),
            from: line.from,
            to: line.to,
            seconds: line.seconds,
            hours: Number(hours(line.seconds)),
            per_hour: Number(line.per_hour.decimal()),
            factor: Number(Decimal::from(line.factor)),
            currency: line.currency,
            amount: Number(line.amount.major(line.currency)),
            rules: line.rules,
            shift: line.shift.map(|(shift, _)| shift),
            punches: refs(&line.punches),
            why: line.to_string(),
        }
    }
}

fn refs(punches: &[limen_payroll::PunchId]) -> Vec<PunchRef> {
    let punch = |punch: &limen_payroll::PunchId| PunchRef {
        outbox: punch.outbox,
        seq: punch.seq,
    };
    punches.iter().map(punch).collect()
}

/// A punch and what became of it.
#[derive(Serialize, ToSchema)]
struct ReadRow {
    outbox: Uuid,
    seq: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    /// None for what a correction added.
    terminal: Option<Uuid>,
    /// `face`, `pin`, `badge`, `qr`, `upload` or `correction`.
    #[schema(value_type = String, example = "face")]
    method: limen_payroll::Method,
    /// `in`, `out`, `ignored`, `not_me`, `no_time` or `removed`.
    #[schema(value_type = String, example = "in")]
    read_as: ReadAs,
}

/// A stretch of work.
#[derive(Serialize, ToSchema)]
struct StretchRow {
    #[schema(value_type = String, format = DateTime)]
    check_in: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    check_out: Option<Timestamp>,
    /// `open`, `closed`, `forgotten` or `missing_out`.
    #[schema(example = "closed")]
    state: &'static str,
    seconds: u64,
    /// The version of the rules.
    rules: u32,
}

/// What a setting added to a day, or took.
#[derive(Serialize, ToSchema)]
struct EffectRow {
    /// `rounding`, `early_clipping`, `paid_break` or `break_deduction`.
    #[schema(value_type = String, example = "rounding")]
    setting: Setting,
    seconds: i64,
    /// The punches of the session, or the two around a break.
    punches: Vec<PunchRef>,
}

impl From<&Effect> for EffectRow {
    fn from(effect: &Effect) -> Self {
        Self {
            setting: effect.setting,
            seconds: effect.seconds,
            punches: refs(&[effect.punches.0, effect.punches.1]),
        }
    }
}

/// A sum of money.
#[derive(Serialize, ToSchema)]
struct AmountRow {
    #[schema(value_type = String, example = "EUR")]
    currency: limen_payroll::Currency,
    amount: Number,
}

/// A day: `session_s + effect_s = paid_s`, but for time without a rate, leave and holidays.
#[derive(Serialize, ToSchema)]
struct DayRow {
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// The hours due, in seconds, without leave.
    due_s: u64,
    /// The hours of work that are paid, in seconds.
    worked_s: u64,
    late_s: u64,
    left_early_s: u64,
    short_s: u64,
    absent: bool,
    /// The planned beginning and end, the core time where the hours are flexible.
    #[schema(value_type = Option<String>, format = DateTime)]
    planned_from: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    planned_to: Option<Timestamp>,
    /// Every punch of its sessions, and what became of it.
    punches: Vec<ReadRow>,
    sessions: Vec<StretchRow>,
    session_s: u64,
    /// What settings added and took.
    effects: Vec<EffectRow>,
    effect_s: i64,
    /// Empty for whoever sees hours and no pay.
    lines: Vec<LineRow>,
    /// The seconds of work, paid breaks, paid leave and holidays.
    paid_s: u64,
    amounts: Vec<AmountRow>,
}

/// A person's days, each minute and cent explained.
#[derive(Serialize, ToSchema)]
struct DaysOf {
    id: Uuid,
    name: String,
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
    /// IANA zone of the site.
    zone: String,
    /// The instant for which it holds.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    days: Vec<DayRow>,
    /// Of these dates, and what nobody knows the date of.
    anomalies: Vec<AnomalyRow>,
}

/// Whether an account sees pay beside hours.
fn sees_pay(account: &Account) -> bool {
    account.role != Role::Manager
}

/// A person's hours day by day: which punches, which rule, which rate for every minute and cent. An employee sees their
/// own; a manager sees no pay.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/days", tag = "hours", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees"), Dates),
    responses(
        (status = 200, body = DaysOf),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn days(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    asked: Result<Query<Dates>, QueryRejection>,
) -> ApiResult<Json<DaysOf>> {
    let person = visible(&app, &account, &id).await?;
    let Query(asked) = asked.map_err(|error| ApiError::query(&error))?;
    let reckoning = reckoned(&app, &account, Some(person.id), asked).await?;
    let explained = reckoning.explain(person.id);
    let kinds = kinds(&reckoning.attendance.terms);
    let mut rows: BTreeMap<Date, (Option<&Compared>, Option<&ExplainedDay>)> = BTreeMap::new();
    for day in reckoning
        .days
        .iter()
        .filter(|day| day.person == person.id.0)
    {
        rows.entry(day.date).or_default().0 = Some(day);
    }
    for day in &explained.days {
        rows.entry(day.date).or_default().1 = Some(day);
    }
    let terms = &reckoning.attendance.terms;
    let pay = sees_pay(&account);
    let row =
        |(date, (compared, explained)): (Date, (Option<&Compared>, Option<&ExplainedDay>))| {
            let noon = limen_payroll::Zone::utc().instant(date.at(12, 0, 0, 0)).0;
            let planned = terms.plan.planned(person.id.0, date, terms.book.at(noon));
            let around = planned.map(|planned| (planned.start, planned.end));
            let nothing = ExplainedDay::default();
            let day = explained.unwrap_or(&nothing);
            DayRow {
                date,
                due_s: compared.map_or(0, |day| day.due_s),
                worked_s: compared.map_or(0, |day| day.worked_s),
                late_s: compared.map_or(0, |day| day.late_s),
                left_early_s: compared.map_or(0, |day| day.left_early_s),
                short_s: compared.map_or(0, |day| day.short_s),
                absent: compared.is_some_and(|day| day.absent),
                planned_from: around.map(|around| around.0),
                planned_to: around.map(|around| around.1),
                punches: day
                    .punches
                    .iter()
                    .map(|reading| ReadRow {
                        outbox: reading.punch.outbox,
                        seq: reading.punch.seq,
                        at: reading.at,
                        terminal: reading.terminal,
                        method: reading.method,
                        read_as: reading.read_as,
                    })
                    .collect(),
                sessions: day
                    .sessions
                    .iter()
                    .map(|session| StretchRow {
                        check_in: session.check_in.at,
                        check_out: session.check_out.map(|out| out.at),
                        state: state(session.state),
                        seconds: session.seconds(),
                        rules: session.rules,
                    })
                    .collect(),
                session_s: day.session_s,
                effects: day.effects.iter().map(EffectRow::from).collect(),
                effect_s: day.effect_s,
                lines: match pay {
                    true => day.lines.iter().map(|l| LineRow::of(l, &kinds)).collect(),
                    false => Vec::new(),
                },
                paid_s: day.paid_s,
                amounts: match pay {
                    true => day.amounts.iter().map(amount).collect(),
                    false => Vec::new(),
                },
            }
        };
    let anomalies = reckoning.anomalies_in(reckoning.period);
    let anomalies = anomalies.filter(|a| a.person == Some(person.id.0));
    Ok(Json(DaysOf {
        id: person.id.0,
        name: person.name.clone(),
        first: reckoning.period.first,
        last: reckoning.period.last,
        zone: reckoning.attendance.tenant.site.zone.clone(),
        as_of: reckoning.attendance.now,
        days: rows.into_iter().map(row).collect(),
        anomalies: anomalies.map(AnomalyRow::from).collect(),
    }))
}

fn amount((currency, minor): (&limen_payroll::Currency, &limen_payroll::Minor)) -> AmountRow {
    AmountRow {
        currency: *currency,
        amount: Number(minor.major(*currency)),
    }
}

pub(super) async fn reckoned(
    app: &App,
    account: &Account,
    person: Option<AccountId>,
    asked: Dates,
) -> ApiResult<Reckoning> {
    let today = today(app, account).await?;
    let period = dates(asked.first, asked.last, (today, 7))
        .map_err(|why| ApiError::in_query("first", why))?;
    let dates = (period, period.last);
    Ok(Reckoning::of(app, account.tenant, person, dates, app.now()).await?)
}

/// A day of a person, for a list of many.
#[derive(Serialize, ToSchema)]
struct ShortDay {
    #[schema(value_type = String, format = Date)]
    date: Date,
    due_s: u64,
    worked_s: u64,
    late_s: u64,
    left_early_s: u64,
    short_s: u64,
    absent: bool,
}

/// A person's hours of some dates.
#[derive(Serialize, ToSchema)]
struct SheetRow {
    person: Uuid,
    name: String,
    due_s: u64,
    worked_s: u64,
    hours: Number,
    /// How much is questionable on these dates.
    exceptions: usize,
    flags: usize,
    days: Vec<ShortDay>,
}

/// The hours of many people.
#[derive(Serialize, ToSchema)]
struct Sheets {
    #[schema(value_type = String, format = Date)]
    first: Date,
    #[schema(value_type = String, format = Date)]
    last: Date,
    people: Vec<SheetRow>,
    /// For the next page; none where this is the last.
    next: Option<u64>,
}

/// Which dates, and which page.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Page {
    #[param(value_type = Option<String>, format = Date)]
    first: Option<Date>,
    #[param(value_type = Option<String>, format = Date)]
    last: Option<Date>,
    /// The `next` of the page before.
    after: Option<u64>,
    /// Most people, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Everybody's hours day by day, by name.
#[utoipa::path(
    get, path = "/api/v1/timesheets", tag = "hours", security(("bearer" = []), ("cookie" = [])), params(Page),
    responses(
        (status = 200, body = Sheets),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn timesheets(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    page: Result<Query<Page>, QueryRejection>,
) -> ApiResult<Json<Sheets>> {
    let Query(page) = page.map_err(|error| ApiError::query(&error))?;
    let most = page.limit.unwrap_or(500);
    if !(1..=500).contains(&most) {
        return Err(ApiError::in_query("limit", "Input should be 1 to 500"));
    }
    let asked = Dates {
        first: page.first,
        last: page.last,
    };
    let reckoning = reckoned(&app, &account, None, asked).await?;
    let mut by_person: BTreeMap<Uuid, Vec<&Compared>> = BTreeMap::new();
    for day in &reckoning.days {
        by_person.entry(day.person).or_default().push(day);
    }
    let mut found: BTreeMap<Uuid, (usize, usize)> = BTreeMap::new();
    for anomaly in reckoning.anomalies_in(reckoning.period) {
        let Some(person) = anomaly.person else {
            continue;
        };
        let counted = found.entry(person).or_default();
        match anomaly.severity() {
            limen_payroll::Severity::Exception => counted.0 += 1,
            limen_payroll::Severity::Flag => counted.1 += 1,
        }
    }
    let after = usize::try_from(page.after.unwrap_or(0)).unwrap_or(usize::MAX);
    let people = &reckoning.attendance.people;
    let rows: Vec<SheetRow> = people
        .iter()
        .skip(after)
        .take(most)
        .map(|person| {
            let days = by_person.remove(&person.id.0).unwrap_or_default();
            let worked_s = days.iter().map(|day| day.worked_s).sum();
            let (exceptions, flags) = found.get(&person.id.0).copied().unwrap_or_default();
            SheetRow {
                person: person.id.0,
                name: person.name.clone(),
                due_s: days.iter().map(|day| day.due_s).sum(),
                worked_s,
                hours: Number(hours(worked_s)),
                exceptions,
                flags,
                days: days
                    .iter()
                    .map(|day| ShortDay {
                        date: day.date,
                        due_s: day.due_s,
                        worked_s: day.worked_s,
                        late_s: day.late_s,
                        left_early_s: day.left_early_s,
                        short_s: day.short_s,
                        absent: day.absent,
                    })
                    .collect(),
            }
        })
        .collect();
    let end = after.saturating_add(rows.len());
    Ok(Json(Sheets {
        first: reckoning.period.first,
        last: reckoning.period.last,
        people: rows,
        next: (end < people.len()).then_some(end as u64),
    }))
}

/// By what hours and cost are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    Person,
    Site,
    Week,
    Day,
    All,
}

/// Which dates, and by what.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
struct Grouping {
    #[param(value_type = Option<String>, format = Date)]
    first: Option<Date>,
    #[param(value_type = Option<String>, format = Date)]
    last: Option<Date>,
    /// `person`, `site`, `week`, `day` or `all`.
    by: By,
}

/// Hours, lateness, absence and cost of a group.
#[derive(Serialize, ToSchema)]
struct FiguresRow {
    /// Whose, where, or from when: an id or a date; empty for all of it.
    key: String,
    /// The same for people.
    name: String,
    people: usize,
    due_s: u64,
    worked_s: u64,
    overtime_s: u64,
    leave_s: u64,
    late: u64,
    late_s: u64,
    left_early: u64,
    left_early_s: u64,
    short_s: u64,
    absent: u64,
    /// Gross; empty for whoever sees hours and no pay.
    cost: Vec<AmountRow>,
}

async fn grouped(
    app: &App,
    account: &Account,
    asked: Result<Query<Grouping>, QueryRejection>,
) -> ApiResult<(Vec<FiguresRow>, limen_payroll::Period)> {
    let Query(asked) = asked.map_err(|error| ApiError::query(&error))?;
    let dates = Dates {
        first: asked.first,
        last: asked.last,
    };
    let reckoning = reckoned(app, account, None, dates).await?;
    let names = reckoning.names();
    let site = &reckoning.attendance.tenant.site;
    let week = |day: Date| {
        let rules = reckoning.attendance.terms.book.at(reckoning.attendance.now);
        rules.pay.overtime.week_start.week_of(day)
    };
    let key = |person: Uuid, day: Date, place: Option<Uuid>| match asked.by {
        By::Person => person.to_string(),
        By::Site => place.unwrap_or(site.id).to_string(),
        By::Week => week(day).to_string(),
        By::Day => day.to_string(),
        By::All => String::new(),
    };
    let within =
        |line: &&PayLine| reckoning.period.contains(line.day) && names.contains_key(&line.person);
    let lines: Vec<PayLine> = reckoning
        .statement
        .lines
        .iter()
        .filter(within)
        .cloned()
        .collect();
    let pay = sees_pay(account);
    let row = |(key, f): (String, Figures)| FiguresRow {
        name: match asked.by {
            By::Person => key
                .parse::<Uuid>()
                .ok()
                .and_then(|person| names.get(&person).copied())
                .unwrap_or_default()
                .to_owned(),
            By::Site if key == site.id.to_string() => site.name.clone(),
            _ => key.clone(),
        },
        key,
        people: f.people,
        due_s: f.due_s,
        worked_s: f.worked_s,
        overtime_s: f.overtime_s,
        leave_s: f.leave_s,
        late: f.late,
        late_s: f.late_s,
        left_early: f.left_early,
        left_early_s: f.left_early_s,
        short_s: f.short_s,
        absent: f.absent,
        cost: match pay {
            true => f.cost.iter().map(amount).collect(),
            false => Vec::new(),
        },
    };
    let mut rows: Vec<_> = figures(&lines, &reckoning.days, key)
        .into_iter()
        .map(row)
        .collect();
    rows.sort_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
    Ok((rows, reckoning.period))
}

/// Hours, overtime, lateness, absence and cost, by person, site, week or day. The groups add up to all of it.
#[utoipa::path(
    get, path = "/api/v1/analytics", tag = "hours", security(("bearer" = []), ("cookie" = [])), params(Grouping),
    responses(
        (status = 200, body = Vec<FiguresRow>),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn analytics(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    asked: Result<Query<Grouping>, QueryRejection>,
) -> ApiResult<Response> {
    Ok(Json(grouped(&app, &account, asked).await?.0).into_response())
}

/// The same as CSV: seconds as hours, a row for each currency.
#[utoipa::path(
    get, path = "/api/v1/analytics.csv", tag = "hours", security(("bearer" = []), ("cookie" = [])), params(Grouping),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 422, body = FieldProblems),
    )
)]
async fn analytics_csv(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    asked: Result<Query<Grouping>, QueryRejection>,
) -> ApiResult<Response> {
    let (rows, period) = grouped(&app, &account, asked).await?;
    let headings = [
        "key",
        "name",
        "people",
        "due",
        "worked",
        "overtime",
        "leave",
        "late",
        "late_hours",
        "left_early",
        "left_early_hours",
        "short",
        "absent",
        "currency",
        "cost",
    ];
    let mut table = Vec::new();
    for row in &rows {
        let number = |n: u64| Cell::Number(Decimal::from(n));
        let cells = [
            Cell::from(row.key.as_str()),
            Cell::from(row.name.as_str()),
            number(row.people as u64),
            hours(row.due_s).into(),
            hours(row.worked_s).into(),
            hours(row.overtime_s).into(),
            hours(row.leave_s).into(),
            number(row.late),
            hours(row.late_s).into(),
            number(row.left_early),
            hours(row.left_early_s).into(),
            hours(row.short_s).into(),
            number(row.absent),
        ];
        // Hours stand once, beside the first currency.
        let cost = row
            .cost
            .iter()
            .map(Some)
            .chain(row.cost.is_empty().then_some(None));
        for (n, cost) in cost.enumerate() {
            let mut line: Vec<Cell> = match n {
                0 => cells.to_vec(),
                _ => cells[..2]
                    .iter()
                    .cloned()
                    .chain(std::iter::repeat_n(Cell::from(""), 11))
                    .collect(),
            };
            line.push(cost.map_or_else(|| "".into(), |c| c.currency.to_string().into()));
            line.push(cost.map_or_else(|| "".into(), |c| c.amount.0.into()));
            table.push(line);
        }
    }
    let name = format!("figures-{}-{}.csv", period.first, period.last);
    let csv = exports::csv(&headings, &table);
    Ok(exports::file("text/csv; charset=utf-8", &name, csv))
}
