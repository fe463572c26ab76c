//! Keeping a batch of events: what the batch is about is read at once, each event is placed by it, and what
//! is to be kept is written at once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::rows::{bytes32, number};
use super::standing::Keys;
use super::{Result, Tx};
use crate::store::forms::{integer, without_nul};
use crate::store::ledger::{NewEvent, OutboxKey, Outcome};
use crate::store::placing::{FORK, Held, Place, links, place};
use crate::store::{Hash, StoreError, TenantId};

fn key(event: &NewEvent) -> OutboxKey {
    OutboxKey {
        tenant: event.tenant,
        terminal: event.terminal,
        outbox: event.outbox,
    }
}

pub(super) async fn record(t: &Tx<'_>, batch: &[NewEvent]) -> Result<Vec<Outcome>> {
    lock(t, batch).await?;
    for event in batch.iter().filter(|event| event.own) {
        advance_api_head(t, event).await?;
    }
    let mut known = Known::read(t, batch).await?;
    let mut new = New::default();
    let mut outcomes = Vec::with_capacity(batch.len());
    for event in batch {
        let place = place(
            event,
            |seq| Ok(known.held.get(&(key(event), seq)).copied()),
            || Ok(known.forks.contains(&(key(event), event.prev))),
        )?;
        outcomes.push(place.outcome());
        match place {
            Place::Store => {
                known.stored(event);
                new.stored.push(event);
            }
            Place::Duplicate => {}
            Place::SetAside(why) => {
                known.set_aside(event, why);
                new.set_aside.push((event, why));
            }
            Place::Fork(why) => {
                known.set_aside(event, why);
                new.set_aside.push((event, why));
                new.forks.push(event);
            }
        }
    }
    new.write(t).await?;
    Ok(outcomes)
}

/// Makes this transaction the only one that writes what these terminals say, also among processes: what is
/// read of their outboxes from here on is what is there when the batch is written. Always in the same order, so
/// that two batches never wait for each other.
async fn lock(t: &Tx<'_>, batch: &[NewEvent]) -> Result<()> {
    let (tenants, terminals): (Vec<Uuid>, Vec<Uuid>) = batch
        .iter()
        .map(|event| (event.tenant.0, event.terminal))
        .collect::<HashSet<_>>()
        .into_iter()
        .unzip();
    t.rows(
        "SELECT 1 FROM terminals
         WHERE (tenant, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
         ORDER BY tenant, id FOR NO KEY UPDATE",
        &[&tenants, &terminals],
    )
    .await?;
    Ok(())
}

async fn advance_api_head(t: &Tx<'_>, event: &NewEvent) -> Result<()> {
    let moved = t
        .change(
            "UPDATE api_heads SET next = next + 1, prev = $4
             WHERE tenant = $1 AND terminal = $2 AND outbox = $3 AND next = $5",
            &[
                &event.tenant.0,
                &event.terminal,
                &event.outbox,
                &event.hash.as_slice(),
                &integer(event.seq)?,
            ],
        )
        .await?;
    if moved == 0 {
        return Err(StoreError::Overtaken("the cloud's own outbox has moved on"));
    }
    Ok(())
}

/// What is held around the events of a batch, as it is while they are placed one after the other.
struct Known {
    held: HashMap<(OutboxKey, u64), Held>,
    /// What is in quarantine of the batch's events and of those that they name before them.
    set_aside: HashSet<(OutboxKey, Hash)>,
    /// Those of them that are of another history.
    forks: HashSet<(OutboxKey, Hash)>,
}

impl Known {
    async fn read(t: &Tx<'_>, batch: &[NewEvent]) -> Result<Self> {
        let mut known = Self {
            held: read_held(t, batch).await?,
            set_aside: HashSet::new(),
            forks: HashSet::new(),
        };
        known.read_quarantine(t, batch).await?;
        Ok(known)
    }

    async fn read_quarantine(&mut self, t: &Tx<'_>, batch: &[NewEvent]) -> Result<()> {
        let mut keys = Keys::default();
        let mut hashes: Vec<&[u8]> = Vec::new();
        for event in batch {
            for hash in [&event.hash, &event.prev] {
                keys.push(key(event));
                hashes.push(hash);
            }
        }
        let rows = t.rows(
            "SELECT DISTINCT q.tenant, q.terminal, q.outbox, q.hash, starts_with(q.why, $5) AS fork
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[])
               AS w (tenant, terminal, outbox, hash)
             JOIN quarantine q USING (tenant, terminal, outbox, hash)",
            &[
                &keys.tenants,
                &keys.terminals,
                &keys.outboxes,
                &hashes,
                &FORK,
            ],
        ).await?;
        for row in rows {
            let known = (outbox(&row)?, bytes32(&row, "hash")?);
            if row.try_get("fork")? {
                self.forks.insert(known);
            }
            self.set_aside.insert(known);
        }
        Ok(())
    }

    fn stored(&mut self, event: &NewEvent) {
        let held = Held {
            hash: event.hash,
            prev: event.prev,
            links: links(event),
        };
        self.held.insert((key(event), event.seq), held);
    }

    /// The first reason stays.
    fn set_aside(&mut self, event: &NewEvent, why: &str) {
        let this = (key(event), event.hash);
        if self.set_aside.insert(this) && why.starts_with(FORK) {
            self.forks.insert(this);
        }
    }
}

