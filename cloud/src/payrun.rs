//! Paying one person: which closed sessions are due, and marking them as paid.
//!
//! A session is named by the punch that opened it. It is paid once, whole, and never again: what late facts
//! make of it afterwards is for a later run to settle.

pub mod pdf;
pub mod runs;

use jiff::Timestamp;
use limen_payroll::{Minor, Pairing, Scope, Session, State};

use crate::App;
use crate::attendance::{Attendance, AttendanceError, Worked};
use crate::store::{AccountId, PaidSession, TenantId};

/// What a person is owed: the sessions that are closed, priced, settled and not yet paid.
///
/// Left out are an open session and an exception (nothing is paid for them), one that has time without a rate,
/// one that the same day may still make longer, and one that lies over time that is already paid for: no
/// second is paid twice, even if late facts have cut the day otherwise. What is due in the scope of a locked pay run
/// is that run's, or an adjustment in the next one.
#[must_use]
pub fn due(
    attendance: &Attendance,
    (paid, locked): (&[PaidSession], &[Scope]),
    person: AccountId,
) -> Vec<PaidSession> {
    let sessions: Vec<Worked<'_>> = attendance.sessions(person).collect();
    let mut due = Vec::new();
    for (n, worked) in sessions.iter().enumerate() {
        let session = worked.session;
        let (Some(out), Some(opened_by)) = (
            session.check_out,
            attendance.punch_key(session.check_in.punch),
        ) else {
            continue;
        };
        let over_paid_time = paid.iter().filter(|p| p.person == person).any(|p| {
            p.opened_by == opened_by || (p.check_in < out.at && session.check_in.at < p.check_out)
        });
        let next = sessions.get(n + 1).map(|next| next.session);
        if over_paid_time
            || locked
                .iter()
                .any(|scope| scope.covers(person.0, session.day))
            || worked.priced_s != session.seconds()
            || may_grow(attendance, session, next)
        {
            continue;
        }
        due.push(PaidSession {
            person,
            opened_by,
            check_in: session.check_in.at,
            check_out: out.at,
            amount_minor: worked.amount.0,
            currency: attendance.terms.currency.to_string(),
        });
    }
    due
}

/// Whether a later out of the same working day would make the session longer.
fn may_grow(attendance: &Attendance, session: &Session, next: Option<&Session>) -> bool {
    let rules = attendance.terms.book.at(session.check_in.at);
    if rules.pairing == Pairing::EveryValidPair {
        return false;
    }
    let back_in = next.is_some_and(|next| next.day == session.day && next.state == State::Open);
    let tomorrow = session.day.tomorrow().unwrap_or(session.day);
    let end = rules
        .zone_of(session.site)
        .day_begin(tomorrow, rules.day_start_of(session.site));
    back_in || attendance.now < end
}

/// The sum of what is due.
#[must_use]
pub fn sum(due: &[PaidSession]) -> Minor {
    due.iter().map(|session| Minor(session.amount_minor)).sum()
}

/// Marks what a person is owed as paid; how many sessions that were. `None` where the tenant has no such
/// person.
///
/// # Errors
/// When something can't be read or kept, or the tenant's settings can't stand.
pub async fn pay(
    app: &App,
    tenant: TenantId,
    person: AccountId,
    by: AccountId,
    now: Timestamp,
) -> Result<Option<usize>, AttendanceError> {
    // Read before the facts: a payment that comes between is then found by the store, which marks no session
    // and no time twice.
    let seen = app.store.seen(tenant).await?;
    let locked = runs::locked_scopes(app, tenant).await?;
    let paid = app.store.paid_sessions(tenant, Some(person)).await?;
    let attendance = Attendance::of(app, tenant, Some(person), now).await?;
    if attendance.people.is_empty() {
        return Ok(None);
    }
    let due = due(&attendance, (&paid, &locked), person);
    if due.is_empty() {
        return Ok(Some(0));
    }
    let marked = app
        .store
        .mark_paid(tenant, due, seen.locked, by, now)
        .await?;
    // A receiver that is not there misses nothing.
    let _ = app.changed.send(tenant);
    Ok(Some(marked))
}

#[cfg(test)]
mod tests {
    use limen_wire::event::Direction;

    use super::*;
    use crate::attendance::tests::{ANNA, at, book};

