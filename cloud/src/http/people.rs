//! `/api/v1`: enrolling people from several photographs, and inviting them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use limen_face::Probe;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::consents;
use super::error::{self, ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, Form, PICTURES_FORM_BYTES};
use super::register::{check_password, taken};
use crate::App;
use crate::accounts::founding::{self, Applicant};
use crate::enrolment::{self, Enrolment, EnrolmentError, MOST_PICTURES};
use crate::site;
use crate::store::alike::Found;
use crate::store::ways::Changing;
use crate::store::{AccountId, Adding, Kind, TenantId};

/// Tries of a visit, which share the rate of strangers let in.
const TRIES: f64 = 3.0;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(enrol))
        .layer(DefaultBodyLimit::max(PICTURES_FORM_BYTES))
        .routes(routes!(invite))
}

/// Fields of an enrolment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct EnrolmentForm {
    username: String,
    email: String,
    /// 12 characters at least, 72 bytes at most.
    password: String,
    /// Currency units an hour, six decimal places at most.
    hourly_rate: f64,
    /// Up to ten pictures with one face each, best of different days. None: the person comes in without a face.
    #[schema(max_items = 10)]
    image: Option<Vec<String>>,
    /// Attests that the person agrees to log in with the face.
    face_login: Option<bool>,
    /// With pictures: `paper`, which says that the person signed the text.
    consent: Option<String>,
    /// The text's version; the current one where it is left out.
    consent_version: Option<String>,
    /// The language in which they read it.
    consent_language: Option<String>,
    /// When they signed.
    #[schema(format = DateTime)]
    consent_at: Option<String>,
}

