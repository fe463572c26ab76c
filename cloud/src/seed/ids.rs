//! The old backend's identifiers, 24 hex digits each, in ours: no two become one, and each can be read back.

use uuid::Uuid;

use crate::store::{AccountId, TenantId};

/// What stands where an identifier of twelve bytes has none.
const END: [u8; 2] = [0x5e, 0xed];
/// In the place of a byte that a UUID's version and variant stand in.
const VARIANT: u8 = 0xbf;

/// An identifier of the old backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId([u8; 12]);

/// What it is an identifier of.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Of {
    Account = 0,
    Tenant = 1,
    Session = 2,
}

impl ObjectId {
    /// Reads 24 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 24 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; 12];
        for (byte, at) in bytes.iter_mut().zip((0..24).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// The account, and the person who works.
    #[must_use]
    pub fn account(self) -> AccountId {
        AccountId(self.as_uuid(Of::Account))
    }

    /// The organisation of an employer.
    #[must_use]
    pub fn tenant(self) -> TenantId {
        TenantId(self.as_uuid(Of::Tenant))
    }

    /// The stretch of work: the `boot` of the punches that it became, so that they say where they come from.
    #[must_use]
    pub fn session(self) -> Uuid {
        self.as_uuid(Of::Session)
    }

    fn as_uuid(self, of: Of) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.0[..6]);
        bytes[6] = of as u8;
        bytes[7] = self.0[6];
        bytes[8] = VARIANT;
        bytes[9..14].copy_from_slice(&self.0[7..]);
        bytes[14..].copy_from_slice(&END);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn read(id: Uuid, of: Of) -> Option<Self> {
        let given = id.as_bytes();
        let mut bytes = [0; 12];
        bytes[..6].copy_from_slice(&given[..6]);
        bytes[6] = given[7];
        bytes[7..].copy_from_slice(&given[9..14]);
        let read = Self(bytes);
        (read.as_uuid(of) == id).then_some(read)
    }

    /// The identifier that an imported account had.
    #[must_use]
    pub fn of_account(id: Uuid) -> Option<Self> {
        Self::read(id, Of::Account)
    }

    /// The identifier that an imported stretch of work had, out of the `boot` of its punches.
    #[must_use]
    pub fn of_session(boot: Uuid) -> Option<Self> {
        Self::read(boot, Of::Session)
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The account that a client means: by our identifier, or by the one that it had in the old backend.
#[must_use]
pub fn account(text: &str) -> Option<AccountId> {
    match ObjectId::parse(text) {
        Some(old) => Some(old.account()),
        None => Uuid::parse_str(text).ok().map(AccountId),
    }
}

/// An account's identifier as clients of the old backend know it.
#[must_use]
pub fn shown(id: Uuid) -> String {
    ObjectId::of_account(id).map_or_else(|| id.to_string(), |old| old.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_is_read_back_as_what_it_is(bytes: [u8; 12]) {
            let old = ObjectId(bytes);
            prop_assert_eq!(ObjectId::parse(&old.to_string()), Some(old));
            prop_assert_eq!(account(&old.to_string()), Some(old.account()));
            prop_assert_eq!(shown(old.account().0), old.to_string());
            prop_assert_eq!(ObjectId::of_session(old.session()), Some(old));
            prop_assert_eq!(ObjectId::of_account(old.session()), None);
            prop_assert_eq!(ObjectId::of_account(old.tenant().0), None);
        }

        #[test]
        fn ours_are_none_of_theirs(random: [u8; 16]) {
            for id in [Uuid::from_bytes(random), uuid::Builder::from_random_bytes(random).into_uuid()] {
                prop_assume!(ObjectId::of_account(id).is_none());
                prop_assert_eq!(shown(id), id.to_string());
                prop_assert_eq!(account(&id.to_string()), Some(AccountId(id)));
            }
        }
    }

    #[test]
    fn what_is_no_identifier_is_none() {
        for text in [
            "",
            "65a1",
            "65a1b2c3d4e5f60718293a4",
            "65a1b2c3d4e5f60718293a4g",
            "+5a1b2c3d4e5f60718293a4b",
        ] {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
    }
}
