//! `/api/v1`: what people agreed to, what rests on it, and that it is gone when they take it back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Allowed;
use super::error::{ApiError, ApiResult, Detail, FieldProblem, FieldProblems};
use super::form::{self, Fields, Form, PICTURES_FORM_BYTES};
use super::people;
use crate::App;
use crate::consent::{self, MOST_CHARS, MOST_LANGUAGES, NoText, Text};
use crate::enrolment::{self, MOST_PICTURES};
use crate::erasure::{self, Certificate, Gone, Signed};
use crate::store::consents::{Consent, Given, How, Why};
use crate::store::ways::Changing;
use crate::store::{Account, AccountId, StoreError, TenantId};

/// These routes.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(enrol_face, withdraw))
        .layer(DefaultBodyLimit::max(PICTURES_FORM_BYTES))
        .routes(routes!(texts, add_text))
        .routes(routes!(text))
        .routes(routes!(consents, record))
        .routes(routes!(erasures))
        .routes(routes!(own_consents))
        .routes(routes!(own_erasures))
        .routes(routes!(withdraw_own))
}

impl From<NoText> for ApiError {
    fn from(error: NoText) -> Self {
        let words = error.to_string();
        match error {
            NoText::Version(_) => Self::field(FieldProblem::body("value_error", "version", words)),
            NoText::Language { .. } => {
                Self::field(FieldProblem::body("value_error", "language", words))
            }
            NoText::Store(error) => error.into(),
        }
    }
}

/// A consent.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentRow {
    id: Uuid,
    /// `attendance` (doors) or `face-login`.
    #[schema(example = "attendance")]
    purpose: String,
    /// The version of the text: `/api/v1/consent-texts/{version}` has it.
    #[schema(example = "2")]
    version: String,
    /// The language in which it was read.
    language: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `attested` by whoever registered the person, on `paper`, by a `link`, or the holder's `own`.
    #[schema(example = "paper")]
    how: String,
    /// The account that wrote it down.
    by: Uuid,
    /// When its holder confirmed it or gave it themselves.
    #[schema(value_type = Option<String>, format = DateTime)]
    confirmed: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    withdrawn: Option<Timestamp>,
    withdrawn_by: Option<Uuid>,
}

impl From<Consent> for ConsentRow {
    fn from(one: Consent) -> Self {
        Self {
            id: one.id,
            purpose: one.purpose,
            version: one.version,
            language: one.language,
            at: one.at,
            how: one.how,
            by: one.by.0,
            confirmed: one.confirmed,
            withdrawn: one.withdrawn,
            withdrawn_by: one.withdrawn_by.map(|by| by.0),
        }
    }
}

/// What somebody agreed to, and what is kept because of it.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsentsOf {
    /// The latest first.
    consents: Vec<ConsentRow>,
    /// What is kept of the face; the numbers are not shown.
    templates: Vec<Gone>,
}

pub(super) async fn consents_of(
    app: &App,
    tenant: TenantId,
    person: AccountId,
) -> ApiResult<ConsentsOf> {
    let consents = app.store.consents(tenant, person).await?;
    let templates = app.store.described(tenant, person).await?;
    Ok(ConsentsOf {
        consents: consents.into_iter().map(ConsentRow::from).collect(),
        templates: templates.into_iter().map(Gone::from).collect(),
    })
}

/// What a form says of a consent, before the text is looked up.
pub(super) struct Said {
    version: Option<String>,
    language: Option<String>,
    at: Option<Timestamp>,
}

/// Reads the fields `consent`, `consent_version`, `consent_language` and `consent_at` of a form. `None` where the
/// first is not there.
pub(super) fn said(f: &mut Fields<'_>) -> Option<Said> {
    let how = f.optional_text("consent").filter(|how| !how.is_empty())?;
    if how != "paper" {
        f.problem(FieldProblem::body("enum", "consent", HOW));
    }
    let mut some = |field| f.optional_text(field).filter(|text| !text.is_empty());
    let (version, language) = (some("consent_version"), some("consent_language"));
    let at = some("consent_at").map(|text| text.parse::<Timestamp>());
    let at = at.and_then(|at| {
        if at.is_err() {
            let problem = FieldProblem::body("datetime_parsing", "consent_at", WHEN);
            f.problem(problem);
        }
        at.ok()
    });
    Some(Said {
        version,
        language,
        at,
    })
}

const HOW: &str =
    "Input should be 'paper': what somebody agrees to by a link is recorded by that link";
