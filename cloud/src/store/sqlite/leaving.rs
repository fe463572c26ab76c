//! Who leaves, and what is kept of people no longer than it may be.

use jiff::Timestamp;
use rusqlite::Transaction;
use uuid::Uuid;

use super::rows::{Id, instant};
use super::{Sqlite, accounts, audit, consents, people, ways};
use crate::store::audit::Deed;
use crate::store::forms::{Whom, count};
use crate::store::leaving::{AccountEver, Bounds, Former, Leaving, Overdue};
use crate::store::ways::Changing;
use crate::store::{AccountId, Answer, Person, Role, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Leaving for Sqlite {
    fn leave(&self, changing: Changing) -> Answer<()> {
        self.write(move |t| leave(t, &changing))
    }

    fn person_ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Person>> {
        self.read(move |t| Ok(people::list(t, tenant, Whom::Ever(person))?.pop()))
    }

    fn account_ever(&self, tenant: TenantId, account: AccountId) -> Answer<Option<AccountEver>> {
        self.read(move |t| account_ever(t, tenant, account))
    }

    fn former(&self, tenant: TenantId) -> Answer<Vec<Former>> {
        self.read(move |t| former(t, tenant))
    }

    fn overdue(&self, tenant: TenantId, bounds: Bounds) -> Answer<Overdue> {
        self.read(move |t| overdue(t, tenant, &bounds))
    }

    fn delete_punches(
        &self,
        tenant: TenantId,
        bound: Timestamp,
        by: AccountId,
        at: Timestamp,
    ) -> Answer<u64> {
        self.write(move |t| delete_punches(t, tenant, bound, by, at))
    }
}

fn leave(t: &Transaction<'_>, changing: &Changing) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    consents::works(t, tenant, person)?;
    t.execute(
        "UPDATE people SET left_at = ?3 WHERE tenant = ?1 AND id = ?2",
        (tenant, person, at.as_microsecond()),
    )?;
    ways::remove_pin(t, changing)?;
    let mut statement = t.prepare_cached(
        "SELECT id FROM badges WHERE tenant = ?1 AND person = ?2 AND revoked IS NULL",
    )?;
    let badges = statement.query_map((tenant, person), |row| row.get::<_, Id>(0))?;
    let badges: Vec<Uuid> = badges
        .map(|id| id.map(|id| id.0))
        .collect::<rusqlite::Result<_>>()?;
    for badge in badges {
        ways::revoke_badge(t, changing, badge)?;
    }
    accounts::disable(t, tenant, person)?;
    let deed = Deed::new(by, at, "person_left", Some(person.0));
    audit::write_down(t, tenant, &deed)
}

fn account_ever(
    t: &Transaction<'_>,
    tenant: TenantId,
    account: AccountId,
) -> Result<Option<AccountEver>> {
    let mut statement = t.prepare_cached(
        "SELECT username, email, role, face_login, disabled, created FROM accounts
         WHERE tenant = ?1 AND id = ?2",
    )?;
    let mut rows = statement.query((tenant, account))?;
    rows.next()?
        .map(|row| {
            let role: String = row.get("role")?;
            Ok(AccountEver {
                name: row.get("username")?,
                email: row.get("email")?,
                role: Role::from_name(&role).ok_or(StoreError::Damaged("accounts.role"))?,
                face_login: row.get("face_login")?,
                disabled: row.get("disabled")?,
                created: instant(row, "created")?,
            })
        })
        .transpose()
}

fn former(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<Former>> {
    let mut statement = t.prepare_cached(
        "SELECT p.id, p.name, a.email, p.left_at FROM people p
         JOIN accounts a ON a.tenant = p.tenant AND a.id = p.id
         WHERE p.tenant = ?1 AND p.left_at IS NOT NULL ORDER BY p.left_at DESC, p.id",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Former {
            id: row.get("id")?,
            name: row.get("name")?,
            email: row.get("email")?,
            left: instant(row, "left_at")?,
        });
    }
    Ok(found)
}

