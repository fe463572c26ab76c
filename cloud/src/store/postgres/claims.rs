//! Claim codes, and the one terminal that comes by each.

use uuid::Uuid;

use super::rows::{instant, instant_or_none};
use super::{Result, Tx, audit};
use crate::store::audit::Deed;
use crate::store::ledger::{Claim, ClaimEnd, NewClaim, NewTerminal};
use crate::store::{AccountId, StoreError, TenantId};

pub(super) async fn add(t: &Tx<'_>, new: &NewClaim) -> Result<()> {
    t.change(
        "INSERT INTO claims
           (tenant, id, site, name, secret_sealed, created_by, created, expires, place)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &new.tenant.0,
            &new.id,
            &new.site,
            &new.name,
            &new.secret_sealed,
            &new.created_by.0,
            &new.created.as_microsecond(),
            &new.expires.as_microsecond(),
            &new.place,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn by_id(t: &Tx<'_>, claim: Uuid) -> Result<Option<Claim>> {
    let row = t
        .row(
            "SELECT tenant, id, site, name, secret_sealed, expires, progress, used FROM claims
             WHERE id = $1",
            &[&claim],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Claim {
        tenant: TenantId(row.try_get("tenant")?),
        id: row.try_get("id")?,
        site: row.try_get("site")?,
        name: row.try_get("name")?,
        secret_sealed: row.try_get("secret_sealed")?,
        expires: instant(&row, "expires")?,
        progress: row.try_get("progress")?,
        used: instant_or_none(&row, "used")?,
    }))
}

pub(super) async fn keep_progress(
    t: &Tx<'_>,
    tenant: TenantId,
    claim: Uuid,
    progress: &[u8],
) -> Result<()> {
    t.change(
        "UPDATE claims SET progress = $3 WHERE tenant = $1 AND id = $2 AND used IS NULL",
        &[&tenant.0, &claim, &progress],
    )
    .await?;
    Ok(())
}

pub(super) async fn finish(
    t: &Tx<'_>,
    tenant: TenantId,
    claim: Uuid,
    new: &NewTerminal,
    progress: &[u8],
) -> Result<ClaimEnd> {
    let at = new.at.as_microsecond();
    // Whoever comes second waits here for the first one's end, and then finds it used.
    let won = t
        .change(
            "UPDATE claims SET used = $3, terminal = $4, progress = $5
             WHERE tenant = $1 AND id = $2 AND used IS NULL AND expires > $3",
            &[&tenant.0, &claim, &at, &new.id, &progress],
        )
        .await?;
    if won == 0 {
        let used = t
            .row(
                "SELECT used IS NOT NULL AS used FROM claims WHERE tenant = $1 AND id = $2",
                &[&tenant.0, &claim],
            )
            .await?;
        let used = used.ok_or(StoreError::Missing("claim"))?;
        return Ok(if used.try_get("used")? {
            ClaimEnd::Used
        } else {
            ClaimEnd::Expired
        });
    }
    t.change(
        "INSERT INTO terminals
           (tenant, id, site, kind, name, public_key, sealing_key, certificate, claimed)
         SELECT tenant, $3, site, 'terminal', name, $4, $5, $6, $7
         FROM claims WHERE tenant = $1 AND id = $2",
        &[
            &tenant.0,
            &claim,
            &new.id,
            &new.public_key.as_slice(),
            &new.sealing_key.as_slice(),
            &new.certificate,
            &at,
        ],
    )
    .await?;
    t.change(
        "INSERT INTO placements (tenant, terminal, since, site)
         SELECT tenant, $3, $4, coalesce(place, site) FROM claims WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &claim, &new.id, &at],
    )
    .await?;
    let made = t
        .one(
            "SELECT created_by FROM claims WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &claim],
        )
        .await?;
    let by = AccountId(made.try_get("created_by")?);
    let deed = Deed::new(by, new.at, "terminal_claimed", Some(new.id));
    audit::write_down(t, tenant, &deed).await?;
    Ok(ClaimEnd::Won)
}
