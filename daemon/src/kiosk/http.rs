//! The page, what it shows, what the camera sees, and the buttons.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use limen_wire::event::{Change, Direction};
use rust_embed::Embed;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt};
use zeroize::Zeroizing;

use super::sight::{self, Sight};
use super::{Happened, Screen, Shown, guard};
use crate::door::{Door, NotAmended};
use crate::health::Vitals;
use crate::vision::Touch;

/// Most bytes of a button's message.
const MESSAGE: usize = 1024;

/// How long the page waits for the next frame.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where a frame's facts stand in the answer.
const FACTS: HeaderName = HeaderName::from_static("x-limen-frame");

/// The page's files.
#[derive(Embed)]
#[folder = "kiosk"]
struct Page;

/// What the answers are made of.
#[derive(Clone)]
pub(super) struct App {
    pub(super) shown: watch::Receiver<Shown>,
    pub(super) screen: Screen,
    pub(super) door: Arc<Door>,
    pub(super) touch: Touch,
    pub(super) preview: bool,
    pub(super) vitals: Arc<Vitals>,
}

/// Everything that is answered at the address `here`.
pub(super) fn router(app: App, here: SocketAddr) -> Router {
    Router::new()
        .route("/", get(async || file("index.html")))
        .route(
            "/{*path}",
            get(async |Path(path): Path<String>| file(&path)),
        )
        .route("/shown", get(shown))
        .route("/frame", get(frame))
        .route("/metrics", get(metrics))
        .route("/touch", post(touched))
        .route("/direction", post(direction))
        .route("/amend", post(amend))
        .route("/pin", post(pin))
        .layer(DefaultBodyLimit::max(MESSAGE))
        .layer(middleware::from_fn_with_state(here, guard::own_page))
        .with_state(app)
}

/// Of the languages that a site wants, those that the page has words in; all that it has where it
/// wants none of them.
pub(super) fn languages(wanted: &[String]) -> Vec<String> {
    let held: Vec<String> = Page::iter()
        .filter_map(|path| {
            let name = path.strip_prefix("words/")?.strip_suffix(".json")?;
            Some(name.to_owned())
        })
        .collect();
    let mut offered: Vec<String> = Vec::new();
    for language in wanted {
        // de-AT is read by whoever reads de.
        let plain = language.split('-').next().unwrap_or_default();
        if held.iter().any(|held| held == plain) && !offered.iter().any(|other| other == plain) {
            offered.push(plain.to_owned());
        }
    }
    if offered.is_empty() {
        offered = held;
        offered.sort_by_key(|language| language != "en");
    }
    offered
}

fn file(path: &str) -> Response {
    let Some(file) = Page::get(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        _ => "application/octet-stream",
    };
    ([(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
}

/// For a Prometheus on this machine.
async fn metrics(State(app): State<App>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.vitals.metrics()).into_response()
}

/// What is shown, now and whenever it changes.
async fn shown(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = WatchStream::new(app.shown).map(|shown| {
        // A map of words, numbers and truths can be written.
        Ok(Event::default().json_data(shown).unwrap_or_default())
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(5)))
}

/// Which frame was seen last.
#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

/// What the page is told with a frame.
#[derive(Serialize)]
struct Facts {
    number: u64,
    /// In pixels; 0 where no picture is shown.
    width: u32,
    height: u32,
    /// Where the face is that is meant: left, top, right, bottom, in shares of the picture.
    face: Option<[f32; 4]>,
}

/// The next frame: its pixels in the body, its facts in a header. Without an answer that came in
/// time, or where nothing is looked at, no content.
async fn frame(State(app): State<App>, Query(After { after }): Query<After>) -> Response {
    let mut sights = app.screen.sights.subscribe();
    let next = sights.wait_for(|sight| sight.number > after && sight.frame.is_some());
    let Ok(Ok(sight)) = tokio::time::timeout(PATIENCE, next)
        .await
        .map(|next| next.map(|sight| sight.clone()))
    else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let Sight {
        number,
        frame: Some(frame),
        face,
    } = sight
    else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let face = face.map(|face| sight::shares(&frame, &face));
    let (width, height, pixels) = match app.preview {
        true => {
            let small = sight::small(&frame);
            (small.width, small.height, small.rgba)
        }
        false => (0, 0, Vec::new()),
    };
    let facts = Facts {
        number,
        width,
        height,
        face,
    };
    let facts = serde_json::to_string(&facts)
        .ok()
        .and_then(|facts| HeaderValue::from_str(&facts).ok())
        .unwrap_or(HeaderValue::from_static("{}"));
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind), (FACTS, facts)], pixels).into_response()
}

/// The screen was touched.
async fn touched(State(app): State<App>) -> StatusCode {
    app.touch.tap();
    StatusCode::NO_CONTENT
}

/// Which way whoever was asked, or whoever comes now, goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    direction: Direction,
}

async fn direction(State(app): State<App>, Json(stated): Json<Stated>) -> StatusCode {
    let door = Arc::clone(&app.door);
    answered(move || door.state(stated.direction)).await
}

/// What is to be changed about a punch that is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amending {
    seq: u64,
    change: Button,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Button {
    In,
    Out,
    NotMe,
}

