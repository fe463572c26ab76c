//! Who leaves, and what is kept of people no longer than it may be.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{instant, number};
use super::{Postgres, Result, Tx, accounts, audit, consents, people, ways};
use crate::store::audit::Deed;
use crate::store::forms::Whom;
use crate::store::leaving::{AccountEver, Bounds, Former, Leaving, Overdue};
use crate::store::ways::Changing;
use crate::store::{AccountId, Answer, Person, Role, StoreError, TenantId};

impl Leaving for Postgres {
    fn leave(&self, changing: Changing) -> Answer<()> {
        self.write(changing, |t, changing| Box::pin(leave(t, changing)))
    }

    fn person_ever(&self, tenant: TenantId, person: AccountId) -> Answer<Option<Person>> {
        let found = self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(people::list(t, *tenant, Whom::Ever(*person)))
        });
        Box::pin(async move { Ok(found.await?.pop()) })
    }

    fn account_ever(&self, tenant: TenantId, account: AccountId) -> Answer<Option<AccountEver>> {
        self.read((tenant, account), |t, (tenant, account)| {
            Box::pin(account_ever(t, *tenant, *account))
        })
    }

    fn former(&self, tenant: TenantId) -> Answer<Vec<Former>> {
        self.read(tenant, |t, tenant| Box::pin(former(t, *tenant)))
    }

    fn overdue(&self, tenant: TenantId, bounds: Bounds) -> Answer<Overdue> {
        self.read((tenant, bounds), |t, (tenant, bounds)| {
            Box::pin(overdue(t, *tenant, bounds))
        })
    }

    fn delete_punches(
        &self,
        tenant: TenantId,
        bound: Timestamp,
        by: AccountId,
        at: Timestamp,
    ) -> Answer<u64> {
        self.write((tenant, bound, by, at), |t, (tenant, bound, by, at)| {
            Box::pin(delete_punches(t, *tenant, *bound, *by, *at))
        })
    }
}

async fn leave(t: &Tx<'_>, changing: &Changing) -> Result<()> {
    let Changing {
        tenant,
        person,
        by,
        at,
    } = *changing;
    if !consents::lock(t, changing).await? {
        return Err(StoreError::Missing("person"));
    }
    // Before anything is written down: nothing is locked after that.
    t.change(
        "UPDATE people SET left_at = $3 WHERE tenant = $1 AND id = $2",
        &[&tenant.0, &person.0, &at.as_microsecond()],
    )
    .await?;
    accounts::disable(t, tenant, person).await?;
    ways::remove_pin(t, changing).await?;
    let badges = t
        .rows(
            "SELECT id FROM badges WHERE tenant = $1 AND person = $2 AND revoked IS NULL ORDER BY id",
            &[&tenant.0, &person.0],
        )
        .await?;
    for row in badges {
        let badge: Uuid = row.try_get("id")?;
        ways::revoke_badge(t, changing, badge).await?;
    }
    let deed = Deed::new(by, at, "person_left", Some(person.0));
    audit::write_down(t, tenant, &deed).await
}

async fn account_ever(
    t: &Tx<'_>,
    tenant: TenantId,
    account: AccountId,
) -> Result<Option<AccountEver>> {
    let row = t
        .row(
            "SELECT username, email, role, face_login, disabled, created FROM accounts
             WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &account.0],
        )
        .await?;
    row.map(|row| {
        let role: &str = row.try_get("role")?;
        Ok(AccountEver {
            name: row.try_get("username")?,
            email: row.try_get("email")?,
            role: Role::from_name(role).ok_or(StoreError::Damaged("accounts.role"))?,
            face_login: row.try_get("face_login")?,
            disabled: row.try_get("disabled")?,
            created: instant(&row, "created")?,
        })
    })
    .transpose()
}

