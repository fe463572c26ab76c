//! Roster, settings and states: what a terminal is to hold, sent where it is behind.
//!
//! What a terminal was told in its session is remembered here and nowhere else, so that nothing is sent
//! twice for nothing; a new `hello` says what it really holds, and everything begins from there.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use jiff::Timestamp;
use limen_wire::event::Method;
use limen_wire::roster::{self, Change};
use limen_wire::topic::Kind;
use limen_wire::{
    Blob, Face, Hash, Hello, Person, RosterApplied, Sealable, SealingPublic, Settings, State, seal,
};
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use super::{Downlink, DownlinkError, Known, locked};
use crate::store::TenantId;
use crate::store::consents::Proof;
use crate::store::ledger::RosterPerson;
use crate::{App, attendance, enrolment, site};

/// Changes that come this close together are told together.
const GATHER: Duration = Duration::from_millis(150);
/// And the next ones wait so many times as long as telling these took: while a backlog comes in, every batch
/// changes something, and writing it matters more.
const REST: u32 = 4;

/// What a terminal was told in its session.
#[derive(Default)]
pub(crate) struct Told(Arc<tokio::sync::Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    session: Uuid,
    roster: u64,
    settings: u64,
    states: HashMap<Uuid, (bool, Option<Timestamp>, u32)>,
    mended: bool,
}

impl Downlink {
    fn heard(&self, terminal: Uuid) -> Arc<tokio::sync::Mutex<Heard>> {
        Arc::clone(&locked(&self.told).entry(terminal).or_default().0)
    }

    fn tell_sealed<M: Sealable>(
        &self,
        known: &Known,
        session: Uuid,
        message: &M,
    ) -> Result<(), DownlinkError> {
        let terminal = known.terminal.id;
        let Kind::Down(kind) = M::KIND else {
            unreachable!("only what goes down is told");
        };
        let to = SealingPublic::from_bytes(known.terminal.sealing_key)
            .map_err(|error| DownlinkError::Key(terminal, error))?;
        let header = Self::header(known, session, kind);
        let sealed = seal(message, &to, &header, &mut UnwrapErr(SysRng))
            .map_err(|error| DownlinkError::Seal(terminal, error))?;
        self.tell(known, session, &sealed)
    }
}

/// Brings a terminal up to date that has just said what it holds.
pub(crate) fn greet(app: &Arc<App>, known: &Arc<Known>, session: Uuid, hello: &Hello) {
    let (app, known, hello) = (Arc::clone(app), Arc::clone(known), hello.clone());
    tokio::spawn(async move {
        let heard = app.downlink.heard(known.terminal.id);
        let mut heard = heard.lock().await;
        let told = async {
            let epoch = app.downlink.epoch(&app).await?;
            let version = |held: Option<limen_wire::Held>| {
                held.filter(|held| held.epoch == epoch)
                    .map_or(0, |held| held.version)
            };
            // Who has still to prove that something is erased gets everybody, and proves it by that.
            let terminal = &known.terminal;
            let unproved = app.store.unproved(terminal.tenant, terminal.id).await?;
            let roster = version(hello.roster);
            *heard = Heard {
                session,
                roster: if unproved.is_empty() { roster } else { 0 },
                settings: version(hello.settings),
                ..Heard::default()
            };
            // States follow with the bell that a hello rings: they are concluded once for all terminals.
            bring_up_to_date(&app, &known, &mut heard, &[]).await
        };
        report(known.terminal.id, told.await);
    });
}