const WHEN: &str = "Input should be an instant like 2026-03-01T08:00:00Z";

/// What was given on paper.
pub(super) async fn on_paper(app: &App, tenant: TenantId, said: Said) -> ApiResult<Given> {
    let now = app.now();
    let at = said.at.unwrap_or(now);
    if at > now {
        let words = "Input should not be in the future";
        return Err(ApiError::field(FieldProblem::body(
            "value_error",
            "consent_at",
            words,
        )));
    }
    Ok(consent::given(app, tenant, How::Paper, said.version, said.language, at).await?)
}

/// Why pictures are not looked at.
pub(super) fn no_consent() -> ApiError {
    ApiError::field(FieldProblem::body(
        "missing",
        "consent",
        "No face is enrolled without a consent: say consent=paper where the person has signed the text, or leave the \
         pictures out and give them a link to enrol themselves",
    ))
}

fn unknown() -> ApiError {
    ApiError::not_found("Employee not found")
}

/// The person of that id, who works here or did.
pub(super) async fn ever(app: &App, account: &Account, id: &str) -> ApiResult<Changing> {
    let person = Uuid::parse_str(id).map(AccountId).map_err(|_| unknown())?;
    let ever = app.store.ever(account.tenant, person).await?;
    ever.ok_or_else(unknown)?;
    Ok(Changing {
        tenant: account.tenant,
        person,
        by: account.id,
        at: app.now(),
    })
}

/// A text in its languages.
#[derive(Serialize, ToSchema)]
struct TextOf {
    version: String,
    /// Whether people are asked by it now.
    current: bool,
    /// Since when it is the organisation's; none of the program's own.
    #[schema(value_type = Option<String>, format = DateTime)]
    made: Option<Timestamp>,
    /// Language to words.
    texts: BTreeMap<String, String>,
}

/// What versions there are.
#[derive(Serialize, ToSchema)]
struct VersionRow {
    version: String,
    current: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    made: Option<Timestamp>,
    languages: Vec<String>,
}

fn versions(texts: Vec<Text>) -> Vec<TextOf> {
    let current = consent::current(&texts).to_owned();
    let mut found: Vec<TextOf> = Vec::new();
    for text in texts {
        if found.last().is_none_or(|last| last.version != text.version) {
            found.push(TextOf {
                current: text.version == current,
                version: text.version,
                made: text.made,
                texts: BTreeMap::new(),
            });
        }
        if let Some(last) = found.last_mut() {
            last.texts.insert(text.language, text.text);
        }
    }
    found
}

/// The texts that people agree to: all versions, the earliest first.
#[utoipa::path(
    get, path = "/api/v1/consent-texts", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<VersionRow>), (status = 401, body = Detail))
)]
async fn texts(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<VersionRow>>> {
    let texts = consent::texts(&app, account.tenant).await?;
    let row = |one: TextOf| VersionRow {
        version: one.version,
        current: one.current,
        made: one.made,
        languages: one.texts.into_keys().collect(),
    };
    Ok(Json(versions(texts).into_iter().map(row).collect()))
}

/// One version of the text, in all its languages.
#[utoipa::path(
    get, path = "/api/v1/consent-texts/{version}", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("version" = String, Path, description = "also an earlier one")),
    responses(
        (status = 200, body = TextOf),
        (status = 401, body = Detail),
        (status = 404, body = Detail),
    )
)]
async fn text(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(version): Path<String>,
) -> ApiResult<Json<TextOf>> {
    let texts = consent::texts(&app, account.tenant).await?;
    let found = versions(texts)
        .into_iter()
        .find(|one| one.version == version);
    found
        .map(Json)
        .ok_or_else(|| ApiError::not_found("Consent text not found"))
}

/// A new text.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewText {
    /// Language (BCP 47) to words in plain text, 16,000 characters at most.
    texts: BTreeMap<String, String>,
}

/// A new version.
#[derive(Serialize, ToSchema)]
struct Version {
    #[schema(example = "own-1")]
    version: String,
}

