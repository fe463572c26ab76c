//! The outbox of the terminal `api`, and the marks of what was paid.

use jiff::Timestamp;
use uuid::Uuid;

use super::rows::{bytes32, instant, number};
use super::{Result, Tx, agreements, audit};
use crate::store::audit::Deed;
use crate::store::forms::integer;
use crate::store::{AccountId, ApiHead, PaidSession, PunchKey, StoreError, TenantId};

pub(super) async fn api_head(t: &Tx<'_>, tenant: TenantId) -> Result<ApiHead> {
    let row = t
        .row(
            "SELECT h.terminal, h.outbox, h.next, h.prev, x.seed_sealed FROM api_heads h
             JOIN terminals x ON x.tenant = h.tenant AND x.id = h.terminal
             WHERE h.tenant = $1 AND x.kind = 'api' AND x.seed_sealed IS NOT NULL",
            &[&tenant.0],
        )
        .await?;
    let row = row.ok_or(StoreError::Missing("terminal api"))?;
    Ok(ApiHead {
        terminal: row.try_get("terminal")?,
        outbox: row.try_get("outbox")?,
        next: number(&row, "next")?,
        prev: bytes32(&row, "prev")?,
        seed_sealed: row.try_get("seed_sealed")?,
    })
}

pub(super) async fn paid_sessions(
    t: &Tx<'_>,
    tenant: TenantId,
    person: Option<AccountId>,
) -> Result<Vec<PaidSession>> {
    let rows = t
        .rows(
            "SELECT person, terminal, outbox, seq, check_in, check_out, amount_minor, currency
             FROM paid_sessions WHERE tenant = $1 AND ($2::uuid IS NULL OR person = $2)
             ORDER BY check_in, terminal, outbox, seq",
            &[&tenant.0, &person.map(|person| person.0)],
        )
        .await?;
    let mut paid = Vec::new();
    for row in rows {
        paid.push(PaidSession {
            person: AccountId(row.try_get("person")?),
            opened_by: PunchKey {
                terminal: row.try_get("terminal")?,
                outbox: row.try_get("outbox")?,
                seq: number(&row, "seq")?,
            },
            check_in: instant(&row, "check_in")?,
            check_out: instant(&row, "check_out")?,
            amount_minor: row.try_get("amount_minor")?,
            currency: row.try_get("currency")?,
        });
    }
    Ok(paid)
}

pub(super) async fn mark_paid(
    t: &Tx<'_>,
    tenant: TenantId,
    sessions: &[PaidSession],
    locked: u64,
    (by, now): (AccountId, Timestamp),
) -> Result<usize> {
    agreements::alone(t, tenant).await?;
    if agreements::seen(t, tenant).await?.locked != locked {
        return Err(StoreError::Overtaken("a pay run was locked meanwhile"));
    }
    // Whether time of a person is paid already is only known while nobody else can pay it.
    let people: Vec<Uuid> = sessions.iter().map(|session| session.person.0).collect();
    t.rows(
        "SELECT 1 FROM people WHERE tenant = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        &[&tenant.0, &people],
    )
    .await?;
    let mut marked = 0;
    for session in sessions {
        marked += t
            .change(
                "INSERT INTO paid_sessions
                   (tenant, person, terminal, outbox, seq, check_in, check_out, amount_minor,
                    currency, paid, paid_by)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
                 WHERE NOT EXISTS (
                   SELECT 1 FROM paid_sessions
                   WHERE tenant = $1 AND person = $2 AND check_in < $7 AND $6 < check_out)
                 ON CONFLICT DO NOTHING",
                &[
                    &tenant.0,
                    &session.person.0,
                    &session.opened_by.terminal,
                    &session.opened_by.outbox,
                    &integer(session.opened_by.seq)?,
                    &session.check_in.as_microsecond(),
                    &session.check_out.as_microsecond(),
                    &session.amount_minor,
                    &session.currency,
                    &now.as_microsecond(),
                    &by.0,
                ],
            )
            .await?;
    }
    if marked > 0 {
        let mut deed = Deed::new(by, now, "sessions_paid", people.first().copied());
        deed.after = Some(marked.to_string());
        audit::write_down(t, tenant, &deed).await?;
    }
    Ok(usize::try_from(marked).unwrap_or(usize::MAX))
}