async fn former(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<Former>> {
    let rows = t
        .rows(
            "SELECT p.id, p.name, a.email, p.left_at FROM people p
             JOIN accounts a ON a.tenant = p.tenant AND a.id = p.id
             WHERE p.tenant = $1 AND p.left_at IS NOT NULL ORDER BY p.left_at DESC, p.id",
            &[&tenant.0],
        )
        .await?;
    let read = |row: &Row| {
        Ok(Former {
            id: AccountId(row.try_get("id")?),
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            left: instant(row, "left_at")?,
        })
    };
    rows.iter().map(read).collect()
}

fn ids(rows: &[Row]) -> Result<Vec<AccountId>> {
    let id = |row: &Row| Ok(AccountId(row.try_get("person")?));
    rows.iter().map(id).collect()
}

async fn overdue(t: &Tx<'_>, tenant: TenantId, bounds: &Bounds) -> Result<Overdue> {
    // Whoever was of the staff and works at no door has no day of leaving; nothing is left to keep theirs for.
    let left = t
        .rows(
            "SELECT DISTINCT x.person FROM templates x
             JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person
             LEFT JOIN people p ON p.tenant = x.tenant AND p.id = x.person
             WHERE x.tenant = $1 AND (p.left_at <= $2 OR (p.id IS NULL AND a.disabled))
             ORDER BY x.person",
            &[&tenant.0, &bounds.left.as_microsecond()],
        )
        .await?;
    let unused = match bounds.unused {
        None => Vec::new(),
        Some(since) => {
            t.rows(
                "SELECT x.person FROM templates x
                 JOIN people p ON p.tenant = x.tenant AND p.id = x.person AND p.left_at IS NULL
                 JOIN accounts a ON a.tenant = x.tenant AND a.id = x.person AND NOT a.face_login
                 WHERE x.tenant = $1 AND NOT EXISTS (
                     SELECT 1 FROM facts f
                     WHERE f.tenant = x.tenant AND f.person = x.person AND f.at >= $2 AND f.kind = 'punch'
                       AND (f.body LIKE '%\"method\":\"face\"%' OR f.body LIKE '%\"method\":\"upload\"%')
                 )
                 GROUP BY x.person HAVING max(x.created) < $2 ORDER BY x.person",
                &[&tenant.0, &since.as_microsecond()],
            )
            .await?
        }
    };
    let punches = match bounds.punches {
        None => 0,
        Some(bound) => {
            let row = t
                .one(
                    "SELECT count(*) AS n FROM facts f
                     JOIN outboxes o ON o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
                     WHERE f.tenant = $1 AND f.at < $2 AND f.seq <= o.through AND f.kind IN ('punch', 'amend')",
                    &[&tenant.0, &bound.as_microsecond()],
                )
                .await?;
            number(&row, "n")?
        }
    };
    Ok(Overdue {
        left: ids(&left)?,
        unused: ids(&unused)?,
        punches,
    })
}

async fn delete_punches(
    t: &Tx<'_>,
    tenant: TenantId,
    bound: Timestamp,
    by: AccountId,
    at: Timestamp,
) -> Result<u64> {
    let rows = t
        .rows(
            "DELETE FROM facts f USING outboxes o
             WHERE o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
               AND f.tenant = $1 AND f.at < $2 AND f.seq <= o.through AND f.kind IN ('punch', 'amend')
             RETURNING f.terminal, f.outbox, f.seq",
            &[&tenant.0, &bound.as_microsecond()],
        )
        .await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut terminals, mut outboxes, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        terminals.push(row.try_get::<_, Uuid>("terminal")?);
        outboxes.push(row.try_get::<_, Uuid>("outbox")?);
        seqs.push(row.try_get::<_, i64>("seq")?);
    }
    t.change(
        "DELETE FROM events e USING unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS g (terminal, outbox, seq)
         WHERE e.tenant = $1 AND e.terminal = g.terminal AND e.outbox = g.outbox AND e.seq = g.seq",
        &[&tenant.0, &terminals, &outboxes, &seqs],
    )
    .await?;
    let gone = rows.len();
    let mut deed = Deed::new(by, at, "punches_deleted", None);
    deed.before = Some(format!("{{\"before\":\"{bound}\",\"punches\":{gone}}}"));
    audit::write_down(t, tenant, &deed).await?;
    Ok(gone as u64)
}
