//! Who may ask what: the whole matrix, in one table.
//!
//! A route that is not in it lets nobody in. The OpenAPI description says the same of each route, since it is made
//! of this table; a test asks every route as everybody.

use axum::http::Method;
use utoipa::openapi::security::SecurityRequirement;

use crate::store::Role;
use Role::{Auditor, Employee, Hr, Manager, Owner, Technician};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody: greetings, ways in, and what is proved by its body.
    Everybody,
    /// Whoever is logged in, about what is their own.
    Themselves,
    /// Accounts of these roles.
    Roles(&'static [Role]),
}

const OWNERS: Who = Who::Roles(&[Owner]);
/// Changes people and pays them.
pub(super) const OFFICE: Who = Who::Roles(&[Owner, Hr]);
/// Sees who is in, and hours.
pub(super) const WATCHERS: Who = Who::Roles(&[Owner, Hr, Manager, Auditor]);
/// Sees terminals and what they are told.
const ROUND: Who = Who::Roles(&[Owner, Hr, Manager, Auditor, Technician]);
/// Sees pay.
const BOOKS: Who = Who::Roles(&[Owner, Hr, Auditor]);
/// Plans work and decides about hours.
const PLANNERS: Who = Who::Roles(&[Owner, Hr, Manager]);
/// Sees hours: everybody's, or their own.
const HOURS: Who = Who::Roles(&[Owner, Hr, Manager, Auditor, Employee]);
/// Asks for leave, for themselves or for others.
const ASKERS: Who = Who::Roles(&[Owner, Hr, Manager, Employee]);
const CRAFT: Who = Who::Roles(&[Owner, Technician]);
const REVIEW: Who = Who::Roles(&[Owner, Auditor]);
const PEOPLE: Who = Who::Roles(&[Employee]);