/// What a terminal proves to hold. Where it is not what it was sent, it gets everything again, once in a
/// session.
pub(crate) async fn applied(
    app: &App,
    known: &Known,
    session: Uuid,
    applied: &RosterApplied,
) -> Result<(), DownlinkError> {
    let terminal = &known.terminal;
    // Asked first: what was erased before the contents are read is not among them.
    let unproved = app.store.unproved(terminal.tenant, terminal.id).await?;
    let held = app
        .store
        .roster_changes(terminal.tenant, terminal.place, model(app), 0)
        .await?;
    if held.to != applied.version {
        return Ok(());
    }
    let face = site::doors(app, terminal.tenant, terminal.place)
        .await?
        .face;
    let people = open_all(app, terminal.tenant, held.put, face);
    let pairs = people
        .iter()
        .map(|person| (person.id, person.template_hash()));
    if roster::digest(pairs).same(&applied.digest) {
        if !unproved.is_empty() {
            let proof = Proof {
                tenant: terminal.tenant,
                terminal: terminal.id,
                version: applied.version,
                digest: applied.digest.0,
                at: app.now(),
            };
            app.store.prove(proof, unproved).await?;
        }
        return Ok(());
    }
    let heard = app.downlink.heard(terminal.id);
    let mut heard = heard.lock().await;
    if heard.session != session || heard.mended {
        tracing::error!(terminal = %terminal.id, "the terminal still holds another roster than it was sent");
        return Ok(());
    }
    tracing::warn!(terminal = %terminal.id, "the terminal holds another roster than it was sent; it gets all of it again");
    heard.mended = true;
    heard.roster = 0;
    tell_roster(app, known, &mut heard, face).await
}

fn report(terminal: Uuid, told: Result<(), DownlinkError>) {
    if let Err(error) = told {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%terminal, %error, cause, "the terminal was not told what is new");
    }
}

/// Tells terminals what has changed, until the end.
///
/// # Errors
/// Never; the type is that of everything that serves.
pub async fn serve(app: Arc<App>) -> io::Result<()> {
    let mut changed = app.changed.subscribe();
    let stop = app.stop.clone();
    let mut rest = GATHER;
    loop {
        let mut tenants = BTreeSet::new();
        let mut all = false;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            rang = changed.recv() => match rang {
                Ok(tenant) => { tenants.insert(tenant); }
                Err(RecvError::Lagged(_)) => all = true,
                Err(RecvError::Closed) => return Ok(()),
            },
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(rest) => {}
        }
        loop {
            match changed.try_recv() {
                Ok(tenant) => {
                    tenants.insert(tenant);
                }
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => all = true,
                Err(_) => break,
            }
        }
        if all {
            match app.store.tenants().await {
                Ok(everybody) => tenants.extend(everybody.iter().map(|tenant| tenant.id)),
                Err(error) => tracing::error!(%error, "terminals were not told what is new"),
            }
        }
        let began = tokio::time::Instant::now();
        for tenant in tenants {
            if let Err(error) = tell_tenant(&app, tenant).await {
                tracing::error!(tenant = %tenant.0, %error, "terminals were not told what is new");
            }
        }
        rest = (began.elapsed() * REST).max(GATHER);
    }
}

async fn tell_tenant(app: &App, tenant: TenantId) -> Result<(), DownlinkError> {
    let terminals = app.store.terminals(tenant).await?;
    let reached: Vec<_> = terminals
        .into_iter()
        .filter_map(|(terminal, status)| Some((terminal, status?)))
        .filter(|(terminal, status)| status.online && app.downlink.reaches(terminal.id))
        .collect();
    if reached.is_empty() {
        return Ok(());
    }
    let states = states(app, tenant).await?;
    for (terminal, status) in reached {
        let id = terminal.id;
        let told = async {
            let known = app.ingest.know(app, terminal).await?;
            let heard = app.downlink.heard(id);
            let mut heard = heard.lock().await;
            if heard.session != status.session {
                *heard = Heard {
                    session: status.session,
                    roster: status.roster,
                    settings: status.settings,
                    ..Heard::default()
                };
            }
            bring_up_to_date(app, &known, &mut heard, &states).await
        };
        report(id, told.await);
    }
    Ok(())
}

async fn bring_up_to_date(
    app: &App,
    known: &Known,
    heard: &mut Heard,
    states: &[(Vec<Uuid>, State)],
) -> Result<(), DownlinkError> {
    let settings = settings_of(app, known).await?;
    let is_new = settings.version != heard.settings;
    if is_new {
        // Whether it carries templates depends on them. It comes whole, and before them: a terminal that says it
        // has the settings has the roster that goes with them.
        heard.roster = 0;
    }
    tell_roster(app, known, heard, settings.face).await?;
    if is_new {
        app.downlink.tell_sealed(known, heard.session, &settings)?;
        heard.settings = settings.version;
    }
    for (sites, state) in states {
        let news = (state.is_in, state.since, state.minutes_today);
        // Of whoever has no session, a terminal that was told nothing has nothing to take back.
        let before = heard.states.get(&state.person).copied();
        let known_here = sites.is_empty() || sites.contains(&known.terminal.place);
        if !known_here || before.unwrap_or_default() == news {
            continue;
        }
        app.downlink.tell_sealed(known, heard.session, state)?;
        heard.states.insert(state.person, news);
    }
    Ok(())
}

