//! Bodies: forms with or without pictures, and JSON, with every limit that an upload meets.
//!
//! A form is urlencoded or multipart. What a handler needs is asked for through [`Form::read`]; what is
//! missing or malformed comes back at once and whole, as a 422 that lists each field.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use super::error::{ApiError, ApiResult, FieldProblem};
use crate::App;
use crate::enrolment::GRAIN_BYTES;

/// Most bytes of one picture: room for 24 megapixels of PNG. A buffer that doubles while it grows stays
/// under the 96 MiB that one allocation may have.
const PICTURE_BYTES: usize = 48 << 20;
/// Most bytes of one text field.
const TEXT_BYTES: usize = 16 << 10;
/// Most bytes of a body that holds no picture.
const PLAIN_BYTES: usize = 64 << 10;
/// Most parts of one form.
const PARTS: usize = 48;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most bytes of a form with one picture.
pub(super) const PICTURE_FORM_BYTES: usize = PICTURE_BYTES + (1 << 20);
/// Most bytes of a form with several pictures.
pub(super) const PICTURES_FORM_BYTES: usize = 128 << 20;

/// A form as it came.
#[derive(Default)]
pub struct Form {
    texts: Vec<(String, String)>,
    files: Vec<(String, Bytes)>,
    room: Room,
}

/// The memory that a form with pictures takes, out of what all of them may have.
#[derive(Default)]
struct Room {
    bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes what `more` bytes need.
    fn take(&mut self, app: &App, more: usize) -> ApiResult<()> {
        self.bytes += more;
        while self
            .taken
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits)
            * GRAIN_BYTES
            < self.bytes
        {
            let grain = app.faces.room().ok_or_else(|| {
                ApiError::refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Too many pictures are being sent at the moment; try again shortly",
                )
            })?;
            match &mut self.taken {
                Some(taken) => taken.merge(grain),
                None => self.taken = Some(grain),
            }
        }
        Ok(())
    }
}

/// Reads fields out of a form and gathers what is wrong.
pub struct Fields<'f> {
    form: &'f Form,
    problems: Vec<FieldProblem>,
}

fn malformed() -> ApiError {
    ApiError::bad_request("There was an error parsing the body")
}

