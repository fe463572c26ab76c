//! Terminals, and what each last said of itself.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction};
use uuid::Uuid;

use super::audit;
use super::ledger::{remember, walk};
use super::rows::{Id, id, instant, number};
use crate::store::audit::Deed;
use crate::store::forms::integer;
use crate::store::ledger::{
    Greeted, Greeting, NewStatus, OutboxKey, Standing, SyncMark, Terminal, TerminalStatus,
};
use crate::store::{AccountId, Hash, Site, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

fn terminal(row: &Row<'_>) -> Result<Terminal> {
    let revoked: Option<i64> = row.get("revoked")?;
    Ok(Terminal {
        tenant: row.get("tenant")?,
        id: row.get::<_, Id>("id")?.0,
        site: row.get::<_, Id>("site")?.0,
        place: row.get::<_, Id>("place")?.0,
        name: row.get("name")?,
        public_key: row.get("public_key")?,
        sealing_key: row.get("sealing_key")?,
        claimed: instant(row, "claimed")?,
        revoked: revoked.map(|_| instant(row, "revoked")).transpose()?,
    })
}

pub(super) fn by_id(t: &Transaction<'_>, which: Uuid) -> Result<Option<Terminal>> {
    let mut statement = t.prepare_cached(
        "SELECT x.tenant, x.id, x.site, x.name, x.public_key, x.sealing_key, x.claimed, x.revoked,
                coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                          ORDER BY p.since DESC LIMIT 1), x.site) AS place
         FROM terminals x WHERE x.id = ?1 AND x.kind = 'terminal'",
    )?;
    let mut rows = statement.query([id(which)])?;
    rows.next()?.map(terminal).transpose()
}

pub(super) fn list(
    t: &Transaction<'_>,
    tenant: TenantId,
) -> Result<Vec<(Terminal, Option<TerminalStatus>)>> {
    let mut statement = t.prepare_cached(
        "SELECT x.tenant, x.id, x.site, x.name, x.public_key, x.sealing_key, x.claimed, x.revoked,
                coalesce((SELECT p.site FROM placements p WHERE p.tenant = x.tenant AND p.terminal = x.id
                          ORDER BY p.since DESC LIMIT 1), x.site) AS place,
                s.session, s.online, s.last_seen, s.outbox, s.next, s.roster, s.settings, s.body
         FROM terminals x
         LEFT JOIN terminal_status s ON s.tenant = x.tenant AND s.terminal = x.id
         WHERE x.tenant = ?1 AND x.kind = 'terminal' AND x.revoked IS NULL
         ORDER BY x.name, x.id",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut terminals = Vec::new();
    while let Some(row) = rows.next()? {
        let terminal = terminal(row)?;
        let status = match row.get::<_, Option<Id>>("session")? {
            Some(session) => Some(status(t, &terminal, session.0, row)?),
            None => None,
        };
        terminals.push((terminal, status));
    }
    Ok(terminals)
}

fn status(
    t: &Transaction<'_>,
    terminal: &Terminal,
    session: Uuid,
    row: &Row<'_>,
) -> Result<TerminalStatus> {
    let outbox = row.get::<_, Id>("outbox")?.0;
    let key = OutboxKey {
        tenant: terminal.tenant,
        terminal: terminal.id,
        outbox,
    };
    Ok(TerminalStatus {
        session,
        online: row.get("online")?,
        last_seen: instant(row, "last_seen")?,
        outbox,
        next: number(row, "next")?,
        through: walk(t, key)?.standing.through,
        roster: number(row, "roster")?,
        settings: number(row, "settings")?,
        body: row.get("body")?,
    })
}

pub(super) fn revoke(
    t: &Transaction<'_>,
    tenant: TenantId,
    which: Uuid,
    by: AccountId,
    now: Timestamp,
) -> Result<bool> {
    let revoked = t.execute(
        "UPDATE terminals SET revoked = ?3
         WHERE tenant = ?1 AND id = ?2 AND kind = 'terminal' AND revoked IS NULL",
        (tenant, id(which), now.as_microsecond()),
    )?;
    if revoked > 0 {
        let deed = Deed::new(by, now, "terminal_revoked", Some(which));
        audit::write_down(t, tenant, &deed)?;
    }
    Ok(revoked > 0)
}

pub(super) fn site(t: &Transaction<'_>, tenant: TenantId, which: Uuid) -> Result<Option<Site>> {
    Ok(t.prepare_cached(
        "SELECT id, name, zone, signing_sealed, sealing_sealed FROM sites
         WHERE tenant = ?1 AND id = ?2",
    )?
    .query_row((tenant, id(which)), |row| {
        Ok(Site {
            id: row.get::<_, Id>("id")?.0,
            name: row.get("name")?,
            zone: row.get("zone")?,
            signing_sealed: row.get("signing_sealed")?,
            sealing_sealed: row.get("sealing_sealed")?,
        })
    })
    .optional()?)
}

pub(super) fn greet(t: &Transaction<'_>, greeting: &Greeting) -> Result<Greeted> {
    let key = greeting.key;
    let at = greeting.at.as_microsecond();
    t.execute(
        "INSERT INTO outboxes (tenant, terminal, outbox, next, born) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tenant, terminal, outbox) DO UPDATE SET next = excluded.next",
        (
            key.tenant,
            id(key.terminal),
            id(key.outbox),
            integer(greeting.next)?,
            at,
        ),
    )?;
    t.execute(
        "INSERT INTO terminal_status
           (tenant, terminal, session, online, last_seen, outbox, next, roster, settings)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (tenant, terminal) DO UPDATE SET
           n = CASE WHEN session = excluded.session THEN n ELSE 0 END,
           session = excluded.session, online = 1, last_seen = excluded.last_seen,
           outbox = excluded.outbox, next = excluded.next,
           digest = CASE WHEN roster = excluded.roster THEN digest END,
           roster = excluded.roster, settings = excluded.settings",
        (
            key.tenant,
            id(key.terminal),
            id(greeting.session),
            at,
            id(key.outbox),
            integer(greeting.next)?,
            integer(greeting.roster)?,
            integer(greeting.settings)?,
        ),
    )?;
    let head: Option<Hash> = t
        .prepare_cached(
            "SELECT links FROM events
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq = ?4",
        )?
        .query_row(
            (
                key.tenant,
                id(key.terminal),
                id(key.outbox),
                integer(greeting.next)? - 1,
            ),
            |row| row.get(0),
        )
        .optional()?;
    let (standing, lost) = write_off(t, key, greeting.oldest, at)?;
    let is_other = t
        .prepare_cached(
            "SELECT 1 FROM quarantine
             WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND hash = ?4 AND why LIKE 'fork:%'",
        )?
        .exists((
            key.tenant,
            id(key.terminal),
            id(key.outbox),
            &greeting.head,
        ))?;
    Ok(Greeted {
        is_other,
        standing,
        agrees: greeting.next == 1 || head == Some(greeting.head),
        lost,
    })
}

/// Writes down as lost what is missing below `oldest`: its terminal can't send it any more.
fn write_off(
    t: &Transaction<'_>,
    key: OutboxKey,
    oldest: u64,
    at: i64,
) -> Result<(Standing, Vec<(u64, u64)>)> {
    let mut lost = Vec::new();
    loop {
        let standing = walk(t, key)?.standing;
        let first = standing.through + 1;
        if first >= oldest {
            remember(t, &standing)?;
            return Ok((standing, lost));
        }
        let last = next_held(t, key, first)?.map_or(oldest, |held| held.min(oldest)) - 1;
        t.execute(
            "INSERT INTO lost (tenant, terminal, outbox, from_seq, to_seq, noticed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                key.tenant,
                id(key.terminal),
                id(key.outbox),
                integer(first)?,
                integer(last)?,
                at,
            ),
        )?;
        lost.push((first, last));
    }
}