fn overdue(t: &Transaction<'_>, tenant: TenantId, bounds: &Bounds) -> Result<Overdue> {
    // Whoever was of the staff and works at no door has no day of leaving; nothing is left to keep theirs for.
    let mut statement = t.prepare_cached(
        "SELECT DISTINCT x.person FROM templates x
         JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
         LEFT JOIN people p ON p.tenant = x.tenant AND p.id = x.person
         WHERE x.tenant = ?1 AND (p.left_at <= ?2 OR (p.id IS NULL AND a.disabled = 1))
         ORDER BY x.person",
    )?;
    let rows = statement.query_map((tenant, bounds.left.as_microsecond()), |row| row.get(0))?;
    let left = rows.collect::<rusqlite::Result<_>>()?;
    let unused = match bounds.unused {
        None => Vec::new(),
        Some(since) => unused(t, tenant, since)?,
    };
    let punches = match bounds.punches {
        None => 0,
        Some(bound) => t
            .prepare_cached(
                "SELECT count(*) FROM facts f
                 JOIN outboxes o ON o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
                 WHERE f.tenant = ?1 AND f.at < ?2 AND f.seq <= o.through AND f.kind IN ('punch', 'amend')",
            )?
            .query_row((tenant, bound.as_microsecond()), |row| row.get(0))?,
    };
    Ok(Overdue {
        left,
        unused,
        punches: count(punches, "facts")?,
    })
}

fn unused(t: &Transaction<'_>, tenant: TenantId, since: Timestamp) -> Result<Vec<AccountId>> {
    let mut statement = t.prepare_cached(
        "SELECT x.person FROM templates x
         JOIN people p ON p.tenant = x.tenant AND p.id = x.person AND p.left_at IS NULL
         JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person AND a.face_login = 0
         WHERE x.tenant = ?1 AND NOT EXISTS (
             SELECT 1 FROM facts f
             WHERE f.tenant = x.tenant AND f.person = x.person AND f.at >= ?2 AND f.kind = 'punch'
               AND (f.body LIKE '%\"method\":\"face\"%' OR f.body LIKE '%\"method\":\"upload\"%')
         )
         GROUP BY x.person HAVING max(x.created) < ?2 ORDER BY x.person",
    )?;
    let rows = statement.query_map((tenant, since.as_microsecond()), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn delete_punches(
    t: &Transaction<'_>,
    tenant: TenantId,
    bound: Timestamp,
    by: AccountId,
    at: Timestamp,
) -> Result<u64> {
    let bound_us = bound.as_microsecond();
    t.execute(
        "CREATE TEMP TABLE IF NOT EXISTS going
             (terminal BLOB, outbox BLOB, seq INTEGER, PRIMARY KEY (terminal, outbox, seq))",
        [],
    )?;
    t.execute("DELETE FROM going", [])?;
    let gone = t.execute(
        "INSERT INTO going
         SELECT f.terminal, f.outbox, f.seq FROM facts f
         JOIN outboxes o ON o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
         WHERE f.tenant = ?1 AND f.at < ?2 AND f.seq <= o.through AND f.kind IN ('punch', 'amend')",
        (tenant, bound_us),
    )?;
    if gone == 0 {
        return Ok(0);
    }
    for table in [
        "DELETE FROM facts WHERE tenant = ?1 AND (terminal, outbox, seq) IN (SELECT * FROM going)",
        "DELETE FROM events WHERE tenant = ?1 AND (terminal, outbox, seq) IN (SELECT * FROM going)",
    ] {
        t.execute(table, [tenant])?;
    }
    t.execute("DELETE FROM going", [])?;
    let mut deed = Deed::new(by, at, "punches_deleted", None);
    deed.before = Some(format!("{{\"before\":\"{bound}\",\"punches\":{gone}}}"));
    audit::write_down(t, tenant, &deed)?;
    Ok(gone as u64)
}
