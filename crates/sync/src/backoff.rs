//! Pauses between attempts: longer and longer, never the same for two, never for ever. Knows no clock.

use std::time::Duration;

/// Numbers that look random and are the same for the same seed.
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// Another sequence for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (splitmix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A time between half of this one and all of it.
    pub fn around(&mut self, time: Duration) -> Duration {
        let half = time / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(self.number() % nanos.max(1))
    }
}

/// The pauses of one thing that is tried again and again.
#[derive(Debug, Clone)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// From a first pause to the longest.
    pub fn new(least: Duration, most: Duration) -> Self {
        Self { least, most, failures: 0 }
    }

    /// How long to wait after one more failure.
    pub fn failed(&mut self, jitter: &mut Jitter) -> Duration {
        let pause = self.least.saturating_mul(1 << self.failures.min(20)).min(self.most);
        self.failures = self.failures.saturating_add(1);
        jitter.around(pause)
    }

    /// All is well again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_the_least_to_the_most_and_never_end() {
        let (least, most) = (Duration::from_millis(10), Duration::from_secs(15));
        let mut backoff = Backoff::new(least, most);
        let mut jitter = Jitter::new(7);
        let pauses: Vec<_> = (0..10_000).map(|_| backoff.failed(&mut jitter)).collect();
        assert!(pauses[0] >= least / 2 && pauses[0] <= least);
        assert!(pauses.iter().all(|pause| *pause <= most));
        assert!(pauses[20..].iter().all(|pause| *pause >= most / 2));
        backoff.succeeded();
        assert!(backoff.failed(&mut jitter) <= least);
    }
}
