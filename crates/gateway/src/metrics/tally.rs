//! Counts by a small number, such as a status. Adding takes no lock as long as few different
//! numbers come, which is how it is with one route.
//!
//! Knows nothing of what the numbers mean.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many different numbers are counted without a lock.
const SLOTS: usize = 6;

/// A number and its count; a key that was set stays.
#[derive(Debug, Default)]
struct Slot {
    key: AtomicU16,
    count: AtomicU64,
}

impl Slot {
    /// Whether the slot is this number's, now if not before.
    fn is_for(&self, key: u16) -> bool {
        match self.key.load(Ordering::Relaxed) {
            0 => {
                let taken = self.key.compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed);
                taken.map_or_else(|other| other == key, |_| true)
            }
            taken => taken == key,
        }
    }
}

/// How often each number came.
#[derive(Debug, Default)]
pub(super) struct Tally {
    slots: [Slot; SLOTS],
    others: Mutex<BTreeMap<u16, u64>>,
}

impl Tally {
    /// Counts a number.
    pub(super) fn add(&self, key: NonZeroU16) {
        let key = key.get();
        match self.slots.iter().find(|slot| slot.is_for(key)) {
            Some(slot) => _ = slot.count.fetch_add(1, Ordering::Relaxed),
            None => self.with_others(|others| *others.entry(key).or_default() += 1),
        }
    }

    /// Every number that came, with its count.
    pub(super) fn read(&self) -> Vec<(u16, u64)> {
        let slots = self
            .slots
            .iter()
            .map(|slot| (slot.key.load(Ordering::Relaxed), slot.count.load(Ordering::Relaxed)));
        let mut counts: Vec<_> = slots.filter(|(key, _)| *key != 0).collect();
        self.with_others(|others| counts.extend(others.iter().map(|(key, n)| (*key, *n))));
        counts
    }

    fn with_others<T>(&self, then: impl FnOnce(&mut BTreeMap<u16, u64>) -> T) -> T {
        then(&mut self.others.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn nothing_is_lost_however_many_threads_count_however_many_numbers() {
        let tally = Arc::new(Tally::default());
        let counting = (0..4).map(|_| {
            let tally = tally.clone();
            std::thread::spawn(move || {
                for n in 0..4000_u16 {
                    tally.add(NonZeroU16::new(200 + n % 20).unwrap());
                }
            })
        });
        counting.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
        let mut counts = tally.read();
        counts.sort_unstable();
        assert_eq!(counts, (200..220).map(|key| (key, 800)).collect::<Vec<_>>());
    }
}
