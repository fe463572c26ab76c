//! One message of a terminal: whose it is, whether it holds, and what it says.

use std::sync::Arc;

use limen_wire::event::{Clock, Event};
use limen_wire::jws::{self, Expected, Verified};
use limen_wire::topic::{Kind, Topic, Up};
use limen_wire::{Ack, CommandResult, Hello, RosterApplied, Status, chain};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::batch::Waiting;
use super::{Refusal, fact_of};
use crate::App;
use crate::downlink::{self, Known, Line};
use crate::store::ledger::{Greeting, NewEvent, NewStatus, OutboxKey, Outcome, SyncMark};

/// A message that holds, and is kept when this is done.
pub(crate) struct Pending {
    /// The session that a `hello` began.
    pub(crate) began: Option<Uuid>,
    event: Option<oneshot::Receiver<Outcome>>,
}

impl Pending {
    const KEPT: Self = Self {
        began: None,
        event: None,
    };

    /// Waits until the message is kept.
    ///
    /// # Errors
    /// [`Refusal::NotWritten`] when it could not be.
    pub(crate) async fn kept(self) -> Result<(), Refusal> {
        match self.event {
            None => Ok(()),
            Some(event) => event.await.map(drop).map_err(|_| Refusal::NotWritten),
        }
    }
}

/// Takes what came on a topic. `session` is the one that the terminal began on this line, where its carrier
/// knows; `line` is the connection to the listener, where it is one.
///
/// Events are queued in the order in which they are taken; everything else is kept when this returns.
///
/// # Errors
/// Why it is refused. It is counted and logged here.
pub(crate) async fn take(
    app: &Arc<App>,
    topic: &str,
    payload: &[u8],
    session: Option<Uuid>,
    line: Option<&Line>,
) -> Result<Pending, Refusal> {
    let taken = taken(app, topic, payload, session, line).await;
    if let Err(refusal) = &taken {
        let cause = std::error::Error::source(refusal).map(ToString::to_string);
        if refusal.is_ours() {
            tracing::error!(topic, %refusal, cause, "a terminal's message was not kept");
        } else {
            app.metrics.event("refused");
            tracing::warn!(topic, %refusal, cause, "a terminal's message was refused");
        }
    }
    taken
}

async fn taken(
    app: &Arc<App>,
    topic: &str,
    payload: &[u8],
    session: Option<Uuid>,
    line: Option<&Line>,
) -> Result<Pending, Refusal> {
    let topic: Topic = topic.parse()?;
    let kind = match topic.kind {
        Kind::Up(kind) => kind,
        Kind::Down(_) => return Err(Refusal::Down(topic.kind.path())),
    };
    let compact = std::str::from_utf8(payload).map_err(|_| Refusal::Text)?;
    let known = app
        .ingest
        .terminal(app, topic.terminal)
        .await?
        .ok_or(Refusal::Unknown(topic.terminal))?;
    if known.terminal.revoked.is_some() && kind != Up::Event {
        return Err(Refusal::Revoked(topic.terminal));
    }
    let expected = Expected {
        topic,
        site: known.terminal.site,
        session: session.filter(|_| !matches!(kind, Up::Hello | Up::Event)),
    };
    let verified = jws::verify(compact, &known.key, &expected)?;
    match kind {
        Up::Hello => hello(app, &known, &verified, line).await,
        Up::Event => event(app, known, &verified, compact, session).await,
        Up::Status => status(app, &known, &verified).await,
        Up::RosterApplied => roster_applied(app, &known, &verified).await,
        Up::CommandResult => {
            let result: CommandResult = verified.claims()?;
            tracing::info!(
                terminal = %topic.terminal, command = %result.id, ok = result.ok, detail = result.detail,
                "a terminal says what came of a command"
            );
            Ok(Pending::KEPT)
        }
        Up::Enrolled => Err(Refusal::NotAsked(topic.kind.path())),
    }
}

