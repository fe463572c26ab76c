//! Where the log goes: to standard error, as text or as JSON.
//!
//! Under systemd standard error is the journal. There a line of text begins with its level as
//! sd-daemon(3) has it, which the journal takes off and files (`journalctl -p warning`), and has
//! no time and no colours, since the journal knows the one and wants no other.

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

/// What an error's line on standard error begins with.
pub fn error_mark() -> &'static str {
    match is_journal() {
        true => "<3>",
        false => "",
    }
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
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
