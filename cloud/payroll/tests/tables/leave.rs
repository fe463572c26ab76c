//! Leave: what a request costs, what is left, and what is paid. Anna works from 08:00 to 16:00, Monday to Friday, at
//! ten dollars an hour.

use jiff::civil::{Date, date};
use limen_payroll::{Accrual, Holiday, LeaveRequest, LeaveType, Standing, balance, granted};
use rstest::rstest;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    clerk::{ANNA, BOB, CLERK, Row, name, row},
    pay::{factor, lines, sums, ten},
};

fn annual(accrual: Accrual) -> LeaveType {
    LeaveType {
        id: Uuid::from_u128(1),
        name: "annual leave".into(),
        paid: true,
        accrual,
    }
}

fn ask(first: (i8, i8), last: (i8, i8), portion: &str) -> LeaveRequest {
    LeaveRequest {
        id: Uuid::from_u128(u128::from(first.1.unsigned_abs())),
        person: ANNA,
        kind: Uuid::from_u128(1),
        first: date(2026, first.0, first.1),
        last: date(2026, last.0, last.1),
        portion: factor(portion),
        asked_by: ANNA,
        decided: Some((CLERK, true)),
    }
}

fn works() -> Row {
    let mut row = row("Europe/Berlin", "")
        .shift("08:00-16:00", |_| {})
        .seen("2026-12-31 12:00");
    row.holidays = vec![Holiday {
        date: date(2026, 6, 4),
        site: None,
        name: "Corpus Christi".into(),
    }];
    row
}

/// Free days and public holidays cost nothing.
#[rstest]
#[case::a_week_with_a_holiday_in_it(ask((6, 1), (6, 7), "1"), "Mon Tue Wed Fri")]
#[case::a_weekend(ask((6, 6), (6, 7), "1"), "")]
#[case::one_day(ask((6, 2), (6, 2), "1"), "Tue")]
#[case::backwards(ask((6, 5), (6, 2), "1"), "")]
fn what_a_request_costs(#[case] request: LeaveRequest, #[case] days: &str) {
    let row = works();
    let said: Vec<_> = request
        .days(&row.plan(), &row.book())
        .into_iter()
        .map(name)
        .collect();
    assert_eq!(said.join(" "), days);
}

#[rstest]
#[case::waiting(None, Standing::Waiting)]
#[case::granted(Some((CLERK, true)), Standing::Granted)]
#[case::refused(Some((CLERK, false)), Standing::Refused)]
#[case::nobody_grants_their_own(Some((ANNA, true)), Standing::OwnApproval)]
fn decisions(#[case] decided: Option<(Uuid, bool)>, #[case] standing: Standing) {
    let request = LeaveRequest {
        decided,
        ..ask((6, 1), (6, 1), "1")
    };
    assert_eq!(request.standing(), standing);
    let row = works();
    let away = granted(
        &[request],
        &[annual(Accrual::Unlimited)],
        &row.plan(),
        &row.book(),
    );
    assert_eq!(away.len(), usize::from(standing == Standing::Granted));
}

#[test]
fn who_asked_for_another_does_not_grant_it_either() {
    let request = LeaveRequest {
        asked_by: BOB,
        decided: Some((BOB, true)),
        ..ask((6, 1), (6, 1), "1")
    };
    assert_eq!(request.standing(), Standing::OwnApproval);
}

