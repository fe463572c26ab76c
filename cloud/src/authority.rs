//! The installation's own certificate authority: who may open a line to the terminals' listener, and how
//! terminals know that listener.
//!
//! The authority's key is made at the first start and lies sealed in `DATA/secrets`. A terminal's certificate
//! is made for the Ed25519 key that it signs with, and names its id; there is no request to sign, since the
//! claim has proved that key already. The listener's own key is made anew at every start and never stored.
//!
//! Certificates are valid from 2020 to 2049: a terminal without a battery clock may wake in any year and
//! must still find its way home, and what revokes one is the list of terminals, not a date.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SubjectPublicKeyInfo, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use uuid::Uuid;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::store::TenantId;
use crate::vault::{Sealed, Vault, VaultError, write_private};

/// File of the authority's sealed key.
const KEY_FILE: &str = "authority.key";
/// File of the authority's certificate, beside it.
const CERTIFICATE_FILE: &str = "authority.pem";
/// What stands before a terminal's id in its certificate.
const URN: &str = "urn:uuid:";
/// The DER of RFC 8410 before the 32 bytes of an Ed25519 public key.
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

const SEALED_AS: Sealed<'static> = Sealed::Key {
    purpose: "authority",
    tenant: TenantId(Uuid::nil()),
    of: Uuid::nil(),
};

/// Why the authority can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file can't be read or written.
    #[error("cannot use the certificate authority's file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The key does not open.
    #[error("the certificate authority's key does not open; restore DATA/secrets from the backup")]
    Vault(#[from] VaultError),
    /// The key without its certificate, or the other way round.
    #[error("{0} is missing beside its counterpart; restore DATA/secrets from the backup")]
    Half(PathBuf),
    /// A certificate can't be made or read.
    #[error("the certificate authority cannot make or read a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The stored certificate is none.
    #[error("{0} is no certificate; restore DATA/secrets from the backup")]
    Damaged(PathBuf),
    /// The TLS library refuses what was made.
    #[error("the TLS library refuses the listener's settings")]
    Tls(#[from] rustls::Error),
    /// The verifier of terminals' certificates can't be built.
    #[error("the TLS library refuses the certificate authority")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The installation's certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// The one provider of cryptography for TLS here. Named wherever it is needed; never installed.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

impl Authority {
    /// Opens the authority, and makes it where there is none yet.
    ///
    /// # Errors
    /// When its files can't be used, or only one of them is there.
    pub fn open(vault: &Vault) -> Result<Self, AuthorityError> {
        let key_path = vault.folder().join(KEY_FILE);
        let certificate_path = vault.folder().join(CERTIFICATE_FILE);
        match (key_path.exists(), certificate_path.exists()) {
            (false, false) => Self::make(vault),
            (true, true) => {
                let read = |path: &PathBuf| {
                    fs::read(path).map_err(|source| AuthorityError::File {
                        path: path.clone(),
                        source,
                    })
                };
                let key = vault.open_sealed(SEALED_AS, &read(&key_path)?)?;
                let key = KeyPair::try_from(key.as_slice())?;
                let pem = String::from_utf8(read(&certificate_path)?)
                    .map_err(|_| AuthorityError::Damaged(certificate_path.clone()))?;
                Self::of(key, pem, certificate_path)
            }
            (false, true) => Err(AuthorityError::Half(key_path)),
            (true, false) => Err(AuthorityError::Half(certificate_path)),
        }
    }

    fn make(vault: &Vault) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params(&format!("Limen installation {}", Uuid::new_v4()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        let sealed = vault.seal(SEALED_AS, key.serialized_der())?;
        // The certificate goes first: if the power fails between the two, the next start says which is
        // missing, and no terminal can have been claimed yet.
        for (file, bytes) in [
            (CERTIFICATE_FILE, pem.as_bytes()),
            (KEY_FILE, sealed.as_slice()),
        ] {
            let path = vault.folder().join(file);
            write_private(&path, bytes).map_err(|source| AuthorityError::File { path, source })?;
        }
        Self::of(key, pem, vault.folder().join(CERTIFICATE_FILE))
    }

    fn of(key: KeyPair, pem: String, path: PathBuf) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| AuthorityError::Damaged(path))?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            certificate,
            pem,
        })
    }

    /// The authority's own certificate, PEM: what a terminal is given at the claim to know the listener by.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Makes the certificate of a terminal for the key that it signs with.
    ///
    /// # Errors
    /// When the key is none.
    pub fn certify_terminal(
        &self,
        terminal: Uuid,
        public_key: &[u8; 32],
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let key = SubjectPublicKeyInfo::from_der(&[&ED25519_SPKI[..], public_key].concat())?;
        let mut params = params(&terminal.to_string());
        params.subject_alt_names = vec![SanType::URI(format!("{URN}{terminal}").try_into()?)];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&key, &self.issuer)?.der().clone())
    }

    /// The TLS settings of the terminals' listener: 1.3 alone, a certificate of this authority on both
    /// sides. `names` are the DNS names and addresses by which terminals reach it.
    ///
    /// # Errors
    /// When a name is none.
    pub fn listener(&self, names: &[String]) -> Result<ServerConfig, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params("Limen terminals' listener");
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)?)
    }
}

/// What every certificate here begins with.
fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

/// A certificate in PEM.
#[must_use]
pub fn to_pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|&byte| char::from(byte)));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Which terminal a certificate names, and the Ed25519 key that it is for. `None` for one that this
/// authority does not make. Whether it is signed has been verified before.
#[must_use]
pub fn terminal_of(certificate: &CertificateDer<'_>) -> Option<(Uuid, [u8; 32])> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let [GeneralName::URI(urn)] = names.as_slice() else {
        return None;
    };
    let terminal = Uuid::try_parse(urn.strip_prefix(URN)?).ok()?;
    let key = parsed.public_key().raw.strip_prefix(&ED25519_SPKI)?;
    Some((terminal, key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_terminals_certificate_names_it_and_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(&Vault::open(folder.path()).unwrap()).unwrap();
        let terminal = Uuid::from_u128(7);
        let key = limen_wire::SecretKey::from_seed([3; 32]).public();
        let certificate = authority
            .certify_terminal(terminal, &key.to_bytes())
            .unwrap();
        assert_eq!(terminal_of(&certificate), Some((terminal, key.to_bytes())));
        assert_eq!(
            CertificateDer::from_pem_slice(to_pem(&certificate).as_bytes()).unwrap(),
            certificate
        );
        assert_eq!(terminal_of(&authority.certificate), None);
    }

    #[test]
    fn the_authority_is_the_same_after_a_restart_and_another_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        let first = Authority::open(&vault).unwrap().pem().to_owned();
        assert_eq!(Authority::open(&vault).unwrap().pem(), first);
        let key = vault.folder().join(KEY_FILE);
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let elsewhere = tempfile::tempdir().unwrap();
        let other = Vault::open(elsewhere.path()).unwrap();
        assert_ne!(Authority::open(&other).unwrap().pem(), first);
        fs::copy(&key, other.folder().join(KEY_FILE)).unwrap();
        assert!(matches!(
            Authority::open(&other),
            Err(AuthorityError::Vault(_))
        ));
        fs::remove_file(&key).unwrap();
        assert!(matches!(
            Authority::open(&vault),
            Err(AuthorityError::Half(_))
        ));
    }
}
