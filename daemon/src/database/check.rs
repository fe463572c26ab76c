//! Whether the database is what this program wrote, as far as it can tell without the roster's key.

use std::path::Path;

use limen_wire::jws;
use limen_wire::topic::{Topic, Up};
use limen_wire::{Event, chain};
use refinery::Target;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use super::{DatabaseError, Sync, connect, migrations};
use crate::keys::Identity;

/// What is wrong with the database in `data`, in words; `None` where nothing is, or where it was never made.
///
/// # Errors
/// When that can't be told because the disk is full, the file can't be read, or somebody else has it.
pub fn fault(data: &Path, identity: &Identity) -> Result<Option<String>, DatabaseError> {
    let found = connect(data, Sync::Full).and_then(|connection| Ok(look(&connection, identity)?));
    match found {
        Ok(found) => Ok(found),
        Err(error) if error.is_damage() => Ok(Some(words(&error))),
        Err(error) => Err(error),
    }
}

fn words(error: &DatabaseError) -> String {
    match error {
        DatabaseError::Open { source, .. } | DatabaseError::Sql(source) => source.to_string(),
        other => other.to_string(),
    }
}

/// Whether an error of SQLite may come from a damaged file: everything but what the machine around it does.
pub(super) fn is_of_the_file(error: &rusqlite::Error) -> bool {
    use ErrorCode::{
        CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, FileLockingProtocolFailed,
        OperationInterrupted, OutOfMemory, PermissionDenied, SystemIoFailure,
    };
    match error.sqlite_error_code() {
        Some(
            CannotOpen
            | DatabaseBusy
            | DatabaseLocked
            | DiskFull
            | FileLockingProtocolFailed
            | OperationInterrupted
            | OutOfMemory
            | PermissionDenied
            | SystemIoFailure,
        ) => false,
        Some(_) => true,
        // A value that can't be read as what it is.
        None => matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ),
    }
}

fn look(connection: &Connection, identity: &Identity) -> Result<Option<String>, rusqlite::Error> {
    // Before anything is believed that a query says.
    let check: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Ok(Some(check));
    }
    let Some(version) = version(connection)? else {
        return Ok(None);
    };
    let newest = expected(i64::MAX);
    if version > newest.version && shape(connection)? != newest.shape {
        // Of a newer program: it is refused by name.
        return Ok(None);
    }
    let ours = expected(version);
    if shape(connection)? != ours.shape || history(connection)? != ours.history {
        return Ok(Some(
            "its tables are not those that this program made".to_owned(),
        ));
    }
    if !dates_hold(connection)? {
        return Ok(Some("a date in its history is none".to_owned()));
    }
    if version < newest.version {
        // What is looked at below may not be there yet.
        return Ok(None);
    }
    numbers(connection, identity)
}

/// The migration that the file says it has had last.
fn version(connection: &Connection) -> Result<Option<i64>, rusqlite::Error> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(None);
    }
    connection.query_row(
        "SELECT max(version) FROM refinery_schema_history",
        [],
        |row| row.get(0),
    )
}

type Shape = Vec<(String, Option<String>)>;
type History = Vec<(i64, String, String)>;

fn shape(connection: &Connection) -> Result<Shape, rusqlite::Error> {
    let mut tables = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")?;
    let tables = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    tables.collect()
}

fn history(connection: &Connection) -> Result<History, rusqlite::Error> {
    let mut rows = connection
        .prepare("SELECT version, name, checksum FROM refinery_schema_history ORDER BY version")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

/// Whether the dates of the migrations are such: whoever reads them next panics at one that isn't.
fn dates_hold(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let mut rows = connection.prepare("SELECT applied_on FROM refinery_schema_history")?;
    let dates: Vec<String> = rows
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let is_date = |date: &String| {
        let is_plain = date
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"-T:.Z".contains(&byte));
        // A leap second is one for some readers and not for others.
        is_plain && !date.contains(":60") && date.parse::<jiff::Timestamp>().is_ok()
    };
    Ok(dates.iter().all(is_date))
}

/// What this program makes.
struct Expected {
    version: i64,
    shape: Shape,
    history: History,
}

