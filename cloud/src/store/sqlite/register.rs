//! Events in the order of their chains.

use jiff::Timestamp;
use rusqlite::{Row, Transaction};
use uuid::Uuid;

use super::Sqlite;
use super::rows::{Id, id, instant, number};
use crate::store::forms::integer;
use crate::store::register::{Link, Register};
use crate::store::{Answer, PunchKey, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Register for Sqlite {
    fn chain(&self, tenant: TenantId, after: (Uuid, Uuid, u64), most: u32) -> Answer<Vec<Link>> {
        self.read(move |t| chain(t, tenant, after, most))
    }

    fn chained_facts(&self, tenant: TenantId, from: Timestamp, to: Timestamp) -> Answer<Vec<Link>> {
        self.read(move |t| chained_facts(t, tenant, from, to))
    }
}

fn link(row: &Row<'_>) -> Result<Link> {
    Ok(Link {
        key: PunchKey {
            terminal: row.get::<_, Id>("terminal")?.0,
            outbox: row.get::<_, Id>("outbox")?.0,
            seq: number(row, "seq")?,
        },
        hash: row.get("hash")?,
        prev: row.get("prev")?,
        links: row.get("links")?,
        compact: row.get("compact")?,
        received: instant(row, "received")?,
    })
}

fn chain(
    t: &Transaction<'_>,
    tenant: TenantId,
    (terminal, outbox, seq): (Uuid, Uuid, u64),
    most: u32,
) -> Result<Vec<Link>> {
    let mut statement = t.prepare_cached(
        "SELECT terminal, outbox, seq, hash, prev, links, compact, received FROM events
         WHERE tenant = ?1 AND (terminal, outbox, seq) > (?2, ?3, ?4)
         ORDER BY terminal, outbox, seq LIMIT ?5",
    )?;
    let mut rows = statement.query((tenant, id(terminal), id(outbox), integer(seq)?, most))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(link(row)?);
    }
    Ok(all)
}

fn chained_facts(
    t: &Transaction<'_>,
    tenant: TenantId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Link>> {
    let mut statement = t.prepare_cached(
        "SELECT e.terminal, e.outbox, e.seq, e.hash, e.prev, e.links, e.compact, e.received
         FROM facts f JOIN events e ON e.tenant = f.tenant AND e.terminal = f.terminal
           AND e.outbox = f.outbox AND e.seq = f.seq
         WHERE f.tenant = ?1 AND f.at >= ?2 AND f.at < ?3 ORDER BY e.terminal, e.outbox, e.seq",
    )?;
    let mut rows = statement.query((tenant, from.as_microsecond(), to.as_microsecond()))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(link(row)?);
    }
    Ok(all)
}
