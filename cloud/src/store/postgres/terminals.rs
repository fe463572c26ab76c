//! Terminals, and what each last said of itself.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::rows::{bytes32, instant, instant_or_none, number};
use super::standing::{remember, walk};
use super::{Result, Tx, audit, people};
use crate::store::audit::Deed;
use crate::store::forms::{count, integer};
use crate::store::ledger::{
    Greeted, Greeting, NewStatus, OutboxKey, Standing, SyncMark, Terminal, TerminalStatus,
};
use crate::store::{AccountId, Hash, Site, TenantId};

fn terminal(row: &Row) -> Result<Terminal> {
    Ok(Terminal {
        tenant: TenantId(row.try_get("tenant")?),
        id: row.try_get("id")?,
        site: row.try_get("site")?,
        place: row.try_get("place")?,
        name: row.try_get("name")?,
        public_key: bytes32(row, "public_key")?,
        sealing_key: bytes32(row, "sealing_key")?,
        claimed: instant(row, "claimed")?,
        revoked: instant_or_none(row, "revoked")?,
    })
}

pub(super) async fn by_id(t: &Tx<'_>, which: Uuid) -> Result<Option<Terminal>> {
    let row = t.row(
        "SELECT x.tenant, x.id, x.site, x.name, x.public_key, x.sealing_key, x.claimed, x.revoked,
                coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                          ORDER BY p.since DESC LIMIT 1), x.site) AS place
         FROM terminals x WHERE x.id = $1 AND x.kind = 'terminal'",
        &[&which],
    ).await?;
    row.as_ref().map(terminal).transpose()
}

pub(super) async fn list(
    t: &Tx<'_>,
    tenant: TenantId,
) -> Result<Vec<(Terminal, Option<TerminalStatus>)>> {
    let rows = t.rows(
        "SELECT x.tenant, x.id, x.site, x.name, x.public_key, x.sealing_key, x.claimed, x.revoked,
                coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                          ORDER BY p.since DESC LIMIT 1), x.site) AS place,
                s.session, s.online, s.last_seen, s.outbox, s.next, s.roster, s.settings, s.body
         FROM terminals x
         LEFT JOIN terminal_status s ON s.tenant = x.tenant AND s.terminal = x.id
         WHERE x.tenant = $1 AND x.kind = 'terminal' AND x.revoked IS NULL
         ORDER BY x.name, x.id",
        &[&tenant.0],
    ).await?;
    let mut terminals = Vec::new();
    let mut outboxes = Vec::new();
    for row in rows {
        let terminal = terminal(&row)?;
        let session: Option<Uuid> = row.try_get("session")?;
        let status = match session {
            Some(session) => Some(status(session, &row)?),
            None => None,
        };
        if let Some(status) = &status {
            outboxes.push(OutboxKey {
                tenant,
                terminal: terminal.id,
                outbox: status.outbox,
            });
        }
        terminals.push((terminal, status));
    }
    let walked = walk(t, &outboxes).await?;
    let with_status = terminals
        .iter_mut()
        .filter_map(|(_, status)| status.as_mut());
    for (status, walk) in with_status.zip(walked) {
        status.through = walk.standing.through;
    }
    Ok(terminals)
}

/// All but how far the cloud has its outbox.
fn status(session: Uuid, row: &Row) -> Result<TerminalStatus> {
    Ok(TerminalStatus {
        session,
        online: row.try_get("online")?,
        last_seen: instant(row, "last_seen")?,
        outbox: row.try_get("outbox")?,
        next: number(row, "next")?,
        through: 0,
        roster: number(row, "roster")?,
        settings: number(row, "settings")?,
        body: row.try_get("body")?,
    })
}

