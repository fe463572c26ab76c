//! `/api/v1/pay-runs/{id}/statement.pdf`: what a person gets of a locked run, to be handed over and kept.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use limen_payroll::{RunState, hours};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblems};
use super::exports;
use super::payruns::{Whose, open, signed_hours};
use super::timesheets::{kinds, label};
use crate::App;
use crate::payrun::pdf::{self, Row, Sheet};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(statement))
}

/// A person's statement of hours and gross pay as PDF/A: every line with its multiplication. Only of a run that is
/// locked: what may still change is handed to nobody.
#[utoipa::path(
    get, path = "/api/v1/pay-runs/{id}/statement.pdf", tag = "pay", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "a pay run"), Whose),
    responses(
        (status = 200, content_type = "application/pdf", body = Vec<u8>),
        (status = 401, body = Detail), (status = 403, body = Detail), (status = 404, body = Detail),
        (status = 409, body = Detail, description = "It isn't locked"),
        (status = 422, body = FieldProblems),
    )
)]
async fn statement(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> ApiResult<Response> {
    let opened = open(&app, &account, &id).await?;
    let Query(whose) = whose.map_err(|error| ApiError::query(&error))?;
    if opened.run.state < RunState::Locked {
        let why = "the pay run isn't locked: there are statements of what doesn't change any more";
        return Err(ApiError::refused(StatusCode::CONFLICT, why));
    }
    let attendance = &opened.reckoning.attendance;
    let person = attendance.people.iter().find(|p| p.id.0 == whose.person);
    let person = person.ok_or_else(|| ApiError::not_found("Employee not found"))?;
    let kinds = kinds(&attendance.terms);
    let run = &opened.run;
    let period = run.scope.period;
    let lines = run.lines.iter().filter(|line| line.person == whose.person);
    let clock = |at: jiff::Timestamp| {
        let zone = &attendance.terms.book.at(at).zone;
        zone.local(at).strftime("%H:%M").to_string()
    };
    let mut rows: Vec<Row> = lines
        .map(|line| Row {
            cells: [
                line.day.to_string(),
                label(&line.component, &kinds),
                format!("{}–{}", clock(line.from), clock(line.to)),
                hours(line.seconds).to_string(),
                line.per_hour.to_string(),
                line.factor.to_string(),
                line.amount.major(line.currency).to_string(),
            ],
            why: format!(
                "{} s × {} × {} ÷ 3600 = {} {}, rules {}, {}",
                line.seconds,
                line.per_hour,
                line.factor,
                line.amount.major(line.currency),
                line.currency,
                line.rules,
                match line.punches.len() {
                    0 => "without punches".to_owned(),
                    _ => format!(
                        "events {}",
                        line.punches
                            .iter()
                            .map(|punch| punch.seq.to_string())
                            .collect::<Vec<_>>()
                            .join(", ")
                    ),
                }
            ),
        })
        .collect();
    let adjusted = run.adjustments.iter().filter(|a| a.person == whose.person);
    rows.extend(adjusted.map(|a| {
        Row {
            cells: [
                a.day.to_string(),
                "adjustment".to_owned(),
                String::new(),
                signed_hours(a.seconds).to_string(),
                String::new(),
                String::new(),
                a.amount.major(a.currency).to_string(),
            ],
            why:
                "learned after that day was locked: what it comes to now, less what was paid for it"
                    .to_owned(),
        }
    }));
    let totals = run.totals();
    let totals = totals
        .iter()
        .filter(|((person, _), _)| *person == whose.person);
    let totals = totals.map(|((_, currency), (seconds, amount))| {
        format!(
            "{} hours, {} {currency} gross",
            signed_hours(*seconds),
            amount.major(*currency)
        )
    });
    let locked = run
        .history
        .iter()
        .find(|step| step.state == RunState::Locked);
    let locked = locked.map(|step| format!("locked at {}", step.at.strftime("%Y-%m-%d %H:%M UTC")));
    let sheet = Sheet {
        title: format!("Statement of hours and gross pay: {}", person.name),
        head: vec![
            attendance.tenant.name.clone(),
            format!("{} to {}, times of {}", period.first, period.last, attendance.tenant.site.zone),
            format!("Pay run {}, {}", run.id, locked.unwrap_or_default()),
        ],
        columns: ["Day", "What", "From–to", "Hours", "Rate", "Factor", "Amount"],
        rows,
        totals: totals.collect(),
        notes: vec![
            "Gross: no taxes and no deductions. This is not a payslip.".to_owned(),
            "A line is seconds × rate × factor ÷ 3600, rounded once; the sum of the lines is the total."
                .to_owned(),
            "Overtime and premiums add money to hours that stand on another line already.".to_owned(),
        ],
        page: "Page {n} of {of}",
    };
    let name = format!("statement-{}-{}.pdf", period.first, period.last);
    let written = tokio::task::spawn_blocking(move || pdf::written(&sheet)).await;
    let written = written.map_err(|error| ApiError::internal("writing a statement", error))?;
    let written = written.map_err(|error| ApiError::internal("writing a statement", error))?;
    Ok(exports::file("application/pdf", &name, written))
}
