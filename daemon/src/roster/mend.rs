//! Rows that don't open any more: a dying disk, a row that was swapped, another key.

use limen_wire::Hash;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::{Purpose, RosterError, Vault};

/// Erases what does not open, so that the cloud finds it missing by the digest and sends it again. Who only lost
/// their face keeps number and badges. To be asked once, before the roster is used.
pub fn mend(connection: &mut Connection, vault: &Vault, site: Uuid) -> Result<(), RosterError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Text that is damaged may be no text any more, so that it is read as bytes.
    let settings: Option<[Option<Vec<u8>>; 2]> = transaction
        .query_row(
            "SELECT CAST(settings AS BLOB), settings_hash FROM holding",
            [],
            |row| Ok([row.get(0)?, row.get(1)?]),
        )
        .optional()?;
    if let Some([Some(text), Some(hash)]) = settings
        && Hash::of(&text).0[..] != hash[..]
    {
        tracing::error!(
            "the site's settings are damaged: those of this machine hold until they come again"
        );
        transaction.execute(
            "UPDATE holding SET settings_epoch = NULL, settings_version = 0, settings = NULL, settings_hash = NULL",
            [],
        )?;
    }
    transaction.execute(
        "UPDATE holding SET roster_version = max(roster_version, 0), settings_version = max(settings_version, 0)",
        [],
    )?;
    let (faces, cards) = (
        faces(&transaction, vault, site)?,
        cards(&transaction, vault, site)?,
    );
    for (person, model, place) in &faces {
        transaction.execute(
            "DELETE FROM templates
             WHERE person = ?1 AND CAST(model AS BLOB) = ?2 AND place = ?3",
            params![person, model, place],
        )?;
        transaction.execute(
            "UPDATE people SET hash = zeroblob(32) WHERE person = ?1",
            [person],
        )?;
    }
    for person in &cards {
        transaction.execute("DELETE FROM templates WHERE person = ?1", [person])?;
        transaction.execute("DELETE FROM people WHERE person = ?1", [person])?;
    }
    transaction.commit()?;
    if !faces.is_empty() || !cards.is_empty() {
        tracing::error!(
            faces = faces.len(),
            people = cards.len(),
            "of the roster these don't open any more: they are erased, and come again from the cloud"
        );
    }
    Ok(())
}

/// Where a template lies: whose, of which model, which of them.
type Face = (Vec<u8>, Vec<u8>, i64);

/// The templates that don't open.
fn faces(connection: &Connection, vault: &Vault, site: Uuid) -> Result<Vec<Face>, RosterError> {
    let mut rows = connection
        .prepare("SELECT person, CAST(model AS BLOB), place, version, sealed FROM templates")?;
    let mut rows = rows.query([])?;
    let mut damaged = Vec::new();
    while let Some(row) = rows.next()? {
        let (person, model, place): (Vec<u8>, Vec<u8>, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let (version, sealed): (i64, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let named = Uuid::from_slice(&person)
            .ok()
            .zip(std::str::from_utf8(&model).ok());
        let opens = named.is_some_and(|(person, model)| {
            let purpose = Purpose::Template {
                site,
                person,
                model,
                version: u64::try_from(version).unwrap_or_default(),
            };
            vault.open(purpose, &sealed).is_ok()
        });
        if !opens {
            damaged.push((person, model, place));
        }
    }
    Ok(damaged)
}

/// The people whose card does not open.
fn cards(connection: &Connection, vault: &Vault, site: Uuid) -> Result<Vec<Vec<u8>>, RosterError> {
    let mut rows = connection.prepare("SELECT person, sealed FROM people")?;
    let mut rows = rows.query([])?;
    let mut damaged = Vec::new();
    while let Some(row) = rows.next()? {
        let (person, sealed): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let opens = Uuid::from_slice(&person)
            .is_ok_and(|person| vault.open(Purpose::Card { site, person }, &sealed).is_ok());
        if !opens {
            damaged.push(person);
        }
    }
    Ok(damaged)
}
