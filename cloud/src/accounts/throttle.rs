//! Slowing down whoever guesses: by account and by address. Pure: the time is passed in.
//!
//! Five failures in a row at one account from one address bring a pause of 30 s, and each further failure
//! doubles it. An account on which many addresses fail, and an address that fails on many accounts, have to
//! wait as well, later. A success forgives the account's failures from that address only, so that a
//! guesser's own account buys nothing. A face without an e-mail names no account: it has a policy of its own.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::tokens;

struct Policy {
    /// Failures before the first pause.
    free: u32,
    /// The longest pause.
    longest_s: i64,
    /// Failures are forgotten when there was none for so long.
    memory_s: i64,
}

/// One account from one address.
const PAIR: Policy = Policy {
    free: 5,
    longest_s: 15 * 60,
    memory_s: 24 * 3600,
};
/// One account from anywhere: stops the many, and can't lock the holder out for long.
const ACCOUNT: Policy = Policy {
    free: 50,
    longest_s: 2 * 60,
    memory_s: 3600,
};
/// One address on any account. Behind one address there may be a whole office.
const ADDRESS: Policy = Policy {
    free: 100,
    longest_s: 15 * 60,
    memory_s: 3600,
};
/// Faces without an e-mail from one address: each may be taken for somebody with the probability that the
/// identification policy allows.
const FACES: Policy = Policy {
    free: 20,
    longest_s: 3600,
    memory_s: 24 * 3600,
};
/// The first pause.
const PAUSE_S: i64 = 30;
/// Most entries of one kind; beyond it the oldest half goes.
const ENTRIES: usize = 50_000;

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

#[derive(Default)]
struct Books {
    pairs: HashMap<([u8; 32], IpAddr), Failures>,
    accounts: HashMap<[u8; 32], Failures>,
    addresses: HashMap<IpAddr, Failures>,
    faces: HashMap<IpAddr, Failures>,
}

/// Remembers failures.
#[derive(Default)]
pub struct Throttle(Mutex<Books>);

/// An attempt to get in: as whom, and from where.
#[derive(Clone, Copy)]
pub struct Attempt {
    account: Option<[u8; 32]>,
    address: IpAddr,
}

impl Attempt {
    /// An attempt as `whom` (an e-mail, an id; only its hash is kept) from `address`.
    #[must_use]
    pub fn new(whom: &str, address: IpAddr) -> Self {
        Self {
            account: Some(tokens::hash(whom.trim().to_lowercase().as_bytes())),
            address: network(address),
        }
    }

    /// An attempt by a face that says not whose it is.
    #[must_use]
    pub fn by_face_alone(address: IpAddr) -> Self {
        Self {
            account: None,
            address: network(address),
        }
    }
}

/// An IPv6 subscriber has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            IpAddr::V6(octets.into())
        }
    }
}

/// An attempt that is being made. Until it is known how it ended it counts as a failure, so that guesses at the
/// same time are no more than guesses one after another; dropped, it never was.
#[must_use]
pub struct Trial<'t> {
    throttle: &'t Throttle,
    attempt: Attempt,
    /// What stood in each book before.
    before: [Option<Failures>; 3],
    ended: bool,
}

impl Trial<'_> {
    /// It failed.
    pub fn failed(mut self) {
        self.ended = true;
    }

    /// It succeeded.
    pub fn succeeded(self) {
        self.throttle.succeeded(self.attempt);
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut books = self.throttle.books();
        let [pair, on_account, on_address] = self.before;
        let address = self.attempt.address;
        match self.attempt.account {
            None => uncount(&mut books.faces, address, on_address),
            Some(account) => {
                uncount(&mut books.pairs, (account, address), pair);
                uncount(&mut books.accounts, account, on_account);
                uncount(&mut books.addresses, address, on_address);
            }
        }
    }
}