fn outbox(row: &tokio_postgres::Row) -> Result<OutboxKey> {
    Ok(OutboxKey {
        tenant: TenantId(row.try_get("tenant")?),
        terminal: row.try_get("terminal")?,
        outbox: row.try_get("outbox")?,
    })
}

async fn read_held(t: &Tx<'_>, batch: &[NewEvent]) -> Result<HashMap<(OutboxKey, u64), Held>> {
    let mut wanted = HashSet::new();
    for event in batch.iter().filter(|event| event.quarantine.is_none()) {
        for seq in event.seq.saturating_sub(1)..=event.seq.saturating_add(1) {
            wanted.insert((key(event), integer(seq)?));
        }
    }
    let mut keys = Keys::default();
    let mut numbers = Vec::new();
    for (key, seq) in wanted {
        keys.push(key);
        numbers.push(seq);
    }
    let rows = t
        .rows(
            "SELECT e.tenant, e.terminal, e.outbox, e.seq, e.hash, e.prev, e.links
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
               AS w (tenant, terminal, outbox, seq)
             JOIN events e USING (tenant, terminal, outbox, seq)",
            &[&keys.tenants, &keys.terminals, &keys.outboxes, &numbers],
        )
        .await?;
    let mut held = HashMap::new();
    for row in rows {
        let at = number(&row, "seq")?;
        let here = Held {
            hash: bytes32(&row, "hash")?,
            prev: bytes32(&row, "prev")?,
            links: bytes32(&row, "links")?,
        };
        held.insert((outbox(&row)?, at), here);
    }
    Ok(held)
}

/// What of a batch is to be written.
#[derive(Default)]
struct New<'a> {
    stored: Vec<&'a NewEvent>,
    set_aside: Vec<(&'a NewEvent, &'a str)>,
    forks: Vec<&'a NewEvent>,
}

