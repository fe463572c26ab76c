//! From the facts to one list of punches that count: duplicates taken out, each placed in time,
//! amended and corrected. What doesn't count is kept as a [`Reading`] that says why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    anomaly::{Anomaly, Kind},
    clock::{Marks, Placing},
    punch::{Amend, Change, Correction, Direction, Facts, Method, Punch, PunchId, When},
    rules::Rulebook,
    zone::LocalTime,
};

/// What became of a punch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// The person went in.
    In,
    /// The person went out.
    Out,
    /// A double read: kept, and without effect.
    Ignored,
    /// Taken back at the terminal: an exception.
    NotMe,
    /// Nothing says when it was: an exception.
    NoTime,
    /// An approved correction took it out.
    Removed,
}

/// A punch and what became of it, for lists of punches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// Which punch.
    pub punch: PunchId,
    /// Who.
    pub person: Uuid,
    /// When, as far as that is known; not always what the terminal's clock said.
    pub at: Option<Timestamp>,
    /// At which site.
    pub site: Option<Uuid>,
    /// At which terminal; none for what a correction added.
    pub terminal: Option<Uuid>,
    /// How the person was known.
    pub method: Method,
    /// What became of it.
    pub read_as: ReadAs,
}

/// A punch that counts, as far as can be said without the ones around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub id: PunchId,
    pub person: Uuid,
    pub site: Option<Uuid>,
    pub terminal: Option<Uuid>,
    pub at: Timestamp,
    pub direction: Direction,
    pub method: Method,
}

impl Placed {
    pub fn reading(&self, read_as: ReadAs) -> Reading {
        Reading {
            punch: self.id,
            person: self.person,
            at: Some(self.at),
            site: self.site,
            terminal: self.terminal,
            method: self.method,
            read_as,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// By person, time and id.
    pub placed: Vec<Placed>,
    /// Of the punches that don't count.
    pub readings: Vec<Reading>,
    pub anomalies: Vec<Anomaly>,
}

pub(crate) fn gather(facts: &Facts<'_>, rules: &Rulebook) -> Gathered {
    let mut gathered = Gathered::default();
    let punches = distinct(facts.punches, &mut gathered.anomalies);
    let amended = amended(facts, &punches, &mut gathered.anomalies);
    let removed = corrected(facts.corrections, &punches, rules, &mut gathered);

    let marks = Marks::new(facts);
    let placings: Vec<Placing> = punches.iter().map(|punch| marks.place(punch)).collect();
    let following = following(&punches, &placings);
    let mut before_it: Option<(Uuid, Timestamp)> = None;
    for ((punch, placing), following) in punches.iter().zip(placings).zip(following) {
        let preceding = before_it
            .filter(|(outbox, _)| *outbox == punch.id.outbox)
            .map(|(_, at)| at);
        if let Some(at) = placing.at {
            before_it = Some((punch.id.outbox, at));
        }
        let not_counted = |read_as| Reading {
            punch: punch.id,
            person: punch.person,
            at: placing.at,
            site: punch.site,
            terminal: Some(punch.terminal),
            method: punch.method,
            read_as,
        };
        let anomaly = |kind, punches| Anomaly {
            person: Some(punch.person),
            at: placing.at,
            kind,
            punches,
        };
        let amend = amended.get(&punch.id);
        if removed.contains(&punch.id) {
            gathered.readings.push(not_counted(ReadAs::Removed));
            continue;
        }
        if let Some((by, Amend::NotMe)) = amend {
            gathered.readings.push(not_counted(ReadAs::NotMe));
            gathered
                .anomalies
                .push(anomaly(Kind::NotMe, vec![punch.id, *by]));
            continue;
        }
        gathered.anomalies.extend(
            placing
                .flags
                .iter()
                .map(|&kind| anomaly(kind, vec![punch.id])),
        );
        let Some(at) = placing.at else {
            gathered.readings.push(not_counted(ReadAs::NoTime));
            let kind = Kind::NoTime {
                after: preceding,
                before: following,
            };
            gathered.anomalies.push(anomaly(kind, vec![punch.id]));
            continue;
        };
        let direction = match amend {
            Some((_, Amend::Direction(direction))) => *direction,
            _ => punch.direction,
        };
        gathered.placed.push(Placed {
            id: punch.id,
            person: punch.person,
            site: punch.site,
            terminal: Some(punch.terminal),
            at,
            direction,
            method: punch.method,
        });
    }
    gathered
        .placed
        .sort_unstable_by_key(|p| (p.person, p.at, p.id));
    gathered
}

/// Each fact once, by id. Of different facts with one id the first received stays.
fn distinct<'a>(punches: &'a [Punch], anomalies: &mut Vec<Anomaly>) -> Vec<&'a Punch> {
    let mut all: Vec<&Punch> = punches.iter().collect();
    all.sort_unstable_by(|a, b| {
        (a.id, a.received)
            .cmp(&(b.id, b.received))
            .then_with(|| a.cmp(b))
    });
    let mut kept: Vec<&Punch> = Vec::with_capacity(all.len());
    for group in all.chunk_by(|a, b| a.id == b.id) {
        let first = group[0];
        if group.iter().any(|other| !same_event(first, other)) {
            anomalies.push(Anomaly {
                person: Some(first.person),
                at: None,
                kind: Kind::Conflict,
                punches: vec![first.id],
            });
        }
        kept.push(first);
    }
    kept
}

