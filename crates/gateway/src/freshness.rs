//! How old what this gateway knows may be. A gateway that has the desired state itself always knows the newest; an edge
//! knows what it was told last, and the longer ago that is, the less it can say who may call.
//!
//! Whoever keeps the edge at what is published tells it here; requests read one number. It knows no control plane.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An age at which nothing can be decided by what is known.
const TOO_OLD: u64 = u64::MAX;

/// What of a namespace is served by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedPosition {
    /// The namespace; the global one has no name.
    pub namespace: String,
    /// Which line of revisions it is.
    pub lineage: u64,
    /// Which revision of it.
    pub revision: u64,
}

/// What an edge knows, and since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// What is served by, for each namespace that has something.
    pub positions: Vec<ServedPosition>,
    /// Whether there is something of every namespace: before, nothing can be said of what is missing.
    pub is_complete: bool,
    /// Whether the control plane is connected.
    pub is_connected: bool,
    /// How long ago it was last known that nothing newer is published.
    pub staleness: Duration,
    /// Why it may be stale, where it may.
    pub stale_because: Option<String>,
    /// Whether callers cannot be decided on any more, whatever their app says.
    pub is_too_old: bool,
    /// How many objects are not served by as they were published.
    pub rejected_objects: usize,
    /// When the certificate ends that the control plane is shown, in seconds since the Unix epoch.
    pub certificate_expiry: Option<i64>,
}

impl Knowledge {
    /// The newest of the revisions by which is served; 0 while there is none.
    pub fn newest_revision(&self) -> u64 {
        self.positions.iter().map(|at| at.revision).max().unwrap_or_default()
    }
}

/// Where it is told, and asked for.
#[derive(Debug)]
pub struct Freshness {
    /// Milliseconds, or [`TOO_OLD`].
    age: AtomicU64,
    is_complete: AtomicBool,
    /// `None` where the desired state is our own.
    told: Mutex<Option<Arc<Knowledge>>>,
}

/// How old what is known is at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Age(u64);

impl Age {
    /// Whether callers can be decided on whose app takes knowledge of this age; `None` takes any that is taken at all.
    pub(crate) fn is_within(self, most_millis: Option<u64>) -> bool {
        self.0 <= most_millis.unwrap_or(TOO_OLD - 1)
    }
}

impl Freshness {
    /// Of a gateway that has the desired state itself.
    pub fn own() -> Self {
        Self { age: AtomicU64::new(0), is_complete: AtomicBool::new(true), told: Mutex::new(None) }
    }

    /// Of an edge that was told nothing yet.
    pub fn nothing_known() -> Self {
        let told = Mutex::new(Some(Arc::default()));
        Self { age: AtomicU64::new(0), is_complete: AtomicBool::new(false), told }
    }

    /// This is what is known from now on.
    pub fn tell(&self, knowledge: Knowledge) {
        let millis = u64::try_from(knowledge.staleness.as_millis()).unwrap_or(u64::MAX);
        let age = if knowledge.is_too_old { TOO_OLD } else { millis.min(TOO_OLD - 1) };
        self.age.store(age, Ordering::Relaxed);
        self.is_complete.store(knowledge.is_complete, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        *told = Some(Arc::new(knowledge));
    }

    /// What was told last; `None` where the desired state is our own.
    pub fn knowledge(&self) -> Option<Arc<Knowledge>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How old it is. Costs one read.
    pub(crate) fn age(&self) -> Age {
        Age(self.age.load(Ordering::Relaxed))
    }

    /// Whether what is not there is known not to exist.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Relaxed)
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self::own()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_our_own_is_always_new_and_what_was_told_is_as_old_as_it_says() {
        let own = Freshness::own();
        assert!(own.age().is_within(Some(0)) && own.is_complete() && own.knowledge().is_none());
        let edge = Freshness::nothing_known();
        assert!(!edge.is_complete() && edge.knowledge().is_some());
        let tell = |millis, is_too_old| {
            let staleness = Duration::from_millis(millis);
            edge.tell(Knowledge { staleness, is_too_old, is_complete: true, ..<_>::default() });
            [None, Some(0), Some(60)].map(|most| edge.age().is_within(most))
        };
        assert_eq!(tell(0, false), [true, true, true]);
        assert_eq!(tell(60, false), [true, false, true]);
        assert_eq!(tell(61, false), [true, false, false]);
        assert_eq!(tell(61, true), [false, false, false]);
        assert_eq!(tell(u64::MAX, false), [true, false, false]);
    }
}
