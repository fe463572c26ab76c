//! Events: where each is placed, and how far an outbox has come.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Rows, Transaction, named_params};
use uuid::Uuid;

use super::rows::{Id, id, instant, number};
use super::{Sqlite, claims, roster, terminals};
use crate::store::forms::{WALK, integer, without_nul};
use crate::store::ledger::{
    Claim, ClaimEnd, Fact, Greeted, Greeting, Ledger, NewClaim, NewEvent, NewFact, NewStatus,
    NewTerminal, OutboxKey, Outcome, RosterChanges, Standing, SyncMark, Terminal, TerminalStatus,
};
use crate::store::placing::{Held, Place, links, place};
use crate::store::{AccountId, Answer, Hash, PunchKey, Site, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

impl Ledger for Sqlite {
    fn record_events(&self, batch: Vec<NewEvent>) -> Answer<Vec<Outcome>> {
        self.write(move |t| batch.iter().map(|event| record(t, event)).collect())
    }

    fn standings(&self, outboxes: Vec<OutboxKey>) -> Answer<Vec<Standing>> {
        let store = self.clone();
        Box::pin(async move {
            let walked: Vec<Walk> = store
                .read(move |t| outboxes.into_iter().map(|key| walk(t, key)).collect())
                .await?;
            let far: Vec<Standing> = walked
                .iter()
                .filter(|walk| walk.steps > WALK)
                .map(|walk| walk.standing)
                .collect();
            if !far.is_empty() {
                store
                    .write(move |t| far.iter().try_for_each(|standing| remember(t, standing)))
                    .await?;
            }
            Ok(walked.into_iter().map(|walk| walk.standing).collect())
        })
    }

    fn knows_outbox(&self, outbox: OutboxKey) -> Answer<bool> {
        self.read(move |t| {
            Ok(t.prepare_cached(
                "SELECT 1 FROM outboxes WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3",
            )?
            .exists((outbox.tenant, id(outbox.terminal), id(outbox.outbox)))?)
        })
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

    fn facts_received(&self, tenant: TenantId, since: Timestamp) -> Answer<Vec<Fact>> {
        self.read(move |t| facts_received(t, tenant, since))
    }

    fn terminal(&self, id: Uuid) -> Answer<Option<Terminal>> {
        self.read(move |t| terminals::by_id(t, id))
    }

    fn terminals(&self, tenant: TenantId) -> Answer<Vec<(Terminal, Option<TerminalStatus>)>> {
        self.read(move |t| terminals::list(t, tenant))
    }

    fn revoke_terminal(
        &self,
        tenant: TenantId,
        id: Uuid,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<bool> {
        self.write(move |t| terminals::revoke(t, tenant, id, by, now))
    }

    fn site(&self, tenant: TenantId, site: Uuid) -> Answer<Option<Site>> {
        self.read(move |t| terminals::site(t, tenant, site))
    }

    fn greet(&self, greeting: Greeting) -> Answer<Greeted> {
        self.write(move |t| terminals::greet(t, &greeting))
    }

    fn keep_status(&self, status: NewStatus) -> Answer<bool> {
        self.write(move |t| terminals::keep_status(t, &status))
    }

    fn sync_marks(&self, tenant: TenantId) -> Answer<Vec<SyncMark>> {
        self.read(move |t| terminals::sync_marks(t, tenant))
    }

    fn roster_applied(
        &self,
        tenant: TenantId,
        terminal: Uuid,
        session: Uuid,
        version: u64,
        digest: Hash,
    ) -> Answer<bool> {
        self.write(move |t| {
            terminals::roster_applied(t, tenant, terminal, session, version, &digest)
        })
    }

    fn roster_changes(
        &self,
        tenant: TenantId,
        site: Uuid,
        model: String,
        held: u64,
    ) -> Answer<RosterChanges> {
        self.write(move |t| roster::changes(t, tenant, site, &model, held))
    }

    fn settings_version(&self, tenant: TenantId, site: Uuid, content: Hash) -> Answer<u64> {
        self.write(move |t| roster::settings_version(t, tenant, site, &content))
    }

    fn new_claim(&self, claim: NewClaim) -> Answer<()> {
        self.write(move |t| claims::add(t, &claim))
    }

    fn claim(&self, id: Uuid) -> Answer<Option<Claim>> {
        self.read(move |t| claims::by_id(t, id))
    }

    fn claim_progress(&self, tenant: TenantId, id: Uuid, progress: Vec<u8>) -> Answer<()> {
        self.write(move |t| claims::keep_progress(t, tenant, id, &progress))
    }

    fn finish_claim(
        &self,
        tenant: TenantId,
        id: Uuid,
        terminal: NewTerminal,
        progress: Vec<u8>,
    ) -> Answer<ClaimEnd> {
        self.write(move |t| claims::finish(t, tenant, id, &terminal, &progress))
    }
}

fn record(t: &Transaction<'_>, event: &NewEvent) -> Result<Outcome> {
    if event.own {
        advance_api_head(t, event)?;
    }
    let place = place(
        event,
        |seq| neighbour(t, event, seq),
        || follows_a_fork(t, event),
    )?;
    match place {
        Place::Store => keep(t, event)?,
        Place::Duplicate => {}
        Place::SetAside(why) => set_aside(t, event, why)?,
        Place::Fork(why) => fork(t, event, why)?,
    }
    Ok(place.outcome())
}

fn neighbour(t: &Transaction<'_>, event: &NewEvent, seq: u64) -> Result<Option<Held>> {
    Ok(t.prepare_cached(
        "SELECT hash, prev, links FROM events
         WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq = ?4",
    )?
    .query_row(
        (
            event.tenant,
            id(event.terminal),
            id(event.outbox),
            integer(seq)?,
        ),
        |row| {
            Ok(Held {
                hash: row.get("hash")?,
                prev: row.get("prev")?,
                links: row.get("links")?,
            })
        },
    )
    .optional()?)
}

/// Whether the event before it is in quarantine as part of another history.
fn follows_a_fork(t: &Transaction<'_>, event: &NewEvent) -> Result<bool> {
    Ok(t.prepare_cached(
        "SELECT 1 FROM quarantine
         WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND hash = ?4 AND why LIKE 'fork:%'",
    )?
    .exists((
        event.tenant,
        id(event.terminal),
        id(event.outbox),
        &event.prev,
    ))?)
}

fn keep(t: &Transaction<'_>, event: &NewEvent) -> Result<()> {
    t.prepare_cached(
        "INSERT OR IGNORE INTO outboxes (tenant, terminal, outbox, born) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((
        event.tenant,
        id(event.terminal),
        id(event.outbox),
        event.received.as_microsecond(),
    ))?;
    t.prepare_cached(
        "INSERT INTO events
           (tenant, terminal, outbox, seq, hash, prev, links, compact, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        event.tenant,
        id(event.terminal),
        id(event.outbox),
        integer(event.seq)?,
        &event.hash,
        &event.prev,
        links(event),
        &event.compact,
        event.received.as_microsecond(),
    ))?;
    match &event.fact {
        Some(fact) => keep_fact(t, event, fact),
        None => Ok(()),
    }
}

fn fork(t: &Transaction<'_>, event: &NewEvent, why: &str) -> Result<()> {
    set_aside(t, event, why)?;
    t.execute(
        "UPDATE outboxes SET forked = coalesce(forked, ?4), fork_seq = min(coalesce(fork_seq, ?5), ?5)
         WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3",
        (
            event.tenant,
            id(event.terminal),
            id(event.outbox),
            event.received.as_microsecond(),
            integer(event.seq)?,
        ),
    )?;
    Ok(())
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
        without_nul(why),
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

/// An outbox's standing, and how many events were stepped over to find it.
pub(super) struct Walk {
    pub(super) standing: Standing,
    pub(super) steps: u64,
}

/// Walks from where the last look-up left off to the first number that is neither stored, nor in
/// quarantine, nor known to be lost.
pub(super) fn walk(t: &Transaction<'_>, key: OutboxKey) -> Result<Walk> {
    let known = t
        .prepare_cached(
            "SELECT through, fork_seq FROM outboxes
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3",
        )?
        .query_row((key.tenant, id(key.terminal), id(key.outbox)), |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?))
        })
        .optional()?;
    let (floor, fork): (i64, Option<i64>) = known.unwrap_or((0, None));
    let mut through = floor;
    loop {
        let before = through;
        through = stored_through(t, key, through)?;
        through = covered_through(t, key, through)?;
        if through == before {
            break;
        }
    }
    let session: Option<Id> = t
        .prepare_cached("SELECT session FROM terminal_status WHERE tenant = ?1 AND terminal = ?2")?
        .query_row((key.tenant, id(key.terminal)), |row| row.get(0))
        .optional()?;
    let count = |n: i64| u64::try_from(n).map_err(|_| StoreError::Damaged("outboxes.through"));
    Ok(Walk {
        standing: Standing {
            key,
            through: count(through)?,
            fork: fork.map(count).transpose()?,
            session: session.map(|session| session.0),
        },
        steps: count(through - floor)?,
    })
}

