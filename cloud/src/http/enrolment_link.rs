//! `/api/v1/enrolment`: people enrol their own face by a link that works once.
//!
//! The link's secret comes in a header of its own, so that it is known before a picture is taken in, and stands in no
//! log.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Address;
use super::auth::Allowed;
use super::consents::ever;
use super::error::{self, ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, Form, PICTURES_FORM_BYTES};
use super::people;
use crate::App;
use crate::accounts::links;
use crate::consent;
use crate::enrolment::{self, EnrolmentError, Judged};
use crate::store::consents::How;
use crate::store::enrolling::{EnrolmentLink, NewEnrolmentLink};
use crate::store::ways::Changing;
use crate::store::{Hash, StoreError};
use crate::tokens;

/// How long a link works.
const LIFE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// The header with a link's secret.
const HEADER: &str = "x-limen-link";
/// As many pictures as somebody gives of themselves.
const LEAST: usize = 3;
const MOST: usize = 5;

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(enrol_oneself, opened, decline))
        .routes(routes!(judge))
        .layer(DefaultBodyLimit::max(PICTURES_FORM_BYTES))
        .routes(routes!(make_link))
}

/// Whoever comes with a link that works.
struct Linked {
    link: EnrolmentLink,
    token_hash: Hash,
}

impl FromRequestParts<Arc<App>> for Linked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> ApiResult<Self> {
        let Address(address) = Address::from_request_parts(parts, app).await?;
        let token = parts.headers.get(HEADER).map(|token| token.as_bytes());
        let token_hash = tokens::hash(token.unwrap_or_default());
        let found = async {
            let link = app.store.enrolment_link(token_hash, app.now()).await?;
            Ok(link.ok_or(StoreError::NoSuchToken)?)
        };
        let link = super::links::tried(app, address, found).await?;
        Ok(Self { link, token_hash })
    }
}

/// What to do with the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkFor {
    /// Whether a letter with it goes to the person's e-mail, where letters go out.
    #[serde(default)]
    send: bool,
}

/// A link.
#[derive(Serialize, ToSchema)]
struct LinkMade {
    /// To be given to the person and nobody else: a path of this server. Shown once, works once.
    #[schema(example = "/enrol?token=…")]
    link: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// Whether a letter brings it.
    sent: bool,
}

/// Make a link by which a person enrols their own face. The one before works no more.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/enrolment-link", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = LinkFor,
    responses(
        (status = 201, body = LinkMade),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
        (status = 422, body = FieldProblems),
    )
)]
async fn make_link(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    wanted: ApiResult<form::Json<LinkFor>>,
) -> ApiResult<(StatusCode, Json<LinkMade>)> {
    let changing = ever(&app, &account, &id).await?;
    let form::Json(LinkFor { send }) = wanted?;
    let unknown = || ApiError::not_found("Employee not found");
    let person = app.store.person(account.tenant, changing.person).await?;
    let person = person.ok_or_else(unknown)?;
    let token = tokens::fresh_secret()?;
    let expires = changing.at + LIFE;
    let link = NewEnrolmentLink {
        tenant: account.tenant,
        person: changing.person,
        token_hash: tokens::hash(token.as_bytes()),
        by: account.id,
        created: changing.at,
        expires,
    };
    app.store.make_enrolment_link(link).await?;
    let sent = send && links::send_enrolment(&app, &person, &token);
    let made = LinkMade {
        link: format!("/enrol?token={token}"),
        expires,
        sent,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// What a link opens.
#[derive(Serialize, ToSchema)]
struct Opened {
    /// Whose face it is to be.
    name: String,
    /// Who asks for it.
    organisation: String,
    #[schema(value_type = String, format = DateTime)]
    expires: Timestamp,
    /// The text's version.
    version: String,
    /// Language to words.
    texts: BTreeMap<String, String>,
    /// The fewest photographs.
    least: usize,
    /// The most.
    most: usize,
}

/// What somebody is asked who opens their link.
#[utoipa::path(
    get, path = "/api/v1/enrolment", tag = "consent",
    params(("x-limen-link" = String, Header, description = "the link's token")),
    responses(
        (status = 200, body = Opened),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 429, body = Detail),
    )
)]
async fn opened(
    State(app): State<Arc<App>>,
    Linked { link, .. }: Linked,
) -> ApiResult<Json<Opened>> {
    let texts = consent::texts(&app, link.tenant).await?;
    let version = consent::current(&texts).to_owned();
    let texts = texts.into_iter().filter(|text| text.version == version);
    Ok(Json(Opened {
        name: link.name,
        organisation: link.organisation,
        expires: link.expires,
        texts: texts.map(|text| (text.language, text.text)).collect(),
        version,
        least: LEAST,
        most: MOST,
    }))
}

/// A photograph to be judged.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct PhotoForm {
    /// A picture with one face.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    image: String,
}

