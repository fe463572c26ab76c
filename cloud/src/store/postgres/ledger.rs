//! What terminals said, and how it is read.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{instant, number};
use super::standing::{Walk, remember, walk};
use super::{Postgres, Result, Tx, claims, record, roster, terminals};
use crate::store::forms::{WALK, count};
use crate::store::ledger::{
    Claim, ClaimEnd, Fact, Greeted, Greeting, Ledger, NewClaim, NewEvent, NewStatus, NewTerminal,
    OutboxKey, Outcome, RosterChanges, Standing, SyncMark, Terminal, TerminalStatus,
};
use crate::store::{AccountId, Answer, Hash, PunchKey, Site, TenantId};

impl Ledger for Postgres {
    fn record_events(&self, batch: Vec<NewEvent>) -> Answer<Vec<Outcome>> {
        self.write(batch, |t, batch| Box::pin(record::record(t, batch)))
    }

    fn standings(&self, outboxes: Vec<OutboxKey>) -> Answer<Vec<Standing>> {
        let store = self.clone();
        Box::pin(async move {
            let walked: Vec<Walk> = store
                .read(outboxes, |t, outboxes| Box::pin(walk(t, outboxes)))
                .await?;
            let far: Vec<Standing> = walked
                .iter()
                .filter(|walk| walk.steps > WALK)
                .map(|walk| walk.standing)
                .collect();
            if !far.is_empty() {
                store
                    .write(far, |t, far| Box::pin(remember_all(t, far)))
                    .await?;
            }
            Ok(walked.into_iter().map(|walk| walk.standing).collect())
        })
    }

    fn knows_outbox(&self, outbox: OutboxKey) -> Answer<bool> {
        self.read(outbox, |t, outbox| Box::pin(knows(t, outbox)))
    }

    fn facts(
        &self,
        tenant: TenantId,
        person: Option<AccountId>,
        from: Timestamp,
        to: Timestamp,
    ) -> Answer<Vec<Fact>> {
        let asked = (tenant, person, from, to);
        self.read(asked, |t, (tenant, person, from, to)| {
            Box::pin(facts(t, *tenant, *person, *from, *to))
        })
    }

    fn facts_received(&self, tenant: TenantId, since: Timestamp) -> Answer<Vec<Fact>> {
        self.read((tenant, since), |t, (tenant, since)| {
            Box::pin(facts_received(t, *tenant, *since))
        })
    }

    fn terminal(&self, id: Uuid) -> Answer<Option<Terminal>> {
        self.read(id, |t, id| Box::pin(terminals::by_id(t, *id)))
    }

    fn terminals(&self, tenant: TenantId) -> Answer<Vec<(Terminal, Option<TerminalStatus>)>> {
        self.read(tenant, |t, tenant| Box::pin(terminals::list(t, *tenant)))
    }

    fn revoke_terminal(
        &self,
        tenant: TenantId,
        id: Uuid,
        by: AccountId,
        now: Timestamp,
    ) -> Answer<bool> {
        self.write((tenant, id, by, now), |t, (tenant, id, by, now)| {
            Box::pin(terminals::revoke(t, *tenant, *id, *by, *now))
        })
    }

    fn site(&self, tenant: TenantId, site: Uuid) -> Answer<Option<Site>> {
        self.read((tenant, site), |t, (tenant, site)| {
            Box::pin(terminals::site(t, *tenant, *site))
        })
    }

    fn greet(&self, greeting: Greeting) -> Answer<Greeted> {
        self.write(greeting, |t, greeting| {
            Box::pin(terminals::greet(t, greeting))
        })
    }

    fn keep_status(&self, status: NewStatus) -> Answer<bool> {
        self.write(status, |t, status| {
            Box::pin(terminals::keep_status(t, status))
        })
    }

    fn sync_marks(&self, tenant: TenantId) -> Answer<Vec<SyncMark>> {
        self.read(tenant, |t, tenant| {
            Box::pin(terminals::sync_marks(t, *tenant))
        })
    }

    fn roster_applied(
        &self,
        tenant: TenantId,
        terminal: Uuid,
        session: Uuid,
        version: u64,
        digest: Hash,
    ) -> Answer<bool> {
        let asked = (tenant, terminal, session, version, digest);
        self.write(asked, |t, (tenant, terminal, session, version, digest)| {
            Box::pin(terminals::roster_applied(
                t, *tenant, *terminal, *session, *version, digest,
            ))
        })
    }