async fn hello(
    app: &Arc<App>,
    known: &Arc<Known>,
    verified: &Verified,
    line: Option<&Line>,
) -> Result<Pending, Refusal> {
    let hello: Hello = verified.claims()?;
    let terminal = &known.terminal;
    let session = verified.header.session;
    let epoch = app.downlink.epoch(app).await?;
    let version = |held: Option<limen_wire::Held>| {
        held.filter(|held| held.epoch == epoch)
            .map_or(0, |held| held.version)
    };
    let greeted = app
        .store
        .greet(Greeting {
            key: OutboxKey {
                tenant: terminal.tenant,
                terminal: terminal.id,
                outbox: hello.outbox,
            },
            session,
            oldest: hello.oldest,
            next: hello.next,
            head: hello.head.0,
            roster: version(hello.roster),
            settings: version(hello.settings),
            at: app.now(),
        })
        .await?;
    for (first, last) in &greeted.lost {
        tracing::error!(
            terminal = %terminal.id, outbox = %hello.outbox, first, last,
            "these events never came and the terminal has them no more; they are lost"
        );
    }
    app.downlink.attach(terminal.id, line.cloned());
    let standing = greeted.standing;
    // Of two histories the one that is held goes on. A terminal whose last event has not come yet may be either.
    if let (true, Some(fork)) = (greeted.is_other, standing.fork) {
        app.downlink
            .begin_outbox(known, session, &standing, fork - 1, app.now())?;
    }
    // How far *this* history has come is known only where the terminal's last event is held. Where it isn't,
    // and the terminal knows this database, it is told nothing new and goes on from its own mark: so a
    // clone of a card, whose numbers others have taken, still sends everything of its own.
    let knows_us = hello.roster.is_some_and(|held| held.epoch == epoch);
    let through = if greeted.agrees || !knows_us {
        standing.through
    } else {
        0
    };
    let ack = Ack {
        outbox: hello.outbox,
        through,
        epoch,
    };
    app.downlink.ack(known, session, ack)?;
    downlink::greet(app, known, session, &hello);
    let _ = app.changed.send(terminal.tenant);
    Ok(Pending {
        began: Some(session),
        event: None,
    })
}

async fn event(
    app: &Arc<App>,
    known: Arc<Known>,
    verified: &Verified,
    compact: &str,
    session: Option<Uuid>,
) -> Result<Pending, Refusal> {
    let terminal = &known.terminal;
    let place = verified
        .header
        .chain
        .ok_or(jws::JwsError::Chain("an event needs a place"))?;
    let key = OutboxKey {
        tenant: terminal.tenant,
        terminal: terminal.id,
        outbox: place.outbox,
    };
    let claims = verified.claims::<Event>();
    let mut quarantine = claims.as_ref().err().map(|error| {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        format!("claims: {error}: {}", cause.unwrap_or_default())
    });
    if terminal.revoked.is_some() && !app.store.knows_outbox(key).await? {
        quarantine = Some("key: it was revoked before this outbox was born".to_owned());
    }
    let claims = claims.ok();
    let hash = chain::hash(compact);
    let links = chain::links_as(compact, claims.as_ref());
    let event = NewEvent {
        tenant: terminal.tenant,
        terminal: terminal.id,
        outbox: place.outbox,
        seq: place.seq,
        hash: hash.0,
        prev: place.prev.0,
        compact: compact.as_bytes().to_vec(),
        received: app.now(),
        fact: claims.as_ref().and_then(|event| {
            let body = std::str::from_utf8(verified.bytes()).ok()?;
            fact_of(event, body.to_owned())
        }),
        stands_for: (links != hash).then_some(links.0),
        quarantine,
        own: false,
    };
    let (done, outcome) = oneshot::channel();
    let waiting = Waiting {
        event,
        known,
        session,
        done,
    };
    app.ingest.queue(app, waiting);
    Ok(Pending {
        began: None,
        event: Some(outcome),
    })
}

async fn status(app: &App, known: &Known, verified: &Verified) -> Result<Pending, Refusal> {
    let status: Status = verified.claims()?;
    let terminal = &known.terminal;
    let session = verified.header.session;
    let sync = (status.clock == Clock::Synced && status.online).then_some(SyncMark {
        terminal: terminal.id,
        boot: status.health.boot,
        uptime_ms: status.health.uptime_ms,
        at: status.at,
    });
    let kept = app
        .store
        .keep_status(NewStatus {
            key: OutboxKey {
                tenant: terminal.tenant,
                terminal: terminal.id,
                outbox: status.outbox,
            },
            session,
            n: status.n,
            next: status.next,
            sync,
            body: String::from_utf8_lossy(verified.bytes()).into_owned(),
            at: app.now(),
        })
        .await?;
    if !kept {
        return Err(Refusal::Session(session));
    }
    let _ = app.changed.send(terminal.tenant);
    Ok(Pending::KEPT)
}

async fn roster_applied(app: &App, known: &Known, verified: &Verified) -> Result<Pending, Refusal> {
    let applied: RosterApplied = verified.claims()?;
    let terminal = &known.terminal;
    let session = verified.header.session;
    let ours = applied.epoch == app.downlink.epoch(app).await?;
    let kept = ours
        && app
            .store
            .roster_applied(
                terminal.tenant,
                terminal.id,
                session,
                applied.version,
                applied.digest.0,
            )
            .await?;
    if !kept {
        return Err(Refusal::Session(session));
    }
    downlink::applied(app, known, session, &applied).await?;
    Ok(Pending::KEPT)
}
