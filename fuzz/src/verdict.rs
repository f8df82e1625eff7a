//! What a target says of an input.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash as _, Hasher as _};

/// What an input came to, as a number: inputs that come to something new are worth changing further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome(u64);

impl Outcome {
    /// Of what can be told apart of it.
    pub fn of(what: &impl Debug) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("{what:?}").hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What came of an input, or which promise it broke.
pub type Verdict = Result<Outcome, String>;

/// Demands that two readings are the same.
///
/// # Errors
/// Both, and whose they are.
pub fn same<T: PartialEq + Debug>(what: &str, ours: &T, theirs: &T) -> Result<(), String> {
    ensure(ours == theirs, || format!("{what}: ours is {ours:?}, and it should be {theirs:?}"))
}

/// Demands a promise.
///
/// # Errors
/// What `says` says.
pub fn ensure(holds: bool, says: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(says()) }
}
