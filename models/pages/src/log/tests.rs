use proptest::prelude::*;

use super::*;

const PAGE: usize = 512;
const LITTLE: Words = Words { is_big: false };

/// A log as SQLite writes it: three transactions of two pages each, then what an earlier use left behind.
fn written(is_big: bool) -> Vec<u8> {
    let words = Words { is_big };
    let mut log = Vec::new();
    for word in [
        MAGIC | u32::from(is_big),
        VERSION,
        PAGE as u32,
        7,
        0xaaaa_5555,
        0x1234_5678,
    ] {
        log.extend(word.to_be_bytes());
    }
    let mut sum = words.sum((0, 0), &log);
    log.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
    for number in 0..6_u32 {
        let mut head = Vec::new();
        for word in [number % 3 + 1, if number % 2 == 1 { 3 } else { 0 }] {
            head.extend(word.to_be_bytes());
        }
        let page: Vec<u8> = (0..PAGE)
            .map(|at| (at as u32 * 31 + number * 7) as u8)
            .collect();
        sum = words.sum(words.sum(sum, &head), &page);
        log.extend(&head);
        log.extend(&log[16..24].to_vec());
        log.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
        log.extend(page);
    }
    log.extend([0x5a; FRAME + PAGE]);
    log
}

#[test]
fn a_whole_log_is_read_up_to_its_end() {
    for is_big in [false, true] {
        let bytes = written(is_big);
        let log = read(&bytes).unwrap();
        assert_eq!((log.frames.len(), log.page_size), (6, PAGE));
        assert!(log.mends.is_empty() && !log.is_broken);
        assert!(log.frames.iter().all(|frame| frame.is_whole));
        let committed = log.committed();
        assert_eq!(committed.len(), 3);
        assert_eq!(bytes[committed[&3].clone()][1], 31 + 5 * 7);
    }
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[0; 5_000]), None);
}

#[test]
fn what_was_not_committed_is_not_given() {
    let bytes = written(false);
    let log = read(&bytes[..HEADER + 5 * (FRAME + PAGE) + 100]).unwrap();
    assert_eq!(log.frames.len(), 5);
    assert_eq!(
        bytes[log.committed()[&2].clone()][0],
        7,
        "of the second transaction"
    );
}

/// Two wrong bits are more than can be mended, but not more than can be noticed.
#[test]
fn damage_in_the_middle_is_no_end() {
    let mut bytes = written(false);
    let place = HEADER + 2 * (FRAME + PAGE) + FRAME;
    bytes[place + 3] ^= 1;
    bytes[place + 300] ^= 8;
    let log = read(&bytes).unwrap();
    assert!(log.is_broken && log.mends.is_empty());
    let whole: Vec<bool> = log.frames.iter().map(|frame| frame.is_whole).collect();
    assert_eq!(whole, [true, true, false, true, true, true]);
    assert_eq!(log.committed().len(), 3);
}

#[test]
fn a_torn_end_is_an_end() {
    let mut bytes = written(false);
    let last = HEADER + 5 * (FRAME + PAGE);
    bytes[last + FRAME + 100..last + FRAME + PAGE].fill(0);
    let log = read(&bytes).unwrap();
    assert!(!log.is_broken && log.mends.is_empty());
    assert_eq!(log.frames.len(), 5);
}

#[test]
fn the_checksum_is_that_of_sqlite() {
    // From a log that SQLite 3.46 wrote: its header.
    assert_eq!(LITTLE.sum((0, 0), &[1, 0, 0, 0, 2, 0, 0, 0]), (1, 3));
    assert_eq!(LITTLE.sum((1, 3), &[0, 0, 0, 0, 0, 0, 0, 0]), (4, 7));
}

proptest! {
    #[test]
    fn any_one_wrong_bit_is_put_right(is_big: bool, place: prop::sample::Index) {
        let bytes = written(is_big);
        let ours = HEADER + 6 * (FRAME + PAGE);
        let bit = place.index(ours * 8);
        let mut wrong = bytes.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        let mut log = read(&wrong).unwrap();
        let mend = Mend { at: bit / 8, byte: bytes[bit / 8] };
        if log.is_broken {
            let doubtful = log.frames.iter().find(|frame| !frame.doubt.is_empty()).unwrap();
            prop_assert!(doubtful.doubt.contains(&mend));
            let right = |frame: &Frame, page: &[u8]| -> Option<usize> {
                let begin = frame.bytes.start - FRAME;
                let heads = (be32(&bytes, begin), be32(&bytes, begin + 4));
                let is_right = heads == (Some(frame.page), Some(frame.commit))
                    && *page == bytes[frame.bytes.clone()];
                is_right.then_some(0)
            };
            log.settle(&wrong, &right);
        }
        prop_assert_eq!(&log.mends, &[mend]);
        prop_assert!(!log.is_broken);
        prop_assert_eq!(log.frames, read(&bytes).unwrap().frames);
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, places: Vec<(prop::sample::Index, u8)>) {
        let _ = read(&bytes);
        let mut damaged = written(false);
        for (place, byte) in places {
            let at = place.index(damaged.len());
            damaged[at] = byte;
        }
        let _ = read(&damaged);
    }
}
