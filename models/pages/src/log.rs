//! The write-ahead log: which frames hold, and what a wrong bit was.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::be32;
use words::Words;

mod words;

/// Bytes before the first frame.
const HEADER: usize = 32;
/// Bytes before a frame's page.
const FRAME: usize = 24;
/// The log's magic number; the last bit says that checksums are of big-endian words.
const MAGIC: u32 = 0x377f_0682;
/// The only version of the format.
const VERSION: u32 = 3_007_000;

/// A checksum, and the one that the next frame begins with.
type Sum = (u32, u32);

/// A byte that is to be written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mend {
    /// Where in the log.
    pub at: usize,
    /// What was written there.
    pub byte: u8,
}

/// A page as a transaction wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The page's number, from 1.
    pub page: u32,
    /// The database's size in pages, where a transaction ends here; 0 elsewhere.
    pub commit: u32,
    /// Where in the log its bytes lie.
    pub bytes: Range<usize>,
    /// Whether its checksum holds, once what can be mended is.
    pub is_whole: bool,
    /// One bit of it is wrong, and it is one of these: the checksum tells the upper bits of its words only roughly
    /// apart. [`Log::settle`] decides.
    pub doubt: Vec<Mend>,
}

impl Frame {
    /// The frame and its page with that byte written over.
    fn mended(&self, bytes: &[u8], mend: &Mend) -> (Self, Vec<u8>) {
        let begin = self.bytes.start - FRAME;
        let mut all = bytes[begin..self.bytes.end].to_vec();
        if let Some(byte) = mend.at.checked_sub(begin).and_then(|at| all.get_mut(at)) {
            *byte = mend.byte;
        }
        let mended = Self {
            page: be32(&all, 0).unwrap_or(self.page),
            commit: be32(&all, 4).unwrap_or(self.commit),
            ..self.clone()
        };
        (mended, all.split_off(FRAME))
    }
}

/// A log that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Bytes of a page.
    pub page_size: usize,
    /// The frames in order, without what an earlier use of the file left behind it and without a torn end.
    pub frames: Vec<Frame>,
    /// What has to be written over, so that SQLite reads all of that.
    pub mends: Vec<Mend>,
    /// Frames that don't hold are followed by some that do, or differ from one that does by one bit: SQLite would
    /// leave committed transactions out.
    pub is_broken: bool,
}

impl Log {
    /// Where the last committed bytes of each page lie in the log, by the page's number.
    #[must_use]
    pub fn committed(&self) -> BTreeMap<u32, Range<usize>> {
        let end = self.frames.iter().rposition(|frame| frame.commit > 0);
        let committed = self.frames.iter().take(end.map_or(0, |end| end + 1));
        committed
            .map(|frame| (frame.page, frame.bytes.clone()))
            .collect()
    }

    /// Decides which bit of each doubtful frame was wrong: the one with which `strange` finds the frame and its page
    /// least strange; `None` is not to be believed at all.
    pub fn settle(&mut self, bytes: &[u8], strange: &dyn Fn(&Frame, &[u8]) -> Option<usize>) {
        for frame in &mut self.frames {
            let doubt = std::mem::take(&mut frame.doubt);
            let believed = doubt
                .iter()
                .filter_map(|mend| {
                    let (mended, page) = frame.mended(bytes, mend);
                    Some((strange(&mended, &page)?, mend, mended))
                })
                .min_by_key(|(strange, ..)| *strange);
            match believed {
                Some((_, mend, mended)) => {
                    self.mends.push(*mend);
                    *frame = Frame {
                        is_whole: true,
                        ..mended
                    };
                }
                None => frame.doubt = doubt,
            }
        }
        self.is_broken = self.frames.iter().any(|frame| !frame.is_whole);
    }
}

