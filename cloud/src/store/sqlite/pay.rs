//! The outbox of the terminal `api`, and the marks of what was paid.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::rows::{Id, id, instant, number};
use super::{agreements, audit};
use crate::store::audit::Deed;
use crate::store::forms::integer;
use crate::store::{AccountId, ApiHead, PaidSession, PunchKey, StoreError, TenantId};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn api_head(t: &Transaction<'_>, tenant: TenantId) -> Result<ApiHead> {
    let found = t
        .prepare_cached(
            "SELECT h.terminal, h.outbox, h.next, h.prev, x.seed_sealed FROM api_heads h
             JOIN terminals x ON x.tenant = h.tenant AND x.id = h.terminal
             WHERE h.tenant = ?1 AND x.kind = 'api' AND x.seed_sealed IS NOT NULL",
        )?
        .query_row([tenant], |row| {
            let next: i64 = row.get("next")?;
            Ok((
                ApiHead {
                    terminal: row.get::<_, Id>("terminal")?.0,
                    outbox: row.get::<_, Id>("outbox")?.0,
                    next: 0,
                    prev: row.get("prev")?,
                    seed_sealed: row.get("seed_sealed")?,
                },
                next,
            ))
        })
        .optional()?;
    let (mut head, next) = found.ok_or(StoreError::Missing("terminal api"))?;
    head.next = u64::try_from(next).map_err(|_| StoreError::Damaged("api_heads.next"))?;
    Ok(head)
}

pub(super) fn paid_sessions(
    t: &Transaction<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<PaidSession>> {
    let mut statement = t.prepare_cached(
        "SELECT person, terminal, outbox, seq, check_in, check_out, amount_minor, currency
         FROM paid_sessions WHERE tenant = ?1 AND (?2 IS NULL OR person = ?2)
         ORDER BY check_in, terminal, outbox, seq",
    )?;
    let mut rows = statement.query((tenant, person))?;
    let mut paid = Vec::new();
    while let Some(row) = rows.next()? {
        paid.push(PaidSession {
            person: row.get("person")?,
            opened_by: PunchKey {
                terminal: row.get::<_, Id>("terminal")?.0,
                outbox: row.get::<_, Id>("outbox")?.0,
                seq: number(row, "seq")?,
            },
            check_in: instant(row, "check_in")?,
            check_out: instant(row, "check_out")?,
            amount_minor: row.get("amount_minor")?,
            currency: row.get("currency")?,
        });
    }
    Ok(paid)
}

pub(super) fn mark_paid(
    t: &Transaction<'_>,
    tenant: TenantId,
    sessions: &[PaidSession],
    locked: u64,
    (by, now): (AccountId, Timestamp),
) -> Result<usize> {
    if agreements::seen(t, tenant)?.locked != locked {
        return Err(StoreError::Overtaken("a pay run was locked meanwhile"));
    }
    let mut marked = 0;
    let mut statement = t.prepare_cached(
        "INSERT OR IGNORE INTO paid_sessions
           (tenant, person, terminal, outbox, seq, check_in, check_out, amount_minor, currency,
            paid, paid_by)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
         WHERE NOT EXISTS (
           SELECT 1 FROM paid_sessions
           WHERE tenant = ?1 AND person = ?2 AND check_in < ?7 AND ?6 < check_out)",
    )?;
    for session in sessions {
        marked += statement.execute((
            tenant,
            session.person,
            id(session.opened_by.terminal),
            id(session.opened_by.outbox),
            integer(session.opened_by.seq)?,
            session.check_in.as_microsecond(),
            session.check_out.as_microsecond(),
            session.amount_minor,
            &session.currency,
            now.as_microsecond(),
            by,
        ))?;
    }
    if marked > 0 {
        let person = sessions.first().map(|session| session.person.0);
        let mut deed = Deed::new(by, now, "sessions_paid", person);
        deed.after = Some(marked.to_string());
        audit::write_down(t, tenant, &deed)?;
    }
    Ok(marked)
}
