//! Events and what is concluded from each.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, named_params};

use super::Sqlite;
use super::rows::{Id, id, instant, integer, number};
use crate::store::ledger::{Fact, Ledger, NewEvent, NewFact, Outcome};
use crate::store::{AccountId, Answer, PunchKey, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Ledger for Sqlite {
    fn record_events(&self, batch: Vec<NewEvent>) -> Answer<Vec<Outcome>> {
        self.write(move |t| batch.iter().map(|event| record(t, event)).collect())
    }

    fn facts(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<Vec<Fact>> {
        self.read(move |t| facts(t, tenant, person, from, to))
    }
}

fn record(t: &Transaction<'_>, event: &NewEvent) -> Result<Outcome> {
    if event.own {
        advance_api_head(t, event)?;
    }
    if let Some(why) = &event.quarantine {
        set_aside(t, event, why)?;
        return Ok(Outcome::Quarantined);
    }
    let seq = integer(event.seq)?;
    let held: Option<Vec<u8>> = t
        .prepare_cached(
            "SELECT compact FROM events
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq = ?4",
        )?
        .query_row(
            (event.tenant, id(event.terminal), id(event.outbox), seq),
            |row| row.get(0),
        )
        .optional()?;
    match held {
        Some(held) if held == event.compact => return Ok(Outcome::Duplicate),
        Some(_) => {
            set_aside(t, event, "fork: this number holds a different event")?;
            t.execute(
                "UPDATE outboxes SET forked = coalesce(forked, ?4)
                 WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3",
                (
                    event.tenant,
                    id(event.terminal),
                    id(event.outbox),
                    event.received.as_microsecond(),
                ),
            )?;
            return Ok(Outcome::Fork);
        }
        None => {}
    }
    t.prepare_cached(
        "INSERT INTO events (tenant, terminal, outbox, seq, hash, compact, received, verdict)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'placed')",
    )?
    .execute((
        event.tenant,
        id(event.terminal),
        id(event.outbox),
        seq,
        &event.hash,
        &event.compact,
        event.received.as_microsecond(),
    ))?;
    if let Some(fact) = &event.fact {
        keep_fact(t, event, fact)?;
    }
    Ok(Outcome::Stored)
}

fn keep_fact(t: &Transaction<'_>, event: &NewEvent, fact: &NewFact) -> Result<()> {
    t.prepare_cached(
        "INSERT INTO facts (tenant, terminal, outbox, seq, kind, at, received, person, amends, body)
         VALUES (:tenant, :terminal, :outbox, :seq, :kind, :at, :received, :person, :amends, :body)",
    )?
    .execute(named_params! {
        ":tenant": event.tenant, ":terminal": id(event.terminal), ":outbox": id(event.outbox),
        ":seq": integer(event.seq)?, ":kind": fact.kind, ":at": fact.at.as_microsecond(),
        ":received": event.received.as_microsecond(), ":person": fact.person,
        ":amends": fact.amends.map(integer).transpose()?, ":body": fact.body,
    })?;
    Ok(())
}

fn set_aside(t: &Transaction<'_>, event: &NewEvent, why: &str) -> Result<()> {
    t.prepare_cached(
        "INSERT OR IGNORE INTO quarantine
           (tenant, terminal, outbox, hash, seq, compact, received, why)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        event.tenant,
        id(event.terminal),
        id(event.outbox),
        &event.hash,
        integer(event.seq)?,
        &event.compact,
        event.received.as_microsecond(),
        why,
    ))?;
    Ok(())
}

fn advance_api_head(t: &Transaction<'_>, event: &NewEvent) -> Result<()> {
    let moved = t.execute(
        "UPDATE api_heads SET next = next + 1, prev = ?4
         WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND next = ?5",
        (
            event.tenant,
            id(event.terminal),
            id(event.outbox),
            &event.hash,
            integer(event.seq)?,
        ),
    )?;
    if moved == 0 {
        return Err(StoreError::Overtaken("the cloud's own outbox has moved on"));
    }
    Ok(())
}

fn facts(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Fact>> {
    let mut statement = t.prepare_cached(
        "SELECT f.terminal, f.outbox, f.seq, f.kind, f.at, f.received, f.person, f.amends, f.body
         FROM facts f
         WHERE f.tenant = ?1 AND f.at >= ?3 AND f.at < ?4
           AND (?2 IS NULL OR f.person = ?2 OR f.kind = 'clock'
                OR f.amends IS NOT NULL AND EXISTS (
                  SELECT 1 FROM facts o
                  WHERE o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
                    AND o.seq = f.amends AND o.person = ?2))
         ORDER BY f.at, f.terminal, f.outbox, f.seq",
    )?;
    let mut rows = statement.query((tenant, person, from.as_microsecond(), to.as_microsecond()))?;
    let mut facts = Vec::new();
    while let Some(row) = rows.next()? {
        facts.push(Fact {
            key: PunchKey {
                terminal: row.get::<_, Id>("terminal")?.0,
                outbox: row.get::<_, Id>("outbox")?.0,
                seq: number(row, "seq")?,
            },
            kind: row.get("kind")?,
            at: instant(row, "at")?,
            received: instant(row, "received")?,
            person: row.get("person")?,
            amends: row
                .get::<_, Option<i64>>("amends")?
                .map(|n| u64::try_from(n).map_err(|_| StoreError::Damaged("facts.amends")))
                .transpose()?,
            body: row.get("body")?,
        });
    }
    Ok(facts)
}