/// Reads a log; `None` where it holds nothing that SQLite ever synced.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Log> {
    let mut mends = Vec::new();
    let mut header: [u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
    if !holds(&header) {
        let flipped = |bit: usize| {
            let mut other = header;
            other[bit / 8] ^= 1 << (bit % 8);
            other
        };
        let mut might = (0..HEADER * 8).filter(|bit| holds(&flipped(*bit)));
        // More than one may fit the sum: the first frame was written after the right one.
        let first = might.clone().find(|bit| leads(&flipped(*bit), bytes));
        let bit = first.or_else(|| might.next())?;
        header = flipped(bit);
        mends.push(Mend {
            at: bit / 8,
            byte: header[bit / 8],
        });
    }
    let words = Words::of(be32(&header, 0)?);
    let page_size = be32(&header, 8)? as usize;
    let mut log = Log {
        page_size,
        frames: Vec::new(),
        mends,
        is_broken: false,
    };
    let salts = &header[16..24];
    let mut sum = (be32(&header, 24)?, be32(&header, 28)?);
    let mut rest = frames(bytes, page_size);
    while let Some(place) = rest.next() {
        let frame = &bytes[place..place + FRAME + page_size];
        match words.look(frame, salts, sum) {
            Some(mut found) => {
                if let Some(of_sum) = found.of_sum.take() {
                    // Either the sum is wrong or what it is of: the next frame was written with the right one.
                    let next = rest.clone().next();
                    let goes_on = |sum| {
                        let next = next.map(|next| &bytes[next..next + FRAME + page_size]);
                        next.is_some_and(|next| words.holds(next, salts, sum))
                    };
                    if found.mends.is_empty() || goes_on(of_sum.sum) {
                        (found.mends, found.sum) = (vec![of_sum.mend], of_sum.sum);
                    } else if !goes_on(found.sum) {
                        found.mends.push(of_sum.mend);
                    }
                }
                let mends = found.mends.iter().map(|(at, byte)| Mend {
                    at: place + at,
                    byte: *byte,
                });
                sum = found.sum;
                log.push(place, found.head, found.mends.len() < 2);
                match found.mends.len() {
                    0 | 1 => log.mends.extend(mends),
                    _ => log.frames.last_mut()?.doubt = mends.collect(),
                }
                log.is_broken |= found.mends.len() > 1;
            }
            None => {
                // Written over by the next frame's checksum: that it holds says that this one was there.
                let follows = rest.clone().find_map(|after| {
                    let before = stored(bytes, after - FRAME - page_size)?;
                    let frame = &bytes[after..after + FRAME + page_size];
                    words.holds(frame, salts, before).then_some((after, before))
                });
                let Some((after, before)) = follows else {
                    break;
                };
                log.is_broken = true;
                let mut damaged = place;
                while damaged < after {
                    let head = (be32(bytes, damaged)?, be32(bytes, damaged + 4)?);
                    log.push(damaged, head, false);
                    damaged += FRAME + page_size;
                }
                sum = before;
                rest = Frames {
                    next: after,
                    ..rest
                };
            }
        }
    }
    Some(log)
}

impl Log {
    fn push(&mut self, place: usize, (page, commit): (u32, u32), is_whole: bool) {
        let begin = place + FRAME;
        self.frames.push(Frame {
            page,
            commit,
            bytes: begin..begin + self.page_size,
            is_whole,
            doubt: Vec::new(),
        });
    }
}

/// Where the frames begin that fit into the file.
#[derive(Clone)]
struct Frames {
    next: usize,
    size: usize,
    end: usize,
}

fn frames(bytes: &[u8], page_size: usize) -> Frames {
    Frames {
        next: HEADER,
        size: FRAME + page_size,
        end: bytes.len(),
    }
}

impl Iterator for Frames {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        (place + self.size <= self.end).then(|| {
            self.next += self.size;
            place
        })
    }
}

/// The checksum that stands in the frame at `place`.
fn stored(bytes: &[u8], place: usize) -> Option<Sum> {
    Some((be32(bytes, place + 16)?, be32(bytes, place + 20)?))
}

fn holds(header: &[u8; HEADER]) -> bool {
    let word = |at| be32(header, at).unwrap_or_default();
    let page_size = word(8);
    word(0) & !1 == MAGIC
        && word(4) == VERSION
        && page_size.is_power_of_two()
        && (512..=65_536).contains(&page_size)
        && Words::of(word(0)).sum((0, 0), &header[..24]) == (word(24), word(28))
}

/// Whether the first frame follows this header.
fn leads(header: &[u8; HEADER], bytes: &[u8]) -> bool {
    let word = |at| be32(header, at).unwrap_or_default();
    let end = HEADER + FRAME + word(8) as usize;
    let words = Words::of(word(0));
    bytes
        .get(HEADER..end)
        .is_some_and(|frame| words.holds(frame, &header[16..24], (word(24), word(28))))
}

#[cfg(test)]
mod tests;