/// Whether a photograph will do.
#[derive(Serialize, ToSchema)]
struct Judgement {
    good: bool,
    /// A word for what is wrong: `none`, `several`, `unreadable`, `small`, `cropped`, `dark`, `overexposed`,
    /// `backlit`, `occluded`, `turned`, `leaning` or `blurred`.
    reason: Option<&'static str>,
    /// The same in a sentence.
    words: Option<String>,
}

/// Ask whether a photograph will do. It is looked at and forgotten.
#[utoipa::path(
    post, path = "/api/v1/enrolment/photo", tag = "consent",
    params(("x-limen-link" = String, Header, description = "the link's token")),
    request_body(content = PhotoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Judgement),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn judge(
    State(app): State<Arc<App>>,
    _linked: Linked,
    form: Form,
) -> ApiResult<Json<Judgement>> {
    let image = form.read(|f| f.file("image"))?;
    let Judged(wrong) = enrolment::judge(&app, image).await.map_err(refused)?;
    let (reason, words) = wrong.unzip();
    Ok(Json(Judgement {
        good: reason.is_none(),
        reason,
        words,
    }))
}

/// What somebody says who opened their link.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct AgreeingForm {
    /// `true`: they agree.
    agree: bool,
    /// The text's version that they read.
    version: String,
    /// The language in which they read it.
    language: String,
    /// Three to five pictures of them.
    #[schema(min_items = 3, max_items = 5)]
    image: Vec<String>,
}

/// Agree, and be enrolled.
#[utoipa::path(
    post, path = "/api/v1/enrolment", tag = "consent",
    params(("x-limen-link" = String, Header, description = "the link's token")),
    request_body(content = AgreeingForm, content_type = "multipart/form-data"),
    responses(
        (status = 204, description = "The face is enrolled, and the link used up"),
        (status = 400, body = Detail, description = "`Error processing image: …`; the link still works"),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 409, body = Detail, description = "Somebody has this face already, or a newer text is there to be read"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems),
        (status = 429, body = Detail),
    )
)]
async fn enrol_oneself(
    State(app): State<Arc<App>>,
    Linked { link, token_hash }: Linked,
    form: Form,
) -> ApiResult<StatusCode> {
    let (agree, version, language, images) = form.read(|f| {
        (
            f.flag("agree"),
            f.text("version"),
            f.text("language"),
            f.files("image"),
        )
    })?;
    if !agree {
        let words = "Nobody is enrolled who does not agree: say agree=true, or DELETE to say no";
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            "agree",
            words,
        )));
    }
    if images.len() < LEAST {
        let words = format!("At least {LEAST} pictures are wanted");
        return Err(ApiError::field(FieldProblem::body(
            "too_short",
            "image",
            words,
        )));
    }
    people::check_number(images.len(), MOST)?;
    let now = app.now();
    let given = consent::given(
        &app,
        link.tenant,
        How::Link,
        Some(version),
        Some(language),
        now,
    )
    .await?;
    let texts = consent::texts(&app, link.tenant).await?;
    if consent::current(&texts) != given.version {
        return Err(ApiError::refused(
            StatusCode::CONFLICT,
            "There is a newer text meanwhile: read that one, and decide again",
        ));
    }
    let face = enrolment::careful_template(&app, images)
        .await
        .map_err(refused)?;
    let own = Changing {
        tenant: link.tenant,
        person: link.person,
        by: link.person,
        at: now,
    };
    people::check_double(&app, link.tenant, Some(own), &face)
        .await
        .map_err(|error| match error {
            ApiError::Refused { .. } => ApiError::refused(StatusCode::CONFLICT, DOUBLE),
            other => other,
        })?;
    let template = enrolment::seal(&app, link.tenant, link.person, &face.template)?;
    let enrolled = app.store.enrol_by_link(token_hash, given, template, now);
    enrolled.await.map_err(used_up)?;
    people::look_for_twins(&app, own, face.probe).await;
    let _nobody_listens = app.changed.send(link.tenant);
    Ok(StatusCode::NO_CONTENT)
}

const DOUBLE: &str = "These pictures could not be enrolled. Ask the office, which has been told";

fn refused(error: EnrolmentError) -> ApiError {
    error::in_registration(error)
}

fn used_up(error: StoreError) -> ApiError {
    crate::accounts::founding::NoPlace::from(error).into()
}

/// Say no. Nothing of the face is kept, PIN and badge do the same, and the link is used up.
#[utoipa::path(
    delete, path = "/api/v1/enrolment", tag = "consent",
    params(("x-limen-link" = String, Header, description = "the link's token")),
    responses(
        (status = 204, description = "It is kept that they said no, and not why"),
        (status = 403, body = Detail, description = "the link is unknown, used or expired"),
        (status = 429, body = Detail),
    )
)]
async fn decline(
    State(app): State<Arc<App>>,
    Linked { token_hash, .. }: Linked,
) -> ApiResult<StatusCode> {
    let declined = app.store.decline_by_link(token_hash, app.now()).await;
    declined.map_err(used_up)?;
    Ok(StatusCode::NO_CONTENT)
}