/// Every route: method, path, who.
pub const RIGHTS: &[(&str, &str, Who)] = &[
    ("get", "/", Who::Everybody),
    ("get", "/healthz", Who::Everybody),
    ("post", "/login/password", Who::Everybody),
    ("post", "/login/face", Who::Everybody),
    ("post", "/login/face/employer", Who::Everybody),
    ("post", "/login/face/employee", Who::Everybody),
    ("post", "/employer/register", Who::Everybody),
    // An employer's token, or an invitation.
    ("post", "/employee/register", Who::Everybody),
    ("get", "/employer/details", OFFICE),
    ("get", "/employer/employees", OFFICE),
    ("post", "/employer/pay_employee/{employee_id}", OFFICE),
    ("get", "/employee/details", PEOPLE),
    ("get", "/employee/attendance/summary", PEOPLE),
    ("get", "/employee/attendance/history", PEOPLE),
    ("post", "/attendance/checkin", PEOPLE),
    ("post", "/attendance/checkout", PEOPLE),
    ("post", "/api/v1/session", Who::Everybody),
    ("get", "/api/v1/session", Who::Themselves),
    ("delete", "/api/v1/session", Who::Themselves),
    ("get", "/api/v1/sessions", Who::Themselves),
    ("delete", "/api/v1/sessions/{id}", Who::Themselves),
    ("put", "/api/v1/password", Who::Themselves),
    ("put", "/api/v1/face-login", Who::Themselves),
    ("post", "/api/v1/setup", Who::Everybody),
    ("post", "/api/v1/password/forgotten", Who::Everybody),
    ("post", "/api/v1/password/reset", Who::Everybody),
    ("post", "/api/v1/email", Who::Themselves),
    ("post", "/api/v1/email/verified", Who::Everybody),
    ("get", "/api/v1/staff", REVIEW),
    ("post", "/api/v1/staff", OWNERS),
    ("put", "/api/v1/staff/{id}", OWNERS),
    ("delete", "/api/v1/staff/{id}", OWNERS),
    ("post", "/api/v1/staff/join", Who::Everybody),
    ("get", "/api/v1/audit", REVIEW),
    ("get", "/api/v1/live", WATCHERS),
    ("get", "/api/v1/live/events", WATCHERS),
    ("get", "/api/v1/people/{id}/timesheet", WATCHERS),
    ("get", "/api/v1/people/{id}/days", HOURS),
    ("get", "/api/v1/timesheets", WATCHERS),
    ("get", "/api/v1/analytics", WATCHERS),
    ("get", "/api/v1/analytics.csv", WATCHERS),
    ("get", "/api/v1/register.csv", WATCHERS),
    ("get", "/api/v1/register/verified", WATCHERS),
    ("get", "/api/v1/rules", WATCHERS),
    ("put", "/api/v1/rules", OFFICE),
    ("get", "/api/v1/pay-periods", WATCHERS),
    ("put", "/api/v1/pay-periods", OFFICE),
    ("get", "/api/v1/people/{id}/contracts", BOOKS),
    ("put", "/api/v1/people/{id}/contracts", OFFICE),
    ("get", "/api/v1/shifts", HOURS),
    ("put", "/api/v1/shifts", OFFICE),
    ("get", "/api/v1/plan", HOURS),
    ("put", "/api/v1/plan", PLANNERS),
    ("post", "/api/v1/plan/copy", PLANNERS),
    ("get", "/api/v1/holidays", HOURS),
    ("put", "/api/v1/holidays", OFFICE),
    ("post", "/api/v1/holidays/calendar", OFFICE),
    ("get", "/api/v1/export-columns", BOOKS),
    ("put", "/api/v1/export-columns", OFFICE),
    ("get", "/api/v1/leave/types", HOURS),
    ("put", "/api/v1/leave/types", OFFICE),
    ("get", "/api/v1/leave", HOURS),
    ("post", "/api/v1/leave", ASKERS),
    ("post", "/api/v1/leave/{id}/decision", ASKERS),
    ("get", "/api/v1/people/{id}/leave", HOURS),
    ("post", "/api/v1/people/{id}/overtime", PLANNERS),
    ("get", "/api/v1/pay-runs", BOOKS),
    ("post", "/api/v1/pay-runs", OFFICE),
    ("get", "/api/v1/pay-runs/{id}", BOOKS),
    ("post", "/api/v1/pay-runs/{id}/review", OFFICE),
    ("post", "/api/v1/pay-runs/{id}/lock", OFFICE),
    ("post", "/api/v1/pay-runs/{id}/paid", OFFICE),
    ("get", "/api/v1/pay-runs/{id}/lines", BOOKS),
    ("get", "/api/v1/pay-runs/{id}/export.csv", BOOKS),
    ("get", "/api/v1/pay-runs/{id}/statement.pdf", BOOKS),
    ("post", "/api/v1/employees", OFFICE),
    ("post", "/api/v1/invitations", OFFICE),
    ("post", "/api/v1/people/import", OFFICE),
    ("get", "/api/v1/people/{id}/ways", WATCHERS),
    ("post", "/api/v1/people/{id}/pin", OFFICE),
    ("delete", "/api/v1/people/{id}/pin", OFFICE),
    ("post", "/api/v1/people/{id}/badges", OFFICE),
    ("get", "/api/v1/people/{id}/badges/{badge}", OFFICE),
    ("delete", "/api/v1/people/{id}/badges/{badge}", OFFICE),
    ("get", "/api/v1/consent-texts", Who::Themselves),
    ("post", "/api/v1/consent-texts", OWNERS),
    ("get", "/api/v1/consent-texts/{version}", Who::Themselves),
    ("get", "/api/v1/people/{id}/consents", WATCHERS),
    ("post", "/api/v1/people/{id}/consents", OFFICE),
    ("post", "/api/v1/people/{id}/face", OFFICE),
    ("delete", "/api/v1/people/{id}/face", OFFICE),
    ("get", "/api/v1/people/{id}/erasures", WATCHERS),
    ("post", "/api/v1/people/{id}/enrolment-link", OFFICE),
    // The link itself proves who asks.
    ("get", "/api/v1/enrolment", Who::Everybody),
    ("post", "/api/v1/enrolment", Who::Everybody),
    ("delete", "/api/v1/enrolment", Who::Everybody),
    ("post", "/api/v1/enrolment/photo", Who::Everybody),
    ("post", "/api/v1/people/{id}/leave", OFFICE),
    ("get", "/api/v1/former-people", WATCHERS),
    ("get", "/api/v1/retention", WATCHERS),
    ("put", "/api/v1/retention", OWNERS),
    ("get", "/api/v1/people/{id}/export", OFFICE),
    ("get", "/api/v1/me/export", Who::Themselves),
    ("get", "/api/v1/alike", WATCHERS),
    ("put", "/api/v1/people/{id}/alike", OFFICE),
    ("get", "/api/v1/me/consents", Who::Themselves),
    ("get", "/api/v1/me/erasures", Who::Themselves),
    ("delete", "/api/v1/me/face", Who::Themselves),
    ("get", "/api/v1/site", ROUND),
    ("put", "/api/v1/site", OWNERS),
    ("get", "/api/v1/sites", ROUND),
    ("post", "/api/v1/sites", OWNERS),
    ("put", "/api/v1/sites/{id}", OWNERS),
    ("put", "/api/v1/terminals/{id}/site", CRAFT),
    ("get", "/api/v1/people/{id}/sites", WATCHERS),
    ("put", "/api/v1/people/{id}/sites", OFFICE),
    ("get", "/api/v1/terminals", ROUND),
    ("delete", "/api/v1/terminals/{id}", CRAFT),
    ("post", "/api/v1/claims", CRAFT),
    // The claim's own words prove who asks.
    ("post", "/api/v1/claim/begin", Who::Everybody),
    ("post", "/api/v1/claim/finish", Who::Everybody),
];