impl Throttle {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt, if it may be made now.
    ///
    /// # Errors
    /// The seconds that it has to wait, one at least.
    pub fn begin(&self, attempt: Attempt, now: Timestamp) -> Result<Trial<'_>, u64> {
        let mut books = self.books();
        books.check(attempt, now)?;
        let address = attempt.address;
        let before = match attempt.account {
            None => [None, None, books.faces.get(&address).copied()],
            Some(account) => [
                books.pairs.get(&(account, address)).copied(),
                books.accounts.get(&account).copied(),
                books.addresses.get(&address).copied(),
            ],
        };
        books.failed(attempt, now);
        Ok(Trial {
            throttle: self,
            attempt,
            before,
            ended: false,
        })
    }

    /// Whether the attempt may be made now.
    ///
    /// # Errors
    /// The seconds that it has to wait, one at least.
    pub fn check(&self, attempt: Attempt, now: Timestamp) -> Result<(), u64> {
        self.books().check(attempt, now)
    }

    /// The attempt failed.
    pub fn failed(&self, attempt: Attempt, now: Timestamp) {
        self.books().failed(attempt, now);
    }

    /// The attempt succeeded.
    pub fn succeeded(&self, attempt: Attempt) {
        if let Some(account) = attempt.account {
            self.books().pairs.remove(&(account, attempt.address));
        }
    }
}

impl Books {
    fn check(&self, attempt: Attempt, now: Timestamp) -> Result<(), u64> {
        let address = attempt.address;
        let wait = match attempt.account {
            None => wait(&FACES, self.faces.get(&address), now),
            Some(account) => wait(&PAIR, self.pairs.get(&(account, address)), now)
                .max(wait(&ACCOUNT, self.accounts.get(&account), now))
                .max(wait(&ADDRESS, self.addresses.get(&address), now)),
        };
        if wait == 0 { Ok(()) } else { Err(wait) }
    }

    fn failed(&mut self, attempt: Attempt, now: Timestamp) {
        let address = attempt.address;
        match attempt.account {
            None => count(&FACES, &mut self.faces, address, now),
            Some(account) => {
                count(&PAIR, &mut self.pairs, (account, address), now);
                count(&ACCOUNT, &mut self.accounts, account, now);
                count(&ADDRESS, &mut self.addresses, address, now);
            }
        }
    }
}

fn wait(policy: &Policy, failures: Option<&Failures>, now: Timestamp) -> u64 {
    let Some(failures) = failures else { return 0 };
    if failures.count < policy.free {
        return 0;
    }
    let doublings = (failures.count - policy.free).min(16);
    let pause = (PAUSE_S << doublings).min(policy.longest_s);
    let since = now.duration_since(failures.last).as_secs();
    u64::try_from(pause - since).unwrap_or(0)
}

fn count<K: Copy + Eq + Hash>(
    policy: &Policy,
    book: &mut HashMap<K, Failures>,
    key: K,
    now: Timestamp,
) {
    if book.len() >= ENTRIES && !book.contains_key(&key) {
        forget_oldest(book);
    }
    let entry = book.entry(key).or_insert(Failures {
        count: 0,
        last: now,
    });
    if now.duration_since(entry.last).as_secs() > policy.memory_s {
        entry.count = 0;
    }
    entry.count = entry.count.saturating_add(1);
    entry.last = now;
}

/// Takes one failure back that was none.
fn uncount<K: Eq + Hash>(book: &mut HashMap<K, Failures>, key: K, before: Option<Failures>) {
    let Some(entry) = book.get_mut(&key) else {
        return;
    };
    entry.count = entry.count.saturating_sub(1);
    if entry.count == 0 {
        book.remove(&key);
    } else if let Some(before) = before.filter(|before| before.count == entry.count) {
        // Nobody failed meanwhile: who has waited need not wait again.
        entry.last = before.last;
    }
}