/// The last of the stored numbers that follow `through` without a gap.
fn stored_through(t: &Transaction<'_>, key: OutboxKey, mut through: i64) -> Result<i64> {
    let mut statement = t.prepare_cached(
        "SELECT seq FROM events WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq > ?4
         ORDER BY seq",
    )?;
    let mut rows = statement.query((key.tenant, id(key.terminal), id(key.outbox), through))?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if seq != through + 1 {
            break;
        }
        through = seq;
    }
    Ok(through)
}

/// `through`, or the end of what is lost or in quarantine right after it.
fn covered_through(t: &Transaction<'_>, key: OutboxKey, through: i64) -> Result<i64> {
    let lost: Option<i64> = t
        .prepare_cached(
            "SELECT max(to_seq) FROM lost
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND from_seq <= ?4 AND to_seq >= ?4",
        )?
        .query_row(
            (key.tenant, id(key.terminal), id(key.outbox), through + 1),
            |row| row.get(0),
        )?;
    if let Some(end) = lost {
        return Ok(end);
    }
    let set_aside = t
        .prepare_cached(
            "SELECT 1 FROM quarantine
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq = ?4",
        )?
        .exists((key.tenant, id(key.terminal), id(key.outbox), through + 1))?;
    Ok(through + i64::from(set_aside))
}

/// Moves the number where the next look-up begins.
pub(super) fn remember(t: &Transaction<'_>, standing: &Standing) -> Result<()> {
    let key = standing.key;
    t.prepare_cached(
        "UPDATE outboxes SET through = max(through, ?4)
         WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3",
    )?
    .execute((
        key.tenant,
        id(key.terminal),
        id(key.outbox),
        integer(standing.through)?,
    ))?;
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
    let rows = statement.query((tenant, person, from.as_microsecond(), to.as_microsecond()))?;
    read_facts(rows)
}

fn facts_received(t: &Transaction<'_>, tenant: TenantId, since: Timestamp) -> Result<Vec<Fact>> {
    let mut statement = t.prepare_cached(
        "SELECT terminal, outbox, seq, kind, at, received, person, amends, body FROM facts
         WHERE tenant = ?1 AND received >= ?2
         ORDER BY at, terminal, outbox, seq",
    )?;
    let rows = statement.query((tenant, since.as_microsecond()))?;
    read_facts(rows)
}

fn read_facts(mut rows: Rows<'_>) -> Result<Vec<Fact>> {
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