pub(super) async fn revoke(
    t: &Tx<'_>,
    tenant: TenantId,
    which: Uuid,
    by: AccountId,
    now: Timestamp,
) -> Result<bool> {
    let revoked = t
        .change(
            "UPDATE terminals SET revoked = $3
             WHERE tenant = $1 AND id = $2 AND kind = 'terminal' AND revoked IS NULL",
            &[&tenant.0, &which, &now.as_microsecond()],
        )
        .await?;
    if revoked > 0 {
        let deed = Deed::new(by, now, "terminal_revoked", Some(which));
        audit::write_down(t, tenant, &deed).await?;
    }
    Ok(revoked > 0)
}

pub(super) async fn site(t: &Tx<'_>, tenant: TenantId, which: Uuid) -> Result<Option<Site>> {
    let row = t
        .row(
            "SELECT id, name, zone, signing_sealed, sealing_sealed FROM sites
             WHERE tenant = $1 AND id = $2",
            &[&tenant.0, &which],
        )
        .await?;
    let row = row;
    row.map(|row| people::site(&row, "name")).transpose()
}

/// Makes this transaction the only one that writes what this terminal says.
async fn lock(t: &Tx<'_>, key: OutboxKey) -> Result<()> {
    t.rows(
        "SELECT 1 FROM terminals WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE",
        &[&key.tenant.0, &key.terminal],
    )
    .await?;
    Ok(())
}

pub(super) async fn greet(t: &Tx<'_>, greeting: &Greeting) -> Result<Greeted> {
    let key = greeting.key;
    let at = greeting.at.as_microsecond();
    let next = integer(greeting.next)?;
    lock(t, key).await?;
    t.change(
        "INSERT INTO outboxes (tenant, terminal, outbox, next, born) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, terminal, outbox) DO UPDATE SET next = excluded.next",
        &[&key.tenant.0, &key.terminal, &key.outbox, &next, &at],
    )
    .await?;
    t.change(
        "INSERT INTO terminal_status AS s
           (tenant, terminal, session, online, last_seen, outbox, next, roster, settings)
         VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant, terminal) DO UPDATE SET
           n = CASE WHEN s.session = excluded.session THEN s.n ELSE 0 END,
           session = excluded.session, online = true, last_seen = excluded.last_seen,
           outbox = excluded.outbox, next = excluded.next,
           digest = CASE WHEN s.roster = excluded.roster THEN s.digest END,
           roster = excluded.roster, settings = excluded.settings",
        &[
            &key.tenant.0,
            &key.terminal,
            &greeting.session,
            &at,
            &key.outbox,
            &next,
            &integer(greeting.roster)?,
            &integer(greeting.settings)?,
        ],
    )
    .await?;
    let head = t
        .row(
            "SELECT links FROM events
             WHERE tenant = $1 AND terminal = $2 AND outbox = $3 AND seq = $4",
            &[&key.tenant.0, &key.terminal, &key.outbox, &(next - 1)],
        )
        .await?;
    let head = match head {
        Some(row) => Some(bytes32(&row, "links")?),
        None => None,
    };
    let (standing, lost) = write_off(t, key, greeting.oldest, at).await?;
    let other = t
        .row(
            "SELECT 1 FROM quarantine
             WHERE tenant = $1 AND terminal = $2 AND outbox = $3 AND hash = $4 AND why LIKE 'fork:%'",
            &[&key.tenant.0, &key.terminal, &key.outbox, &&greeting.head[..]],
        )
        .await?;
    Ok(Greeted {
        is_other: other.is_some(),
        standing,
        agrees: greeting.next == 1 || head == Some(greeting.head),
        lost,
    })
}

/// Writes down as lost what is missing below `oldest`: its terminal can't send it any more.
async fn write_off(
    t: &Tx<'_>,
    key: OutboxKey,
    oldest: u64,
    at: i64,
) -> Result<(Standing, Vec<(u64, u64)>)> {
    let mut lost = Vec::new();
    loop {
        let standing = walk(t, &[key]).await?[0].standing;
        let first = standing.through + 1;
        if first >= oldest {
            remember(t, &standing).await?;
            return Ok((standing, lost));
        }
        let held = next_held(t, key, first).await?;
        let last = held.map_or(oldest, |held| held.min(oldest)) - 1;
        t.change(
            "INSERT INTO lost (tenant, terminal, outbox, from_seq, to_seq, noticed)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                &key.tenant.0,
                &key.terminal,
                &key.outbox,
                &integer(first)?,
                &integer(last)?,
                &at,
            ],
        )
        .await?;
        lost.push((first, last));
    }
}