fn forget_oldest<K: Copy + Eq + Hash>(book: &mut HashMap<K, Failures>) {
    let mut times: Vec<Timestamp> = book.values().map(|failures| failures.last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    book.retain(|_, failures| failures.last > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn from(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn five_failures_bring_a_pause_that_doubles() {
        let throttle = Throttle::default();
        let attempt = Attempt::new("ada@example.org", from(1));
        for _ in 0..5 {
            throttle.check(attempt, at(0)).unwrap();
            throttle.failed(attempt, at(0));
        }
        assert_eq!(throttle.check(attempt, at(0)), Err(30));
        assert_eq!(throttle.check(attempt, at(29)), Err(1));
        throttle.check(attempt, at(30)).unwrap();
        throttle.failed(attempt, at(30));
        assert_eq!(throttle.check(attempt, at(30)), Err(60));
        let elsewhere = Attempt::new("ADA@example.org ", from(2));
        throttle.check(elsewhere, at(30)).unwrap();
        throttle.succeeded(attempt);
        throttle.check(attempt, at(30)).unwrap();
    }

    #[test]
    fn an_attempt_counts_while_it_is_made_and_not_where_it_came_to_nothing() {
        let throttle = Throttle::default();
        let attempt = Attempt::new("ada@example.org", from(1));
        let mut trials: Vec<_> = (0..5)
            .map(|_| throttle.begin(attempt, at(0)).ok().unwrap())
            .collect();
        assert_eq!(throttle.check(attempt, at(0)), Err(30));
        // A picture that shows nobody is no guess.
        drop(trials.pop());
        throttle.check(attempt, at(0)).unwrap();
        throttle.begin(attempt, at(0)).ok().unwrap().failed();
        for trial in trials.drain(1..) {
            trial.failed();
        }
        assert_eq!(throttle.check(attempt, at(1)), Err(29));
        // Who has waited and then shows a blurred picture does not wait again.
        drop(throttle.begin(attempt, at(30)).ok().unwrap());
        throttle.check(attempt, at(30)).unwrap();
        trials.remove(0).succeeded();
        let books = throttle.books();
        assert!(books.pairs.is_empty());
        // What others may have failed at stays, and the one that succeeded is not among it.
        assert_eq!(books.accounts.values().map(|f| f.count).sum::<u32>(), 4);
        assert_eq!(books.addresses.values().map(|f| f.count).sum::<u32>(), 4);
    }

    #[test]
    fn ten_thousand_guesses_get_a_few_dozen_tries_a_day() {
        let throttle = Throttle::default();
        let mut tried = 0;
        for guess in 0..10_000 {
            let now = at(guess * 86_400 / 10_000);
            let attempt = Attempt::new("ada@example.org", from(1));
            if throttle.check(attempt, now).is_ok() {
                tried += 1;
                throttle.failed(attempt, now);
            }
        }
        assert!(tried < 110, "{tried}");
    }

    #[test]
    fn many_addresses_at_one_account_and_one_address_at_many_accounts_wait_too() {
        let throttle = Throttle::default();
        for i in 0..50 {
            throttle.failed(Attempt::new("ada@example.org", from(i)), at(0));
        }
        let wait = throttle.check(Attempt::new("ada@example.org", from(200)), at(0));
        assert_eq!(wait, Err(30));
        let throttle = Throttle::default();
        for i in 0..100 {
            throttle.failed(Attempt::new(&format!("{i}@example.org"), from(1)), at(0));
        }
        let wait = throttle.check(Attempt::new("new@example.org", from(1)), at(0));
        assert_eq!(wait, Err(30));
    }

    #[test]
    fn faces_alone_are_counted_by_address() {
        let throttle = Throttle::default();
        let attempt = Attempt::by_face_alone(from(1));
        for _ in 0..20 {
            throttle.check(attempt, at(0)).unwrap();
            throttle.failed(attempt, at(0));
        }
        throttle.succeeded(attempt);
        assert_eq!(throttle.check(attempt, at(0)), Err(30));
        throttle
            .check(Attempt::by_face_alone(from(2)), at(0))
            .unwrap();
        throttle
            .check(Attempt::new("ada@example.org", from(1)), at(0))
            .unwrap();
    }

    #[test]
    fn a_subscriber_is_one_address() {
        let one = network("2001:db8::1".parse().unwrap());
        assert_eq!(one, network("2001:db8::ffff".parse().unwrap()));
        assert_ne!(one, network("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), from(1));
    }

    #[test]
    fn memory_is_bounded() {
        let mut book = HashMap::new();
        for i in 0..ENTRIES + 10 {
            count(&PAIR, &mut book, i, at(i64::try_from(i).unwrap()));
        }
        assert!(book.len() <= ENTRIES);
        assert!(book.contains_key(&(ENTRIES + 9)));
    }
}