fn model(app: &App) -> String {
    app.faces.model().to_owned()
}

async fn tell_roster(
    app: &App,
    known: &Known,
    heard: &mut Heard,
    face: Face,
) -> Result<(), DownlinkError> {
    let terminal = &known.terminal;
    let changes = app
        .store
        .roster_changes(terminal.tenant, terminal.place, model(app), heard.roster)
        .await?;
    if changes.to == heard.roster {
        return Ok(());
    }
    let put = open_all(app, terminal.tenant, changes.put, face)
        .into_iter()
        .map(|person| Change::Put(Box::new(person)));
    let forget = changes.forget.into_iter().map(|id| Change::Forget(id.0));
    let from = (changes.from > 0).then_some(changes.from);
    let epoch = app.downlink.epoch(app).await?;
    let pages = roster::pages(epoch, from, changes.to, forget.chain(put).collect())
        .map_err(|error| DownlinkError::Pages(terminal.place, error))?;
    for page in &pages {
        app.downlink.tell_sealed(known, heard.session, page)?;
    }
    heard.roster = changes.to;
    Ok(())
}

/// People as terminals are to know them: by no face where none is looked at. One whose template does not open is
/// known by no face, and keeps nothing from the others: who is to be forgotten must be.
fn open_all(app: &App, tenant: TenantId, people: Vec<RosterPerson>, face: Face) -> Vec<Person> {
    people
        .into_iter()
        .map(|person| {
            let mut templates = Vec::new();
            let mut model = String::new();
            if let Some(stored) = person.template.as_ref().filter(|_| face != Face::Off) {
                match enrolment::open(app, tenant, person.id, stored) {
                    Ok(template) => {
                        templates.push(Blob(template.to_vec()));
                        stored.model.clone_into(&mut model);
                    }
                    Err(error) => tracing::error!(
                        person = %person.id.0, %error,
                        "a stored template does not open: damaged, or moved from another row; enrol the person again"
                    ),
                }
            }
            Person {
                id: person.id.0,
                name: person.name,
                language: String::new(),
                templates,
                model,
                number: person.number,
                pin_verifier: person.pin_verifier,
                badges: person.badges,
                second_factor_with: match person.is_twin {
                    true => vec![Method::Face],
                    false => Vec::new(),
                },
            }
        })
        .collect()
}

/// What the terminal is told of its site, with its version.
async fn settings_of(app: &App, known: &Known) -> Result<Settings, DownlinkError> {
    let terminal = &known.terminal;
    let mut settings = site::settings(app, terminal.tenant, terminal.place).await?;
    let content = serde_json::to_vec(&settings).unwrap_or_default();
    settings.version = app
        .store
        .settings_version(terminal.tenant, terminal.place, Hash::of(&content).0)
        .await?;
    Ok(settings)
}

/// What screens may say of the people of a tenant, each with the sites whose doors know them; none: all.
async fn states(app: &App, tenant: TenantId) -> Result<Vec<(Vec<Uuid>, State)>, DownlinkError> {
    let now = app.now();
    let statuses = attendance::statuses(app, tenant, now).await?;
    let people = app.store.people(tenant).await?;
    let mut ties = app.store.ties(tenant).await?;
    Ok(people
        .into_iter()
        .map(|person| {
            // Who has no session any more, since a punch was taken back, is out: a screen must not go
            // on with what it was told before.
            let status = statuses.get(&person.id);
            let seconds = status.map_or(0, |status| status.seconds_today);
            let minutes = u32::try_from(seconds / 60).unwrap_or(u32::MAX);
            let state = State {
                person: person.id.0,
                is_in: status.is_some_and(|status| status.inside),
                since: status.and_then(|status| status.since),
                minutes_today: minutes.min(7 * 24 * 60),
                as_of: now,
            };
            (ties.remove(&person.id).unwrap_or_default(), state)
        })
        .collect())
}