    fn roster_changes(
        &self,
        tenant: TenantId,
        site: Uuid,
        model: String,
        held: u64,
    ) -> Answer<RosterChanges> {
        let asked = (tenant, site, model, held);
        self.write(asked, |t, (tenant, site, model, held)| {
            Box::pin(roster::changes(t, *tenant, *site, model, *held))
        })
    }

    fn settings_version(&self, tenant: TenantId, site: Uuid, content: Hash) -> Answer<u64> {
        let version = self.write((tenant, site, content), |t, (tenant, site, content)| {
            Box::pin(roster::settings_version(t, *tenant, *site, content))
        });
        Box::pin(async move { count(version.await?, "settings_versions.version") })
    }

    fn new_claim(&self, claim: NewClaim) -> Answer<()> {
        self.write(claim, |t, claim| Box::pin(claims::add(t, claim)))
    }

    fn claim(&self, id: Uuid) -> Answer<Option<Claim>> {
        self.read(id, |t, id| Box::pin(claims::by_id(t, *id)))
    }

    fn claim_progress(&self, tenant: TenantId, id: Uuid, progress: Vec<u8>) -> Answer<()> {
        self.write((tenant, id, progress), |t, (tenant, id, progress)| {
            Box::pin(claims::keep_progress(t, *tenant, *id, progress))
        })
    }

    fn finish_claim(
        &self,
        tenant: TenantId,
        id: Uuid,
        terminal: NewTerminal,
        progress: Vec<u8>,
    ) -> Answer<ClaimEnd> {
        let asked = (tenant, id, terminal, progress);
        self.write(asked, |t, (tenant, id, terminal, progress)| {
            Box::pin(claims::finish(t, *tenant, *id, terminal, progress))
        })
    }
}

/// In one order, whoever asks: two that move the same outboxes never wait for each other.
async fn remember_all(t: &Tx<'_>, far: &[Standing]) -> Result<()> {
    let mut far: Vec<&Standing> = far.iter().collect();
    far.sort_by_key(|standing| standing.key);
    for standing in far {
        remember(t, standing).await?;
    }
    Ok(())
}

async fn knows(t: &Tx<'_>, outbox: &OutboxKey) -> Result<bool> {
    let row = t
        .row(
            "SELECT 1 FROM outboxes WHERE tenant = $1 AND terminal = $2 AND outbox = $3",
            &[&outbox.tenant.0, &outbox.terminal, &outbox.outbox],
        )
        .await?;
    Ok(row.is_some())
}

async fn facts(
    t: &Tx<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Fact>> {
    let rows = t.rows(
        "SELECT f.terminal, f.outbox, f.seq, f.kind, f.at, f.received, f.person, f.amends, f.body
         FROM facts f
         WHERE f.tenant = $1 AND f.at >= $3 AND f.at < $4
           AND ($2::uuid IS NULL OR f.person = $2 OR f.kind = 'clock'
                OR f.amends IS NOT NULL AND EXISTS (
                  SELECT 1 FROM facts o
                  WHERE o.tenant = f.tenant AND o.terminal = f.terminal AND o.outbox = f.outbox
                    AND o.seq = f.amends AND o.person = $2))
         ORDER BY f.at, f.terminal, f.outbox, f.seq",
        &[
            &tenant.0,
            &person.map(|person| person.0),
            &from.as_microsecond(),
            &to.as_microsecond(),
        ],
    ).await?;
    rows.iter().map(fact).collect()
}

async fn facts_received(t: &Tx<'_>, tenant: TenantId, since: Timestamp) -> Result<Vec<Fact>> {
    let rows = t
        .rows(
            "SELECT terminal, outbox, seq, kind, at, received, person, amends, body FROM facts
             WHERE tenant = $1 AND received >= $2
             ORDER BY at, terminal, outbox, seq",
            &[&tenant.0, &since.as_microsecond()],
        )
        .await?;
    rows.iter().map(fact).collect()
}

fn fact(row: &Row) -> Result<Fact> {
    let person: Option<Uuid> = row.try_get("person")?;
    let amends: Option<i64> = row.try_get("amends")?;
    Ok(Fact {
        key: PunchKey {
            terminal: row.try_get("terminal")?,
            outbox: row.try_get("outbox")?,
            seq: number(row, "seq")?,
        },
        kind: row.try_get("kind")?,
        at: instant(row, "at")?,
        received: instant(row, "received")?,
        person: person.map(AccountId),
        amends: amends.map(|n| count(n, "facts.amends")).transpose()?,
        body: row.try_get("body")?,
    })
}
