//! How far outboxes have come.

use uuid::Uuid;

use super::{Result, Tx};
use crate::store::forms::{count, integer};
use crate::store::ledger::{OutboxKey, Standing};

/// An outbox's standing, and how many events were stepped over to find it.
pub(super) struct Walk {
    pub(super) standing: Standing,
    pub(super) steps: u64,
}

/// Outboxes as the columns of a query.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) tenants: Vec<Uuid>,
    pub(super) terminals: Vec<Uuid>,
    pub(super) outboxes: Vec<Uuid>,
}

impl Keys {
    pub(super) fn push(&mut self, key: OutboxKey) {
        self.tenants.push(key.tenant.0);
        self.terminals.push(key.terminal);
        self.outboxes.push(key.outbox);
    }
}

/// Where outboxes are while they are walked.
struct Walking {
    key: OutboxKey,
    floor: i64,
    through: i64,
    fork: Option<i64>,
    session: Option<Uuid>,
}

/// Walks each outbox from where the last look-up left off to the first number that is neither stored, nor in
/// quarantine, nor known to be lost; in the order of the keys. All go together: the queries are as many as the
/// one with the most gaps needs.
pub(super) async fn walk(t: &Tx<'_>, outboxes: &[OutboxKey]) -> Result<Vec<Walk>> {
    if outboxes.is_empty() {
        return Ok(Vec::new());
    }
    let mut all = begin(t, outboxes).await?;
    let mut going: Vec<usize> = (0..all.len()).collect();
    while !going.is_empty() {
        let before: Vec<i64> = going.iter().map(|&n| all[n].through).collect();
        step(t, STORED, &mut all, &going).await?;
        step(t, COVERED, &mut all, &going).await?;
        let mut before = before.into_iter();
        going.retain(|&n| before.next() != Some(all[n].through));
    }
    let walk = |outbox: &Walking| {
        Ok(Walk {
            standing: Standing {
                key: outbox.key,
                through: count(outbox.through, "outboxes.through")?,
                fork: outbox
                    .fork
                    .map(|fork| count(fork, "outboxes.fork_seq"))
                    .transpose()?,
                session: outbox.session,
            },
            steps: count(outbox.through - outbox.floor, "outboxes.through")?,
        })
    };
    all.iter().map(walk).collect()
}

async fn begin(t: &Tx<'_>, outboxes: &[OutboxKey]) -> Result<Vec<Walking>> {
    let mut keys = Keys::default();
    outboxes.iter().for_each(|key| keys.push(*key));
    let rows = t
        .rows(
            "SELECT coalesce(o.through, 0) AS through, o.fork_seq, s.session
             FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) WITH ORDINALITY
               AS w (tenant, terminal, outbox, nth)
             LEFT JOIN outboxes o
               ON o.tenant = w.tenant AND o.terminal = w.terminal AND o.outbox = w.outbox
             LEFT JOIN terminal_status s ON s.tenant = w.tenant AND s.terminal = w.terminal
             ORDER BY w.nth",
            &[&keys.tenants, &keys.terminals, &keys.outboxes],
        )
        .await?;
    let mut all = Vec::new();
    for (row, key) in rows.iter().zip(outboxes) {
        let floor = row.try_get("through")?;
        all.push(Walking {
            key: *key,
            floor,
            through: floor,
            fork: row.try_get("fork_seq")?,
            session: row.try_get("session")?,
        });
    }
    Ok(all)
}

/// The last of the stored numbers that follow without a gap; looks at so many of each outbox at once.
const STORED: &str = "SELECT w.nth, max(run.seq) AS through
                      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) WITH ORDINALITY
                        AS w (tenant, terminal, outbox, through, nth)
                      CROSS JOIN LATERAL (
                        SELECT e.seq, row_number() OVER (ORDER BY e.seq) AS place FROM events e
                        WHERE e.tenant = w.tenant AND e.terminal = w.terminal AND e.outbox = w.outbox
                          AND e.seq > w.through
                        ORDER BY e.seq LIMIT 1000) run
                      WHERE run.seq = w.through + run.place
                      GROUP BY w.nth";

/// The end of what is lost, or in quarantine, right after the last number.
const COVERED: &str = "SELECT w.nth, coalesce(
                         (SELECT max(l.to_seq) FROM lost l
                          WHERE l.tenant = w.tenant AND l.terminal = w.terminal AND l.outbox = w.outbox
                            AND l.from_seq <= w.through + 1 AND l.to_seq >= w.through + 1),
                         (SELECT q.seq FROM quarantine q
                          WHERE q.tenant = w.tenant AND q.terminal = w.terminal AND q.outbox = w.outbox
                            AND q.seq = w.through + 1 LIMIT 1),
                         w.through) AS through
                       FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[]) WITH ORDINALITY
                         AS w (tenant, terminal, outbox, through, nth)";

async fn step(t: &Tx<'_>, query: &'static str, all: &mut [Walking], going: &[usize]) -> Result<()> {
    let mut keys = Keys::default();
    let mut through = Vec::new();
    for &n in going {
        keys.push(all[n].key);
        through.push(all[n].through);
    }
    let rows = t
        .rows(
            query,
            &[&keys.tenants, &keys.terminals, &keys.outboxes, &through],
        )
        .await?;
    for row in rows {
        let nth: i64 = row.try_get("nth")?;
        let of = usize::try_from(nth - 1).ok().and_then(|n| going.get(n));
        if let Some(&n) = of {
            all[n].through = row.try_get("through")?;
        }
    }
    Ok(())
}

/// Moves the number where the next look-up begins.
pub(super) async fn remember(t: &Tx<'_>, standing: &Standing) -> Result<()> {
    let key = standing.key;
    t.change(
        "UPDATE outboxes SET through = greatest(through, $4)
         WHERE tenant = $1 AND terminal = $2 AND outbox = $3",
        &[
            &key.tenant.0,
            &key.terminal,
            &key.outbox,
            &integer(standing.through)?,
        ],
    )
    .await?;
    Ok(())
}
