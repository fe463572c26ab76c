//! The way to the cloud, step by step: name, port, certificates, and what the cloud answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, ClientConnection, RootCertStore, StreamOwned};
use uuid::Uuid;

use super::fault::{self, Fault};
use super::round::Said;
use super::words;
use crate::config::Config;
use crate::keys::Identity;
use crate::uplink::address::Address;
use crate::uplink::{TlsError, certificates, mutual_tls, provider};

/// How long an answer may take at each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// A certificate that runs out within that time is said.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// Looks as far as it goes; what comes after a fault is not looked at.
pub(super) fn look(
    config: &Config,
    identity: &Identity,
    is_running: bool,
    mut say: impl FnMut(&'static str, Said),
) {
    let text = match config.cloud.mqtt.as_str() {
        "" => identity.site.mqtt.as_str(),
        other => other,
    };
    let address = match Address::parse(text) {
        Ok(address) => address,
        Err(error) => return say("address", Said::Ill(&fault::ADDRESS, words(&error))),
    };
    if address.tls {
        say("certificate", own_certificate(identity));
    }
    let (host, port) = (address.host.as_str(), address.port);
    let found: Vec<SocketAddr> = match (host, port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => return say("name", Said::Ill(&fault::NAME, format!("{host}: {error}"))),
    };
    let numbers: Vec<_> = found.iter().map(|at| at.ip().to_string()).collect();
    say(
        "name",
        Said::Well(format!("{host} is {}", numbers.join(", "))),
    );
    let mut socket = match connect(&found) {
        Ok(socket) => socket,
        Err(error) => {
            let seen = format!("{host}:{port}: {error}");
            return say("port", Said::Ill(&fault::UNREACHABLE, seen));
        }
    };
    say("port", Said::Well(format!("{host}:{port} answers")));
    let answer = if address.tls {
        match shake(identity, &address, socket) {
            Ok((mut stream, said)) => {
                say("encryption", said);
                ask(&mut stream, identity.site.terminal, is_running)
            }
            Err(said) => return say("encryption", said),
        }
    } else {
        say(
            "encryption",
            Said::Well("none, which is allowed on this machine itself".to_owned()),
        );
        ask(&mut socket, identity.site.terminal, is_running)
    };
    say("answer", answer);
}

fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(socket) => {
                socket.set_read_timeout(Some(PATIENCE))?;
                socket.set_write_timeout(Some(PATIENCE))?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn authority(identity: &Identity) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("authority", &identity.site.authority)? {
        roots.add(certificate)?;
    }
    Ok(Arc::new(roots))
}

fn now() -> UnixTime {
    UnixTime::now()
}

fn soon() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs()) + SOON)
}

/// Whether the cloud would take the terminal's own certificate, now and in two weeks.
fn own_certificate(identity: &Identity) -> Said {
    let judge = |at| -> Result<(), String> {
        let roots = authority(identity).map_err(|error| words(&error))?;
        let own = certificates("certificate", &identity.site.certificates)
            .map_err(|error| words(&error))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(provider()))
            .build()
            .map_err(|error| words(&error))?;
        verifier
            .verify_client_cert(&own[0], &own[1..], at)
            .map(|_| ())
            .map_err(|error| words(&error))
    };
    match (judge(now()), judge(soon())) {
        (Err(why), _) => Said::Ill(&fault::CERTIFICATE, why),
        (Ok(()), Err(why)) => Said::Ill(&fault::TLS_SOON, format!("the terminal's own: {why}")),
        (Ok(()), Ok(())) => Said::Well("the terminal's own is valid".to_owned()),
    }
}

type Encrypted = StreamOwned<ClientConnection, TcpStream>;

/// Opens an encrypted line with the certificates of the claim.
fn shake(
    identity: &Identity,
    address: &Address,
    mut socket: TcpStream,
) -> Result<(Encrypted, Said), Said> {
    let broken = |seen: String| Said::Ill(&fault::TLS_BROKEN, seen);
    let config = mutual_tls(identity).map_err(|error| broken(words(&error)))?;
    let name = ServerName::try_from(address.host.clone())
        .map_err(|error| broken(format!("{}: {error}", address.host)))?;
    let mut connection = ClientConnection::new(Arc::new(config), name.clone())
        .map_err(|error| broken(words(&error)))?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut socket) {
            let refused = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let fault = refused.map_or(&fault::TLS_BROKEN, of_tls);
            return Err(Said::Ill(fault, error.to_string()));
        }
    }
    let seen = "mutual TLS 1.3, and the cloud is the one that claimed this terminal";
    let said = match runs_out(identity, &connection, &name) {
        Some(why) => Said::Ill(&fault::TLS_SOON, format!("the cloud's: {why}")),
        None => Said::Well(seen.to_owned()),
    };
    Ok((StreamOwned::new(connection, socket), said))
}

fn of_tls(error: &rustls::Error) -> &'static Fault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, UnknownIssuer,
    };
    let rustls::Error::InvalidCertificate(why) = error else {
        return &fault::TLS_BROKEN;
    };
    match why {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => {
            &fault::TLS_EXPIRED
        }
        UnknownIssuer | BadSignature | NotValidForName | NotValidForNameContext { .. } => {
            &fault::TLS_FOREIGN
        }
        _ => &fault::TLS_BROKEN,
    }
}

/// Why the cloud's certificate will not be taken in two weeks.
fn runs_out(
    identity: &Identity,
    connection: &ClientConnection,
    name: &ServerName<'_>,
) -> Option<String> {
    let shown: Vec<CertificateDer<'_>> = connection.peer_certificates()?.to_vec();
    let roots = authority(identity).ok()?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::new(provider()))
        .build()
        .ok()?;
    let (own, between) = shown.split_first()?;
    let judged = verifier.verify_server_cert(own, between, name, &[], soon());
    judged.err().map(|error| words(&error))
}

/// What the cloud says to this terminal's greeting (MQTT 3.1.1, 3.1 and 3.2). While the terminal itself has a line,
/// a second one in its name would cut the first.
fn ask(stream: &mut (impl Read + Write), terminal: Uuid, is_running: bool) -> Said {
    if is_running {
        return Said::Well(
            "not asked: the running terminal speaks to the cloud; what it says stands under service"
                .to_owned(),
        );
    }
    let id = terminal.to_string();
    let mut greeting = vec![0x10, 12 + id.len() as u8];
    greeting.extend([0, 4]);
    greeting.extend(b"MQTT");
    // Version 4, a clean session, a sign of life each 30 s, the client's id.
    greeting.extend([4, 2, 0, 30, 0, id.len() as u8]);
    greeting.extend(id.as_bytes());
    let mut answer = [0; 4];
    let asked = stream
        .write_all(&greeting)
        .and_then(|()| stream.flush())
        .and_then(|()| stream.read_exact(&mut answer));
    if let Err(error) = asked {
        return Said::Ill(&fault::REVOKED, format!("it hung up: {error}"));
    }
    // A farewell that is not heard changes nothing.
    let _ = stream.write_all(&[0xe0, 0]).and_then(|()| stream.flush());
    match answer {
        [0x20, 2, _, 0] => Said::Well("the cloud lets the terminal in".to_owned()),
        [0x20, 2, _, code] => Said::Ill(&fault::REVOKED, format!("its answer is {code}")),
        _ => Said::Ill(&fault::TLS_BROKEN, "what answers is no MQTT".to_owned()),
    }
}