/// The first number after a missing one that is stored or in quarantine.
fn next_held(t: &Transaction<'_>, key: OutboxKey, missing: u64) -> Result<Option<u64>> {
    let next: Option<i64> = t
        .prepare_cached(
            "SELECT min(seq) FROM (
               SELECT min(seq) AS seq FROM events
               WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq > ?4
               UNION ALL
               SELECT min(seq) FROM quarantine
               WHERE tenant = ?1 AND terminal = ?2 AND outbox = ?3 AND seq > ?4)",
        )?
        .query_row(
            (
                key.tenant,
                id(key.terminal),
                id(key.outbox),
                integer(missing)?,
            ),
            |row| row.get(0),
        )?;
    next.map(|n| u64::try_from(n).map_err(|_| StoreError::Damaged("events.seq")))
        .transpose()
}

pub(super) fn keep_status(t: &Transaction<'_>, status: &NewStatus) -> Result<bool> {
    let key = status.key;
    let at = status.at.as_microsecond();
    if status.n == 0 {
        // The will was signed before anything happened: only that the terminal is gone is news.
        let kept = t.execute(
            "UPDATE terminal_status SET online = 0 WHERE tenant = ?1 AND terminal = ?2 AND session = ?3",
            (key.tenant, id(key.terminal), id(status.session)),
        )?;
        return Ok(kept > 0);
    }
    let kept = t
        .prepare_cached(
            "UPDATE terminal_status SET
               n = ?4, online = 1, outbox = ?5, next = ?6, body = ?7, last_seen = ?8
             WHERE tenant = ?1 AND terminal = ?2 AND session = ?3 AND n < ?4",
        )?
        .execute((
            key.tenant,
            id(key.terminal),
            id(status.session),
            integer(status.n)?,
            id(key.outbox),
            integer(status.next)?,
            &status.body,
            at,
        ))?;
    if let (true, Some(mark)) = (kept > 0, status.sync) {
        t.prepare_cached(
            "INSERT INTO sync_marks (tenant, terminal, boot, uptime_ms, at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (tenant, terminal, boot)
             DO UPDATE SET uptime_ms = excluded.uptime_ms, at = excluded.at",
        )?
        .execute((
            key.tenant,
            id(key.terminal),
            id(mark.boot),
            integer(mark.uptime_ms)?,
            mark.at.as_microsecond(),
        ))?;
    }
    Ok(kept > 0)
}

pub(super) fn sync_marks(t: &Transaction<'_>, tenant: TenantId) -> Result<Vec<SyncMark>> {
    let mut statement = t.prepare_cached(
        "SELECT terminal, boot, uptime_ms, at FROM sync_marks WHERE tenant = ?1
         ORDER BY terminal, boot",
    )?;
    let mut rows = statement.query([tenant])?;
    let mut marks = Vec::new();
    while let Some(row) = rows.next()? {
        marks.push(SyncMark {
            terminal: row.get::<_, Id>("terminal")?.0,
            boot: row.get::<_, Id>("boot")?.0,
            uptime_ms: number(row, "uptime_ms")?,
            at: instant(row, "at")?,
        });
    }
    Ok(marks)
}

pub(super) fn roster_applied(
    t: &Transaction<'_>,
    tenant: TenantId,
    terminal: Uuid,
    session: Uuid,
    version: u64,
    digest: &Hash,
) -> Result<bool> {
    let kept = t.execute(
        "UPDATE terminal_status SET roster = ?4, digest = ?5
         WHERE tenant = ?1 AND terminal = ?2 AND session = ?3",
        (tenant, id(terminal), id(session), integer(version)?, digest),
    )?;
    Ok(kept > 0)
}