fn too_large() -> ApiError {
    ApiError::refused(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
}

impl Form {
    /// Reads what a handler needs.
    ///
    /// # Errors
    /// 422 with every field that `reading` found missing or malformed.
    pub fn read<T>(&self, reading: impl FnOnce(&mut Fields<'_>) -> T) -> ApiResult<T> {
        let mut fields = Fields {
            form: self,
            problems: Vec::new(),
        };
        let value = reading(&mut fields);
        if fields.problems.is_empty() {
            Ok(value)
        } else {
            Err(ApiError::Fields(fields.problems))
        }
    }

    async fn from_multipart(app: &App, mut parts: Multipart) -> ApiResult<Self> {
        let mut form = Self::default();
        loop {
            let part = parts.next_field().await.map_err(|error| refused(&error))?;
            let Some(mut part) = part else {
                return Ok(form);
            };
            if form.texts.len() + form.files.len() >= PARTS {
                return Err(too_large());
            }
            let name = part.name().ok_or_else(malformed)?.to_owned();
            let file = part.file_name().map(str::to_owned);
            let most = file.as_ref().map_or(TEXT_BYTES, |_| PICTURE_BYTES);
            let mut bytes = Vec::new();
            while let Some(chunk) = part.chunk().await.map_err(|error| refused(&error))? {
                if bytes.len() + chunk.len() > most {
                    return Err(too_large());
                }
                form.room.take(app, chunk.len())?;
                bytes.extend_from_slice(&chunk);
            }
            match file {
                // What a browser sends where nobody chose a file.
                Some(file) if file.is_empty() && bytes.is_empty() => {}
                Some(_) => form.files.push((name, bytes.into())),
                None => {
                    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
                    form.texts.push((name, text));
                }
            }
        }
    }
}

fn refused(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        malformed()
    }
}

impl Fields<'_> {
    /// Adds something that is wrong.
    pub(super) fn problem(&mut self, problem: FieldProblem) {
        self.problems.push(problem);
    }

    /// The text of a field that may be left out. The last of several counts, as in the old backend.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        let text = self.form.texts.iter().rfind(|(key, _)| key == name);
        if text.is_none() && self.form.files.iter().any(|(key, _)| key == name) {
            self.problem(FieldProblem::body(
                "string_type",
                name,
                "Input should be a valid string",
            ));
        }
        text.map(|(_, value)| value.clone())
    }

    /// The text of a field; empty after a problem.
    pub fn text(&mut self, name: &str) -> String {
        let before = self.problems.len();
        match self.optional_text(name) {
            Some(text) if !text.is_empty() => text,
            _ => {
                if self.problems.len() == before {
                    self.problem(FieldProblem::missing(name));
                }
                String::new()
            }
        }
    }

    /// A name to show: 1 to 200 characters without control characters, spaces around it taken off.
    pub fn name(&mut self, field: &str) -> String {
        let before = self.problems.len();
        let name = self.text(field).trim().to_owned();
        if self.problems.len() == before
            && let Err(why) = check_name(&name)
        {
            self.problem(FieldProblem::body("value_error", field, why));
        }
        name
    }

    /// An e-mail to be kept, without the spaces around it.
    pub fn email(&mut self, field: &str) -> String {
        let before = self.problems.len();
        let email = self.text(field).trim().to_owned();
        if self.problems.len() == before
            && let Err(why) = check_email(&email)
        {
            self.problem(FieldProblem::body("value_error", field, why));
        }
        email
    }

    /// Currency units an hour: a decimal number from 0 to 1,000,000 with six places at most.
    pub fn hourly_rate(&mut self, field: &str) -> Decimal {
        let before = self.problems.len();
        let text = self.text(field);
        if self.problems.len() > before {
            return Decimal::ZERO;
        }
        match text.trim().parse::<Decimal>() {
            Err(_) => self.problem(FieldProblem::body(
                "float_parsing",
                field,
                "Input should be a valid number, unable to parse string as a number",
            )),
            Ok(rate) => match check_rate(rate) {
                Ok(()) => return rate.normalize(),
                Err(why) => self.problem(FieldProblem::body("value_error", field, why)),
            },
        }
        Decimal::ZERO
    }

    /// `true` or `false`, in the spellings that forms use; `false` where it is left out.
    pub fn flag(&mut self, field: &str) -> bool {
        let Some(text) = self.optional_text(field) else {
            return false;
        };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => true,
            "false" | "0" | "off" | "no" | "" => false,
            _ => {
                self.problem(FieldProblem::body(
                    "bool_parsing",
                    field,
                    "Input should be a valid boolean, unable to interpret input",
                ));
                false
            }
        }
    }

    /// The files of a field, or none. One that has a name and holds nothing is a file.
    pub fn optional_files(&mut self, name: &str) -> Vec<Bytes> {
        let has_text = self.form.texts.iter().any(|(key, _)| key == name);
        if has_text || self.form.files.iter().any(|(key, _)| key == name) {
            return self.files(name);
        }
        Vec::new()
    }

    /// The files of a field: one or more; empty after a problem.
    pub fn files(&mut self, name: &str) -> Vec<Bytes> {
        let files: Vec<Bytes> = self
            .form
            .files
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, bytes)| bytes.clone())
            .collect();
        if files.is_empty() {
            let text_instead = self.form.texts.iter().any(|(key, _)| key == name);
            self.problem(if text_instead {
                FieldProblem::body(
                    "value_error",
                    name,
                    "Value error, expected a file to be uploaded",
                )
            } else {
                FieldProblem::missing(name)
            });
        }
        files
    }

    /// The one file of a field; the last of several counts.
    pub fn file(&mut self, name: &str) -> Bytes {
        self.files(name).pop().unwrap_or_default()
    }
}

/// Checks a name to show.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        return Err("Value error, a name is wanted");
    }
    if name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err("Value error, a name has at most 200 characters and no control characters");
    }
    Ok(())
}

/// Checks currency units an hour: 0 to 1,000,000 with six places at most.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn check_rate(rate: Decimal) -> Result<(), &'static str> {
    if rate.is_sign_negative() && !rate.is_zero() {
        return Err("Input should be greater than or equal to 0");
    }
    if rate > Decimal::from(1_000_000) || rate.normalize().scale() > 6 {
        return Err("Input should be at most 1000000 with at most 6 decimal places");
    }
    Ok(())
}

/// Checks the form of an e-mail address: something, an `@`, a host; nothing that could break a header.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn check_email(email: &str) -> Result<(), &'static str> {
    let sound = email.len() <= 254
        && !email.chars().any(|c| c.is_control() || c.is_whitespace())
        && email.rsplit_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.is_empty() && !host.starts_with('.') && !host.ends_with('.')
        });
    if sound {
        Ok(())
    } else {
        Err("value is not a valid email address")
    }
}

fn content_type(request: &Request) -> &str {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map_or("", str::trim)
}