/// Ask people by a text of one's own from now on. Who agreed to an earlier one agreed to that, which stays readable.
#[utoipa::path(
    post, path = "/api/v1/consent-texts", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    request_body = NewText,
    responses(
        (status = 201, body = Version),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 409, body = Detail, description = "There are as many as there may be"),
        (status = 422, body = FieldProblems),
    )
)]
async fn add_text(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    form::Json(NewText { texts }): form::Json<NewText>,
) -> ApiResult<(StatusCode, Json<Version>)> {
    let wrong = |why| ApiError::field(FieldProblem::body("value_error", "texts", why));
    if texts.is_empty() || texts.len() > MOST_LANGUAGES {
        return Err(wrong("A text in one to 32 languages is wanted"));
    }
    let is_tag = |tag: &String| {
        (2..=35).contains(&tag.len())
            && tag.split('-').all(|part| {
                (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
            })
    };
    if !texts.keys().all(is_tag) {
        return Err(wrong("Languages should be tags like en or de-AT"));
    }
    let fits = |text: &String| {
        let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        !text.trim().is_empty() && text.chars().count() <= MOST_CHARS && !text.contains(bad)
    };
    if !texts.values().all(fits) {
        return Err(wrong(
            "A text has 1 to 16000 characters and no control characters",
        ));
    }
    let texts = texts.into_iter().collect();
    let added = app
        .store
        .add_text(account.tenant, account.id, app.now(), texts)
        .await;
    match added {
        Ok(version) => Ok((StatusCode::CREATED, Json(Version { version }))),
        Err(full @ StoreError::TooMany(_)) => {
            Err(ApiError::refused(StatusCode::CONFLICT, full.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a person agreed to, and what is kept of their face.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/consents", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's people, also one who left")),
    responses(
        (status = 200, body = ConsentsOf),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn consents(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<ConsentsOf>> {
    let person = ever(&app, &account, &id).await?.person;
    Ok(Json(consents_of(&app, account.tenant, person).await?))
}

/// What the caller agreed to, and what is kept of their face.
#[utoipa::path(
    get, path = "/api/v1/me/consents", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = ConsentsOf), (status = 401, body = Detail))
)]
async fn own_consents(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<ConsentsOf>> {
    Ok(Json(consents_of(&app, account.tenant, account.id).await?))
}

/// A consent that was given on paper.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Recording {
    /// `paper`.
    #[schema(example = "paper")]
    how: String,
    /// The text's version; the current one where it is left out.
    version: Option<String>,
    /// The language in which they read it.
    language: Option<String>,
    /// When they signed; now where it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// Which consent.
#[derive(Serialize, ToSchema)]
struct Recorded {
    id: Uuid,
}

/// Record that a person agreed on paper to the use of their face.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/consents", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body = Recording,
    responses(
        (status = 201, body = Recorded),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
        (status = 422, body = FieldProblems),
    )
)]
async fn record(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    recording: ApiResult<form::Json<Recording>>,
) -> ApiResult<(StatusCode, Json<Recorded>)> {
    let changing = ever(&app, &account, &id).await?;
    let form::Json(recording) = recording?;
    if recording.how != "paper" {
        return Err(ApiError::field(FieldProblem::body("enum", "how", HOW)));
    }
    let said = Said {
        version: recording.version,
        language: recording.language,
        at: recording.at,
    };
    let given = on_paper(&app, account.tenant, said).await?;
    let id = app.store.give_consent(changing, given).await;
    let id = id.map_err(|error| match error {
        StoreError::Missing(_) => unknown(),
        other => other.into(),
    })?;
    Ok((StatusCode::CREATED, Json(Recorded { id })))
}

/// Fields of an enrolment of somebody who is there already.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the OpenAPI file")]
struct FaceAnewForm {
    /// One to ten pictures with one face each.
    #[schema(min_items = 1, max_items = 10)]
    image: Vec<String>,
    /// `paper` where they signed the text just now; left out where a consent stands already.
    consent: Option<String>,
    /// The text's version; the current one where it is left out.
    consent_version: Option<String>,
    /// The language in which they read it.
    consent_language: Option<String>,
    /// When they signed.
    #[schema(format = DateTime)]
    consent_at: Option<String>,
}

/// Enrol the face of somebody who is there already, or enrol it anew.
#[utoipa::path(
    post, path = "/api/v1/people/{id}/face", tag = "people", security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's employees")),
    request_body(content = FaceAnewForm, content_type = "multipart/form-data"),
    responses(
        (status = 204, description = "Their face is enrolled"),
        (status = 400, body = Detail, description = "`Face already registered`, `Error processing image: …`"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
        (status = 413, body = Detail),
        (status = 422, body = FieldProblems, description = "Also where no consent stands"),
    )
)]
async fn enrol_face(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
    form: ApiResult<Form>,
) -> ApiResult<StatusCode> {
    let changing = ever(&app, &account, &id).await?;
    let (images, said) = form?.read(|f| (f.files("image"), said(f)))?;
    people::check_number(images.len(), MOST_PICTURES)?;
    let given = match said {
        Some(said) => Some(on_paper(&app, account.tenant, said).await?),
        None => None,
    };
    // Before pictures are looked at: without a consent they must not be.
    if given.is_none() && !stands(&app, changing).await? {
        return Err(no_consent());
    }
    let face = people::new_face(&app, account.tenant, Some(changing), images).await?;
    let template = enrolment::seal(&app, changing.tenant, changing.person, &face.template)?;
    if let Some(given) = given {
        app.store
            .give_consent(changing, given)
            .await
            .map_err(gone)?;
    }
    app.store.enrol(changing, template).await.map_err(gone)?;
    people::look_for_twins(&app, changing, face.probe).await;
    let _nobody_listens = app.changed.send(account.tenant);
    Ok(StatusCode::NO_CONTENT)
}