/// What a manager of some sites may ask beside what is their own: routes that tell of those sites only. Every other
/// one is for managers of all.
pub const OF_SITES: &[(&str, &str)] = &[
    ("get", "/api/v1/live"),
    ("get", "/api/v1/live/events"),
    ("get", "/api/v1/people/{id}/timesheet"),
    ("get", "/api/v1/people/{id}/ways"),
    ("get", "/api/v1/people/{id}/sites"),
    ("get", "/api/v1/site"),
    ("get", "/api/v1/sites"),
    ("get", "/api/v1/terminals"),
];

/// Whether that route tells a manager of some sites of those only.
pub(super) fn knows_sites(method: &Method, path: &str) -> bool {
    OF_SITES
        .iter()
        .any(|(verb, route)| verb.eq_ignore_ascii_case(method.as_str()) && *route == path)
}

/// Who may ask that; `None` for a route that nobody wrote down.
pub(super) fn of(method: &Method, path: &str) -> Option<Who> {
    let is_asked = |(verb, route, _): &&(&str, &str, Who)| {
        verb.eq_ignore_ascii_case(method.as_str()) && *route == path
    };
    RIGHTS.iter().find(is_asked).map(|(.., who)| *who)
}

impl Who {
    /// Whether an account of that role may ask.
    pub(super) fn lets(self, role: Role) -> bool {
        match self {
            Self::Everybody | Self::Themselves => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }
}

/// Says of each route by which roles it may be asked, where OpenAPI 3.1 has a place for that: beside the scheme.
pub(super) fn describe(openapi: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut openapi.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
            (Method::PATCH, &mut item.patch),
        ];
        for (method, operation) in operations {
            if let (Some(operation), Some(Who::Roles(roles))) = (operation, of(&method, path)) {
                let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
                let by = |scheme| SecurityRequirement::new(scheme, roles.clone());
                operation.security = Some(vec![by("bearer"), by("cookie")]);
            }
        }
    }
}