/// 24 days a year, asked about on a date: `earned taken asked lapsed left`.
#[rstest]
#[case::a_year_at_once(yearly(None), (2026, 1, 1), (2026, 6, 30), "24 4 0.5 0 19.5")]
#[case::two_a_month_at_its_end(monthly(None), (2026, 1, 1), (2026, 6, 29), "10 4 0.5 0 5.5")]
#[case::the_last_day_of_june_earns_june(monthly(None), (2026, 1, 1), (2026, 6, 30), "12 4 0.5 0 7.5")]
#[case::begun_in_march(monthly(None), (2026, 3, 15), (2026, 6, 30), "6 4 0.5 0 1.5")]
#[case::all_is_carried_over(yearly(None), (2025, 1, 1), (2026, 6, 30), "48 4 0.5 0 43.5")]
#[case::five_are_carried_over(yearly(Some(5)), (2025, 1, 1), (2026, 6, 30), "29 4 0.5 19 24.5")]
fn balances(
    #[case] accrual: Accrual,
    #[case] began: (i16, i8, i8),
    #[case] on: (i16, i8, i8),
    #[case] outcome: &str,
) {
    let row = works();
    let waiting = LeaveRequest {
        decided: None,
        ..ask((7, 1), (7, 1), "0.5")
    };
    let refused = LeaveRequest {
        decided: Some((CLERK, false)),
        ..ask((7, 2), (7, 2), "1")
    };
    let requests = [ask((6, 1), (6, 7), "1"), waiting, refused];
    let day = |(y, m, d): (i16, i8, i8)| Date::new(y, m, d).unwrap();
    let terms = (&row.plan(), &row.book());
    let balance = balance(
        &annual(accrual),
        (ANNA, day(began)),
        &requests,
        terms,
        day(on),
    )
    .unwrap();
    let n = |number: Decimal| number.normalize().to_string();
    let said = [
        balance.earned,
        balance.taken,
        balance.asked,
        balance.lapsed,
        balance.left(),
    ]
    .map(n);
    assert_eq!(said.join(" "), outcome);
}

fn yearly(carry: Option<i64>) -> Accrual {
    Accrual::Yearly {
        days: Decimal::from(24),
        carry: carry.map(Decimal::from),
    }
}

fn monthly(carry: Option<i64>) -> Accrual {
    Accrual::Monthly {
        days: Decimal::from(24),
        carry: carry.map(Decimal::from),
    }
}

#[test]
fn leave_without_limit_has_no_balance() {
    let row = works();
    let terms = (&row.plan(), &row.book());
    assert_eq!(
        balance(
            &annual(Accrual::Unlimited),
            (ANNA, date(2026, 1, 1)),
            &[],
            terms,
            date(2026, 6, 1)
        ),
        None
    );
}

/// Paid leave is the hours that were due; half a day is half of them, and the other half may be worked.
#[rstest]
#[case::a_day("", "1", true, "Mon leave 8.0000 × 10 = 80.00")]
#[case::half_a_day(
    "Mon 08:00 in, Mon 12:00 out",
    "0.5",
    true,
    "Mon work 4.0000 × 10 = 40.00, Mon leave 4.0000 × 10 = 40.00"
)]
#[case::unpaid("", "1", false, "")]
fn paid_leave(
    #[case] punches: &str,
    #[case] portion: &str,
    #[case] paid: bool,
    #[case] outcome: &str,
) {
    let row = on_leave(punches, portion, paid);
    assert_eq!(lines(&row, &ten()), outcome);
}

fn on_leave(punches: &str, portion: &str, paid: bool) -> Row {
    let mut leave = row("Europe/Berlin", punches)
        .shift("08:00-16:00", |_| {})
        .seen("Sun 12:00");
    let kind = LeaveType {
        paid,
        ..annual(Accrual::Unlimited)
    };
    leave.away = granted(
        &[ask((6, 1), (6, 1), portion)],
        &[kind],
        &leave.plan(),
        &leave.book(),
    );
    leave
}

/// Leave is no work: it fills no week on the way to overtime.
#[test]
fn leave_is_not_overtime() {
    let punches = crate::pay::week(&[0, 8, 8, 8, 8, 4]);
    let row = on_leave(&punches, "1", true).with(|rules| {
        rules.pay.overtime.weekly = vec![limen_payroll::Tier {
            over_s: 40 * 3_600,
            multiplier: factor("1.5"),
        }];
    });
    assert_eq!(
        sums(&row, &ten()),
        "work 36.0000 = 360.00, leave 8.0000 = 80.00, total 440.00"
    );
}
