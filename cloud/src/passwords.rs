//! Passwords: what is accepted, and bcrypt on threads that may wait.
//!
//! bcrypt reads 72 bytes and stops at a NUL: longer passwords and those with a NUL are refused, not cut.
//! A log-in costs one verification whether or not the account exists, and the number of verifications is
//! counted, so that a test can say so without a stopwatch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

/// Fewest characters.
const CHARACTERS: usize = 12;
/// Most bytes: what bcrypt reads.
const BYTES: usize = 72;
/// bcrypt's cost for a PIN.
const PIN_COST: u32 = 10;
/// How many verifications wait before a caller is told to come back.
const WAITING: usize = 64;
/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// Fewest guesses that a guesser who knows the usual passwords, words and patterns needs, as a power of
/// ten. The throttle gives one account some hundred guesses a day.
const GUESSES_LOG10: f64 = 6.0;

/// Why a password was not checked or kept.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It can't be a password here.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too many are waiting.
    #[error("too many passwords are being checked")]
    Busy,
    /// bcrypt refused, or the stored hash is damaged.
    #[error("bcrypt refused")]
    Bcrypt(#[from] bcrypt::BcryptError),
    /// The thread that was to do it is gone.
    #[error("the thread that checks passwords stopped")]
    Stopped,
}

/// Why it can't be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too short.
    #[error(
        "Value error, a password has at least {CHARACTERS} characters; several words make a good one"
    )]
    Short,
    /// More than bcrypt reads.
    #[error("Value error, a password has at most {BYTES} bytes")]
    Long,
    /// bcrypt would stop there.
    #[error("Value error, a password holds no NUL character")]
    Nul,
    /// Among the first that anybody tries.
    #[error(
        "Value error, this password is among the first that a guesser tries; take several unrelated words"
    )]
    Common,
}

/// Whether it may become somebody's password. `about` is what a guesser knows of the account: name, e-mail.
///
/// # Errors
/// Why not.
pub fn accept(password: &str, about: &[&str]) -> Result<(), Refused> {
    if password.contains('\0') {
        return Err(Refused::Nul);
    }
    if password.len() > BYTES {
        return Err(Refused::Long);
    }
    if password.chars().count() < CHARACTERS {
        return Err(Refused::Short);
    }
    if zxcvbn::zxcvbn(password, about).guesses_log10() < GUESSES_LOG10 {
        return Err(Refused::Common);
    }
    Ok(())
}

/// bcrypt with a cost, a queue and a count.
pub struct Passwords {
    cost: u32,
    /// The hash of a password that nobody has, checked where there is no account.
    nobody: String,
    working: Arc<Semaphore>,
    waiting: Semaphore,
    verified: AtomicU64,
}

impl Passwords {
    /// bcrypt with that cost. `random` is the password that nobody has.
    ///
    /// # Errors
    /// When bcrypt refuses the cost.
    pub fn new(cost: u32, random: [u8; 32]) -> Result<Self, PasswordError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cost,
            nobody: bcrypt::hash(hex(&random), cost)?,
            working: Arc::new(Semaphore::new(cores)),
            waiting: Semaphore::new(WAITING),
            verified: AtomicU64::new(0),
        })
    }

    /// How many verifications there were.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// The hash to keep. The password is checked by [`accept`] first.
    ///
    /// # Errors
    /// When it is refused, or too many are waiting.
    pub async fn hash(&self, password: String, about: &[&str]) -> Result<String, PasswordError> {
        accept(&password, about)?;
        let cost = self.cost;
        self.work(move || bcrypt::hash(password, cost)).await
    }

    /// The hash of a PIN, which terminals verify: of a cost that a small computer does while nobody notices.
    ///
    /// # Errors
    /// When too many are waiting.
    pub async fn hash_pin(&self, pin: String) -> Result<String, PasswordError> {
        self.work(move || bcrypt::hash(pin, PIN_COST)).await
    }

    /// Whether the password is the one of the stored hash. Without a hash (there is no such account), or with
    /// a password that can't be anybody's, the same work is done and the answer is no.
    ///
    /// # Errors
    /// When the stored hash is damaged, or too many are waiting.
    pub async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let possible = password.len() <= BYTES && !password.contains('\0');
        let (password, hash, known) = match stored {
            Some(hash) if possible => (password, hash, true),
            _ => (String::new(), self.nobody.clone(), false),
        };
        self.verified.fetch_add(1, Ordering::Relaxed);
        let same = self.work(move || bcrypt::verify(password, &hash)).await?;
        Ok(same && known)
    }

    /// Whether a stored hash was made with another cost than today's.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        stored
            .parse::<bcrypt::HashParts>()
            .is_ok_and(|parts| parts.get_cost() != self.cost)
    }

    async fn work<T, F>(&self, work: F) -> Result<T, PasswordError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, bcrypt::BcryptError> + Send + 'static,
    {
        let _place = self
            .waiting
            .try_acquire()
            .map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn)
            .await
            .map_err(|_| PasswordError::Busy)?
            .map_err(|_| PasswordError::Stopped)?;
        tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also when the caller has gone away.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|_| PasswordError::Stopped)?
        .map_err(PasswordError::from)
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("correct horse battery", Ok(()))]
    #[case("short enough", Ok(()))]
    #[case("elevenchars", Err(Refused::Short))]
    #[case("passwordpassword", Err(Refused::Common))]
    #[case("123456789012", Err(Refused::Common))]
    #[case("aaaaaaaaaaaaaaaa", Err(Refused::Common))]
    #[case("qwertyuiop123", Err(Refused::Common))]
    #[case("ada@example.org", Err(Refused::Common))]
    #[case("a\0bcdefghijklmnop", Err(Refused::Nul))]
    #[case("señorita ñandú pingüino", Ok(()))]
    fn what_is_accepted(#[case] password: &str, #[case] expected: Result<(), Refused>) {
        assert_eq!(accept(password, &["Ada", "ada@example.org"]), expected);
    }

    #[test]
    fn what_bcrypt_would_cut_is_refused() {
        let long = "correct horse battery staple ".repeat(3);
        assert_eq!(accept(&long, &[]), Err(Refused::Long));
        assert_eq!(accept(&long[..72], &[]), Ok(()));
    }

    #[tokio::test]
    async fn each_way_to_fail_costs_one_verification() {
        let passwords = Passwords::new(4, [7; 32]).unwrap();
        let right = "correct horse battery".to_owned();
        let hash = passwords.hash(right.clone(), &[]).await.unwrap();
        for (password, stored, same) in [
            (right.clone(), Some(hash.clone()), true),
            (
                "another horse battery".to_owned(),
                Some(hash.clone()),
                false,
            ),
            (right, None, false),
            ("x".repeat(100), Some(hash.clone()), false),
            ("a\0b".to_owned(), Some(hash.clone()), false),
            (String::new(), None, false),
        ] {
            let before = passwords.verified();
            assert_eq!(passwords.verify(password, stored).await.unwrap(), same);
            assert_eq!(passwords.verified(), before + 1);
        }
        assert!(!passwords.is_outdated(&hash));
        assert!(Passwords::new(5, [7; 32]).unwrap().is_outdated(&hash));
    }
}