/// Who was enrolled.
#[derive(Serialize, ToSchema)]
struct Enrolled {
    id: Uuid,
}

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Inviting {
    /// `employee`, or `employer` for a new organisation (the owner's right).
    #[schema(example = "employee")]
    kind: String,
    /// An employee's pay per hour, as a decimal, which the invitation holds for; an employer has none.
    #[schema(value_type = Option<String>, example = "21.50")]
    hourly_rate: Option<Decimal>,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
struct Invited {
    /// To be given to the invited person: goes into the field `invitation`. Shown once, works once.
    invitation: String,
    /// Until when.
    expires: String,
}

/// Enrol a person of one's own organisation, from pictures or without any.
#[utoipa::path(
    post, path = "/api/v1/employees", tag = "people", security(("bearer" = []), ("cookie" = [])),
    request_body(content = EnrolmentForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, body = Enrolled),
        (status = 400, body = Detail, description = "`Employee already exists`, `Face already registered`, `Error processing image: …`"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn enrol(
    State(app): State<Arc<App>>,
    Allowed(employer): Allowed,
    form: Form,
) -> ApiResult<(StatusCode, Json<Enrolled>)> {
    let (username, email, password, hourly_rate, images, face_login, said) = form.read(|f| {
        (
            f.name("username"),
            f.email("email"),
            f.text("password"),
            f.hourly_rate("hourly_rate"),
            f.optional_files("image"),
            f.flag("face_login"),
            consents::said(f),
        )
    })?;
    check_number(images.len(), MOST_PICTURES)?;
    check_password(&password, &username, &email)?;
    if app.store.account_by_email(email.clone()).await?.is_some() {
        return Err(ApiError::bad_request("Employee already exists"));
    }
    // Whoever gives none comes in by a PIN or a badge.
    let (face, given) = match (images.is_empty(), said) {
        (true, _) => (None, None),
        (false, None) => return Err(consents::no_consent()),
        (false, Some(said)) => {
            let given = consents::on_paper(&app, employer.tenant, said).await?;
            let face = new_face(&app, employer.tenant, None, images).await?;
            (Some(face), Some(given))
        }
    };
    let probe = face.as_ref().map(|face| face.probe.clone());
    let applicant = Applicant {
        username,
        email,
        password,
        face,
        face_login,
    };
    let by = Adding::Employer(employer.tenant);
    let id = founding::enrol_person(&app, applicant, hourly_rate, employer.id, by, given)
        .await
        .map_err(|error| taken(error, "Employee already exists"))?;
    if let Some(probe) = probe {
        let changing = Changing {
            tenant: employer.tenant,
            person: id,
            by: employer.id,
            at: app.now(),
        };
        look_for_twins(&app, changing, probe).await;
    }
    Ok((StatusCode::CREATED, Json(Enrolled { id: id.0 })))
}

/// Refuses more pictures than make one template.
pub(super) fn check_number(pictures: usize, most: usize) -> ApiResult<()> {
    if pictures <= most {
        return Ok(());
    }
    Err(ApiError::field(FieldProblem::body(
        "too_long",
        "image",
        format!("At most {most} pictures make one template"),
    )))
}

/// The template of somebody who is nobody's double among the tenant's people, `own` left out: two with one face could
/// never be told apart at a door.
pub(super) async fn new_face(
    app: &Arc<App>,
    tenant: TenantId,
    own: Option<Changing>,
    images: Vec<Bytes>,
) -> ApiResult<Enrolment> {
    let face = enrolment::template_from_uploads(app, images)
        .await
        .map_err(error::in_registration)?;
    check_double(app, tenant, own, &face).await?;
    Ok(face)
}

/// Refuses a face that another of the tenant's people has, and keeps that for somebody to settle where it is clear who
/// the one is. Of whom it was settled that they are two, neither is the other's double.
pub(super) async fn check_double(
    app: &Arc<App>,
    tenant: TenantId,
    own: Option<Changing>,
    face: &Enrolment,
) -> ApiResult<()> {
    let model = app.faces.model().to_owned();
    let mut colleagues = app.store.templates(tenant, model).await?;
    if let Some(own) = own {
        let apart = apart(app, own).await?;
        colleagues.retain(|one| one.person != own.person && !apart.contains(&one.person));
    }
    let Some(other) = enrolment::double_of(app, &colleagues, face.probe.clone()).await? else {
        return Ok(());
    };
    if let Some(own) = own {
        app.store.found_alike(own, other, Found::Double).await?;
    }
    Err(ApiError::bad_request("Face already registered"))
}

/// Of whom it was settled that they and this person are two.
async fn apart(app: &App, own: Changing) -> ApiResult<Vec<AccountId>> {
    let pairs = app.store.alike(own.tenant).await?.into_iter();
    let two =
        pairs.filter(|pair| matches!(pair.settled_as.as_deref(), Some("twins" | "different")));
    let other = two.filter_map(|pair| match own.person {
        person if person == pair.person => Some(pair.other),
        person if person == pair.other => Some(pair.person),
        _ => None,
    });
    Ok(other.collect())
}

/// Keeps for somebody to settle from whom of their colleagues somebody who was enrolled is not told apart. They are
/// enrolled in any case, and doors ask for more where it matters: that it could not be looked for is only told.
pub(super) async fn look_for_twins(app: &App, own: Changing, probe: Probe) {
    if let Err(error) = twins_of(app, own, probe).await {
        tracing::error!(person = %own.person.0, %error, "it was not looked for near twins of somebody new");
    }
}

async fn twins_of(app: &App, own: Changing, probe: Probe) -> Result<(), EnrolmentError> {
    let model = app.faces.model().to_owned();
    let colleagues = app.store.templates(own.tenant, model).await?;
    let fpir = site::doors_of(&site::first(app, own.tenant).await?)?.fpir / TRIES;
    let twins = enrolment::near_twins(app, &colleagues, own.person, probe, fpir).await?;
    for other in twins {
        app.store.found_alike(own, other, Found::Near).await?;
    }
    Ok(())
}

/// Make a single-use invitation, good for seven days.
#[utoipa::path(
    post, path = "/api/v1/invitations", tag = "people", security(("bearer" = []), ("cookie" = [])),
    request_body = Inviting,
    responses(
        (status = 201, body = Invited),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 422, body = FieldProblems),
    )
)]
async fn invite(
    State(app): State<Arc<App>>,
    Allowed(employer): Allowed,
    form::Json(inviting): form::Json<Inviting>,
) -> ApiResult<(StatusCode, Json<Invited>)> {
    let kind = Kind::from_name(&inviting.kind).ok_or_else(|| {
        ApiError::field(FieldProblem::body(
            "enum",
            "kind",
            "Input should be 'employee' or 'employer'",
        ))
    })?;
    if kind == Kind::Employer && !employer.owner {
        return Err(ApiError::forbidden("Only the owner invites employers"));
    }
    // Without one, whoever is invited would say what they earn.
    if kind == Kind::Employee && inviting.hourly_rate.is_none() {
        return Err(ApiError::field(FieldProblem::missing("hourly_rate")));
    }
    if let Some(rate) = inviting.hourly_rate
        && let Err(why) = form::check_rate(rate)
    {
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            "hourly_rate",
            why,
        )));
    }
    let (invitation, expires) =
        founding::invite(&app, &employer, kind, inviting.hourly_rate).await?;
    Ok((
        StatusCode::CREATED,
        Json(Invited {
            invitation,
            expires: expires.to_string(),
        }),
    ))
}
