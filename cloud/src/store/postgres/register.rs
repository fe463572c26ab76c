//! Events in the order of their chains.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{bytes32, instant, number};
use super::{Postgres, Result, Tx};
use crate::store::forms::integer;
use crate::store::register::{Link, Register};
use crate::store::{Answer, PunchKey, TenantId};

impl Register for Postgres {
    fn chain(&self, tenant: TenantId, after: (Uuid, Uuid, u64), most: u32) -> Answer<Vec<Link>> {
        self.read((tenant, after, most), |t, (tenant, after, most)| {
            Box::pin(chain(t, *tenant, *after, *most))
        })
    }

    fn chained_facts(&self, tenant: TenantId, from: Timestamp, to: Timestamp) -> Answer<Vec<Link>> {
        self.read((tenant, from, to), |t, (tenant, from, to)| {
            Box::pin(chained_facts(t, *tenant, *from, *to))
        })
    }
}

fn link(row: &Row) -> Result<Link> {
    Ok(Link {
        key: PunchKey {
            terminal: row.try_get("terminal")?,
            outbox: row.try_get("outbox")?,
            seq: number(row, "seq")?,
        },
        hash: bytes32(row, "hash")?,
        prev: bytes32(row, "prev")?,
        links: bytes32(row, "links")?,
        compact: row.try_get("compact")?,
        received: instant(row, "received")?,
    })
}

async fn chain(
    t: &Tx<'_>,
    tenant: TenantId,
    (terminal, outbox, seq): (Uuid, Uuid, u64),
    most: u32,
) -> Result<Vec<Link>> {
    let rows = t
        .rows(
            "SELECT terminal, outbox, seq, hash, prev, links, compact, received FROM events
             WHERE tenant = $1 AND (terminal, outbox, seq) > ($2, $3, $4)
             ORDER BY terminal, outbox, seq LIMIT $5",
            &[
                &tenant.0,
                &terminal,
                &outbox,
                &integer(seq)?,
                &i64::from(most),
            ],
        )
        .await?;
    rows.iter().map(link).collect()
}

async fn chained_facts(
    t: &Tx<'_>,
    tenant: TenantId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Link>> {
    let rows = t
        .rows(
            "SELECT e.terminal, e.outbox, e.seq, e.hash, e.prev, e.links, e.compact, e.received
             FROM facts f JOIN events e ON e.tenant = f.tenant AND e.terminal = f.terminal
               AND e.outbox = f.outbox AND e.seq = f.seq
             WHERE f.tenant = $1 AND f.at >= $2 AND f.at < $3 ORDER BY e.terminal, e.outbox, e.seq",
            &[&tenant.0, &from.as_microsecond(), &to.as_microsecond()],
        )
        .await?;
    rows.iter().map(link).collect()
}
