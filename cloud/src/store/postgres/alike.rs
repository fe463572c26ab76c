//! Two people whose faces are too much alike, for somebody to settle.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{instant, instant_or_none};
use super::{Postgres, Result, Tx, audit};
use crate::store::alike::{Alike, Found, Pair, Settled};
use crate::store::audit::Deed;
use crate::store::ways::Changing;
use crate::store::{AccountId, Answer, StoreError, TenantId};

impl Alike for Postgres {
    fn found_alike(&self, changing: Changing, other: AccountId, found: Found) -> Answer<bool> {
        self.write((changing, other, found), |t, (changing, other, found)| {
            Box::pin(keep(t, changing, *other, *found))
        })
    }

    fn alike(&self, tenant: TenantId) -> Answer<Vec<Pair>> {
        let all = self.read(tenant, |t, tenant| Box::pin(pairs(t, *tenant)));
        Box::pin(async move {
            let mut all = all.await?;
            all.reverse();
            Ok(all)
        })
    }

    fn open_alike(&self, tenant: TenantId) -> Answer<Vec<Pair>> {
        let all = self.read(tenant, |t, tenant| Box::pin(pairs(t, *tenant)));
        Box::pin(async move {
            let mut all = all.await?;
            all.retain(|pair| pair.settled.is_none());
            Ok(all)
        })
    }

    fn settle_alike(&self, changing: Changing, other: AccountId, settled: Settled) -> Answer<()> {
        self.write(
            (changing, other, settled),
            |t, (changing, other, settled)| Box::pin(settle(t, changing, *other, *settled)),
        )
    }
}

/// Locks both, in one order, so that of two who find them alike one writes it down.
async fn lock(t: &Tx<'_>, changing: &Changing, other: AccountId) -> Result<()> {
    t.rows(
        "SELECT 1 FROM people WHERE tenant = $1 AND id IN ($2, $3) ORDER BY id FOR NO KEY UPDATE",
        &[&changing.tenant.0, &changing.person.0, &other.0],
    )
    .await?;
    Ok(())
}

async fn keep(t: &Tx<'_>, changing: &Changing, other: AccountId, found: Found) -> Result<bool> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    lock(t, changing, other).await?;
    let known = t
        .row(
            "SELECT settled IS NULL AS open FROM alike
             WHERE tenant = $1 AND person IN ($2, $3) AND other IN ($2, $3)",
            &[&tenant.0, &person.0, &other.0],
        )
        .await?;
    if let Some(known) = known {
        return Ok(known.try_get("open")?);
    }
    t.change(
        "INSERT INTO alike (tenant, person, other, kind, found) VALUES ($1, $2, $3, $4, $5)",
        &[
            &tenant.0,
            &person.0,
            &other.0,
            &found.as_str(),
            &at.as_microsecond(),
        ],
    )
    .await?;
    let mut deed = Deed::new(by, at, "alike_found", Some(person.0));
    deed.after = Some(format!("\"{}\"", other.0));
    audit::write_down(t, tenant, &deed).await?;
    Ok(true)
}

async fn pairs(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<Pair>> {
    let rows = t
        .rows(
            "SELECT a.person, p.name, a.other, o.name AS other_name, a.kind, a.found, a.settled, a.settled_by,
                    a.settled_as
             FROM alike a
             JOIN people p ON p.tenant = a.tenant AND p.id = a.person AND p.left_at IS NULL
             JOIN people o ON o.tenant = a.tenant AND o.id = a.other AND o.left_at IS NULL
             WHERE a.tenant = $1 ORDER BY a.found, a.person, a.other",
            &[&tenant.0],
        )
        .await?;
    let read = |row: &Row| {
        let settled_by: Option<Uuid> = row.try_get("settled_by")?;
        Ok(Pair {
            person: AccountId(row.try_get("person")?),
            name: row.try_get("name")?,
            other: AccountId(row.try_get("other")?),
            other_name: row.try_get("other_name")?,
            kind: row.try_get("kind")?,
            found: instant(row, "found")?,
            settled: instant_or_none(row, "settled")?,
            settled_by: settled_by.map(AccountId),
            settled_as: row.try_get("settled_as")?,
        })
    };
    rows.iter().map(read).collect()
}

async fn settle(t: &Tx<'_>, changing: &Changing, other: AccountId, settled: Settled) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    let changed = t
        .change(
            "UPDATE alike SET settled = $4, settled_by = $5, settled_as = $6
             WHERE tenant = $1 AND person IN ($2, $3) AND other IN ($2, $3)",
            &[
                &tenant.0,
                &person.0,
                &other.0,
                &at.as_microsecond(),
                &by.0,
                &settled.as_str(),
            ],
        )
        .await?;
    if changed == 0 {
        return Err(StoreError::Missing("pair"));
    }
    let mut deed = Deed::new(by, at, "alike_settled", Some(person.0));
    deed.before = Some(format!("\"{}\"", other.0));
    deed.after = Some(format!("\"{}\"", settled.as_str()));
    audit::write_down(t, tenant, &deed).await
}
