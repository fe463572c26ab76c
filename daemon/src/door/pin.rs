//! What somebody types: their number, then their PIN, as one row of digits.
//!
//! - A PIN alone would have to be compared with everybody's: a thousand slow hashes a try, and at a
//!   site of a thousand people every guess would have a thousand chances. So a number says who it
//!   is (two digits where up to ninety people work, three where nine hundred do), and one hash is
//!   enough. The number is no secret.
//! - The PIN is the last six digits, drawn by the cloud and never chosen: NIST SP 800-63B has six
//!   for numbers that a machine draws, and nobody gets a birthday. With the throttle
//!   (`lockout`) a guesser who knows a number has about a hundred tries a day among a million.
//! - At rest it is a bcrypt hash, within a roster entry that is encrypted with a key of this
//!   machine. The hash alone would not keep a million numbers from somebody who has the disk and
//!   the key and a day: it keeps a glance at the data from being enough, and one cost-10 hash is
//!   what a small computer does while nobody notices. Against a stolen card stand the storage key
//!   (docs: keep it in a TPM) and a new PIN, which is two clicks.

use std::str::FromStr;

use bcrypt::HashParts;

/// Digits of a PIN.
const PIN: usize = 6;

/// Most digits that are read.
const MOST: usize = limen_wire::roster::MAX_NUMBER_DIGITS + PIN;

/// A verifier of a higher cost would keep the terminal busy for seconds: it is not believed.
const HIGHEST_COST: u32 = 12;

/// The hash of a PIN that nobody has, of the cost that the cloud takes.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuMBCeLnkyK8xeKZGlOOWOVzE1VWLHWRy";

/// Digits that may be somebody's.
pub(super) struct Typed(zeroize::Zeroizing<String>);

impl Typed {
    /// Reads what was typed; spaces are for the eye. `None` where it can be nobody's.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > 4 * MOST {
            return None;
        }
        let mut digits = zeroize::Zeroizing::new(String::with_capacity(MOST));
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            if !c.is_ascii_digit() || digits.len() == MOST {
                return None;
            }
            digits.push(c);
        }
        (digits.len() > PIN).then_some(Self(digits))
    }

    /// Who they say they are.
    pub(super) fn number(&self) -> &str {
        &self.0[..self.0.len() - PIN]
    }

    fn pin(&self) -> &str {
        &self.0[self.0.len() - PIN..]
    }
}

/// Whether the PIN is the one of this verifier. One hash is computed, whatever there is to compare.
pub(super) fn fits(typed: Option<&Typed>, verifier: Option<&str>) -> bool {
    let is_usable = |verifier: &&str| {
        HashParts::from_str(verifier).is_ok_and(|parts| parts.get_cost() <= HIGHEST_COST)
    };
    let usable = verifier.filter(is_usable);
    let pin = typed.map_or("000000", Typed::pin);
    let holds = bcrypt::verify(pin, usable.unwrap_or(NOBODY)).unwrap_or(false);
    holds && typed.is_some() && usable.is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::two_and_six("12483920", Some(("12", "483920")))]
    #[case::with_spaces(" 104 483 920 ", Some(("104", "483920")))]
    #[case::zeros_count("0012000000", Some(("0012", "000000")))]
    #[case::longest("12345678123456", Some(("12345678", "123456")))]
    #[case::too_long("123456789123456", None)]
    #[case::no_number("483920", None)]
    #[case::nothing("", None)]
    #[case::letters("12a83920", None)]
    #[case::other_digits("١٢٤٨٣٩٢٠", None)]
    fn what_is_typed(#[case] text: &str, #[case] read: Option<(&str, &str)>) {
        let typed = Typed::read(text);
        assert_eq!(typed.as_ref().map(|t| (t.number(), t.pin())), read);
    }

    #[test]
    fn a_pin_fits_its_own_verifier_and_no_other() {
        let verifier = bcrypt::hash("483920", 4).unwrap();
        let fits = |text: &str, verifier: Option<&str>| fits(Typed::read(text).as_ref(), verifier);
        assert!(fits("12483920", Some(&verifier)));
        for (text, verifier) in [
            ("12483921", Some(verifier.as_str())),
            ("12483920", None),
            ("12483920", Some("")),
            ("12483920", Some("483920")),
            (
                "12483920",
                Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA"),
            ),
            ("nothing", Some(verifier.as_str())),
        ] {
            assert!(!fits(text, verifier), "{text}");
        }
        // Thirty seconds of work, were it done.
        let began = std::time::Instant::now();
        let slow = verifier.replace("$04$", "$20$");
        assert!(!fits("12483920", Some(&slow)));
        assert!(began.elapsed().as_secs() < 10);
    }

    #[test]
    fn the_hash_that_stands_for_nobody_is_one_of_the_usual_cost() {
        assert_eq!(HashParts::from_str(NOBODY).unwrap().get_cost(), 10);
        assert!(bcrypt::verify("000000", NOBODY).is_ok());
    }

    proptest! {
        /// Whatever comes from a keypad or a web page: an answer.
        #[test]
        fn whatever_is_typed_is_read_or_refused(text in "\\PC{0,80}") {
            if let Some(typed) = Typed::read(&text) {
                prop_assert!(typed.number().len() <= 8 && typed.pin().len() == 6);
            }
        }
    }
}
