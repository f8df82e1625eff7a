//! A limit for each of many, by one key each, within a bound of memory: what one of them does takes nothing away from
//! the others.

use crate::quota::{self, Verdict};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Keys that are remembered. Where more come, those go first that could send a whole burst anyway.
const MOST_KEYS: usize = 16_384;

/// The running counts of many.
#[derive(Debug)]
pub struct KeyedQuotas<K> {
    /// When the next one of each is to come, as in [`quota::decide`].
    arrivals: Mutex<HashMap<K, u64>>,
}

impl<K: Hash + Eq + Clone> KeyedQuotas<K> {
    /// Nothing is counted yet.
    pub fn new() -> Self {
        Self { arrivals: Mutex::default() }
    }

    /// Decides on one request of this one at `now_nanos` (any monotonic clock) under `limit` requests a minute.
    ///
    /// ```
    /// use sidegate_model::keyed_quotas::KeyedQuotas;
    /// use sidegate_model::quota::Verdict;
    /// let quotas = KeyedQuotas::new();
    /// assert!(matches!(quotas.take(&"a", 1, 0), Verdict::Pass(_)));
    /// assert!(matches!(quotas.take(&"a", 1, 0), Verdict::Refuse { .. }));
    /// assert!(matches!(quotas.take(&"b", 1, 0), Verdict::Pass(_)));
    /// ```
    pub fn take(&self, key: &K, limit: u32, now_nanos: u64) -> Verdict {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = arrivals.get(key).copied().unwrap_or_default();
        let (verdict, next) = quota::decide(arrival, limit, now_nanos);
        if next != arrival {
            if arrivals.len() >= MOST_KEYS && !arrivals.contains_key(key) {
                make_room(&mut arrivals, now_nanos);
            }
            arrivals.insert(key.clone(), next);
        }
        verdict
    }
}

impl<K: Hash + Eq + Clone> Default for KeyedQuotas<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// Forgets whoever has a whole burst again, or else the half that has used up the least.
fn make_room<K: Hash + Eq>(arrivals: &mut HashMap<K, u64>, now_nanos: u64) {
    arrivals.retain(|_, arrival| *arrival > now_nanos);
    if arrivals.len() >= MOST_KEYS {
        let mut all: Vec<u64> = arrivals.values().copied().collect();
        let middle = all.len() / 2;
        let (_, middle, _) = all.select_nth_unstable(middle);
        let middle = *middle;
        // Those at the middle may all be equal: then all of them go.
        arrivals.retain(|_, arrival| *arrival > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_whoever_used_up_the_most_is_remembered_longest() {
        let quotas = KeyedQuotas::new();
        let passes = |key: usize| matches!(quotas.take(&key, 2, 0), Verdict::Pass(_));
        assert!(passes(0) && passes(0) && !passes(0));
        for key in 1..3 * MOST_KEYS {
            assert!(passes(key));
            assert!(quotas.arrivals.lock().unwrap().len() <= MOST_KEYS);
        }
        assert!(!passes(0));
    }
}