impl FromRequest<Arc<App>> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> ApiResult<Self> {
        let kind = content_type(&request).to_ascii_lowercase();
        let reading = async {
            match kind.as_str() {
                "multipart/form-data" => {
                    let parts = Multipart::from_request(request, app)
                        .await
                        .map_err(|_| malformed())?;
                    Self::from_multipart(app, parts).await
                }
                "application/x-www-form-urlencoded" => Ok(Self {
                    texts: urlencoded(request).await?,
                    ..Self::default()
                }),
                // As the old backend: a body of another kind holds none of the fields.
                _ => Ok(Self::default()),
            }
        };
        in_time(reading).await
    }
}

/// The pairs of an urlencoded body.
async fn urlencoded(request: Request) -> ApiResult<Vec<(String, String)>> {
    let (head, body) = request.into_parts();
    let bytes = plain(body).await?;
    let request = Request::from_parts(head, bytes.into());
    let axum::Form(pairs) = axum::Form::from_request(request, &())
        .await
        .map_err(|_| malformed())?;
    Ok(pairs)
}

async fn plain(body: Body) -> ApiResult<Bytes> {
    axum::body::to_bytes(body, PLAIN_BYTES)
        .await
        .map_err(|_| too_large())
}

async fn in_time<T>(reading: impl Future<Output = ApiResult<T>>) -> ApiResult<T> {
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap_or_else(|_| {
            Err(ApiError::refused(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not come in time",
            ))
        })
}

/// A JSON body of at most 64 KiB.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<App>) -> ApiResult<Self> {
        // A form that another site's page posts has another content type: only our page sends this one.
        if !content_type(&request).eq_ignore_ascii_case("application/json") {
            return Err(ApiError::refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with content-type: application/json",
            ));
        }
        let bytes = in_time(plain(request.into_body())).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let message = error.to_string();
            let missing = message
                .strip_prefix("missing field `")
                .and_then(|rest| rest.split_once('`'))
                .map(|(field, _)| field);
            ApiError::field(match missing {
                Some(field) => FieldProblem::missing(field),
                None => FieldProblem {
                    kind: if error.is_data() {
                        "value_error"
                    } else {
                        "json_invalid"
                    },
                    loc: vec!["body".to_owned()],
                    msg: message.into(),
                },
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn form(texts: &[(&str, &str)], files: &[(&str, &'static [u8])]) -> Form {
        Form {
            texts: texts
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            files: files
                .iter()
                .map(|(k, v)| ((*k).to_owned(), Bytes::from_static(v)))
                .collect(),
            room: Room::default(),
        }
    }

    fn kinds(result: ApiResult<impl Sized>) -> Vec<(&'static str, String)> {
        match result {
            Ok(_) => Vec::new(),
            Err(ApiError::Fields(problems)) => problems
                .into_iter()
                .map(|p| (p.kind, p.loc[1].clone()))
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let form = form(
            &[
                ("image", "not a file"),
                ("hourly_rate", "much"),
                ("email", "nobody"),
            ],
            &[("username", b"a file")],
        );
        let result = form.read(|f| {
            (
                f.name("username"),
                f.email("email"),
                f.text("password"),
                f.hourly_rate("hourly_rate"),
                f.file("image"),
            )
        });
        let field = |kind, name: &str| (kind, name.to_owned());
        assert_eq!(
            kinds(result),
            [
                field("string_type", "username"),
                field("value_error", "email"),
                field("missing", "password"),
                field("float_parsing", "hourly_rate"),
                field("value_error", "image"),
            ]
        );
    }

    #[rstest]
    #[case("21.5", true)]
    #[case("0", true)]
    #[case("-0", true)]
    #[case("1e3", true)]
    #[case("-1", false)]
    #[case("1000000.1", false)]
    #[case("1.0000001", false)]
    #[case("1.0000000", true)]
    #[case("NaN", false)]
    #[case("inf", false)]
    fn rates(#[case] text: &str, #[case] good: bool) {
        let result = form(&[("r", text)], &[]).read(|f| f.hourly_rate("r"));
        assert_eq!(result.is_ok(), good, "{text}");
    }

    #[rstest]
    #[case("a@b", true)]
    #[case("a@b.example", true)]
    #[case("@b", false)]
    #[case("a@", false)]
    #[case("a b@c", false)]
    #[case("a\r\nBcc:@c", false)]
    fn emails(#[case] email: &str, #[case] good: bool) {
        assert_eq!(check_email(email).is_ok(), good, "{email}");
    }

    #[tokio::test]
    async fn urlencoded_bodies_are_read_with_their_escapes() {
        let body = Body::from("email=a%40b.example&password=a+b%26c");
        let request = Request::post("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .unwrap();
        let pairs = urlencoded(request).await.unwrap();
        assert_eq!(pairs[0], ("email".to_owned(), "a@b.example".to_owned()));
        assert_eq!(pairs[1].1, "a b&c");
    }
}