impl New<'_> {
    async fn write(&self, t: &Tx<'_>) -> Result<()> {
        if !self.stored.is_empty() {
            self.bear_outboxes(t).await?;
            self.write_events(t).await?;
            self.write_facts(t).await?;
        }
        if !self.set_aside.is_empty() {
            self.write_quarantine(t).await?;
        }
        for event in &self.forks {
            mark_forked(t, event).await?;
        }
        Ok(())
    }

    async fn bear_outboxes(&self, t: &Tx<'_>) -> Result<()> {
        let mut born = HashSet::new();
        let mut keys = Keys::default();
        let mut at = Vec::new();
        for event in &self.stored {
            if born.insert(key(event)) {
                keys.push(key(event));
                at.push(event.received.as_microsecond());
            }
        }
        t.change(
            "INSERT INTO outboxes (tenant, terminal, outbox, born)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[])
             ON CONFLICT DO NOTHING",
            &[&keys.tenants, &keys.terminals, &keys.outboxes, &at],
        )
        .await?;
        Ok(())
    }

    async fn write_events(&self, t: &Tx<'_>) -> Result<()> {
        let mut keys = Keys::default();
        let mut seqs = Vec::new();
        let mut hashes: [Vec<Hash>; 3] = Default::default();
        let mut received = Vec::new();
        for event in &self.stored {
            keys.push(key(event));
            seqs.push(integer(event.seq)?);
            hashes[0].push(event.hash);
            hashes[1].push(event.prev);
            hashes[2].push(links(event));
            received.push(event.received.as_microsecond());
        }
        let compacts: Vec<&[u8]> = self.stored.iter().map(|e| e.compact.as_slice()).collect();
        let [hashes, prevs, links] = &hashes.each_ref().map(|all| slices(all));
        t.change(
            "INSERT INTO events
               (tenant, terminal, outbox, seq, hash, prev, links, compact, received)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bytea[],
                                  $6::bytea[], $7::bytea[], $8::bytea[], $9::bigint[])",
            &[
                &keys.tenants,
                &keys.terminals,
                &keys.outboxes,
                &seqs,
                hashes,
                prevs,
                links,
                &compacts,
                &received,
            ],
        )
        .await?;
        Ok(())
    }

    async fn write_facts(&self, t: &Tx<'_>) -> Result<()> {
        let mut keys = Keys::default();
        let (mut seqs, mut kinds, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut at, mut received) = (Vec::new(), Vec::new());
        let (mut people, mut amends) = (Vec::new(), Vec::new());
        for event in &self.stored {
            let Some(fact) = &event.fact else { continue };
            keys.push(key(event));
            seqs.push(integer(event.seq)?);
            kinds.push(fact.kind.as_str());
            bodies.push(fact.body.as_str());
            at.push(fact.at.as_microsecond());
            received.push(event.received.as_microsecond());
            people.push(fact.person.map(|person| person.0));
            amends.push(fact.amends.map(integer).transpose()?);
        }
        if seqs.is_empty() {
            return Ok(());
        }
        t.change(
            "INSERT INTO facts
               (tenant, terminal, outbox, seq, kind, at, received, person, amends, body)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[],
                                  $6::bigint[], $7::bigint[], $8::uuid[], $9::bigint[], $10::text[])",
            &[
                &keys.tenants,
                &keys.terminals,
                &keys.outboxes,
                &seqs,
                &kinds,
                &at,
                &received,
                &people,
                &amends,
                &bodies,
            ],
        )
        .await?;
        Ok(())
    }

    async fn write_quarantine(&self, t: &Tx<'_>) -> Result<()> {
        let mut keys = Keys::default();
        let (mut hashes, mut seqs, mut compacts) = (Vec::new(), Vec::new(), Vec::new());
        let (mut received, mut whys) = (Vec::new(), Vec::new());
        for (event, why) in &self.set_aside {
            keys.push(key(event));
            hashes.push(event.hash.as_slice());
            seqs.push(integer(event.seq)?);
            compacts.push(event.compact.as_slice());
            received.push(event.received.as_microsecond());
            whys.push(without_nul(why));
        }
        t.change(
            "INSERT INTO quarantine (tenant, terminal, outbox, hash, seq, compact, received, why)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[], $5::bigint[],
                                  $6::bytea[], $7::bigint[], $8::text[])
             ON CONFLICT DO NOTHING",
            &[
                &keys.tenants,
                &keys.terminals,
                &keys.outboxes,
                &hashes,
                &seqs,
                &compacts,
                &received,
                &whys,
            ],
        )
        .await?;
        Ok(())
    }
}

fn slices(hashes: &[Hash]) -> Vec<&[u8]> {
    hashes.iter().map(Hash::as_slice).collect()
}

async fn mark_forked(t: &Tx<'_>, event: &NewEvent) -> Result<()> {
    t.change(
        "UPDATE outboxes SET forked = coalesce(forked, $4),
           fork_seq = least(coalesce(fork_seq, $5), $5)
         WHERE tenant = $1 AND terminal = $2 AND outbox = $3",
        &[
            &event.tenant.0,
            &event.terminal,
            &event.outbox,
            &event.received.as_microsecond(),
            &integer(event.seq)?,
        ],
    )
    .await?;
    Ok(())
}
