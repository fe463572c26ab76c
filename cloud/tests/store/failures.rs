//! What goes wrong with a server: told in words, never with a secret, and mended by itself where it can be.

use std::error::Error;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;

use limen_cloud::store::ledger::Ledger as _;
use limen_cloud::store::postgres::{Named, Postgres};
use limen_cloud::store::sqlite::Sqlite;
use limen_cloud::store::{Founding, House as _, StoreError};
use uuid::Uuid;

use crate::contract::postgres;
use crate::database::{Database, Fresh, Server};
use crate::operations::{at, key, new_tenant, tenant};

async fn open(named: Named<'_>) -> Result<Postgres, StoreError> {
    let server = named.server().unwrap();
    Postgres::open(&server, Uuid::from_u128(1), at(0)).await
}

fn at_url(url: &str) -> Named<'_> {
    Named {
        url,
        password_file: None,
        ca: None,
        connections: 4,
    }
}

/// The error in words, as a log shows it.
fn words(error: &StoreError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

async fn refused(url: &str, word: &str) {
    let Err(error) = open(at_url(url)).await else {
        panic!("{url} was opened");
    };
    let words = words(&error);
    assert!(words.contains(word), "{word:?} is not in {words}");
    assert!(!words.contains("canary"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_is_missed_and_found_again() {
    let server = Arc::new(Server::start());
    let fresh = Fresh::on_server(&server);
    let store = postgres(&fresh.url()).await;
    for of in 0..3 {
        let founded = store.found_tenant(new_tenant(of, of), Founding::Open);
        founded.await.unwrap();
        server.crash();
        let lost = store.tenants().await.err().unwrap();
        assert!(matches!(lost, StoreError::Unreachable(_)), "{lost:?}");
        server.start_again();
        // What was said to be kept is there, and the first question finds it.
        let tenants = store.tenants().await.unwrap();
        assert_eq!(tenants.len(), usize::from(of) + 1);
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_says_why() {
    let server = Server::shared();
    refused("postgres://limen@127.0.0.1:1/limen", "not reached").await;
    refused(&server.url("nobody_made_it"), "no such database").await;
    let by_port = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    refused(&by_port, "does not let this program into").await;

    let somebodys = Fresh::new();
    somebodys.database().run("CREATE TABLE canary (n int)");
    refused(&somebodys.url(), "not Limen's").await;

    let forgetful = Fresh::new();
    let off = format!(
        "ALTER DATABASE {} SET synchronous_commit = off",
        forgetful.name()
    );
    server.run(&off);
    refused(&forgetful.url(), "synchronous_commit").await;

    let latin = format!("l{}", Uuid::new_v4().simple());
    server.run(&format!(
        "CREATE DATABASE {latin} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    ));
    refused(&server.url(&latin), "LATIN1").await;
    server.run(&format!("DROP DATABASE {latin} WITH (FORCE)"));
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_left_alone() {
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
                 VALUES (1000, 'later', '2030-01-01T00:00:00Z', '1')";
    let fresh = Fresh::new();
    drop(postgres(&fresh.url()).await);
    fresh.database().run(newer);
    refused(&fresh.url(), "a newer limen-cloud").await;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limen.db");
    let open = || Sqlite::open(&file, Uuid::from_u128(1), at(0));
    drop(open().unwrap());
    Database::Sqlite(file.clone()).run(newer);
    let Err(error) = open() else {
        panic!("it was opened");
    };
    assert!(matches!(error, StoreError::Newer { .. }), "{error:?}");
}

/// Bug to be: the server's detail repeats the values of the row.
#[tokio::test]
async fn an_error_names_no_value() {
    let fresh = Fresh::new();
    let store = postgres(&fresh.url()).await;
    let mut new = new_tenant(0, 0);
    new.name = "canary".to_owned();
    new.currency = "EURO".to_owned();
    let error = store.found_tenant(new, Founding::Open).await.unwrap_err();
    let words = format!("{} {error:?}", words(&error));
    assert!(words.contains("check constraint"), "{words}");
    assert!(
        !words.contains("canary") && !words.contains("EURO"),
        "{words}"
    );
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn the_password_comes_out_of_its_file_and_nowhere_else() {
    let fresh = Fresh::new();
    let server = fresh.server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let url = format!(
        "postgres://postgres@127.0.0.1:{}/{}",
        server.port,
        fresh.name()
    );
    let with = Named {
        password_file: Some(&file),
        ..at_url(&url)
    };
    let password = std::fs::read_to_string(server.folder.join("password")).unwrap();
    private(&file, &format!("{password}\n"));
    open(with).await.unwrap();
    private(&file, "canary");
    let Err(error) = open(with).await else {
        panic!("any password opens it");
    };
    let words = format!("{} {error:?}", words(&error));
    assert!(matches!(error, StoreError::NotLetIn { .. }), "{words}");
    assert!(!words.contains("canary"), "{words}");
}

/// A certificate authority, and a certificate of it for this machine.
fn certificates() -> (String, String, String) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let issuer = rcgen::CertifiedIssuer::self_signed(ca, ca_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let params = rcgen::CertificateParams::new(names).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (issuer.pem(), certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn tls_is_with_a_server_that_is_known_or_not_at_all() {
    let server = Arc::new(Server::start());
    let fresh = Fresh::on_server(&server);
    let folder = tempfile::tempdir().unwrap();
    let (ca, certificate, key) = certificates();
    let owner = std::fs::metadata(server.folder.join("data")).unwrap();
    for (name, text) in [("server.crt", certificate), ("server.key", key)] {
        let path = server.folder.join("data").join(name);
        private(&path, &text);
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    server.run("ALTER SYSTEM SET ssl = on");
    server.run("SELECT pg_reload_conf()");

    let (ours, others) = (
        folder.path().join("ca.pem"),
        folder.path().join("other.pem"),
    );
    std::fs::write(&ours, ca).unwrap();
    std::fs::write(&others, certificates().0).unwrap();
    let password = folder.path().join("password");
    private(
        &password,
        &std::fs::read_to_string(server.folder.join("password")).unwrap(),
    );
    let url = format!(
        "postgres://postgres@localhost:{}/{}?sslmode=require",
        server.port,
        fresh.name()
    );
    let with = |ca| Named {
        ca: Some(ca),
        password_file: Some(&password),
        ..at_url(&url)
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let store = loop {
        // The server reads its configuration again when it comes to it.
        match open(with(&ours)).await {
            Ok(store) => break store,
            Err(error) => assert!(until > std::time::Instant::now(), "{}", words(&error)),
        }
    };
    store.tenants().await.unwrap();
    let sealed = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                  WHERE application_name = 'limen-cloud' AND ssl AND version LIKE 'TLSv1.%'";
    assert!(fresh.database().number(sealed, &[]) > 0);
    let clear = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'limen-cloud' AND NOT ssl";
    assert_eq!(fresh.database().number(clear, &[]), 0);
    let Err(error) = open(with(&others)).await else {
        panic!("a stranger was believed");
    };
    assert!(words(&error).contains("certificate"), "{}", words(&error));
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

/// Rows are locked for as long as a transaction lives, and not for as long as its process hangs.
#[tokio::test]
async fn whoever_gives_up_half_way_leaves_nothing_and_holds_nobody_up() {
    let fresh = Fresh::new();
    let store = postgres(&fresh.url()).await;
    for round in 0..20_u8 {
        let founding = store.found_tenant(new_tenant(round, round), Founding::Open);
        // Given up at some point between its first and its last statement.
        let moment = std::time::Duration::from_micros(u64::from(round) * 250);
        let gave_up = tokio::time::timeout(moment, founding).await.is_err();
        let there = store.tenant(tenant(round)).await.unwrap().is_some();
        assert!(gave_up || there);
        let outboxes = store.standings(vec![key(round, 0, 0)]).await.unwrap();
        assert_eq!(outboxes.len(), 1);
        let heads = store.api_head(tenant(round)).await;
        assert_eq!(heads.is_ok(), there, "half a tenant is there");
    }
}
