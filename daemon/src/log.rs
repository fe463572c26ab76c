//! Where the log goes: to standard error, as text or as JSON.
//!
//! Under systemd standard error is the journal. There a line of text begins with its level as
//! sd-daemon(3) has it, which the journal takes off and files (`journalctl -p warning`), and has
//! no time and no colours, since the journal knows the one and wants no other. What was said
//! elsewhere may be in it, and stays on that line: it could claim another level on one of its own.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::format::{Format, Full, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::{self, LogFormat};

/// Begins to log.
///
/// # Errors
/// When the filter is none.
pub fn begin(config: &config::Log) -> Result<(), ParseError> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&config.filter)?)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match config.format {
        LogFormat::Text if is_journal() => log.event_format(Journal::default()).init(),
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// An error as it is printed on standard error, each of its lines for the journal where that is it.
pub fn error_text(words: &str) -> String {
    match is_journal() {
        true => marked(words),
        false => words.to_owned(),
    }
}

fn marked(words: &str) -> String {
    let lines: Vec<_> = words.lines().map(|line| format!("<3>{line}")).collect();
    lines.join("\n")
}

/// Whether standard error is the journal: systemd.exec(5), `$JOURNAL_STREAM`.
fn is_journal() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let own = rustix::fs::fstat(io::stderr()).ok();
    stream
        .zip(own)
        .is_some_and(|(stream, own)| stream == format!("{}:{}", own.st_dev, own.st_ino))
}

struct Journal(Format<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Self(Format::default().without_time())
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            _ => 7,
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        writeln!(
            writer,
            "<{priority}>{}",
            on_one_line(line.strip_suffix('\n').unwrap_or(&line))
        )
    }
}

fn on_one_line(text: &str) -> Cow<'_, str> {
    match text.contains(['\n', '\r']) {
        true => text.replace('\n', "\\n").replace('\r', "\\r").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_said_elsewhere_begins_no_line_of_its_own() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .event_format(Journal::default())
            .finish();
        let why = "no\n<0>the door is open\r";
        tracing::subscriber::with_default(log, || {
            tracing::warn!(%why, "refused");
            tracing::info!("next");
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let said: Vec<_> = said.split('\n').collect();
        let [refused, next, ""] = said[..] else {
            panic!("{said:?}");
        };
        assert!(refused.starts_with("<4>"), "{refused}");
        assert!(
            refused.ends_with("refused why=no\\n<0>the door is open\\r"),
            "{refused}"
        );
        assert!(next.starts_with("<6>") && next.ends_with("next"), "{next}");
    }

    #[test]
    fn every_line_of_an_error_is_one() {
        assert_eq!(marked("two lines\n  |\n"), "<3>two lines\n<3>  |");
    }
}
