//! Latencies in buckets whose width grows with the value, so that every percentile is right to
//! within 3 % and recording one costs nothing that shows.

use std::time::Duration;

/// Buckets between a power of two and the next.
const STEPS: u64 = 32;
const STEPS_LOG2: u32 = STEPS.trailing_zeros();
const BUCKETS: usize = ((64 - STEPS_LOG2 as usize) + 1) * STEPS as usize;

/// How often each latency was seen, in nanoseconds.
///
/// ```
/// use sidegate_bench::histogram::Histogram;
/// use std::time::Duration;
/// let mut latencies = Histogram::default();
/// for us in 1..=100 {
///     latencies.record(Duration::from_micros(us));
/// }
/// assert!((latencies.percentile_us(50.0) - 50.0).abs() < 2.0);
/// assert_eq!(latencies.max_us(), 100.0);
/// ```
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)] += 1;
        self.total += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The latency that `percent` of all do not exceed, in microseconds; 0 where nothing was
    /// counted.
    pub fn percentile_us(&self, percent: f64) -> f64 {
        let wanted = (percent / 100.0 * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(index).min(self.max_ns) as f64 / 1000.0;
            }
        }
        0.0
    }

    /// The longest, in microseconds.
    pub fn max_us(&self) -> f64 {
        self.max_ns as f64 / 1000.0
    }
}

fn bucket(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let shift = ns.ilog2() - STEPS_LOG2;
    ((u64::from(shift) + 1) * STEPS + ((ns >> shift) - STEPS)) as usize
}

/// The value in the middle of a bucket.
fn middle(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    ((STEPS + index % STEPS) << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_values_within_three_percent(ns in 1_u64..1 << 62) {
            let error = middle(bucket(ns)).abs_diff(ns);
            prop_assert!(error as f64 <= ns as f64 * 0.03, "{ns} is off by {error}");
        }

        #[test]
        fn a_longer_latency_is_never_in_an_earlier_bucket(a in any::<u64>(), b in any::<u64>()) {
            prop_assert!(bucket(a.min(b)) <= bucket(a.max(b)));
            prop_assert!(bucket(a) < BUCKETS);
        }
    }

    #[test]
    fn nothing_counted_is_zero() {
        let empty = Histogram::default();
        assert_eq!((empty.count(), empty.percentile_us(99.0), empty.max_us()), (0, 0.0, 0.0));
    }
}
