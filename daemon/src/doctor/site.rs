//! What lies in the data folder: rights, database, claim, roster, outbox.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault;
use super::round::Said;
use super::words;
use crate::database;
use crate::keys::{Identity, KeyError};
use crate::outbox;

/// A large database on a slow card is looked at for so long: the answer is wanted while somebody stands there.
const PATIENCE: Duration = Duration::from_secs(20);

/// Events that wait longer are no short interruption.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// Whether a terminal works with this folder. It is asked by a shared lock that is given back at once: a terminal that
/// starts in that instant is started again by systemd.
pub(crate) fn is_running(data: &Path) -> bool {
    File::open(data.join("lock"))
        .is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

pub(super) fn data(data: &Path, is_running: bool) -> Said {
    let shown = data.display();
    let about = match fs::metadata(data) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Said::Well(format!("{shown} is not there yet; the claim makes it"));
        }
        Err(error) => return Said::Ill(&fault::DATA, format!("{shown}: {error}")),
    };
    if !about.is_dir() {
        return Said::Ill(&fault::DATA, format!("{shown} is not a folder"));
    }
    use rustix::fs::{Access, access};
    if let Err(error) = access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        return Said::Ill(&fault::DATA, format!("{shown}: {error}"));
    }
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Said::Ill(&fault::DATA_OPEN, format!("{shown} has mode {mode:o}"));
    }
    Said::Well(match is_running {
        true => format!("{shown}; a terminal works with it"),
        false => format!("{shown}; no terminal runs"),
    })
}

pub(super) fn database(data: &Path) -> Said {
    if !data.join(database::FILE).exists() {
        return Said::Well("there is none yet".to_owned());
    }
    let connection = match database::look_into(data) {
        Ok(connection) => connection,
        Err(error) => return Said::Ill(&fault::DATABASE, words(&error)),
    };
    // The connection is not the thread's: only what interrupts it is.
    let handle = connection.get_interrupt_handle();
    let (done, waits) = channel::<()>();
    let timer = std::thread::spawn(move || {
        if waits.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            handle.interrupt();
        }
    });
    let check: Result<String, rusqlite::Error> =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    drop(done);
    // It only waits, and ends at once.
    let _ = timer.join();
    match check.as_deref() {
        Ok("ok") => match &crate::salvage::set_aside(data)[..] {
            [] => Said::Well("whole".to_owned()),
            files => {
                let names: Vec<_> = files
                    .iter()
                    .map(|file| file.display().to_string())
                    .collect();
                Said::Ill(&fault::SET_ASIDE, names.join(", "))
            }
        },
        Ok(wrong) => Said::Ill(&fault::DATABASE, wrong.to_owned()),
        Err(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) =>
        {
            Said::Well(format!(
                "nothing wrong in {} seconds; it is larger than that",
                PATIENCE.as_secs()
            ))
        }
        Err(error) => Said::Ill(&fault::DATABASE, error.to_string()),
    }
}

pub(super) fn claim(identity: &Result<Option<Identity>, KeyError>) -> Said {
    match identity {
        Ok(Some(Identity { site, .. })) => {
            Said::Well(format!("terminal {} of site {}", site.terminal, site.site))
        }
        Ok(None) => Said::Ill(&fault::NOT_CLAIMED, "there is no site.json".to_owned()),
        Err(error) => Said::Ill(&fault::KEYS, words(error)),
    }
}

pub(super) fn roster(data: &Path) -> Said {
    let sql = "SELECT roster_epoch IS NOT NULL, roster_version, (SELECT count(*) FROM people) FROM holding";
    let held = database::look_into(data).and_then(|connection| {
        Ok(connection.query_row(sql, [], |row| {
            Ok((
                row.get::<_, bool>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, i64>(2)?,
            ))
        })?)
    });
    match held {
        Ok((false, ..)) => Said::Ill(&fault::NO_ROSTER, "it is empty".to_owned()),
        Ok((true, version, people)) => Said::Well(format!("version {version}, {people} people")),
        Err(error) => Said::Ill(&fault::DATABASE, words(&error)),
    }
}

pub(super) fn backlog(data: &Path, identity: &Identity) -> Said {
    let backlog = match outbox::backlog(data, identity) {
        Ok(backlog) => backlog,
        Err(error) => return Said::Ill(&fault::DATABASE, words(&error)),
    };
    let Some(since) = backlog.since else {
        return Said::Well(format!("{} events wait", backlog.waiting));
    };
    let seen = format!("{} events wait, the oldest of {since}", backlog.waiting);
    match Timestamp::now().duration_since(since) > LATE {
        true => Said::Ill(&fault::BACKLOG, seen),
        false => Said::Well(seen),
    }
}
