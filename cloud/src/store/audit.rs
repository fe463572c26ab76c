//! What was done: who, what, about whom, before and after, as a chain of hashes.
//!
//! Each entry's hash covers the one before it, so nobody changes, removes or inserts one unseen. Who writes into
//! the database may still cut off its end or make the whole chain anew: the newest hash, kept elsewhere (each export
//! ends with it), shows that too.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{AccountId, Answer, Hash, TenantId};

/// Something that was done, before it has its place in the chain. It holds no secret and no template.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Who did it.
    pub by: AccountId,
    /// When.
    pub at: Timestamp,
    /// A word: `rate_set`, `role_set` and so on.
    pub what: &'static str,
    /// The account, terminal or badge that it was done to.
    pub about: Option<Uuid>,
    /// How it was, as JSON.
    pub before: Option<String>,
    /// How it is, as JSON.
    pub after: Option<String>,
}

impl Deed {
    /// Something done, with nothing before or after it to tell.
    #[must_use]
    pub fn new(by: AccountId, at: Timestamp, what: &'static str, about: Option<Uuid>) -> Self {
        Self {
            by,
            at,
            what,
            about,
            before: None,
            after: None,
        }
    }
}

/// An entry of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 within the tenant.
    pub nth: u64,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Uuid,
    /// A word.
    pub what: String,
    /// To what.
    pub about: Option<Uuid>,
    /// How it was, as JSON.
    pub before: Option<String>,
    /// How it is, as JSON.
    pub after: Option<String>,
    /// SHA-256, hexadecimal: see [`Entry::hash_after`].
    pub hash: String,
}

impl Entry {
    /// The deed as the `nth` entry after one with that hash.
    #[must_use]
    pub fn of(tenant: TenantId, nth: u64, deed: &Deed, before: &Hash) -> (Self, Hash) {
        let mut entry = Self {
            nth,
            at: deed.at,
            by: deed.by.0,
            what: deed.what.to_owned(),
            about: deed.about,
            before: deed.before.clone(),
            after: deed.after.clone(),
            hash: String::new(),
        };
        let hash = entry.hash_after(tenant, before);
        entry.hash = hex(&hash);
        (entry, hash)
    }

    /// SHA-256 over the hash before (32 bytes; zeros before the first) and a JSON array of tenant, number, instant
    /// in microseconds since 1970, who, what, about, before and after.
    #[must_use]
    pub fn hash_after(&self, tenant: TenantId, before: &Hash) -> Hash {
        let said = (
            tenant.0,
            self.nth,
            self.at.as_microsecond(),
            self.by,
            &self.what,
            self.about,
            &self.before,
            &self.after,
        );
        let mut hash = Sha256::new();
        hash.update(before);
        // Numbers, strings and ids can always be written.
        hash.update(serde_json::to_vec(&said).unwrap_or_default());
        hash.finalize().into()
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A number is missing, doubled or out of order.
    #[error("entry {found} stands where entry {wanted} should: entries were removed or put in")]
    Number {
        /// The number that should come.
        wanted: u64,
        /// The number that came.
        found: u64,
    },
    /// What it says is not what was written.
    #[error("entry {0} was changed, or one before it: its hash does not fit")]
    Changed(u64),
}

/// Follows a tenant's chain from its beginning.
pub struct Chain {
    tenant: TenantId,
    next: u64,
    hash: Hash,
}

impl Chain {
    /// An empty one.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            next: 1,
            hash: [0; 32],
        }
    }

    /// The next entry.
    ///
    /// # Errors
    /// Where it is not the one that was written.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Broken> {
        if entry.nth != self.next {
            return Err(Broken::Number {
                wanted: self.next,
                found: entry.nth,
            });
        }
        let hash = entry.hash_after(self.tenant, &self.hash);
        if hex(&hash) != entry.hash {
            return Err(Broken::Changed(entry.nth));
        }
        (self.next, self.hash) = (self.next + 1, hash);
        Ok(())
    }

    /// How many there were, and the last one's hash.
    #[must_use]
    pub fn end(&self) -> (u64, String) {
        (self.next - 1, hex(&self.hash))
    }
}

/// What was done. Other operations of the store write it down themselves, in their own transaction.
pub trait Audit {
    /// Writes something down that is a transaction of its own.
    fn write_down(&self, tenant: TenantId, deed: Deed) -> Answer<()>;

    /// Entries after the one of that number, the earliest first, at most `most`.
    fn audit(&self, tenant: TenantId, after: u64, most: u32) -> Answer<Vec<Entry>>;

    /// Everything that was done to an account, terminal or badge, the earliest first.
    fn audit_about(&self, tenant: TenantId, about: Uuid) -> Answer<Vec<Entry>>;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn chain() -> (TenantId, Vec<Entry>) {
        let tenant = TenantId(Uuid::from_u128(7));
        let mut before = [0; 32];
        let entries = (1..=5).map(|nth| {
            let at = Timestamp::from_second(1_700_000_000 + nth).unwrap();
            let mut deed = Deed::new(AccountId(Uuid::from_u128(1)), at, "rate_set", None);
            deed.after = Some(format!("\"{nth}.00\""));
            let (entry, hash) = Entry::of(tenant, nth.unsigned_abs(), &deed, &before);
            before = hash;
            entry
        });
        (tenant, entries.collect())
    }

    fn follow(tenant: TenantId, entries: &[Entry]) -> Result<(u64, String), Broken> {
        let mut chain = Chain::new(tenant);
        entries.iter().try_for_each(|entry| chain.follow(entry))?;
        Ok(chain.end())
    }

    #[test]
    fn a_chain_that_nobody_touched_holds() {
        let (tenant, entries) = chain();
        assert_eq!(follow(tenant, &entries), Ok((5, entries[4].hash.clone())));
    }

    #[rstest]
    #[case::changed(|e: &mut Vec<Entry>| e[2].after = Some("\"9.00\"".into()), Broken::Changed(3))]
    #[case::by_another(|e: &mut Vec<Entry>| e[0].by = Uuid::from_u128(2), Broken::Changed(1))]
    #[case::at_another_time(|e: &mut Vec<Entry>| e[4].at = Timestamp::UNIX_EPOCH, Broken::Changed(5))]
    #[case::removed(|e: &mut Vec<Entry>| drop(e.remove(1)), Broken::Number { wanted: 2, found: 3 })]
    #[case::swapped(|e: &mut Vec<Entry>| e.swap(0, 1), Broken::Number { wanted: 1, found: 2 })]
    #[case::numbered_anew(
        |e: &mut Vec<Entry>| { e.remove(1); for (one, nth) in e.iter_mut().zip(1..) { one.nth = nth; } },
        Broken::Changed(2)
    )]
    fn whatever_is_done_to_it_is_found(#[case] harm: fn(&mut Vec<Entry>), #[case] wanted: Broken) {
        let (tenant, mut entries) = chain();
        harm(&mut entries);
        assert_eq!(follow(tenant, &entries), Err(wanted));
    }

    #[test]
    fn a_chain_is_its_own_tenants() {
        let (_, entries) = chain();
        let other = TenantId(Uuid::from_u128(8));
        assert_eq!(follow(other, &entries), Err(Broken::Changed(1)));
    }
}