/// The first number after a missing one that is stored or in quarantine.
async fn next_held(t: &Tx<'_>, key: OutboxKey, missing: u64) -> Result<Option<u64>> {
    let row = t
        .one(
            "SELECT least(
             (SELECT min(seq) FROM events
              WHERE tenant = $1 AND terminal = $2 AND outbox = $3 AND seq > $4),
             (SELECT min(seq) FROM quarantine
              WHERE tenant = $1 AND terminal = $2 AND outbox = $3 AND seq > $4)) AS next",
            &[
                &key.tenant.0,
                &key.terminal,
                &key.outbox,
                &integer(missing)?,
            ],
        )
        .await?;
    let next: Option<i64> = row.try_get("next")?;
    next.map(|next| count(next, "events.seq")).transpose()
}

pub(super) async fn keep_status(t: &Tx<'_>, status: &NewStatus) -> Result<bool> {
    let key = status.key;
    if status.n == 0 {
        // The will was signed before anything happened: only that the terminal is gone is news.
        let kept = t
            .change(
                "UPDATE terminal_status SET online = false
                 WHERE tenant = $1 AND terminal = $2 AND session = $3",
                &[&key.tenant.0, &key.terminal, &status.session],
            )
            .await?;
        return Ok(kept > 0);
    }
    let kept = t
        .change(
            "UPDATE terminal_status SET
               n = $4, online = true, outbox = $5, next = $6, body = $7, last_seen = $8
             WHERE tenant = $1 AND terminal = $2 AND session = $3 AND n < $4",
            &[
                &key.tenant.0,
                &key.terminal,
                &status.session,
                &integer(status.n)?,
                &key.outbox,
                &integer(status.next)?,
                &status.body,
                &status.at.as_microsecond(),
            ],
        )
        .await?;
    let kept = kept > 0;
    if let (true, Some(mark)) = (kept, status.sync) {
        t.change(
            "INSERT INTO sync_marks (tenant, terminal, boot, uptime_ms, at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant, terminal, boot)
             DO UPDATE SET uptime_ms = excluded.uptime_ms, at = excluded.at",
            &[
                &key.tenant.0,
                &key.terminal,
                &mark.boot,
                &integer(mark.uptime_ms)?,
                &mark.at.as_microsecond(),
            ],
        )
        .await?;
    }
    Ok(kept)
}

pub(super) async fn sync_marks(t: &Tx<'_>, tenant: TenantId) -> Result<Vec<SyncMark>> {
    let rows = t
        .rows(
            "SELECT terminal, boot, uptime_ms, at FROM sync_marks WHERE tenant = $1
             ORDER BY terminal, boot",
            &[&tenant.0],
        )
        .await?;
    let mark = |row: &Row| {
        Ok(SyncMark {
            terminal: row.try_get("terminal")?,
            boot: row.try_get("boot")?,
            uptime_ms: number(row, "uptime_ms")?,
            at: instant(row, "at")?,
        })
    };
    rows.iter().map(mark).collect()
}

pub(super) async fn roster_applied(
    t: &Tx<'_>,
    tenant: TenantId,
    terminal: Uuid,
    session: Uuid,
    version: u64,
    digest: &Hash,
) -> Result<bool> {
    let kept = t
        .change(
            "UPDATE terminal_status SET roster = $4, digest = $5
             WHERE tenant = $1 AND terminal = $2 AND session = $3",
            &[
                &tenant.0,
                &terminal,
                &session,
                &integer(version)?,
                &digest.as_slice(),
            ],
        )
        .await?;
    Ok(kept > 0)
}
