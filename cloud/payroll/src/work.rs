//! From sessions to the time that is paid: rounding, clipping, breaks. Each of them is a setting, off by default,
//! and what it adds or takes is an [`Effect`] of its own: the seconds of a day's pieces are those of its sessions
//! and its effects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    pair::Session,
    plan::{Plan, Planned},
    punch::PunchId,
    rules::{Midnight, Rulebook, Rules},
    shift::Break,
    timesheet::{Timesheet, rules_of},
    zone::Zone,
};

/// A stretch of time that is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Whose.
    pub person: Uuid,
    /// The working day.
    pub day: Date,
    /// Where.
    pub site: Option<Uuid>,
    /// Its first instant.
    pub from: Timestamp,
    /// Whole seconds.
    pub seconds: u64,
    /// Work, or a break that is paid.
    pub paid_break: bool,
    /// The punch that it begins with, of a paid break the way out.
    pub check_in: PunchId,
    /// The punch that it ends with.
    pub check_out: PunchId,
    /// The shift that was planned, and the first date of its version.
    pub shift: Option<(Uuid, Date)>,
    /// The version of the rules by which its session was computed.
    pub rules: u32,
}

impl Piece {
    /// Its end.
    #[must_use]
    pub fn to(&self) -> Timestamp {
        after(self.from, self.seconds)
    }

    /// Whole seconds from its beginning to an instant, at most its own.
    pub(crate) fn seconds_until(&self, at: Timestamp) -> u64 {
        u64::try_from(at.duration_since(self.from).as_secs())
            .unwrap_or(0)
            .min(self.seconds)
    }
}

pub(crate) fn after(from: Timestamp, seconds: u64) -> Timestamp {
    let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    from.saturating_add(seconds).unwrap_or(Timestamp::MAX)
}

/// Which setting added or took time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// `round_to_s`.
    Rounding,
    /// `clip_early`.
    ClipEarly,
    /// A shift's paid break.
    PaidBreak,
    /// A shift's break that is deducted where it wasn't punched.
    BreakDeduction,
}

/// What a setting did to a day's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Whose.
    pub person: Uuid,
    /// The working day.
    pub day: Date,
    /// Which setting.
    pub setting: Setting,
    /// Seconds that are paid beside those that were worked; below zero what was taken.
    pub seconds: i64,
    /// The punches between which it is.
    pub punches: (PunchId, PunchId),
}

/// Time that is paid, and how it differs from time that was worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Worked {
    /// By person and time; none overlaps another one of its person.
    pub pieces: Vec<Piece>,
    /// By person and day.
    pub effects: Vec<Effect>,
}

impl Worked {
    /// What each setting came to for each person over all the days, in seconds.
    #[must_use]
    pub fn cumulative(&self) -> BTreeMap<(Uuid, Setting), i64> {
        let mut sums = BTreeMap::new();
        for effect in &self.effects {
            *sums.entry((effect.person, effect.setting)).or_default() += effect.seconds;
        }
        sums
    }

    /// Paid seconds by date, for reports: all to the working day, or each part to its own date where the rules split at
    /// midnight. The sum is that of the pieces either way.
    #[must_use]
    pub fn by_date(&self, rulebook: &Rulebook) -> BTreeMap<(Uuid, Date), u64> {
        let mut dates: BTreeMap<(Uuid, Date), u64> = BTreeMap::new();
        for piece in &self.pieces {
            let mut add =
                |date, seconds| *dates.entry((piece.person, date)).or_default() += seconds;
            let rules = rulebook
                .version(piece.rules)
                .unwrap_or_else(|| rulebook.at(piece.from));
            if rules.midnight == Midnight::DayOfStart {
                add(piece.day, piece.seconds);
                continue;
            }
            let zone = rules.zone_of(piece.site);
            let (mut date, mut counted) = (zone.local(piece.from).date(), 0);
            while let Ok(tomorrow) = date.tomorrow() {
                let until = piece.seconds_until(zone.midnight(tomorrow));
                if until > counted {
                    add(date, until - counted);
                    counted = until;
                }
                if until == piece.seconds {
                    break;
                }
                date = tomorrow;
            }
        }
        dates
    }
}

