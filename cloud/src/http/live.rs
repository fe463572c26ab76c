//! `/api/v1/live`: the live page's data, once and as a stream of server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{Allowed, Caller};
use super::error::{ApiResult, Detail};
use super::rights::WATCHERS;
use crate::App;
use crate::attendance::AttendanceError;
use crate::live::{self, Snapshot};
use crate::site::Scope;
use crate::store::{Account, Hash, TenantId};

/// How long a heap of changes is gathered before it is shown.
const GATHER: Duration = Duration::from_millis(150);
/// How often it is looked whether the caller is still logged in.
const LOOK: Duration = Duration::from_secs(5);
/// How often everything is shown although nothing has happened: time passes for who is in.
const REFRESH: Duration = Duration::from_secs(30);
/// How often a line without news carries a comment, so that nothing between cuts it.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// These routes.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(now))
        .routes(routes!(events))
}

/// Who is in, the last punches and refusals, and how the terminals are.
#[utoipa::path(
    get, path = "/api/v1/live", tag = "live", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Snapshot),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn now(State(app): State<Arc<App>>, Allowed(account): Allowed) -> ApiResult<Json<Snapshot>> {
    let scope = Scope::of(&app, &account).await?;
    let snapshot = live::snapshot(&app, account.tenant, &scope, app.now()).await?;
    Ok(Json(snapshot))
}

/// The same as a stream: an event `snapshot` at once and after each change, until the caller logs out.
#[utoipa::path(
    get, path = "/api/v1/live/events", tag = "live", security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, body = Snapshot, content_type = "text/event-stream",
         description = "events `snapshot`, each with this as its data"),
        (status = 401, body = Detail),
        (status = 403, body = Detail),
    )
)]
async fn events(State(app): State<Arc<App>>, caller: Caller) -> ApiResult<Response> {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed {
        // Heard from before the first snapshot is made, so that nothing falls between.
        changed: app.changed.subscribe(),
        tenant: caller.account.tenant,
        session: caller.session,
        look,
        shown: None,
        app,
    };
    let events = stream::unfold(feed, async |mut feed| {
        let event = feed.next().await?;
        Some((Ok::<_, Infallible>(event), feed))
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // A proxy that gathers an answer before it passes it on would show nothing.
    Ok(([("x-accel-buffering", "no")], stream).into_response())
}

/// One page that is looking.
struct Feed {
    app: Arc<App>,
    tenant: TenantId,
    session: Hash,
    changed: Receiver<TenantId>,
    look: Interval,
    /// When the last snapshot was made.
    shown: Option<Instant>,
}

impl Feed {
    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        while self.shown.is_some_and(|shown| shown.elapsed() < REFRESH) {
            let stop = self.app.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = self.changed.recv() => match changed {
                    Ok(tenant) if tenant != self.tenant => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        self.gather().await;
                        break;
                    }
                    Err(RecvError::Closed) => return None,
                },
                _ = self.look.tick() => if !self.is_logged_in().await {
                    return None;
                },
            }
        }
        let account = self.account().await?;
        let snapshot = self.snapshot(&account).await;
        self.shown = Some(Instant::now());
        match snapshot {
            Ok(snapshot) => Event::default().event("snapshot").json_data(&snapshot).ok(),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the live page got no snapshot; its stream is closed"
                );
                None
            }
        }
    }

    /// Waits a moment for more of the same, so that a batch of events is one snapshot.
    async fn gather(&mut self) {
        tokio::time::sleep(GATHER).await;
        while !matches!(
            self.changed.try_recv(),
            Err(TryRecvError::Empty | TryRecvError::Closed)
        ) {}
    }

    /// What they may see now: it may have been changed since they logged in.
    async fn snapshot(&self, account: &Account) -> Result<Snapshot, AttendanceError> {
        let scope = Scope::of(&self.app, account).await?;
        live::snapshot(&self.app, self.tenant, &scope, self.app.now()).await
    }

    async fn is_logged_in(&self) -> bool {
        self.account().await.is_some()
    }

    /// Whoever looks, while they may.
    async fn account(&self) -> Option<Account> {
        let account = self
            .app
            .store
            .session_account(self.session, self.app.now())
            .await;
        let account = account.ok().flatten();
        account.filter(|account| WATCHERS.lets(account.role) && account.tenant == self.tenant)
    }
}
