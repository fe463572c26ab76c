//! Corrections as facts: somebody proposes, somebody else decides, and both are kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::punch::{Change, Correction, Punch};

/// What a person asks to be changed about somebody's punches, their own as a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Which correction.
    pub id: Uuid,
    /// Whose punches.
    pub person: Uuid,
    /// Who proposes it.
    pub by: Uuid,
    /// When.
    pub at: Timestamp,
    /// In the proposer's words.
    pub reason: String,
    /// What it does, all or nothing.
    pub changes: Vec<Change>,
}

/// What is said about a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It counts from now on.
    Approved,
    /// It doesn't.
    Refused,
    /// Its proposer takes it back, before anybody has decided.
    Withdrawn,
}

/// Somebody decides a proposal. The first decision that counts is final.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Which correction.
    pub of: Uuid,
    /// Who.
    pub by: Uuid,
    /// How.
    pub verdict: Verdict,
    /// In the decider's words.
    #[serde(default)]
    pub note: String,
}

impl Decision {
    /// Whether it counts: whoever proposed and whose time it is neither approve nor refuse, and only the proposer
    /// withdraws.
    #[must_use]
    pub fn counts(&self, proposal: &Proposal) -> bool {
        match self.verdict {
            Verdict::Withdrawn => self.by == proposal.by,
            Verdict::Approved | Verdict::Refused => {
                self.by != proposal.by && self.by != proposal.person
            }
        }
    }
}

/// What happened to a correction, first to last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// What was asked for.
    pub proposal: Proposal,
    /// The punches that it takes out, as the machines wrote them.
    pub originals: Vec<Punch>,
    /// Everything that was said about it, and whether it counted.
    pub decisions: Vec<(Decision, bool)>,
    /// How it stands; `None` while it waits.
    pub verdict: Option<Verdict>,
}

/// The corrections that [`Facts`](crate::Facts) take: what was approved and what waits. What was refused or withdrawn
/// isn't one.
#[must_use]
pub fn corrections(proposals: &[Proposal], decisions: &[Decision]) -> Vec<Correction> {
    let counted = |history: &History, wanted| {
        let counts = |(decision, counts): &&(Decision, bool)| {
            *counts == wanted && decision.verdict == Verdict::Approved
        };
        history
            .decisions
            .iter()
            .find(counts)
            .map(|(decision, _)| decision.by)
    };
    histories(proposals, decisions, &[])
        .into_iter()
        .filter(|history| !matches!(history.verdict, Some(Verdict::Refused | Verdict::Withdrawn)))
        .map(|history| Correction {
            id: history.proposal.id,
            // An approval of one's own is handed on, so that it is told and not only ignored.
            approved_by: counted(&history, true).or_else(|| counted(&history, false)),
            person: history.proposal.person,
            proposed_by: history.proposal.by,
            reason: history.proposal.reason.clone(),
            changes: history.proposal.changes.clone(),
        })
        .collect()
}

/// The history of each correction, by the time of its proposal. Of two proposals with one id the first stays.
#[must_use]
pub fn histories(
    proposals: &[Proposal],
    decisions: &[Decision],
    punches: &[Punch],
) -> Vec<History> {
    let mut first: BTreeMap<Uuid, &Proposal> = BTreeMap::new();
    for proposal in proposals {
        let known = first.entry(proposal.id).or_insert(proposal);
        if (proposal.at, proposal) < (known.at, *known) {
            *known = proposal;
        }
    }
    let mut ordered: Vec<&Decision> = decisions.iter().collect();
    ordered.sort_unstable();
    ordered.dedup();
    let mut all: Vec<History> = first
        .into_values()
        .map(|proposal| {
            let mut verdict = None;
            let mut said = Vec::new();
            for decision in ordered.iter().filter(|decision| decision.of == proposal.id) {
                let counts = verdict.is_none() && decision.counts(proposal);
                if counts {
                    verdict = Some(decision.verdict);
                }
                said.push(((*decision).clone(), counts));
            }
            let taken_out = |punch: &&Punch| {
                proposal
                    .changes
                    .iter()
                    .any(|change| matches!(change, Change::Remove { punch: id } if *id == punch.id))
            };
            History {
                proposal: proposal.clone(),
                originals: punches.iter().filter(taken_out).cloned().collect(),
                decisions: said,
                verdict,
            }
        })
        .collect();
    all.sort_by_key(|history| (history.proposal.at, history.proposal.id));
    all
}
