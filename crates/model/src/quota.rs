//! The law of rate limits: a generic cell rate algorithm in one atomic word.
//!
//! A full burst of `limit` requests passes at once; afterwards one request passes every
//! `60 s / limit`. No lock, no timer, no memory but one word for each that is counted.

use std::sync::atomic::{AtomicU64, Ordering};

const MINUTE_NANOS: u64 = 60_000_000_000;

/// What remains of a quota after a decision; the material of `RateLimit` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// Requests a minute; also how many pass at once after a rest.
    pub limit: u32,
    /// Requests that would pass right now.
    pub remaining: u32,
    /// Seconds until the whole burst is available again, rounded up.
    pub reset_seconds: u64,
}

/// Whether one request may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The limit is 0, so nothing was counted.
    Unlimited,
    /// It passes, and was counted.
    Pass(QuotaState),
    /// It does not pass, and was not counted.
    Refuse {
        /// What remains, which is nothing.
        state: QuotaState,
        /// Whole seconds after which one request passes again; at least 1.
        retry_after_seconds: u64,
    },
}

/// The running count of an app, or of a plugin. Shared by all shards; outlives every generation.
#[derive(Debug, Default)]
pub struct Quota {
    /// Theoretical arrival time of the next conforming request, in nanoseconds of the caller's clock.
    arrival: AtomicU64,
}

impl Quota {
    /// Decides on one request at `now_nanos` (any monotonic clock) under `limit` requests a minute.
    ///
    /// ```
    /// use sidegate_model::quota::{Quota, Verdict};
    /// let quota = Quota::default();
    /// assert!(matches!(quota.take(1, 0), Verdict::Pass(_)));
    /// assert!(matches!(quota.take(1, 0), Verdict::Refuse { retry_after_seconds: 60, .. }));
    /// assert!(matches!(quota.take(0, 0), Verdict::Unlimited));
    /// ```
    pub fn take(&self, limit: u32, now_nanos: u64) -> Verdict {
        let mut arrival = self.arrival.load(Ordering::Relaxed);
        loop {
            let (verdict, next) = decide(arrival, limit, now_nanos);
            if next == arrival {
                return verdict;
            }
            match self.arrival.compare_exchange_weak(
                arrival,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return verdict,
                Err(seen) => arrival = seen,
            }
        }
    }

    /// What would be decided now, without counting; what remains is told as it is before that.
    ///
    /// ```
    /// use sidegate_model::quota::{Quota, Verdict};
    /// let quota = Quota::default();
    /// assert!(matches!(quota.peek(2, 0), Verdict::Pass(state) if state.remaining == 2));
    /// ```
    pub fn peek(&self, limit: u32, now_nanos: u64) -> Verdict {
        peek(self.arrival.load(Ordering::Relaxed), limit, now_nanos)
    }
}

/// One step of the law, for whoever keeps the word elsewhere: the decision on a request at `now_nanos`
/// where the next conforming one was to come at `arrival`, and when it is to come after that. Nothing
/// changes with a request that is refused or not limited.
pub fn decide(arrival: u64, limit: u32, now_nanos: u64) -> (Verdict, u64) {
    if limit == 0 {
        return (Verdict::Unlimited, arrival);
    }
    let step = MINUTE_NANOS / u64::from(limit);
    let burst = step * u64::from(limit);
    let start = arrival.max(now_nanos);
    let next = start + step;
    let backlog = next - now_nanos;
    match backlog.checked_sub(burst) {
        None | Some(0) => (Verdict::Pass(state(limit, step, backlog)), next),
        Some(wait) => {
            let state = state(limit, step, start - now_nanos);
            let retry_after_seconds = wait.div_ceil(1_000_000_000).max(1);
            (Verdict::Refuse { state, retry_after_seconds }, arrival)
        }
    }
}

/// What [`decide`] would decide; what remains is told as it is before that.
pub fn peek(arrival: u64, limit: u32, now_nanos: u64) -> Verdict {
    match decide(arrival, limit, now_nanos).0 {
        Verdict::Pass(_) => {
            let step = MINUTE_NANOS / u64::from(limit);
            Verdict::Pass(state(limit, step, arrival.saturating_sub(now_nanos)))
        }
        other => other,
    }
}

fn state(limit: u32, step: u64, backlog: u64) -> QuotaState {
    let used = u32::try_from(backlog.div_ceil(step)).unwrap_or(u32::MAX);
    QuotaState {
        limit,
        remaining: limit.saturating_sub(used),
        reset_seconds: backlog.div_ceil(1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_of_the_limit_passes_and_one_more_is_refused() {
        let quota = Quota::default();
        for left in (0..5).rev() {
            assert!(matches!(quota.take(5, 7), Verdict::Pass(s) if s.remaining == left));
        }
        assert!(matches!(quota.take(5, 7), Verdict::Refuse { retry_after_seconds: 12, .. }));
    }

    proptest! {
        #[test]
        fn a_peek_counts_nothing_and_tells_what_comes(
            limit in 0_u32..20,
            gaps in proptest::collection::vec(0_u64..9_000_000_000, 1..100),
        ) {
            let (quota, mut now) = (Quota::default(), 0);
            for gap in gaps {
                now += gap;
                let peeked = quota.peek(limit, now);
                prop_assert_eq!(peeked, quota.peek(limit, now));
                match (peeked, quota.take(limit, now)) {
                    (Verdict::Pass(before), Verdict::Pass(after)) => {
                        prop_assert_eq!(before.remaining, after.remaining + 1);
                    }
                    (peeked, taken) => prop_assert_eq!(peeked, taken),
                }
            }
        }

        #[test]
        fn never_more_than_twice_the_limit_in_any_minute(
            limit in 1_u32..50,
            gaps in proptest::collection::vec(0_u64..3_000_000_000, 1..400),
        ) {
            let quota = Quota::default();
            let (mut now, mut passed) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if matches!(quota.take(limit, now), Verdict::Pass(_)) {
                    passed.push(now);
                }
            }
            for (i, start) in passed.iter().enumerate() {
                let in_minute = passed[i..].iter().take_while(|t| **t - start < MINUTE_NANOS).count();
                prop_assert!(in_minute <= 2 * limit as usize);
            }
        }

        #[test]
        fn the_announced_wait_is_enough(limit in 1_u32..100, tries in 1_usize..300) {
            let quota = Quota::default();
            for _ in 0..tries {
                if let Verdict::Refuse { retry_after_seconds, .. } = quota.take(limit, 0) {
                    let later = retry_after_seconds * 1_000_000_000;
                    prop_assert!(matches!(quota.take(limit, later), Verdict::Pass(_)));
                    break;
                }
            }
        }
    }
}
