//! What was agreed, and pay runs.

use super::rows::{instant, number};
use super::{Postgres, Result, Tx, audit};
use crate::store::agreements::{
    Agreement, Agreements, KeptRun, NewAgreement, NewRun, RunPart, Seen, Topic,
};
use crate::store::audit::Deed;
use crate::store::forms::{count, integer};
use crate::store::{AccountId, Answer, StoreError, TenantId};

impl Agreements for Postgres {
    fn agreements(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<Agreement>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(agreements(t, *tenant, *person))
        })
    }

    fn agree(&self, tenant: TenantId, new: Vec<NewAgreement>, deed: Deed) -> Answer<u64> {
        self.write((tenant, new, deed), |t, (tenant, new, deed)| {
            Box::pin(agree(t, *tenant, new, deed))
        })
    }

    fn pay_runs(&self, tenant: TenantId) -> Answer<Vec<KeptRun>> {
        self.read(tenant, |t, tenant| Box::pin(pay_runs(t, *tenant)))
    }

    fn run_parts(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<RunPart>> {
        self.read((tenant, person), |t, (tenant, person)| {
            Box::pin(run_parts(t, *tenant, *person))
        })
    }

    fn keep_run(&self, tenant: TenantId, run: NewRun) -> Answer<()> {
        self.write((tenant, run), |t, (tenant, run)| {
            Box::pin(keep_run(t, *tenant, run))
        })
    }

    fn seen(&self, tenant: TenantId) -> Answer<Seen> {
        self.read(tenant, |t, tenant| Box::pin(seen(t, *tenant)))
    }
}

/// One at a time within a tenant: who agrees, locks and pays.
pub(super) async fn alone(t: &Tx<'_>, tenant: TenantId) -> Result<()> {
    let lock = "SELECT 1 FROM tenants WHERE tenant = $1 FOR NO KEY UPDATE";
    t.rows(lock, &[&tenant.0]).await?;
    Ok(())
}

async fn agreements(
    t: &Tx<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<Agreement>> {
    let rows = t
        .rows(
            "SELECT nth, kind, subject, person, from_day, body, at, by_whom FROM agreements
             WHERE tenant = $1 AND ($2::uuid IS NULL OR person IS NULL OR person = $2) ORDER BY nth",
            &[&tenant.0, &person.map(|person| person.0)],
        )
        .await?;
    let mut all = Vec::new();
    for row in rows {
        let (kind, from): (&str, &str) = (row.try_get("kind")?, row.try_get("from_day")?);
        let person: Option<uuid::Uuid> = row.try_get("person")?;
        all.push(Agreement {
            nth: number(&row, "nth")?,
            said: NewAgreement {
                topic: Topic::from_name(kind).ok_or(StoreError::Damaged("agreements.kind"))?,
                subject: row.try_get("subject")?,
                person: person.map(AccountId),
                from: from
                    .parse()
                    .map_err(|_| StoreError::Damaged("agreements.from_day"))?,
                body: row.try_get("body")?,
            },
            at: instant(&row, "at")?,
            by: AccountId(row.try_get("by_whom")?),
        });
    }
    Ok(all)
}

async fn agree(t: &Tx<'_>, tenant: TenantId, new: &[NewAgreement], deed: &Deed) -> Result<u64> {
    alone(t, tenant).await?;
    let last: i64 = t
        .one(
            "SELECT coalesce(max(nth), 0) FROM agreements WHERE tenant = $1",
            &[&tenant.0],
        )
        .await?
        .try_get(0)?;
    for (nth, one) in (last + 1..).zip(new) {
        t.change(
            "INSERT INTO agreements (tenant, nth, kind, subject, person, from_day, body, at, by_whom)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &tenant.0,
                &nth,
                &one.topic.as_str(),
                &one.subject,
                &one.person.map(|person| person.0),
                &one.from.to_string(),
                &one.body,
                &deed.at.as_microsecond(),
                &deed.by.0,
            ],
        )
        .await?;
    }
    audit::write_down(t, tenant, deed).await?;
    count(last + 1, "agreements.nth")
}

async fn pay_runs(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<KeptRun>> {
    let rows = t
        .rows(
            "SELECT id, locked, version, body FROM pay_runs WHERE tenant = $1 ORDER BY place",
            &[&tenant.0],
        )
        .await?;
    let mut all = Vec::new();
    for row in rows {
        let locked: Option<i64> = row.try_get("locked")?;
        all.push(KeptRun {
            id: row.try_get("id")?,
            locked: locked.map(|n| count(n, "pay_runs.locked")).transpose()?,
            version: number(&row, "version")?,
            body: row.try_get("body")?,
        });
    }
    Ok(all)
}

async fn run_parts(
    t: &Tx<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<RunPart>> {
    let rows = t
        .rows(
            "SELECT run, person, body FROM pay_run_people
             WHERE tenant = $1 AND ($2::uuid IS NULL OR person = $2) ORDER BY run, person",
            &[&tenant.0, &person.map(|person| person.0)],
        )
        .await?;
    let mut all = Vec::new();
    for row in rows {
        all.push(RunPart {
            run: row.try_get("run")?,
            person: AccountId(row.try_get("person")?),
            body: row.try_get("body")?,
        });
    }
    Ok(all)
}

pub(super) async fn seen(t: &Tx<'_>, tenant: TenantId) -> Result<Seen> {
    let row = t
        .one(
            "SELECT (SELECT coalesce(max(locked), 0) FROM pay_runs WHERE tenant = $1) AS locked,
                    (SELECT count(*) FROM paid_sessions WHERE tenant = $1) AS marked",
            &[&tenant.0],
        )
        .await?;
    Ok(Seen {
        locked: number(&row, "locked")?,
        marked: number(&row, "marked")?,
    })
}

async fn keep_run(t: &Tx<'_>, tenant: TenantId, run: &NewRun) -> Result<()> {
    alone(t, tenant).await?;
    let now = seen(t, tenant).await?;
    if run.locks.as_ref().is_some_and(|(seen, _)| *seen != now) {
        return Err(StoreError::Overtaken("something was paid meanwhile"));
    }
    let known = t
        .row(
            "SELECT version FROM pay_runs WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &run.id],
        )
        .await?;
    let version: Option<i64> = known.map(|row| row.try_get(0)).transpose()?;
    if version.unwrap_or(0) != integer(run.version)? {
        return Err(StoreError::Overtaken("the pay run was changed meanwhile"));
    }
    let locked = run.locks.as_ref().map(|_| now.locked + 1);
    let locked = locked.map(integer).transpose()?;
    if version.is_none() {
        t.change(
            "INSERT INTO pay_runs (tenant, id, place, locked, version, body)
             SELECT $1, $2, coalesce(max(place), 0) + 1, $3, 1, $4 FROM pay_runs WHERE tenant = $1",
            &[&tenant.0, &run.id, &locked, &run.body],
        )
        .await?;
    } else {
        t.change(
            "UPDATE pay_runs SET version = version + 1, body = $4, locked = coalesce(locked, $3)
             WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &run.id, &locked, &run.body],
        )
        .await?;
    }
    for (person, body) in run.locks.iter().flat_map(|(_, parts)| parts) {
        t.change(
            "INSERT INTO pay_run_people (tenant, run, person, body) VALUES ($1, $2, $3, $4)",
            &[&tenant.0, &run.id, &person.0, body],
        )
        .await?;
    }
    audit::write_down(t, tenant, &run.deed).await
}
