//! The damaged database's pages as they were committed last: those of its log over its own.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use limen_pages::rows::{self, Row};

use super::{SalvageError, beside, made};
use crate::database;

/// What SQLite takes where nothing else is said.
const PAGE_SIZE: usize = 4096;

/// The damaged database with its log.
pub struct File {
    file: fs::File,
    log: Vec<u8>,
    newer: BTreeMap<u32, Range<usize>>,
    page_size: usize,
    pages: u32,
}

impl File {
    pub fn open(data: &Path) -> Result<Self, SalvageError> {
        let path = data.join(database::FILE);
        let file = made(&path, fs::File::open(&path))?;
        let log = beside(&path, "-wal");
        let log = match log.exists() {
            true => made(&log, fs::read(&log))?,
            false => Vec::new(),
        };
        let found = limen_pages::log::read(&log);
        // One wrong bit there makes nonsense of all pages: this program only ever makes the usual size.
        let page_size = found.as_ref().map_or(PAGE_SIZE, |found| found.page_size);
        let newer = found.map_or_else(BTreeMap::new, |found| found.committed());
        let own = made(&path, file.metadata())?.len() / page_size as u64;
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        let last = newer.last_key_value().map_or(0, |(page, _)| *page);
        Ok(Self {
            file,
            log,
            newer,
            page_size,
            // A page number that is nonsense must not make this endless.
            pages: own.max(last.min(own.saturating_add(100_000))),
        })
    }

    /// A page by its number, from 1.
    pub fn page(&self, number: u32) -> Option<Vec<u8>> {
        if let Some(place) = self.newer.get(&number) {
            return self.log.get(place.clone()).map(<[u8]>::to_vec);
        }
        let mut page = vec![0; self.page_size];
        let at = u64::from(number.checked_sub(1)?) * self.page_size as u64;
        self.file.read_exact_at(&mut page, at).ok()?;
        Some(page)
    }

    /// Each page that can be read, with its rows.
    pub fn each(&self) -> impl Iterator<Item = (Vec<u8>, Vec<Row>)> + '_ {
        (1..=self.pages).filter_map(|number| {
            let page = self.page(number)?;
            let rows = rows::of_page(number, &page, &|other| self.page(other));
            Some((page, rows))
        })
    }
}
