//! What `mongoexport` writes, cut into records: one to a line, or (`--jsonArray`, `--pretty`) one after another.
//!
//! One record at a time is in memory, and of that no more than [`MOST`]: a file may be as long as it likes. A
//! record that can't be read is told with its line, and the next one is read.

use std::io::{self, BufRead, Read};

/// Most bytes of a record. One with an encoding has about three thousand.
pub const MOST: usize = 1 << 20;

/// A record as it stands in a file, or why it can't be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Its text.
    pub text: Result<String, &'static str>,
}

const TOO_LONG: &str = "the record is longer than 1 MiB";
const NOT_UTF8: &str = "the record is not UTF-8";
const CUT_OFF: &str = "the file ends in the middle of the record";
const NO_RECORD: &str = "this is no record: an object in braces is wanted";

fn piece(line: u64, bytes: Vec<u8>, too_long: bool) -> Piece {
    let text = match String::from_utf8(bytes) {
        _ if too_long => Err(TOO_LONG),
        Ok(text) => Ok(text),
        Err(_) => Err(NOT_UTF8),
    };
    Piece { line, text }
}

/// Cuts a file into its records.
///
/// # Errors
/// When it can't be read.
pub fn cut(mut file: impl BufRead, each: impl FnMut(Piece)) -> io::Result<()> {
    let mut lines = 1;
    let mut begins = Vec::new();
    // The first byte that says something, and the one after it, tell the two forms apart.
    while begins.len() < 2 {
        let mut byte = [0];
        if file.read(&mut byte)? == 0 {
            break;
        }
        match (begins.as_slice(), byte[0]) {
            // A byte order mark is no character.
            ([], 0xef | 0xbb | 0xbf | b' ' | b'\t' | b'\r') | ([b'{'], b' ' | b'\r') => {}
            ([], b'\n') => lines += 1,
            (_, byte) => begins.push(byte),
        }
    }
    let apart = matches!(begins.as_slice(), [b'[', ..] | [b'{', b'\n']);
    let rest = io::Cursor::new(begins).chain(file);
    if apart {
        one_after_another(rest, lines, each)
    } else {
        by_line(rest, lines, each)
    }
}

fn by_line(mut file: impl BufRead, mut line: u64, mut each: impl FnMut(Piece)) -> io::Result<()> {
    loop {
        let mut bytes = Vec::new();
        let most = MOST as u64 + 1;
        if file.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        let too_long = bytes.len() > MOST && !bytes.ends_with(b"\n");
        if too_long {
            bytes.clear();
            skip_line(&mut file)?;
        }
        if too_long || !bytes.trim_ascii().is_empty() {
            each(piece(line, bytes, too_long));
        }
        line += 1;
    }
}

fn skip_line(file: &mut impl BufRead) -> io::Result<()> {
    loop {
        let held = file.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(held.len(), |at| at + 1);
        file.consume(count);
        if end.is_some() || count == 0 {
            return Ok(());
        }
    }
}

/// Where in a record the cutting stands.
#[derive(Default)]
struct Within {
    bytes: Vec<u8>,
    begun: u64,
    depth: usize,
    text: bool,
    escaped: bool,
    too_long: bool,
}

impl Within {
    /// Takes a byte of the record; whether that was its last.
    fn take(&mut self, byte: u8) -> bool {
        if self.bytes.len() < MOST {
            self.bytes.push(byte);
        } else {
            self.too_long = true;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.text => self.escaped = true,
            b'"' => self.text = !self.text,
            b'{' | b'[' if !self.text => self.depth += 1,
            b'}' | b']' if !self.text => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth == 0
    }
}

fn one_after_another(
    file: impl BufRead,
    mut line: u64,
    mut each: impl FnMut(Piece),
) -> io::Result<()> {
    let mut within: Option<Within> = None;
    let mut strayed = false;
    for byte in file.bytes() {
        let byte = byte?;
        match (&mut within, byte) {
            (Some(record), _) => {
                if record.take(byte) {
                    let record = within.take().unwrap_or_default();
                    each(piece(record.begun, record.bytes, record.too_long));
                }
            }
            (None, b'{') => {
                let mut record = Within {
                    begun: line,
                    ..Within::default()
                };
                record.take(byte);
                (within, strayed) = (Some(record), false);
            }
            (None, b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n') => {}
            // Said once, up to the next record.
            (None, _) if strayed => {}
            (None, _) => {
                strayed = true;
                let text = Err(NO_RECORD);
                each(Piece { line, text });
            }
        }
        line += u64::from(byte == b'\n');
    }
    if let Some(record) = within {
        let text = Err(CUT_OFF);
        each(Piece {
            line: record.begun,
            text,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_up(text: &[u8]) -> Vec<(u64, Result<String, &'static str>)> {
        let mut pieces = Vec::new();
        cut(text, |piece| {
            pieces.push((
                piece.line,
                piece.text.map(|text| text.split_whitespace().collect()),
            ));
        })
        .unwrap();
        pieces
    }

    fn ok(line: u64, text: &str) -> (u64, Result<String, &'static str>) {
        (line, Ok(text.to_owned()))
    }

    #[test]
    fn all_forms_give_the_same_records() {
        let wanted = [r#"{"a":1}"#, r#"{"b":{"c":"}]\"{"}}"#];
        let lines = format!("{}\r\n\n{}", wanted[0], wanted[1]);
        let array = format!("[{},{}]\n", wanted[0], wanted[1]);
        let pretty = "{\n\t\"a\": 1\n}\n{\n\t\"b\": {\n\t\t\"c\": \"}]\\\"{\"\n\t}\n}\n";
        for (text, at) in [
            (lines.as_str(), [1, 3]),
            (&format!("\u{feff}\n{lines}"), [2, 4]),
            (&array, [1, 1]),
            (&format!("[\n{},\n{}\n]", wanted[0], wanted[1]), [2, 3]),
            (pretty, [1, 4]),
        ] {
            let wanted = [ok(at[0], wanted[0]), ok(at[1], wanted[1])];
            assert_eq!(cut_up(text.as_bytes()), wanted, "{text}");
        }
        assert_eq!(cut_up(b""), []);
        assert_eq!(cut_up(b"[]"), []);
        assert_eq!(cut_up(b"{}"), [ok(1, "{}")]);
    }

    #[test]
    fn what_cannot_be_read_takes_nothing_with_it() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MOST));
        let text = format!("{{\"a\":\n{long}\n{{}}\n");
        let wanted = [ok(1, "{\"a\":"), (2, Err(TOO_LONG)), ok(3, "{}")];
        assert_eq!(cut_up(text.as_bytes()), wanted);
        let text = format!("[{long},\n{{}}, what, ever, {{}},{{\"a\":");
        let wanted = [
            (1, Err(TOO_LONG)),
            ok(2, "{}"),
            (2, Err(NO_RECORD)),
            ok(2, "{}"),
            (2, Err(CUT_OFF)),
        ];
        assert_eq!(cut_up(text.as_bytes()), wanted);
        assert_eq!(cut_up(b"{\"\xff\"}\n{}"), [(1, Err(NOT_UTF8)), ok(2, "{}")]);
    }
}
