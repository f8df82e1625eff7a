//! Chance, for names of folders and for pauses; not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A number nobody can foretell.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    let number = u32::try_from(random() >> 32).unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX)
}
