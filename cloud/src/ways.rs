//! Ways in without a face: PINs that are drawn here and shown once, and badges that the site signs.

use limen_wire::badge;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use uuid::Uuid;

use crate::App;
use crate::downlink::DownlinkError;
use crate::passwords::PasswordError;
use crate::store::ways::Changing;
use crate::store::{StoreError, TenantId};
use crate::vault::{self, VaultError};

/// Digits of a PIN: what terminals expect, and NIST SP 800-63B asks of a drawn number.
const PIN_DIGITS: usize = 6;

/// Why a way in was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// It can't be what a reader types, or would pass for a signed badge.
    #[error(
        "a badge's number has 4 to 128 letters, digits and signs, and no space: as its reader types it"
    )]
    ReaderText,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no randomness.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It can't be hashed now.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The site's key can't be had.
    #[error(transparent)]
    Site(#[from] DownlinkError),
    /// The code can't be drawn.
    #[error("the badge can't be drawn: {0}")]
    Draw(#[from] qrcode::types::QrError),
}

/// What somebody types at a terminal. Shown once: only its hash is kept.
pub struct NewPin {
    /// The person's number, which stays theirs.
    pub number: u32,
    /// Six digits.
    pub pin: String,
}

/// Draws a new PIN for a person, in the place of the one before.
///
/// # Errors
/// When nobody is that person, or it can't be drawn, hashed or kept.
pub async fn new_pin(app: &App, changing: Changing) -> Result<NewPin, NotMade> {
    let pin = draw()?;
    let verifier = app.passwords.hash_pin(pin.clone()).await?;
    let tenant = changing.tenant;
    let number = app.store.set_pin(changing, verifier).await?;
    let _nobody_listens = app.changed.send(tenant);
    Ok(NewPin { number, pin })
}

/// Every number of six digits is as likely as any other.
fn draw() -> Result<String, VaultError> {
    let all = 10_u32.pow(PIN_DIGITS as u32);
    // The numbers above would make the small ones likelier.
    let fair = u32::MAX - u32::MAX % all;
    loop {
        let drawn = u32::from_be_bytes(vault::random()?);
        if drawn < fair {
            return Ok(format!("{:0PIN_DIGITS$}", drawn % all));
        }
    }
}

/// Takes a person's PIN back; whether there was one.
///
/// # Errors
/// When the database refuses.
pub async fn remove_pin(app: &App, changing: Changing) -> Result<bool, StoreError> {
    let tenant = changing.tenant;
    let removed = app.store.remove_pin(changing).await?;
    let _nobody_listens = app.changed.send(tenant);
    Ok(removed)
}

/// Gives a person a badge: the one whose reader types `reader`, or else a new one to be printed.
///
/// # Errors
/// When nobody is that person, the badge is somebody's, or it can't be kept.
pub async fn issue(app: &App, changing: Changing, reader: Option<String>) -> Result<Uuid, NotMade> {
    let id = Uuid::new_v4();
    let listed = match reader {
        None => badge::listed(id),
        Some(text) if badge::is_reader_text(&text) => text,
        Some(_) => return Err(NotMade::ReaderText),
    };
    let tenant = changing.tenant;
    app.store.issue_badge(changing, id, listed).await?;
    let _nobody_listens = app.changed.send(tenant);
    Ok(id)
}

/// Revokes a person's badge, for terminals too, as soon as they are reached; whether there was one.
///
/// # Errors
/// When the database refuses.
pub async fn revoke(app: &App, changing: Changing, badge: Uuid) -> Result<bool, StoreError> {
    let tenant = changing.tenant;
    let revoked = app.store.revoke_badge(changing, badge).await?;
    let _nobody_listens = app.changed.send(tenant);
    Ok(revoked)
}

/// A signed badge to be printed, as SVG: black on white, with the quiet zone that readers need.
///
/// # Errors
/// When the site's key can't be had.
pub async fn drawn(
    app: &App,
    tenant: TenantId,
    site: Uuid,
    badge: Uuid,
) -> Result<String, NotMade> {
    let keys = app.downlink.site(app, tenant, site).await?;
    let text = badge::sign(&keys.signing, badge);
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    Ok(code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_six_digits_and_differ() {
        let drawn: std::collections::BTreeSet<String> = (0..200).map(|_| draw().unwrap()).collect();
        let is_pin = |pin: &String| pin.len() == 6 && pin.bytes().all(|c| c.is_ascii_digit());
        assert!(drawn.iter().all(is_pin));
        // Of two hundred, a pair that is the same comes once in fifty runs, three pairs never.
        assert!(drawn.len() >= 197, "{}", drawn.len());
    }
}
