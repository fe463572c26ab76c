//! A badge that can be printed: a short text, as a QR code has it, that only the site can have made.
//!
//! It is a compact JWS (RFC 7515) with a fixed header, so any JOSE library can verify it, and its payload
//! is the 16 bytes of the badge's id and nothing else: it names nobody, and is short enough (162
//! characters) to be read by a cheap camera. Whose it is, and whether it still holds, is in the
//! [roster](crate::roster): a badge that is not listed there is revoked. It carries no time: a printed
//! badge holds until it is taken back.

use uuid::Uuid;

use crate::bytes::{decode, encode};
use crate::keys::{PublicKey, SecretKey};

/// The only header. What is not byte for byte this one is no badge of ours.
const HEADER: &[u8] = br#"{"alg":"EdDSA","typ":"limen-badge+jws"}"#;

/// Characters of every badge.
pub const CHARS: usize = 162;

/// Why a text is no badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABadge {
    /// Something else: an address, a ticket, anybody's code.
    #[error("the code is no badge")]
    Foreign,
    /// It says that it is one, and is not from this site: another site's, or forged.
    #[error("the badge is not signed by this site")]
    Forged,
}

/// Makes the badge `id`.
pub fn sign(site: &SecretKey, id: Uuid) -> String {
    let mut compact = format!("{}.{}", encode(HEADER), encode(id.as_bytes()));
    let signature = site.sign(compact.as_bytes());
    compact.push('.');
    compact.push_str(&encode(&signature));
    compact
}

/// The id of a badge of this site, whoever's it is and whether or not it still holds.
///
/// # Errors
/// [`NotABadge`] for any other text, however long and whatever it holds.
pub fn verify(text: &str, site: &PublicKey) -> Result<Uuid, NotABadge> {
    let rest = text
        .strip_prefix(&encode(HEADER))
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or(NotABadge::Foreign)?;
    let (id, signature) = rest.split_once('.').ok_or(NotABadge::Forged)?;
    let id = bytes::<16>(id).ok_or(NotABadge::Forged)?;
    let signature = bytes::<64>(signature).ok_or(NotABadge::Forged)?;
    let signed = text.rsplit_once('.').map_or("", |(signed, _)| signed);
    if !site.holds(signed.as_bytes(), &signature) {
        return Err(NotABadge::Forged);
    }
    Ok(Uuid::from_bytes(id))
}

/// How the roster lists the badge `id`.
pub fn listed(id: Uuid) -> String {
    format!("qr:{}", id.simple())
}

/// What somebody may enter for a badge whose reader types its number: nothing that would pass for a signed
/// badge without a signature.
pub fn is_reader_text(text: &str) -> bool {
    let fits = (4..=128).contains(&text.len());
    fits && text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.starts_with("qr:")
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    // As long as that many bytes are, so that a long text costs nothing.
    let chars = (N * 8).div_ceil(6);
    (text.len() == chars)
        .then(|| decode(text)?.try_into().ok())
        .flatten()
}