/// Whether the terminal wrote the same; receipt is the cloud's side of it.
fn same_event(a: &Punch, b: &Punch) -> bool {
    let b = Punch {
        received: a.received,
        live: a.live,
        ..b.clone()
    };
    *a == b
}

/// The amendment that counts for each punch, and which event it was.
fn amended(
    facts: &Facts<'_>,
    punches: &[&Punch],
    anomalies: &mut Vec<Anomaly>,
) -> BTreeMap<PunchId, (PunchId, Amend)> {
    let ordered: BTreeSet<_> = facts.amendments.iter().collect();
    let mut amended: BTreeMap<PunchId, (PunchId, Amend)> = BTreeMap::new();
    for amendment in ordered {
        let earlier =
            amendment.of.outbox == amendment.id.outbox && amendment.of.seq < amendment.id.seq;
        let known = punches.binary_search_by_key(&amendment.of, |p| p.id);
        if !earlier || known.is_err() {
            anomalies.push(Anomaly {
                person: known.ok().map(|n| punches[n].person),
                at: None,
                kind: Kind::AmendsNothing,
                punches: vec![amendment.id, amendment.of],
            });
            continue;
        }
        let entry = amended
            .entry(amendment.of)
            .or_insert((amendment.id, amendment.amend));
        if entry.1 != Amend::NotMe {
            *entry = (amendment.id, amendment.amend);
        }
    }
    amended
}

/// Adds what approved corrections add; returns what they take out.
fn corrected(
    corrections: &[Correction],
    punches: &[&Punch],
    rules: &Rulebook,
    gathered: &mut Gathered,
) -> BTreeSet<PunchId> {
    let mut ordered: Vec<&Correction> = corrections.iter().collect();
    ordered.sort_unstable();
    let mut removed = BTreeSet::new();
    for group in ordered.chunk_by(|a, b| a.id == b.id) {
        // An approval sorts after its absence, so the last one is the most that was decided.
        let Some(&correction) = group.last() else {
            continue;
        };
        let removes = || {
            correction.changes.iter().filter_map(|change| match change {
                Change::Remove { punch } => Some(*punch),
                Change::Add { .. } => None,
            })
        };
        let of_person = |id: PunchId| {
            punches
                .binary_search_by_key(&id, |p| p.id)
                .is_ok_and(|n| punches[n].person == correction.person)
        };
        let id = correction.id;
        let obstacle = match correction.approved_by {
            None => Some(Kind::CorrectionPending { correction: id }),
            Some(by) if by == correction.person || by == correction.proposed_by => {
                Some(Kind::CorrectionOwnApproval { correction: id })
            }
            Some(_) if !removes().all(of_person) => Some(Kind::CorrectionMisses { correction: id }),
            Some(_) => None,
        };
        if let Some(kind) = obstacle {
            let punches = removes().collect();
            gathered.anomalies.push(Anomaly {
                person: Some(correction.person),
                at: None,
                kind,
                punches,
            });
            continue;
        }
        removed.extend(removes());
        for (seq, change) in (0..).zip(&correction.changes) {
            if let Change::Add {
                when,
                direction,
                site,
            } = change
            {
                add(
                    correction,
                    PunchId { outbox: id, seq },
                    (*when, *direction, *site),
                    rules,
                    gathered,
                );
            }
        }
    }
    removed
}

fn add(
    correction: &Correction,
    id: PunchId,
    (when, direction, site): (When, Direction, Option<Uuid>),
    rules: &Rulebook,
    gathered: &mut Gathered,
) {
    let (at, existence) = match when {
        When::Instant(at) => (at, LocalTime::Once),
        // The rules depend on the instant and the instant on the rules' zone: the zone of the
        // rules at that time in UTC decides, which differs only when a site moves that day.
        When::Local(local) => {
            let about = crate::zone::Zone::utc().instant(local).0;
            rules.at(about).zone_of(site).instant(local)
        }
    };
    let doubt = match existence {
        LocalTime::Once => None,
        LocalTime::Skipped => Some(Kind::SkippedLocalTime),
        LocalTime::Repeated => Some(Kind::RepeatedLocalTime),
    };
    gathered.anomalies.extend(doubt.map(|kind| Anomaly {
        person: Some(correction.person),
        at: Some(at),
        kind,
        punches: vec![id],
    }));
    gathered.placed.push(Placed {
        id,
        person: correction.person,
        site,
        terminal: None,
        at,
        direction,
        method: Method::Correction,
    });
}

/// For each punch the first known time after it in its outbox.
fn following(punches: &[&Punch], placings: &[Placing]) -> Vec<Option<Timestamp>> {
    let mut following = vec![None; punches.len()];
    let mut next: Option<(Uuid, Timestamp)> = None;
    for (n, (punch, placing)) in punches.iter().zip(placings).enumerate().rev() {
        following[n] = next
            .filter(|(outbox, _)| *outbox == punch.id.outbox)
            .map(|(_, at)| at);
        if let Some(at) = placing.at {
            next = Some((punch.id.outbox, at));
        }
    }
    following
}
