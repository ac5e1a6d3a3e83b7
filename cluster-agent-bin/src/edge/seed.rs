//! Chance.

use std::hash::{BuildHasher, RandomState};

/// A number that no other process has, for what chance decides below the binary.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0)
}
