//! Off loopback: mutual TLS 1.3, and a certificate that is its own terminal's.

use std::sync::Arc;

use limen_cloud::Vault;
use limen_cloud::authority::{Authority, provider, to_pem};
use limen_wire::SecretKey;
use limen_wire::topic::Up;
use rumqttc::{ConnectReturnCode, MqttOptions, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use uuid::Uuid;

use crate::house::{House, random};
use crate::terminal::{Heard, Identity, Line, Outbox, options};

static ONLY_13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
static ONLY_12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

struct Offer<'a> {
    trusts: &'a str,
    certificate: Option<(String, &'a SecretKey)>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl<'a> Offer<'a> {
    fn right(identity: &'a Identity) -> Self {
        Self {
            trusts: &identity.claimed.authority,
            certificate: Some((identity.claimed.certificate.clone(), &identity.key)),
            versions: ONLY_13,
        }
    }

    fn options(&self, house: &House, identity: &Identity) -> MqttOptions {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.trusts.as_bytes()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((pem, key)) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes());
                let key = PrivatePkcs8KeyDer::from(key.to_pkcs8_der().to_vec());
                builder
                    .with_client_auth_cert(
                        chain.map(Result::unwrap).collect(),
                        PrivateKeyDer::from(key),
                    )
                    .unwrap()
            }
        };
        let mut options = options(identity, house.tls);
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(config))));
        options
    }
}

/// `None`: the handshake failed.
async fn let_in(
    house: &House,
    identity: &Identity,
    offer: &Offer<'_>,
) -> Option<ConnectReturnCode> {
    let mut line = Line::open(identity, offer.options(house, identity));
    match line.next().await {
        Heard::Let(code) => Some(code),
        Heard::Lost(_) => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_go_over_mutual_tls() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut outbox = Outbox::new();
    let mut line = Line::admitted(&door, Offer::right(&door).options(&house, &door)).await;
    line.hello(&outbox.hello()).await;
    for _ in 0..20 {
        line.publish(Up::Event, outbox.punch(&door)).await;
    }
    line.through(outbox.id(), 20).await;
    assert_eq!(house.facts().await.len(), 20);
}

#[tokio::test]
async fn the_handshake_lets_in_who_it_should() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let other = house.terminal("Back door").await;
    let right = || Offer::right(&door);
    assert_eq!(
        let_in(&house, &door, &right()).await,
        Some(ConnectReturnCode::Success)
    );

    let nameless = Offer {
        certificate: None,
        ..right()
    };
    assert_eq!(
        let_in(&house, &door, &nameless).await,
        None,
        "no certificate"
    );

    let old = Offer {
        versions: ONLY_12,
        ..right()
    };
    assert_eq!(let_in(&house, &door, &old).await, None, "TLS 1.2");

    let folder = tempfile::tempdir().unwrap();
    let foreign = Authority::open(&Vault::open(folder.path()).unwrap()).unwrap();
    let forged = foreign
        .certify_terminal(door.id(), &door.key.public().to_bytes())
        .unwrap();
    let forged = Offer {
        certificate: Some((to_pem(&forged), &door.key)),
        ..right()
    };
    assert_eq!(
        let_in(&house, &door, &forged).await,
        None,
        "a foreign authority"
    );

    let elsewhere = Offer {
        trusts: foreign.pem(),
        ..right()
    };
    assert_eq!(
        let_in(&house, &door, &elsewhere).await,
        None,
        "the terminal trusts another"
    );

    let authority = &house.app.authority;
    let made = SecretKey::from_seed(random());
    let by_us = |id: Uuid, key: &SecretKey| {
        let certificate = authority.certify_terminal(id, &key.public().to_bytes());
        to_pem(&certificate.unwrap())
    };
    for (what, pem, key) in [
        (
            "another terminal's",
            by_us(other.id(), &other.key),
            &*other.key,
        ),
        ("for another key", by_us(door.id(), &made), &made),
        ("of nobody", by_us(Uuid::new_v4(), &made), &made),
    ] {
        let offer = Offer {
            certificate: Some((pem, key)),
            ..right()
        };
        let code = let_in(&house, &door, &offer).await;
        assert_eq!(code, Some(ConnectReturnCode::NotAuthorized), "{what}");
    }
}

#[tokio::test]
async fn a_client_in_the_clear_gets_nowhere() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let mut line = Line::open(&door, options(&door, house.tls));
    line.lost().await;
}

#[tokio::test]
async fn nobody_installs_a_process_default() {
    let house = House::new().await;
    let door = house.terminal("Front door").await;
    let offer = Offer::right(&door);
    let_in(&house, &door, &offer).await;
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
