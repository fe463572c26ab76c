//! The chain of what was done.

use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{bytes32, instant, number};
use super::{Postgres, Result, Tx};
use crate::store::audit::{Audit, Deed, Entry, hex};
use crate::store::forms::integer;
use crate::store::{Answer, TenantId};

impl Audit for Postgres {
    fn write_down(&self, tenant: TenantId, deed: Deed) -> Answer<()> {
        self.write((tenant, deed), |t, (tenant, deed)| {
            Box::pin(write_down(t, *tenant, deed))
        })
    }

    fn audit(&self, tenant: TenantId, after: u64, most: u32) -> Answer<Vec<Entry>> {
        self.read((tenant, after, most), |t, (tenant, after, most)| {
            Box::pin(page(t, *tenant, *after, *most))
        })
    }

    fn audit_about(&self, tenant: TenantId, about: Uuid) -> Answer<Vec<Entry>> {
        self.read((tenant, about), |t, (tenant, about)| {
            Box::pin(audit_about(t, *tenant, *about))
        })
    }
}

/// A tenant's place among the server's advisory locks. Two that share one only wait for each other.
fn place(tenant: Uuid) -> i64 {
    let (high, low) = tenant.as_u64_pair();
    (high ^ low).cast_signed()
}

/// Adds a deed to the chain of its tenant. One at a time: each names the one before. Nothing else is locked after
/// it, so that nobody waits in a circle.
pub(super) async fn write_down(t: &Tx<'_>, tenant: TenantId, deed: &Deed) -> Result<()> {
    let lock = "SELECT pg_advisory_xact_lock($1)";
    t.rows(lock, &[&place(tenant.0)]).await?;
    let last = t
        .row(
            "SELECT nth, hash FROM audit WHERE tenant = $1 ORDER BY nth DESC LIMIT 1",
            &[&tenant.0],
        )
        .await?;
    let (nth, before) = match last {
        None => (0, [0; 32]),
        Some(row) => (number(&row, "nth")?, bytes32(&row, "hash")?),
    };
    let (entry, hash) = Entry::of(tenant, nth + 1, deed, &before);
    t.change(
        "INSERT INTO audit (tenant, nth, at, by_whom, what, about, before, after, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &tenant.0,
            &integer(entry.nth)?,
            &entry.at.as_microsecond(),
            &entry.by,
            &entry.what,
            &entry.about,
            &entry.before,
            &entry.after,
            &hash.as_slice(),
        ],
    )
    .await?;
    Ok(())
}

async fn page(t: &Tx<'_>, tenant: TenantId, after: u64, most: u32) -> Result<Vec<Entry>> {
    let rows = t
        .rows(
            "SELECT nth, at, by_whom, what, about, before, after, hash FROM audit
             WHERE tenant = $1 AND nth > $2 ORDER BY nth LIMIT $3",
            &[&tenant.0, &integer(after)?, &i64::from(most)],
        )
        .await?;
    entries(&rows)
}

async fn audit_about(t: &Tx<'_>, tenant: TenantId, about: Uuid) -> Result<Vec<Entry>> {
    let rows = t
        .rows(
            "SELECT nth, at, by_whom, what, about, before, after, hash FROM audit
             WHERE tenant = $1 AND about = $2 ORDER BY nth",
            &[&tenant.0, &about],
        )
        .await?;
    entries(&rows)
}

fn entries(rows: &[Row]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for row in rows {
        entries.push(Entry {
            nth: number(row, "nth")?,
            at: instant(row, "at")?,
            by: row.try_get("by_whom")?,
            what: row.try_get("what")?,
            about: row.try_get("about")?,
            before: row.try_get("before")?,
            after: row.try_get("after")?,
            hash: hex(&bytes32(row, "hash")?),
        });
    }
    Ok(entries)
}
