//! A cloud in this process, with one tenant.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use limen_cloud::accounts::founding::{self, Applicant};
use limen_cloud::store::{AccountId, Founding, TenantId};
use limen_cloud::{App, Config, downlink, link, listener, terminals};
use limen_wire::claim::{Begun, Secret};
use limen_wire::{SealingSecret, SecretKey};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::database::{Database, Place};
use crate::terminal::Identity;

pub struct House {
    pub app: Arc<App>,
    pub tenant: TenantId,
    pub employer: AccountId,
    pub mqtt: SocketAddr,
    pub tls: SocketAddr,
    folder: Arc<TempDir>,
    place: Arc<Place>,
}

/// A cloud that does not run.
pub struct Stopped {
    folder: Arc<TempDir>,
    place: Arc<Place>,
    employer: AccountId,
}

impl Stopped {
    pub async fn start(self) -> House {
        let app = App::open(config(&self.place), self.folder.path()).await;
        let app = Arc::new(app.unwrap());
        House::serving(app, self.employer, self.folder, self.place).await
    }
}

pub fn random<const N: usize>() -> [u8; N] {
    limen_cloud::vault::random().unwrap()
}

fn config(place: &Place) -> Config {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Config {
        zoo: workspace.join("models"),
        bcrypt_cost: 4,
        repunch_s: 0,
        store: place.url().map(limen_cloud::config::Database::at),
        ..Config::default()
    }
}

