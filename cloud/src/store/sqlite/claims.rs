//! Claim codes, and the one terminal that comes by each.

use rusqlite::{OptionalExtension, Transaction, named_params};
use uuid::Uuid;

use super::audit;
use super::rows::{Id, id, instant};
use crate::store::audit::Deed;
use crate::store::ledger::{Claim, ClaimEnd, NewClaim, NewTerminal};
use crate::store::{AccountId, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn add(t: &Transaction<'_>, new: &NewClaim) -> Result<()> {
    t.execute(
        "INSERT INTO claims
           (tenant, id, site, name, secret_sealed, created_by, created, expires, place)
         VALUES (:tenant, :id, :site, :name, :secret, :by, :created, :expires, :place)",
        named_params! {
            ":tenant": new.tenant, ":id": id(new.id), ":site": id(new.site), ":name": new.name,
            ":secret": new.secret_sealed, ":by": new.created_by,
            ":created": new.created.as_microsecond(), ":expires": new.expires.as_microsecond(),
            ":place": new.place.map(id),
        },
    )?;
    Ok(())
}

pub(super) fn by_id(t: &Transaction<'_>, claim: Uuid) -> Result<Option<Claim>> {
    let mut statement = t.prepare_cached(
        "SELECT tenant, id, site, name, secret_sealed, expires, progress, used FROM claims
         WHERE id = ?1",
    )?;
    let mut rows = statement.query([id(claim)])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let used: Option<i64> = row.get("used")?;
    Ok(Some(Claim {
        tenant: row.get("tenant")?,
        id: row.get::<_, Id>("id")?.0,
        site: row.get::<_, Id>("site")?.0,
        name: row.get("name")?,
        secret_sealed: row.get("secret_sealed")?,
        expires: instant(row, "expires")?,
        progress: row.get("progress")?,
        used: used.map(|_| instant(row, "used")).transpose()?,
    }))
}

pub(super) fn keep_progress(
    t: &Transaction<'_>,
    tenant: TenantId,
    claim: Uuid,
    progress: &[u8],
) -> Result<()> {
    t.execute(
        "UPDATE claims SET progress = ?3 WHERE tenant = ?1 AND id = ?2 AND used IS NULL",
        (tenant, id(claim), progress),
    )?;
    Ok(())
}

pub(super) fn finish(
    t: &Transaction<'_>,
    tenant: TenantId,
    claim: Uuid,
    new: &NewTerminal,
    progress: &[u8],
) -> Result<ClaimEnd> {
    let at = new.at.as_microsecond();
    let won = t.execute(
        "UPDATE claims SET used = ?3, terminal = ?4, progress = ?5
         WHERE tenant = ?1 AND id = ?2 AND used IS NULL AND expires > ?3",
        (tenant, id(claim), at, id(new.id), progress),
    )?;
    if won == 0 {
        let used: Option<bool> = t
            .prepare_cached("SELECT used IS NOT NULL FROM claims WHERE tenant = ?1 AND id = ?2")?
            .query_row((tenant, id(claim)), |row| row.get(0))
            .optional()?;
        return match used {
            Some(true) => Ok(ClaimEnd::Used),
            Some(false) => Ok(ClaimEnd::Expired),
            None => Err(StoreError::Missing("claim")),
        };
    }
    t.execute(
        "INSERT INTO terminals
           (tenant, id, site, kind, name, public_key, sealing_key, certificate, claimed)
         SELECT tenant, ?3, site, 'terminal', name, ?4, ?5, ?6, ?7
         FROM claims WHERE tenant = ?1 AND id = ?2",
        (
            tenant,
            id(claim),
            id(new.id),
            &new.public_key,
            &new.sealing_key,
            &new.certificate,
            at,
        ),
    )?;
    t.execute(
        "INSERT INTO placements (tenant, terminal, since, site)
         SELECT tenant, ?3, ?4, coalesce(place, site) FROM claims WHERE tenant = ?1 AND id = ?2",
        (tenant, id(claim), id(new.id), at),
    )?;
    let by: AccountId = t
        .prepare_cached("SELECT created_by FROM claims WHERE tenant = ?1 AND id = ?2")?
        .query_row((tenant, id(claim)), |row| row.get(0))?;
    let deed = Deed::new(by, new.at, "terminal_claimed", Some(new.id));
    audit::write_down(t, tenant, &deed)?;
    Ok(ClaimEnd::Won)
}