async fn amend(State(app): State<App>, Json(amending): Json<Amending>) -> StatusCode {
    let Amending { seq, change } = amending;
    let change = match change {
        Button::In => Change::Direction(Direction::In),
        Button::Out => Change::Direction(Direction::Out),
        Button::NotMe => Change::NotMe,
    };
    let door = Arc::clone(&app.door);
    let amended = tokio::task::spawn_blocking(move || door.amend(seq, change)).await;
    match amended {
        Ok(Ok(())) => {
            app.screen.tell(Happened::Amended(seq, change));
            StatusCode::NO_CONTENT
        }
        Ok(Err(NotAmended::TooLate(_))) => StatusCode::CONFLICT,
        Ok(Err(NotAmended::Refused(refused))) => {
            tracing::error!(why = %refused, "a change of a punch could not be recorded");
            StatusCode::SERVICE_UNAVAILABLE
        }
        Err(panicked) => {
            tracing::error!(%panicked, "a change of a punch failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// A number and a PIN.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    typed: String,
}

/// Answered once it was checked; what it led to is shown like any other way in.
async fn pin(State(app): State<App>, Json(Pin { typed }): Json<Pin>) -> StatusCode {
    let (door, typed) = (Arc::clone(&app.door), Zeroizing::new(typed));
    answered(move || door.pin(&typed)).await
}

/// Does what waits for the disk beside the screen's thread.
async fn answered(what: impl FnOnce() + Send + 'static) -> StatusCode {
    match tokio::task::spawn_blocking(what).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(panicked) => {
            tracing::error!(%panicked, "a button of the screen failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use limen_wire::event::Rejection;
    use serde_json::Value;

    use super::*;
    use crate::kiosk::board::{Hint, Trouble, Why};

    fn words(language: &str) -> Value {
        let file = Page::get(&format!("words/{language}.json")).unwrap();
        serde_json::from_slice(&file.data).unwrap()
    }

    /// Every word with its place and the names in braces that it is filled with.
    fn places(words: &Value, place: &str, found: &mut BTreeSet<String>) {
        match words {
            Value::Object(fields) => {
                for (name, words) in fields {
                    places(words, &format!("{place}.{name}"), found);
                }
            }
            Value::String(text) => {
                let mut filled: Vec<&str> = text
                    .split('{')
                    .skip(1)
                    .filter_map(|rest| rest.split('}').next())
                    .collect();
                filled.sort_unstable();
                assert!(!text.trim().is_empty(), "{place} is empty");
                found.insert(format!("{place} {filled:?}"));
            }
            other => panic!("{place} is {other}"),
        }
    }

    #[test]
    fn every_language_says_everything() {
        let all = |language: &str| {
            let mut found = BTreeSet::new();
            places(&words(language), "", &mut found);
            found
        };
        let english = all("en");
        let languages = languages(&[]);
        assert_eq!(languages.len(), 4);
        for language in languages {
            assert_eq!(all(&language), english, "{language}");
            let direction = if language == "ar" { "rtl" } else { "ltr" };
            assert_eq!(words(&language)["dir"], direction);
        }
    }

    #[test]
    fn there_are_words_for_every_answer() {
        let english = words("en");
        let key = |value: Value| value.as_str().unwrap().to_owned();
        let rejections = [
            Rejection::Unknown,
            Rejection::Ambiguous,
            Rejection::Presentation,
            Rejection::Quality,
            Rejection::Pin,
            Rejection::Badge,
            Rejection::Qr,
            Rejection::SecondFactor,
            Rejection::Closed,
            Rejection::Paused,
        ];
        for why in rejections
            .map(Why::Rejected)
            .into_iter()
            .chain([Trouble::NotRecorded, Trouble::DiskFull].map(Why::Trouble))
        {
            let why = key(serde_json::to_value(why).unwrap());
            assert!(english["why"][&why].is_string(), "{why}");
        }
        for hint in [
            Hint::OneAtATime,
            Hint::Small,
            Hint::Cropped,
            Hint::Dark,
            Hint::Overexposed,
            Hint::Backlit,
            Hint::Occluded,
            Hint::Turned,
            Hint::Leaning,
            Hint::Blurred,
            Hint::TurnLeft,
            Hint::TurnRight,
        ] {
            let hint = key(serde_json::to_value(hint).unwrap());
            assert!(english["hints"][&hint].is_string(), "{hint}");
        }
    }

    #[test]
    fn a_site_is_offered_the_languages_that_there_are_words_in() {
        let offered = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|&one| one.to_owned()).collect();
            languages(&wanted)
        };
        assert_eq!(offered(&["de-AT", "fr", "de", "ar"]), ["de", "ar"]);
        assert_eq!(offered(&["fr"])[0], "en");
        assert_eq!(offered(&[]).len(), 4);
    }

    #[test]
    fn a_path_never_leaves_the_page() {
        for path in [
            "../terminal.toml",
            "words/../../Cargo.toml",
            "",
            "/etc/passwd",
        ] {
            assert_eq!(file(path).status(), StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(file("page.js").status(), StatusCode::OK);
    }
}
