//! Chance, from a seed.

use crate::backoff::Jitter;
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Random(Jitter);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Jitter::new(seed ^ 0x5eed_0000))
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.number() % end.max(1)
    }

    /// True in so many of a hundred cases.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }
}
