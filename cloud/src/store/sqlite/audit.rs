//! The chain of what was done.

use rusqlite::{OptionalExtension, Rows, Transaction};
use uuid::Uuid;

use super::Sqlite;
use super::rows::{Id, id, instant, number};
use crate::store::audit::{Audit, Deed, Entry, hex};
use crate::store::forms::integer;
use crate::store::{Answer, Hash, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Audit for Sqlite {
    fn write_down(&self, tenant: TenantId, deed: Deed) -> Answer<()> {
        self.write(move |t| write_down(t, tenant, &deed))
    }

    fn audit(&self, tenant: TenantId, after: u64, most: u32) -> Answer<Vec<Entry>> {
        self.read(move |t| page(t, tenant, after, most))
    }

    fn audit_about(&self, tenant: TenantId, about: Uuid) -> Answer<Vec<Entry>> {
        self.read(move |t| {
            let mut statement = t.prepare_cached(
                "SELECT nth, at, by_whom, what, about, before, after, hash FROM audit
                 WHERE tenant = ?1 AND about = ?2 ORDER BY nth",
            )?;
            entries(statement.query((tenant, id(about)))?)
        })
    }
}

/// Adds a deed to the chain of its tenant.
pub(super) fn write_down(t: &Transaction<'_>, tenant: TenantId, deed: &Deed) -> Result<()> {
    let last: Option<(i64, Hash)> = t
        .prepare_cached("SELECT nth, hash FROM audit WHERE tenant = ?1 ORDER BY nth DESC LIMIT 1")?
        .query_row([tenant], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (nth, before) = last.unwrap_or((0, [0; 32]));
    let (entry, hash) = Entry::of(tenant, nth.unsigned_abs() + 1, deed, &before);
    t.prepare_cached(
        "INSERT INTO audit (tenant, nth, at, by_whom, what, about, before, after, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        tenant,
        integer(entry.nth)?,
        entry.at.as_microsecond(),
        deed.by,
        &entry.what,
        entry.about.map(id),
        &entry.before,
        &entry.after,
        &hash,
    ))?;
    Ok(())
}

fn page(t: &Transaction<'_>, tenant: TenantId, after: u64, most: u32) -> Result<Vec<Entry>> {
    let mut statement = t.prepare_cached(
        "SELECT nth, at, by_whom, what, about, before, after, hash FROM audit
         WHERE tenant = ?1 AND nth > ?2 ORDER BY nth LIMIT ?3",
    )?;
    entries(statement.query((tenant, integer(after)?, most))?)
}

fn entries(mut rows: Rows<'_>) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let hash: Hash = row.get("hash")?;
        let about: Option<Id> = row.get("about")?;
        entries.push(Entry {
            nth: number(row, "nth")?,
            at: instant(row, "at")?,
            by: row.get::<_, Id>("by_whom")?.0,
            what: row.get("what")?,
            about: about.map(|about: Id| -> Uuid { about.0 }),
            before: row.get("before")?,
            after: row.get("after")?,
            hash: hex(&hash),
        });
    }
    Ok(entries)
}