/// The paid time of the closed sessions of a timesheet. An open session, a forgotten one and one whose end is
/// missing have none.
#[must_use]
pub fn worked(sheet: &Timesheet, rulebook: &Rulebook, plan: &Plan) -> (Worked, Vec<Anomaly>) {
    let mut days: BTreeMap<(Uuid, Date), Vec<&Session>> = BTreeMap::new();
    for session in sheet
        .sessions
        .iter()
        .filter(|session| session.check_out.is_some())
    {
        days.entry((session.person, session.day))
            .or_default()
            .push(session);
    }
    together(
        days.values()
            .map(|sessions| work_of_day(sessions, rulebook, plan)),
    )
}

/// What the closed sessions of one working day of one person come to, which are given by time.
pub(crate) fn work_of_day(
    sessions: &[&Session],
    rulebook: &Rulebook,
    plan: &Plan,
) -> (Worked, Vec<Anomaly>) {
    let Some(first) = sessions.first() else {
        return Default::default();
    };
    let rules = rules_of(first, rulebook);
    let planned = plan.scheduled(first.person, first.day, rules);
    let mut day = DayOfWork {
        rules,
        planned,
        worked: Worked::default(),
        anomalies: Vec::new(),
    };
    for session in sessions {
        day.take(session);
    }
    day.clip();
    day.breaks();
    day.worked.pieces.retain(|piece| piece.seconds > 0);
    (day.worked, day.anomalies)
}

/// Days, which are given by person and date, in one.
pub(crate) fn together(
    days: impl IntoIterator<Item = (Worked, Vec<Anomaly>)>,
) -> (Worked, Vec<Anomaly>) {
    let mut all = <(Worked, Vec<Anomaly>)>::default();
    for (day, anomalies) in days {
        all.0.pieces.extend(day.pieces);
        all.0.effects.extend(day.effects);
        all.1.extend(anomalies);
    }
    all.0.pieces.sort_by_key(|piece| (piece.person, piece.from));
    all
}

/// One person's working day, whose rules are those of its first session.
struct DayOfWork<'a> {
    rules: &'a Rules,
    planned: Option<Planned<'a>>,
    worked: Worked,
    anomalies: Vec<Anomaly>,
}

