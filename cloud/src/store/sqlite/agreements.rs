//! What was agreed, and pay runs.

use rusqlite::{OptionalExtension, Transaction};

use super::rows::{Id, id, instant, number};
use super::{Sqlite, audit};
use crate::store::agreements::{
    Agreement, Agreements, KeptRun, NewAgreement, NewRun, RunPart, Seen, Topic,
};
use crate::store::audit::Deed;
use crate::store::forms::{count, integer};
use crate::store::{AccountId, Answer, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Agreements for Sqlite {
    fn agreements(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<Agreement>> {
        self.read(move |t| agreements(t, tenant, person))
    }

    fn agree(&self, tenant: TenantId, new: Vec<NewAgreement>, deed: Deed) -> Answer<u64> {
        self.write(move |t| agree(t, tenant, &new, &deed))
    }

    fn pay_runs(&self, tenant: TenantId) -> Answer<Vec<KeptRun>> {
        self.read(move |t| pay_runs(t, tenant))
    }

    fn run_parts(&self, tenant: TenantId, person: Option<AccountId>) -> Answer<Vec<RunPart>> {
        self.read(move |t| run_parts(t, tenant, person))
    }

    fn keep_run(&self, tenant: TenantId, run: NewRun) -> Answer<()> {
        self.write(move |t| keep_run(t, tenant, &run))
    }

    fn seen(&self, tenant: TenantId) -> Answer<Seen> {
        self.read(move |t| seen(t, tenant))
    }
}

fn agreements(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<Agreement>> {
    let mut statement = t.prepare_cached(
        "SELECT nth, kind, subject, person, from_day, body, at, by_whom FROM agreements
         WHERE tenant = ?1 AND (?2 IS NULL OR person IS NULL OR person = ?2) ORDER BY nth",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, from): (String, String) = (row.get("kind")?, row.get("from_day")?);
        all.push(Agreement {
            nth: number(row, "nth")?,
            said: NewAgreement {
                topic: Topic::from_name(&kind).ok_or(StoreError::Damaged("agreements.kind"))?,
                subject: row.get::<_, Id>("subject")?.0,
                person: row.get("person")?,
                from: from
                    .parse()
                    .map_err(|_| StoreError::Damaged("agreements.from_day"))?,
                body: row.get("body")?,
            },
            at: instant(row, "at")?,
            by: row.get("by_whom")?,
        });
    }
    Ok(all)
}

fn agree(t: &Transaction<'_>, tenant: TenantId, new: &[NewAgreement], deed: &Deed) -> Result<u64> {
    let last: i64 = t.query_row(
        "SELECT coalesce(max(nth), 0) FROM agreements WHERE tenant = ?1",
        [tenant],
        |row| row.get(0),
    )?;
    let mut insert = t.prepare_cached(
        "INSERT INTO agreements (tenant, nth, kind, subject, person, from_day, body, at, by_whom)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (nth, one) in (last + 1..).zip(new) {
        insert.execute((
            tenant,
            nth,
            one.topic.as_str(),
            id(one.subject),
            one.person,
            one.from.to_string(),
            &one.body,
            deed.at.as_microsecond(),
            deed.by,
        ))?;
    }
    audit::write_down(t, tenant, deed)?;
    count(last + 1, "agreements.nth")
}

fn pay_runs(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<KeptRun>> {
    let mut statement = t.prepare_cached(
        "SELECT id, locked, version, body FROM pay_runs WHERE tenant = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let locked: Option<i64> = row.get("locked")?;
        all.push(KeptRun {
            id: row.get::<_, Id>("id")?.0,
            locked: locked.map(|n| count(n, "pay_runs.locked")).transpose()?,
            version: number(row, "version")?,
            body: row.get("body")?,
        });
    }
    Ok(all)
}

fn run_parts(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<RunPart>> {
    let mut statement = t.prepare_cached(
        "SELECT run, person, body FROM pay_run_people
         WHERE tenant = ?1 AND (?2 IS NULL OR person = ?2) ORDER BY run, person",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(RunPart {
            run: row.get::<_, Id>("run")?.0,
            person: row.get("person")?,
            body: row.get("body")?,
        });
    }
    Ok(all)
}

pub(super) fn seen(t: &Transaction<'_>, tenant: TenantId) -> Result<Seen> {
    let number = |sql: &str| -> Result<u64> {
        let found: i64 = t
            .prepare_cached(sql)?
            .query_row([tenant], |row| row.get(0))?;
        count(found, "pay_runs")
    };
    Ok(Seen {
        locked: number("SELECT coalesce(max(locked), 0) FROM pay_runs WHERE tenant = ?1")?,
        marked: number("SELECT count(*) FROM paid_sessions WHERE tenant = ?1")?,
    })
}

fn keep_run(t: &Transaction<'_>, tenant: TenantId, run: &NewRun) -> Result<()> {
    let now = seen(t, tenant)?;
    if run.locks.as_ref().is_some_and(|(seen, _)| *seen != now) {
        return Err(StoreError::Overtaken("something was paid meanwhile"));
    }
    let known: Option<i64> = t
        .query_row(
            "SELECT version FROM pay_runs WHERE tenant = ?1 AND id = ?2",
            (tenant, id(run.id)),
            |row| row.get(0),
        )
        .optional()?;
    if known.unwrap_or(0) != integer(run.version)? {
        return Err(StoreError::Overtaken("the pay run was changed meanwhile"));
    }
    let locked = run.locks.as_ref().map(|_| now.locked + 1);
    let locked = locked.map(integer).transpose()?;
    if known.is_none() {
        t.execute(
            "INSERT INTO pay_runs (tenant, id, place, locked, version, body)
             SELECT ?1, ?2, coalesce(max(place), 0) + 1, ?3, 1, ?4 FROM pay_runs WHERE tenant = ?1",
            (tenant, id(run.id), locked, &run.body),
        )?;
    } else {
        t.execute(
            "UPDATE pay_runs SET version = version + 1, body = ?4, locked = coalesce(locked, ?3)
             WHERE tenant = ?1 AND id = ?2",
            (tenant, id(run.id), locked, &run.body),
        )?;
    }
    let mut insert = t.prepare_cached(
        "INSERT INTO pay_run_people (tenant, run, person, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (person, body) in run.locks.iter().flat_map(|(_, parts)| parts) {
        insert.execute((tenant, id(run.id), *person, body))?;
    }
    audit::write_down(t, tenant, &run.deed)
}
