//! The rows of single pages, whatever is damaged around them.

use crate::be32;

/// A value as it is stored. Floating point is not among what is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or the row's own number.
    Null,
    /// A number.
    Integer(i64),
    /// Text, as its bytes.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, where its table has such; `None` in a table without, and in an index.
    pub number: Option<i64>,
    /// Its values, in the order of the columns; in a table without numbers those of the key first.
    pub values: Vec<Value>,
}

/// Bytes of the header of the first page.
const FILE_HEADER: usize = 100;
/// A longer row is none that is kept here, but a wrong length.
const LONGEST: usize = 1 << 20;
/// Rows of a table without numbers also lie between the leaves.
const INDEX_INSIDE: u8 = 0x02;
const INDEX_LEAF: u8 = 0x0a;
const TABLE_LEAF: u8 = 0x0d;

/// The rows of page `number`, where rows lie in it. What can't be read is passed over. `page` gives another page, for
/// a row that goes on there.
pub fn of_page(number: u32, bytes: &[u8], page: &dyn Fn(u32) -> Option<Vec<u8>>) -> Vec<Row> {
    let begin = if number == 1 { FILE_HEADER } else { 0 };
    let Some(&kind) = bytes.get(begin) else {
        return Vec::new();
    };
    // Before the cells' places, and in each cell before the row: where the page below it is.
    let (header, child) = match kind {
        INDEX_LEAF | TABLE_LEAF => (8, 0),
        INDEX_INSIDE => (12, 4),
        _ => return Vec::new(),
    };
    let count = be16(bytes, begin + 3).unwrap_or(0);
    (0..usize::from(count))
        .filter_map(|cell| {
            let at = usize::from(be16(bytes, begin + header + 2 * cell)?);
            row(kind == TABLE_LEAF, bytes, at + child, page)
        })
        .collect()
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

/// One to nine bytes, seven bits each but for the ninth.
fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0_i64;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if place == 8 {
            return Some(value << 8 | i64::from(byte));
        }
        value = value << 7 | i64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn row(
    has_number: bool,
    bytes: &[u8],
    mut at: usize,
    page: &dyn Fn(u32) -> Option<Vec<u8>>,
) -> Option<Row> {
    let length = usize::try_from(varint(bytes, &mut at)?).ok()?;
    if length > LONGEST {
        return None;
    }
    let number = match has_number {
        true => Some(varint(bytes, &mut at)?),
        false => None,
    };
    let (most, least) = room(has_number, bytes.len());
    let here = match length {
        length if length <= most => length,
        length => {
            let fits = least + (length - least) % (bytes.len() - 4);
            if fits <= most { fits } else { least }
        }
    };
    let mut payload = bytes.get(at..at.checked_add(here)?)?.to_vec();
    let mut next = match here < length {
        true => be32(bytes, at + here)?,
        false => 0,
    };
    while payload.len() < length {
        let more = page(next)?;
        next = be32(&more, 0)?;
        let wanted = (length - payload.len()).min(more.len().checked_sub(4)?);
        // A circle would never end.
        if wanted == 0 {
            return None;
        }
        payload.extend(more.get(4..4 + wanted)?);
    }
    Some(Row {
        number,
        values: values(&payload)?,
    })
}

/// How many bytes of a row may lie in its page, and how many at least do where it goes on elsewhere.
fn room(has_number: bool, size: usize) -> (usize, usize) {
    let least = (size - 12) * 32 / 255 - 23;
    match has_number {
        true => (size - 35, least),
        false => ((size - 12) * 64 / 255 - 23, least),
    }
}

fn values(payload: &[u8]) -> Option<Vec<Value>> {
    let mut at = 0;
    let header = usize::try_from(varint(payload, &mut at)?).ok()?;
    let mut body = header;
    let mut values = Vec::new();
    while at < header {
        let kind = varint(payload, &mut at)?;
        let mut take = |length: usize| {
            let taken = payload.get(body..body.checked_add(length)?)?;
            body += length;
            Some(taken)
        };
        values.push(match kind {
            0 => Value::Null,
            1..=6 => {
                let length = [1, 2, 3, 4, 6, 8][usize::try_from(kind - 1).ok()?];
                Value::Integer(integer(take(length)?))
            }
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            kind if kind >= 12 => {
                let bytes = take(usize::try_from(kind - 12).ok()? / 2)?.to_vec();
                match kind % 2 {
                    0 => Value::Blob(bytes),
                    _ => Value::Text(bytes),
                }
            }
            _ => return None,
        });
    }
    (at == header).then_some(values)
}

/// Big-endian with its sign.
fn integer(bytes: &[u8]) -> i64 {
    let sign = match bytes.first() {
        Some(first) if first & 0x80 != 0 => -1,
        _ => 0,
    };
    bytes
        .iter()
        .fold(sign, |value, byte| value << 8 | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_with_their_sign() {
        assert_eq!(integer(&[0x7f]), 127);
        assert_eq!(integer(&[0xff, 0xfe]), -2);
        let mut at = 0;
        assert_eq!(varint(&[0x81, 0x00], &mut at), Some(128));
        assert_eq!(at, 2);
        assert_eq!(varint(&[0xff; 9], &mut 0), Some(-1));
        assert_eq!(varint(&[0x80], &mut 0), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(kind in prop::sample::select(vec![INDEX_INSIDE, INDEX_LEAF, TABLE_LEAF]), mut bytes in prop::collection::vec(any::<u8>(), 512)) {
            bytes[0] = kind;
            let other = bytes.clone();
            let _ = of_page(2, &bytes, &|_| Some(other.clone()));
        }
    }
}