    /// `06:00-14:00 124.00` for each session that is due.
    fn words(due: &[PaidSession]) -> Vec<String> {
        let clock = |at: Timestamp| at.strftime("%H:%M").to_string();
        due.iter()
            .map(|s| {
                format!(
                    "{}-{} {}",
                    clock(s.check_in),
                    clock(s.check_out),
                    s.amount_minor
                )
            })
            .collect()
    }

    #[test]
    fn closed_sessions_are_due_once_and_open_ones_never() {
        let day = book()
            .punch("2026-06-01T06:00Z", Direction::In)
            .punch("2026-06-01T10:00Z", Direction::Out)
            .punch("2026-06-01T11:00Z", Direction::In)
            .punch("2026-06-01T13:00Z", Direction::Out)
            .punch("2026-06-01T14:00Z", Direction::In);
        let attendance = day.concluded("2026-06-01T15:00Z");
        let all = due(&attendance, (&[], &[]), ANNA);
        assert_eq!(words(&all), ["06:00-10:00 6200", "11:00-13:00 3100"]);
        assert_eq!(sum(&all), Minor(9_300));
        assert_eq!(
            words(&due(&attendance, (&all[..1], &[]), ANNA)),
            ["11:00-13:00 3100"]
        );
        assert_eq!(words(&due(&attendance, (&all, &[]), ANNA)), [""; 0]);
    }

    #[test]
    fn a_forgotten_check_out_is_not_due() {
        let day = book().punch("2026-06-01T06:00Z", Direction::In);
        assert_eq!(
            due(&day.concluded("2026-06-09T00:00Z"), (&[], &[]), ANNA),
            []
        );
    }

    #[test]
    fn time_without_a_rate_waits_for_one() {
        let mut day = book()
            .punch("2026-06-01T20:00Z", Direction::In)
            .punch("2026-06-02T04:00Z", Direction::Out);
        day.rates = vec![(at("2026-06-02T00:00Z"), "10".parse().unwrap())];
        assert_eq!(
            due(&day.concluded("2026-06-03T00:00Z"), (&[], &[]), ANNA),
            []
        );
    }

    #[test]
    fn what_late_facts_cut_otherwise_is_not_paid_twice() {
        let paid = book()
            .punch("2026-06-01T06:00Z", Direction::Auto)
            .punch("2026-06-01T14:00Z", Direction::Auto);
        let paid = due(&paid.concluded("2026-06-01T15:00Z"), (&[], &[]), ANNA);
        // A terminal that was away brings an earlier punch: now 05:00 to 06:00 was work.
        let late = book()
            .punch("2026-06-01T06:00Z", Direction::Auto)
            .punch("2026-06-01T14:00Z", Direction::Auto)
            .punch("2026-06-01T05:00Z", Direction::Auto)
            .punch("2026-06-01T18:00Z", Direction::Auto);
        let attendance = late.concluded("2026-06-01T19:00Z");
        assert_eq!(
            words(&due(&attendance, (&[], &[]), ANNA)),
            ["05:00-06:00 1550", "14:00-18:00 6200"]
        );
        assert_eq!(
            words(&due(&attendance, (&paid, &[]), ANNA)),
            ["05:00-06:00 1550", "14:00-18:00 6200"]
        );
        let other_cut = book()
            .punch("2026-06-01T06:00Z", Direction::Auto)
            .punch("2026-06-01T14:00Z", Direction::In)
            .punch("2026-06-01T07:00Z", Direction::In)
            .punch("2026-06-01T13:00Z", Direction::Out);
        let attendance = other_cut.concluded("2026-06-01T19:00Z");
        assert_eq!(
            words(&due(&attendance, (&[], &[]), ANNA)),
            ["07:00-13:00 9300"]
        );
        assert_eq!(
            due(&attendance, (&paid, &[]), ANNA),
            [],
            "it is a part of what is paid"
        );
    }

    #[test]
    fn first_in_last_out_is_due_when_the_day_is_over() {
        let mut day = book()
            .punch("2026-06-01T06:00Z", Direction::In)
            .punch("2026-06-01T10:00Z", Direction::Out);
        day.settings.pairing = Some(Pairing::FirstInLastOut);
        assert_eq!(
            due(&day.concluded("2026-06-01T15:00Z"), (&[], &[]), ANNA),
            []
        );
        // Four o'clock in Berlin.
        let attendance = day.concluded("2026-06-02T02:00Z");
        assert_eq!(
            words(&due(&attendance, (&[], &[]), ANNA)),
            ["06:00-10:00 6200"]
        );
    }
}
