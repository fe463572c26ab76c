//! What an import says: verdicts, sums, and whether the store agrees.

use std::fmt::{self, Display, Formatter};

use limen_payroll::hours;
use rust_decimal::Decimal;

use super::plan::{Count, Verdict};

/// The work of one person, in the export and here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub employer: String,
    /// Who.
    pub person: String,
    /// Stretches of work of the export that were taken.
    pub sessions: usize,
    /// Those that have an end.
    pub closed: usize,
    /// Their seconds.
    pub export_s: u64,
    /// What the old backend says that they earned.
    pub export_earnings: Decimal,
    /// Those that count here.
    pub here: usize,
    /// Their seconds.
    pub here_s: u64,
    /// What they come to, in currency units.
    pub here_pay: Decimal,
    /// What withholds some of them until somebody settles it, and how often.
    pub withheld: Vec<(&'static str, usize)>,
}

/// What an import comes to, or came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was not taken, or not wholly.
    pub verdicts: Vec<Verdict>,
    /// Employers, employees, stretches of work.
    pub counts: [Count; 3],
    /// Each person's work.
    pub rows: Vec<Row>,
}

impl Report {
    /// How many records were not taken.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.counts.iter().map(|count| count.refused).sum()
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().unwrap_or("no `_id`");
        let taken = if self.taken {
            "taken, but"
        } else {
            "not taken:"
        };
        let (file, line, wrong) = (&self.file, self.line, &self.wrong);
        // What stands in a record is not to steer whoever's terminal this is shown on.
        let what: String = wrong
            .what
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .collect();
        write!(f, "{file}:{line} ({id}): {taken} {what}; {}", wrong.mend)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for verdict in &self.verdicts {
            writeln!(f, "{verdict}")?;
        }
        for Count {
            file,
            new,
            there,
            refused,
        } in &self.counts
        {
            writeln!(
                f,
                "{file}: {new} new, {there} there already, {refused} not taken"
            )?;
        }
        writeln!(
            f,
            "\n{:<40} {:>8} {:>12} {:>12} {:>12} {:>12}",
            "", "sessions", "hours", "hours here", "earnings", "pay here"
        )?;
        for row in &self.rows {
            let who = format!("{} / {}", row.employer, row.person);
            let (export, here) = (hours(row.export_s), hours(row.here_s));
            writeln!(
                f,
                "{who:<40} {:>8} {export:>12} {here:>12} {:>12} {:>12}",
                row.sessions,
                row.export_earnings.round_dp(2),
                row.here_pay
            )?;
            for (why, count) in &row.withheld {
                writeln!(
                    f,
                    "{:<40} {count} × {why}: no hours until somebody settles it",
                    ""
                )?;
            }
        }
        let (export, here): (u64, u64) = self.rows.iter().fold((0, 0), |sum, row| {
            (sum.0 + row.export_s, sum.1 + row.here_s)
        });
        let sessions: usize = self.rows.iter().map(|row| row.sessions).sum();
        let people = format!("{} people", self.rows.len());
        writeln!(
            f,
            "{people:<40} {sessions:>8} {:>12} {:>12}",
            hours(export),
            hours(here)
        )
    }
}