/// What this program makes up to a version, in memory.
fn expected(version: i64) -> Expected {
    let made = || -> Result<Expected, Box<dyn std::error::Error>> {
        let mut connection = Connection::open_in_memory()?;
        let target = match i32::try_from(version) {
            Ok(version) => Target::Version(version),
            Err(_) => Target::Latest,
        };
        let runner = migrations::migrations::runner().set_target(target);
        runner.run(&mut connection)?;
        Ok(Expected {
            version: version_of(&connection)?,
            shape: shape(&connection)?,
            history: history(&connection)?,
        })
    };
    // A version that never was makes nothing.
    made().unwrap_or(Expected {
        version: 0,
        shape: Vec::new(),
        history: Vec::new(),
    })
}

fn version_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    Ok(version(connection)?.unwrap_or(0))
}

/// An outbox's own row.
struct Outbox {
    id: Vec<u8>,
    before: i64,
    /// Its last number and the hash of that event.
    end: (i64, Vec<u8>),
    next: Option<i64>,
}

/// Whether the numbers of the outboxes are those that their events were signed with.
fn numbers(
    connection: &Connection,
    identity: &Identity,
) -> Result<Option<String>, rusqlite::Error> {
    let mut outboxes = connection.prepare(
        "SELECT o.id, o.before, coalesce(h.seq, o.end_seq, -1), coalesce(h.hash, o.end_hash, x''),
                lead(o.before) OVER (ORDER BY o.number)
         FROM outboxes o LEFT JOIN head h USING (number) ORDER BY o.number",
    )?;
    let outboxes = outboxes.query_map([], |row| {
        Ok(Outbox {
            id: row.get(0)?,
            before: row.get(1)?,
            end: (row.get(2)?, row.get(3)?),
            next: row.get(4)?,
        })
    })?;
    let mut has_any = false;
    for outbox in outboxes {
        let outbox = outbox?;
        has_any = true;
        let Outbox { before, end, .. } = &outbox;
        let last = before.saturating_add(end.0);
        if end.0 < 0 || outbox.next.is_some_and(|next| last > next) {
            return Ok(Some("an outbox ends after the next one begins".to_owned()));
        }
        let edges = connection.query_row(
            "SELECT min(place), max(place) FROM events WHERE place > ?1 AND place <= ?2",
            [*before, last],
            |row| Ok([row.get::<_, Option<i64>>(0)?, row.get(1)?]),
        )?;
        for place in edges.into_iter().flatten() {
            if let Some(wrong) = event(connection, identity, &outbox, place)? {
                return Ok(Some(wrong));
            }
        }
    }
    let heads: i64 = connection.query_row("SELECT count(*) FROM head", [], |row| row.get(0))?;
    let of_none = "the end of the current outbox is missing".to_owned();
    Ok((has_any && heads == 0).then_some(of_none))
}

/// What the event at `place` says against its outbox. A row that is damaged itself says nothing here: it is found
/// when it is read.
fn event(
    connection: &Connection,
    identity: &Identity,
    outbox: &Outbox,
    place: i64,
) -> Result<Option<String>, rusqlite::Error> {
    let found = connection
        .query_row(
            "SELECT hash, compact FROM events WHERE place = ?1",
            [place],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )
        .optional()?;
    let Some((hash, compact)) = found else {
        return Ok(None);
    };
    let whole = String::from_utf8(compact)
        .ok()
        .filter(|compact| chain::hash(compact).0[..] == hash[..]);
    let expected = jws::Expected {
        topic: Topic::up(identity.site.terminal, Up::Event),
        site: identity.site.site,
        session: None,
    };
    let key = identity.keys.signing.public();
    // Of another terminal, before this one was claimed anew: nothing of it can be told.
    let signed = whole.and_then(|compact| {
        let verified = jws::verify(&compact, &key, &expected).ok()?;
        let event: Option<Event> = verified.claims().ok();
        Some((
            verified.header.chain?,
            chain::links_as(&compact, event.as_ref()),
        ))
    });
    let Some((chain, links)) = signed else {
        return Ok(None);
    };
    let seq = place.saturating_sub(outbox.before);
    if chain.outbox.as_bytes()[..] != outbox.id[..] || i64::try_from(chain.seq) != Ok(seq) {
        return Ok(Some(
            "an event stands under another number than its own".to_owned(),
        ));
    }
    let differs = seq == outbox.end.0 && links.0[..] != outbox.end.1[..];
    Ok(differs.then(|| "an outbox does not end with its last event".to_owned()))
}
