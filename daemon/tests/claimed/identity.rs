//! A terminal that looks claimed, by a site that nobody answers for.

use std::path::Path;

use limen_daemon::keys::{self, Keys, Site};
use limen_wire::{SealingSecret, SecretKey};
use uuid::Uuid;

/// Makes the terminal with this data folder a claimed one.
pub fn claim(data: &Path) {
    Keys::load_or_make(data).unwrap();
    let site = Site {
        terminal: Uuid::from_u128(1),
        site: Uuid::from_u128(2),
        signing_key: SecretKey::from_seed([3; 32]).public(),
        sealing_key: SealingSecret::from_seed([4; 32]).public(),
        certificates: String::new(),
        authority: String::new(),
        mqtt: "mqtt://127.0.0.1:1".into(),
    };
    keys::pin(data, &site).unwrap();
}
