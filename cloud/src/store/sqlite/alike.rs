//! Two people whose faces are too much alike, for somebody to settle.

use rusqlite::Transaction;

use super::rows::instant;
use super::{Sqlite, audit};
use crate::store::alike::{Alike, Found, Pair, Settled};
use crate::store::audit::Deed;
use crate::store::ways::Changing;
use crate::store::{AccountId, Answer, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Alike for Sqlite {
    fn found_alike(&self, changing: Changing, other: AccountId, found: Found) -> Answer<bool> {
        self.write(move |t| keep(t, &changing, other, found))
    }

    fn alike(&self, tenant: TenantId) -> Answer<Vec<Pair>> {
        self.read(move |t| {
            let mut all = pairs(t, tenant)?;
            all.reverse();
            Ok(all)
        })
    }

    fn open_alike(&self, tenant: TenantId) -> Answer<Vec<Pair>> {
        self.read(move |t| {
            let mut all = pairs(t, tenant)?;
            all.retain(|pair| pair.settled.is_none());
            Ok(all)
        })
    }

    fn settle_alike(&self, changing: Changing, other: AccountId, settled: Settled) -> Answer<()> {
        self.write(move |t| settle(t, &changing, other, settled))
    }
}

fn keep(t: &Transaction<'_>, changing: &Changing, other: AccountId, found: Found) -> Result<bool> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    let known = t
        .prepare_cached(
            "SELECT 1 FROM alike WHERE tenant = ?1 AND person IN (?2, ?3) AND other IN (?2, ?3)",
        )?
        .exists((tenant, person, other))?;
    if !known {
        t.execute(
            "INSERT INTO alike (tenant, person, other, kind, found) VALUES (?1, ?2, ?3, ?4, ?5)",
            (tenant, person, other, found.as_str(), at.as_microsecond()),
        )?;
        let mut deed = Deed::new(by, at, "alike_found", Some(person.0));
        deed.after = Some(format!("\"{}\"", other.0));
        audit::write_down(t, tenant, &deed)?;
    }
    Ok(t.prepare_cached(
        "SELECT 1 FROM alike
         WHERE tenant = ?1 AND person IN (?2, ?3) AND other IN (?2, ?3) AND settled IS NULL",
    )?
    .exists((tenant, person, other))?)
}

fn pairs(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<Pair>> {
    let mut statement = t.prepare_cached(
        "SELECT a.person, p.name, a.other, o.name AS other_name, a.kind, a.found, a.settled, a.settled_by,
                a.settled_as
         FROM alike a
         JOIN people p ON p.tenant = a.tenant AND p.id = a.person AND p.left_at IS NULL
         JOIN people o ON o.tenant = a.tenant AND o.id = a.other AND o.left_at IS NULL
         WHERE a.tenant = ?1 ORDER BY a.found, a.person, a.other",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let settled: Option<i64> = row.get("settled")?;
        found.push(Pair {
            person: row.get("person")?,
            name: row.get("name")?,
            other: row.get("other")?,
            other_name: row.get("other_name")?,
            kind: row.get("kind")?,
            found: instant(row, "found")?,
            settled: settled.map(|_| instant(row, "settled")).transpose()?,
            settled_by: row.get("settled_by")?,
            settled_as: row.get("settled_as")?,
        });
    }
    Ok(found)
}

fn settle(
    t: &Transaction<'_>,
    changing: &Changing,
    other: AccountId,
    settled: Settled,
) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    let changed = t.execute(
        "UPDATE alike SET settled = ?4, settled_by = ?5, settled_as = ?6
         WHERE tenant = ?1 AND person IN (?2, ?3) AND other IN (?2, ?3)",
        (
            tenant,
            person,
            other,
            at.as_microsecond(),
            by,
            settled.as_str(),
        ),
    )?;
    if changed == 0 {
        return Err(StoreError::Missing("pair"));
    }
    let mut deed = Deed::new(by, at, "alike_settled", Some(person.0));
    deed.before = Some(format!("\"{}\"", other.0));
    deed.after = Some(format!("\"{}\"", settled.as_str()));
    audit::write_down(t, tenant, &deed)
}
