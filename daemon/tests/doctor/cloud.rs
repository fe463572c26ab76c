//! What stands in for a cloud at the other end of the line, as far as a doctor looks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use limen_wire::SecretKey;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SubjectPublicKeyInfo, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A year, a month and a day.
pub type Day = (i32, u8, u8);

/// Far from now on either side.
pub const ALWAYS: (Day, Day) = ((2020, 1, 1), (2049, 12, 31));
/// As if nobody had looked after it.
pub const LONG_AGO: (Day, Day) = ((2020, 1, 1), (2021, 1, 1));

/// Who vouches for terminals and clouds.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    fn params(name: &str, valid: (Day, Day)) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let [from, to] = [valid.0, valid.1].map(|(y, m, d)| date_time_ymd(y, m, d));
        (params.not_before, params.not_after) = (from, to);
        params
    }

    /// A terminal's certificate.
    pub fn terminal(&self, key: &SecretKey, valid: (Day, Day)) -> String {
        let public = SubjectPublicKeyInfo::from_der(&key.public().to_spki_der()).unwrap();
        let params = Self::params("terminal", valid);
        params.signed_by(&public, &self.issuer).unwrap().pem()
    }

    /// A cloud at a free port of this machine, with a certificate of this time; its answer to a greeting. It ends with
    /// the test.
    pub fn cloud(&self, valid: (Day, Day), answer: u8) -> u16 {
        let key = KeyPair::generate().unwrap();
        let params = Self::params("localhost", valid);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(limen_daemon::uplink::provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        serve(move |socket| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            let mut greeting = [0; 50];
            // Who was refused a certificate hangs up.
            if stream.read_exact(&mut greeting).is_ok() {
                assert_eq!(&greeting[..9], b"\x10\x30\0\x04MQTT\x04");
                let _ = stream.write_all(&[0x20, 2, 0, answer]);
                let _ = stream.flush();
                let _ = stream.read(&mut [0; 2]);
            }
        })
    }
}

/// Something else that listens.
pub fn stranger() -> u16 {
    serve(|mut socket| {
        let _ = socket.read(&mut [0; 16]);
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    })
}

fn serve(each: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            each(socket.unwrap());
        }
    });
    port
}
