//! The write-ahead log, before SQLite opens it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use limen_pages::log::{Frame, Log};
use limen_pages::rows::{self, Value};
use limen_wire::Hash;

use super::{SalvageError, beside, free_name, made};
use crate::database;

/// How the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// SQLite reads all that was committed.
    Whole,
    /// SQLite would leave some out.
    Broken,
}

/// Puts single wrong bits right, once the log as it was is kept under another name.
pub fn mend(data: &Path) -> Result<State, SalvageError> {
    let path = data.join(database::FILE);
    let log = beside(&path, "-wal");
    if !log.exists() {
        return Ok(State::Whole);
    }
    let bytes = made(&log, fs::read(&log))?;
    let Some(mut found) = limen_pages::log::read(&bytes) else {
        return Ok(State::Whole);
    };
    if found.is_broken {
        let frames = found.clone();
        let file = made(&path, fs::File::open(&path))?;
        found.settle(&bytes, &|frame, page| {
            strange(&frames, frame, page, &|frame| {
                before(&frames, frame, &bytes, &file)
            })
        });
    }
    if found.is_broken {
        return Ok(State::Broken);
    }
    if found.mends.is_empty() {
        return Ok(State::Whole);
    }
    let kept = free_name(&log);
    made(&kept, fs::copy(&log, &kept))?;
    let file = made(&log, fs::OpenOptions::new().write(true).open(&log))?;
    for mend in &found.mends {
        made(&log, file.write_all_at(&[mend.byte], mend.at as u64))?;
    }
    made(&log, file.sync_all())?;
    tracing::error!(
        bits = found.mends.len(),
        kept = %kept.display(),
        "the database's log had wrong bits, which were put right; as it was it is kept"
    );
    Ok(State::Whole)
}

/// The same page as it was before that frame.
fn before(log: &Log, frame: &Frame, bytes: &[u8], file: &fs::File) -> Option<Vec<u8>> {
    let earlier = log
        .frames
        .iter()
        .rfind(|other| other.page == frame.page && other.bytes.end <= frame.bytes.start);
    if let Some(earlier) = earlier {
        return bytes.get(earlier.bytes.clone()).map(<[u8]>::to_vec);
    }
    let mut page = vec![0; log.page_size];
    let at = u64::from(frame.page.checked_sub(1)?) * log.page_size as u64;
    file.read_exact_at(&mut page, at).ok()?;
    Some(page)
}

/// How much of a page differs from what it was before; `None` where an event in it is not what was signed.
fn strange(
    log: &Log,
    frame: &Frame,
    page: &[u8],
    before: &dyn Fn(&Frame) -> Option<Vec<u8>>,
) -> Option<usize> {
    let size = log.frames.iter().map(|frame| frame.commit).max()?;
    if frame.page == 0 || frame.commit != 0 && frame.commit > size.max(frame.page) {
        return None;
    }
    let rows = rows::of_page(frame.page, page, &|_| None);
    let is_damaged = rows.iter().any(|row| match &row.values[..] {
        [
            Value::Null,
            Value::Blob(prev),
            Value::Blob(hash),
            Value::Blob(compact),
        ] => prev.len() == 32 && hash.len() == 32 && Hash::of(compact).0[..] != hash[..],
        _ => false,
    });
    if is_damaged {
        return None;
    }
    let Some(before) = before(frame) else {
        return Some(page.len());
    };
    let differ = |(now, then): &(&u8, &u8)| now != then;
    Some(page.iter().zip(&before).filter(differ).count())
}
