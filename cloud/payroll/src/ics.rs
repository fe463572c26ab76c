//! Public holidays from an iCalendar file (RFC 5545), as calendars publish them: events that last whole days.
//!
//! Three properties are read (`DTSTART`, `DTEND`, `SUMMARY`), so there is no library for it. What can't be read as a
//! date is refused and not guessed: a holiday that is missing costs somebody a day's pay.

use jiff::{ToSpan, civil::Date};
use uuid::Uuid;

use crate::shift::Holiday;

/// The longest event that is a holiday, in days.
const LONGEST: usize = 31;

/// A calendar that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IcsError {
    /// It isn't one.
    #[error("this is no calendar: an iCalendar file begins with BEGIN:VCALENDAR")]
    NoCalendar,
    /// An event doesn't end.
    #[error("the event that begins in line {0} has no END:VEVENT: the file may be cut off")]
    Open(usize),
    /// An event isn't on whole dates.
    #[error(
        "`{summary}` in line {line} has the date `{value}`: a holiday has dates like 20261225, without a time"
    )]
    NoDate {
        /// Its name.
        summary: String,
        /// The line in which it begins, from 1.
        line: usize,
        /// What stands for the date.
        value: String,
    },
    /// An event repeats.
    #[error(
        "`{summary}` in line {line} repeats by a rule: give a calendar that has each date by itself"
    )]
    Repeats {
        /// Its name.
        summary: String,
        /// The line in which it begins, from 1.
        line: usize,
    },
    /// An event ends before it begins, or is too long.
    #[error("`{summary}` in line {line} lasts {days} days: a holiday lasts from 1 to 31")]
    Length {
        /// Its name.
        summary: String,
        /// The line in which it begins, from 1.
        line: usize,
        /// How long it is.
        days: i32,
    },
}

#[derive(Default)]
struct Event {
    line: usize,
    summary: String,
    start: Option<String>,
    end: Option<String>,
    repeats: bool,
    cancelled: bool,
}

/// The holidays of a calendar for one site or for all, by date. An event of several days is a holiday on each of them;
/// one that is cancelled is none.
///
/// # Errors
/// When it isn't a calendar, or an event in it isn't on whole dates or repeats.
pub fn holidays(calendar: &str, site: Option<Uuid>) -> Result<Vec<Holiday>, IcsError> {
    let lines = unfolded(calendar);
    if !lines
        .first()
        .is_some_and(|(_, line)| line.eq_ignore_ascii_case("BEGIN:VCALENDAR"))
    {
        return Err(IcsError::NoCalendar);
    }
    let mut all = Vec::new();
    let mut event: Option<Event> = None;
    // Alarms and the like have properties of their own.
    let mut inside = 0;
    for (number, line) in lines {
        let Some((name, value)) = property(&line) else {
            continue;
        };
        match (name.as_str(), value) {
            ("BEGIN", "VEVENT") => {
                event = Some(Event {
                    line: number,
                    ..Event::default()
                })
            }
            ("BEGIN", _) if event.is_some() => inside += 1,
            ("END", "VEVENT") => {
                if let Some(done) = event.take() {
                    all.extend(done.dates(site)?);
                }
            }
            ("END", _) if event.is_some() => inside -= 1,
            (name, value) if inside == 0 => {
                if let Some(event) = &mut event {
                    event.take(name, value);
                }
            }
            _ => {}
        }
    }
    if let Some(open) = event {
        return Err(IcsError::Open(open.line));
    }
    all.sort();
    all.dedup();
    Ok(all)
}

impl Event {
    fn take(&mut self, name: &str, value: &str) {
        match name {
            "SUMMARY" => self.summary = unescaped(value),
            "DTSTART" => self.start = Some(value.to_owned()),
            "DTEND" => self.end = Some(value.to_owned()),
            "RRULE" | "RDATE" => self.repeats = true,
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            _ => {}
        }
    }

    fn dates(self, site: Option<Uuid>) -> Result<Vec<Holiday>, IcsError> {
        let Self { line, summary, .. } = self;
        if self.cancelled {
            return Ok(Vec::new());
        }
        if self.repeats {
            return Err(IcsError::Repeats { summary, line });
        }
        let read = |value: &str| {
            let whole = value.len() == 8 && value.bytes().all(|byte| byte.is_ascii_digit());
            let date = whole.then(|| value.parse::<Date>().ok()).flatten();
            date.ok_or_else(|| IcsError::NoDate {
                summary: summary.clone(),
                line,
                value: value.to_owned(),
            })
        };
        let first = read(self.start.as_deref().unwrap_or(""))?;
        // The end is the first date after it; without one it is one day (RFC 5545, 3.6.1).
        let end = self.end.as_deref().map(read).transpose()?;
        let days = end.map_or(1, |end| (end - first).get_days());
        let count = usize::try_from(days)
            .ok()
            .filter(|days| (1..=LONGEST).contains(days));
        let Some(count) = count else {
            return Err(IcsError::Length {
                summary,
                line,
                days,
            });
        };
        let on = |n: usize| first.saturating_add(i64::try_from(n).unwrap_or(0).days());
        Ok((0..count)
            .map(|n| Holiday {
                date: on(n),
                site,
                name: summary.clone(),
            })
            .collect())
    }
}

/// The content lines with their numbers: what begins with a blank goes on with the line before (RFC 5545, 3.1).
fn unfolded(calendar: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let calendar = calendar.strip_prefix('\u{feff}').unwrap_or(calendar);
    for (number, line) in (1..).zip(calendar.lines()) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}

/// The name of a property without its parameters, in capitals, and its value. A colon in a quoted parameter doesn't end
/// them.
fn property(line: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let colon = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    let name = line[..colon].split(';').next()?;
    Some((name.to_ascii_uppercase(), line[colon + 1..].trim_end()))
}

/// Text as it was before it was written (RFC 5545, 3.3.11).
fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => text.push(' '),
                other => text.extend(other),
            },
            c => text.push(c),
        }
    }
    text
}