impl DayOfWork<'_> {
    fn zone(&self, site: Option<Uuid>) -> &Zone {
        self.rules.zone_of(site)
    }

    /// A session as it was, or with both its ends rounded.
    fn take(&mut self, session: &Session) {
        let Some(out) = session.check_out else { return };
        let mut piece = Piece {
            person: session.person,
            day: session.day,
            site: session.site,
            from: session.check_in.at,
            seconds: session.seconds(),
            paid_break: false,
            check_in: session.check_in.punch,
            check_out: out.punch,
            shift: self
                .planned
                .as_ref()
                .map(|planned| (planned.shift.id, planned.shift.from)),
            rules: session.rules,
        };
        if let Some(step) = self.rules.pay.round_to_s {
            let zone = self.zone(session.site);
            piece.from = rounded(zone, session.check_in.at, step);
            piece.seconds = u64::try_from(
                rounded(zone, out.at, step)
                    .duration_since(piece.from)
                    .as_secs(),
            )
            .unwrap_or(0);
            let difference = piece.seconds.cast_signed() - session.seconds().cast_signed();
            self.effect(&piece, Setting::Rounding, difference);
        }
        self.worked.pieces.push(piece);
    }

    fn effect(&mut self, piece: &Piece, setting: Setting, seconds: i64) {
        if seconds != 0 {
            self.worked.effects.push(Effect {
                person: piece.person,
                day: piece.day,
                setting,
                seconds,
                punches: (piece.check_in, piece.check_out),
            });
        }
    }

    fn warn(&mut self, piece: &Piece, kind: Kind) {
        self.anomalies.push(Anomaly {
            person: Some(piece.person),
            at: Some(piece.from),
            kind,
            punches: vec![piece.check_in, piece.check_out],
        });
    }

    fn clip(&mut self) {
        let Some(start) = self.planned.as_ref().map(|planned| planned.start) else {
            return;
        };
        if !self.rules.pay.clip_early {
            return;
        }
        for n in 0..self.worked.pieces.len() {
            let early = self.worked.pieces[n].seconds_until(start);
            if early > 0 {
                let before = self.worked.pieces[n].clone();
                self.worked.pieces[n].from = after(before.from, early);
                self.worked.pieces[n].seconds -= early;
                self.effect(&before, Setting::ClipEarly, -early.cast_signed());
                self.warn(&before, Kind::ClippedEarly { seconds: early });
            }
        }
    }

    fn breaks(&mut self) {
        let Some(planned) = self.planned.clone() else {
            return;
        };
        let zone = self.zone(planned.site).clone();
        for planned_break in &planned.shift.breaks {
            let window = (
                planned.instant(&zone, planned_break.from).0,
                planned.instant(&zone, planned_break.to).0,
            );
            let punched = self.gaps(window);
            if planned_break.paid {
                self.pay_break(&punched, planned_break.seconds);
            } else {
                let taken = punched.iter().map(|gap| gap.seconds).sum();
                self.deduct(
                    planned_break,
                    window,
                    planned_break.seconds.saturating_sub(taken),
                );
            }
        }
    }

    /// The time between the day's pieces that lies in a window: breaks that were punched.
    fn gaps(&self, (from, to): (Timestamp, Timestamp)) -> Vec<Piece> {
        let between = self.worked.pieces.windows(2).map(|pair| {
            let (begin, end) = (pair[0].to().max(from), pair[1].from.min(to));
            Piece {
                from: begin,
                seconds: u64::try_from(end.duration_since(begin).as_secs()).unwrap_or(0),
                paid_break: true,
                check_in: pair[0].check_out,
                check_out: pair[1].check_in,
                ..pair[0].clone()
            }
        });
        between.filter(|gap| gap.seconds > 0).collect()
    }

    fn pay_break(&mut self, punched: &[Piece], most: u64) {
        let mut left = most;
        for gap in punched {
            let seconds = gap.seconds.min(left);
            left -= seconds;
            self.effect(gap, Setting::PaidBreak, seconds.cast_signed());
            self.worked.pieces.push(Piece {
                seconds,
                ..gap.clone()
            });
        }
        self.worked.pieces.sort_by_key(|piece| piece.from);
    }

    /// Takes a break that wasn't punched out of the work in its window, from the window's beginning on; never more
    /// than was worked there.
    fn deduct(&mut self, planned: &Break, (from, to): (Timestamp, Timestamp), missing: u64) {
        let day: u64 = self.worked.pieces.iter().map(|piece| piece.seconds).sum();
        if planned.deduct_after_s.is_none_or(|after_s| day <= after_s) {
            return;
        }
        let mut missing = missing;
        let mut kept = Vec::new();
        for piece in std::mem::take(&mut self.worked.pieces) {
            let (begin, end) = (piece.seconds_until(from), piece.seconds_until(to));
            let seconds = end.saturating_sub(begin).min(missing);
            if seconds == 0 || piece.paid_break {
                kept.push(piece);
                continue;
            }
            missing -= seconds;
            self.effect(&piece, Setting::BreakDeduction, -seconds.cast_signed());
            self.warn(&piece, Kind::BreakDeducted { seconds });
            let rest = Piece {
                from: after(piece.from, begin + seconds),
                seconds: piece.seconds - begin - seconds,
                ..piece.clone()
            };
            kept.push(Piece {
                seconds: begin,
                ..piece
            });
            kept.push(rest);
        }
        self.worked.pieces = kept;
    }
}

/// The nearest multiple of so many seconds on the wall's clock, an exact half the later one.
fn rounded(zone: &Zone, at: Timestamp, step: u32) -> Timestamp {
    let time = zone.local(at).time();
    let of_hour = i64::from(time.minute()) * 60 + i64::from(time.second());
    let step = i64::from(step);
    let over = of_hour % step;
    let by = if 2 * over >= step { step - over } else { -over };
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole
        .saturating_add(SignedDuration::from_secs(by))
        .unwrap_or(at)
}