fn gone(error: StoreError) -> ApiError {
    match error {
        StoreError::Missing(_) => unknown(),
        StoreError::NoConsent => no_consent(),
        other => other.into(),
    }
}

/// Whether a consent to the use of the face at doors stands.
async fn stands(app: &App, changing: Changing) -> ApiResult<bool> {
    let all = app.store.consents(changing.tenant, changing.person).await?;
    let holds = |one: &Consent| one.purpose == "attendance" && one.withdrawn.is_none();
    Ok(all.iter().any(holds))
}

/// What was erased.
#[derive(Serialize, ToSchema)]
struct Erased {
    /// The erasure, of which there is a certificate; none where nothing was there.
    erasure: Option<Uuid>,
}

/// Withdraw a person's consent for them: every template is deleted, here at once and in terminals as they are
/// reached. PIN and badge stay.
#[utoipa::path(
    delete, path = "/api/v1/people/{id}/face", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's people, also one who left")),
    responses(
        (status = 200, body = Erased),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn withdraw(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<Erased>> {
    let changing = ever(&app, &account, &id).await?;
    let erasure = erasure::erase(&app, changing, Why::Withdrawn).await?;
    Ok(Json(Erased { erasure }))
}

/// Withdraw one's own consent: every template is deleted, here at once and in terminals as they are reached. PIN and
/// badge stay.
#[utoipa::path(
    delete, path = "/api/v1/me/face", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Erased), (status = 401, body = Detail))
)]
async fn withdraw_own(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Erased>> {
    let changing = Changing {
        tenant: account.tenant,
        person: account.id,
        by: account.id,
        at: app.now(),
    };
    let erasure = erasure::erase(&app, changing, Why::Withdrawn).await?;
    Ok(Json(Erased { erasure }))
}

/// The certificates of a person, the latest first.
pub(super) async fn certificates(
    app: &App,
    tenant: TenantId,
    person: AccountId,
) -> ApiResult<Vec<Signed>> {
    let found = app.store.tenant(tenant).await?;
    let site = found.ok_or_else(unknown)?.site.id;
    let mut signed = Vec::new();
    for one in app.store.erasures(tenant, person).await? {
        let certificate = Certificate::of(tenant, one, app.now());
        let certificate = erasure::sign(app, tenant, site, certificate).await;
        signed.push(certificate.map_err(|e| ApiError::internal("signing a certificate", e))?);
    }
    Ok(signed)
}

/// What was erased of a person: certificates, as of now, the latest first.
#[utoipa::path(
    get, path = "/api/v1/people/{id}/erasures", tag = "consent",
    security(("bearer" = []), ("cookie" = [])),
    params(("id" = String, Path, description = "one of the caller's people, also one who left")),
    responses(
        (status = 200, body = Vec<Signed>),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
        (status = 404, body = Detail, description = "`Employee not found`"),
    )
)]
async fn erasures(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<Signed>>> {
    let person = ever(&app, &account, &id).await?.person;
    Ok(Json(certificates(&app, account.tenant, person).await?))
}

/// What was erased of the caller: certificates, as of now, the latest first.
#[utoipa::path(
    get, path = "/api/v1/me/erasures", tag = "consent", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Vec<Signed>), (status = 401, body = Detail))
)]
async fn own_erasures(
    State(app): State<Arc<App>>,
    Allowed(account): Allowed,
) -> ApiResult<Json<Vec<Signed>>> {
    Ok(Json(certificates(&app, account.tenant, account.id).await?))
}