impl House {
    pub async fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap()).await
    }

    /// With its data in that folder.
    pub async fn at(folder: TempDir) -> Self {
        let place = Place::of(folder.path());
        Self::with(folder, place).await
    }

    /// With its database there.
    pub async fn with(folder: TempDir, place: Place) -> Self {
        Self::by_clock(folder, place, jiff::Timestamp::now).await
    }

    /// The same, by that clock.
    pub async fn by_clock(folder: TempDir, place: Place, clock: fn() -> jiff::Timestamp) -> Self {
        let (folder, place) = (Arc::new(folder), Arc::new(place));
        let app = App::open(config(&place), folder.path()).await.unwrap();
        let app = Arc::new(App { clock, ..app });
        let applicant = Applicant {
            username: "Owner".to_owned(),
            email: "owner@example.org".to_owned(),
            password: "correct horse battery staple".to_owned(),
            face: None,
            face_login: false,
        };
        let employer = founding::found_tenant(&app, applicant, Founding::Open)
            .await
            .unwrap();
        Self::serving(app, employer, folder, place).await
    }

    async fn serving(
        app: Arc<App>,
        employer: AccountId,
        folder: Arc<TempDir>,
        place: Arc<Place>,
    ) -> Self {
        let tenant = app.store.tenants().await.unwrap()[0].id;
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mutual = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mqtt, tls) = (plain.local_addr().unwrap(), mutual.local_addr().unwrap());
        tokio::spawn(listener::serve(Arc::clone(&app), plain));
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let serving = Arc::clone(&app);
        tokio::spawn(async move { listener::serve_tls(serving, mutual, &names).await });
        tokio::spawn(downlink::serve(Arc::clone(&app)));
        while app.downlink.addresses().len() < 3 {
            tokio::task::yield_now().await;
        }
        Self {
            app,
            tenant,
            employer,
            mqtt,
            tls,
            folder,
            place,
        }
    }

    /// Revokes a terminal, as the owner does; whether there was one to revoke.
    pub async fn revoke(&self, terminal: Uuid) -> bool {
        let owner = self.app.store.account(self.tenant, self.employer).await;
        let owner = owner.unwrap().unwrap();
        terminals::revoke(&self.app, &owner, terminal)
            .await
            .unwrap()
    }

    /// Ends the cloud and opens another on the same folder.
    pub async fn restarted(self) -> Self {
        self.stopped().await.start().await
    }

    /// Ends the cloud, and waits until nothing of it is left.
    pub async fn stopped(self) -> Stopped {
        let (folder, place) = (Arc::clone(&self.folder), Arc::clone(&self.place));
        let employer = self.employer;
        self.app.stop.cancel();
        let app = Arc::downgrade(&self.app);
        drop(self);
        while app.strong_count() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Stopped {
            folder,
            place,
            employer,
        }
    }

    /// Takes terminals from a broker too, and waits until they can come by it.
    pub async fn link(&self, broker: SocketAddr) -> tokio::sync::watch::Receiver<bool> {
        let (ready, mut is_ready) = tokio::sync::watch::channel(false);
        let broker = format!("mqtt://{broker}").parse().unwrap();
        tokio::spawn(link::serve(Arc::clone(&self.app), broker, ready));
        is_ready.wait_for(|ready| *ready).await.unwrap();
        is_ready
    }

    pub async fn code(&self, name: &str) -> Secret {
        let code = terminals::new_claim(
            &self.app,
            self.tenant,
            self.employer,
            name,
            None,
            "http://127.0.0.1",
        )
        .await
        .unwrap();
        Secret::from_words(&code.words).unwrap()
    }

    /// Claims a terminal.
    pub async fn terminal(&self, name: &str) -> Identity {
        let key = SecretKey::from_seed(random());
        let sealing = SealingSecret::from_seed(random());
        let secret = self.code(name).await;
        let (begun, request) = Begun::new(secret, key.public(), sealing.public(), random());
        let answer = terminals::begin(&self.app, request).await.unwrap();
        let (waiting, request) = begun.answered(answer, &key).unwrap();
        let granted = terminals::finish(&self.app, &request).await.unwrap();
        Identity {
            claimed: waiting.finished(granted).unwrap(),
            key: Arc::new(key),
            sealing: Arc::new(sealing),
        }
    }

    /// How many events of a terminal are stored, and how many facts the tenant has.
    pub async fn facts(&self) -> Vec<limen_cloud::store::ledger::Fact> {
        let (from, to) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
        self.app
            .store
            .facts(self.tenant, None, from, to)
            .await
            .unwrap()
    }

    /// The cloud's own database.
    pub fn database(&self) -> Database {
        self.place.database()
    }

    /// Rows of a table that no method tells.
    pub fn count(&self, query: &str) -> i64 {
        self.database().number(query, &[])
    }

    /// From now on the database takes no event of that outbox.
    pub fn refuse_events_of(&self, outbox: Uuid) {
        let outbox_hex = outbox.simple();
        match self.database() {
            sqlite @ Database::Sqlite(_) => sqlite.run(&format!(
                "CREATE TRIGGER refused BEFORE INSERT ON events WHEN new.outbox = x'{outbox_hex}'
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )),
            postgres @ Database::Postgres(_) => postgres.run(&format!(
                "ALTER TABLE events ADD CONSTRAINT refused CHECK (outbox <> '{outbox_hex}')"
            )),
        }
    }

    /// It does again.
    pub fn refuse_no_more(&self) {
        match self.database() {
            sqlite @ Database::Sqlite(_) => sqlite.run("DROP TRIGGER refused"),
            postgres @ Database::Postgres(_) => {
                postgres.run("ALTER TABLE events DROP CONSTRAINT refused");
            }
        }
    }

    /// Lets a quarter of an hour pass for every claim code.
    pub fn age_claims(&self) {
        let age = "UPDATE claims SET expires = 0 WHERE used IS NULL";
        self.database().change(age, &[]);
    }

    /// The template of that person is damaged.
    pub fn damage_template(&self, person: AccountId) {
        let damage = "UPDATE templates SET sealed = substr(sealed, 1, 40) WHERE person = $1";
        self.database().change(damage, &[person.0]);
        let _ = self.app.changed.send(self.tenant);
    }

    /// Somebody works here no longer.
    pub fn leaves(&self, person: AccountId) {
        let leave = "UPDATE people SET left_at = 1 WHERE id = $1";
        self.database().change(leave, &[person.0]);
        let _ = self.app.changed.send(self.tenant);
    }

    pub async fn status(
        &self,
        terminal: Uuid,
    ) -> Option<limen_cloud::store::ledger::TerminalStatus> {
        let all = self.app.store.terminals(self.tenant).await.unwrap();
        all.into_iter()
            .find(|(known, _)| known.id == terminal)
            .and_then(|(_, status)| status)
    }
}
