//! An SQLite file read without SQLite, for when it is damaged.
//!
//! SQLite ends a write-ahead log at the first frame that does not hold, and with it everything that was committed
//! after: one wrong bit takes a day of acknowledged commits away, and nothing says so. [`log`] finds that before
//! SQLite opens the file, and puts a single wrong bit right, which the frame's checksum is enough for.
//!
//! Where the database itself is damaged, [`rows`] gives the rows of every page that can be read, whatever has
//! become of the tree above. Whether a row is what was written, its owner has to know: by a signature, a seal or a
//! hash.
//!
//! This crate knows no files: bytes are passed in. The format is that of <https://www.sqlite.org/fileformat2.html>.
//!
//! ```
//! let nothing = limen_pages::log::read(&[]);
//! assert!(nothing.is_none());
//! ```

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        reason = "a failed test should stop where it failed"
    )
)]

pub mod log;
pub mod rows;

/// Big-endian 32 bits; `None` past the end.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}
