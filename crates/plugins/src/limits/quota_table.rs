//! A small table from keys to the moments at which their next conforming request is to come. It grows
//! with what it holds, up to a bound; beyond that, what is replenished goes first, then what is nearest
//! to it in a small sample. Knows neither addresses nor limits.
//!
//! Open addressing with sixteen bytes for each place: a hash table of the standard library takes more,
//! and cannot be sampled.

/// A key and its moment; zero is a free place, since no request conforms before the clock's zero.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: u64,
    arrival: u64,
}

/// How many places a table begins with.
const LEAST_PLACES: usize = 16;
/// How many places a table has at most; a power of two.
pub(super) const MOST_PLACES: usize = 4096;
/// How many keys a table holds at most: with more, finding one takes long.
pub(super) const MOST_KEYS: usize = MOST_PLACES / 4 * 3;
/// How many keys are looked at to find one that goes.
const SAMPLE: usize = 16;
/// How often a full table is looked through as a whole, in nanoseconds.
const SWEEP_EVERY: u64 = 1_000_000_000;

/// The table. Whoever asks hashes the keys, always alike and so that nobody can guess it.
#[derive(Debug, Default)]
pub(super) struct QuotaTable {
    places: Box<[Place]>,
    held: usize,
    /// When a full table may be looked through again.
    next_sweep: u64,
}

impl QuotaTable {
    /// How many keys it holds.
    pub(super) fn len(&self) -> usize {
        self.held
    }

    /// How many places it has.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// The moment of a key; zero where it is not held.
    pub(super) fn get(&self, key: u64, hash: impl Fn(u64) -> u64) -> u64 {
        self.find(key, &hash).map_or(0, |at| self.places[at].arrival)
    }

    /// Changes the moment of a key. One that lies before `now` means as little as none.
    pub(super) fn set(&mut self, key: u64, arrival: u64, now: u64, hash: impl Fn(u64) -> u64) {
        if let Some(at) = self.find(key, &hash) {
            self.places[at].arrival = arrival;
            return;
        }
        if arrival == 0 {
            return;
        }
        if self.held >= self.places.len() / 4 * 3 {
            self.make_room(key, now, &hash);
        }
        self.insert(Place { key, arrival }, &hash);
    }

    fn find(&self, key: u64, hash: &impl Fn(u64) -> u64) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mut at = self.home(key, hash);
        while self.places[at].arrival != 0 {
            if self.places[at].key == key {
                return Some(at);
            }
            at = self.after(at);
        }
        None
    }

    /// Where a key is looked for first.
    fn home(&self, key: u64, hash: &impl Fn(u64) -> u64) -> usize {
        // The remainder is below the number of places.
        usize::try_from(hash(key) & (self.places.len() as u64 - 1)).unwrap_or_default()
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// Puts in a key that is not held; there is room.
    fn insert(&mut self, place: Place, hash: &impl Fn(u64) -> u64) {
        let mut at = self.home(place.key, hash);
        while self.places[at].arrival != 0 {
            at = self.after(at);
        }
        self.places[at] = place;
        self.held += 1;
    }

    /// Makes room for one more key.
    fn make_room(&mut self, key: u64, now: u64, hash: &impl Fn(u64) -> u64) {
        if self.places.len() < MOST_PLACES || now >= self.next_sweep {
            self.rebuild(now, hash);
            self.next_sweep = now.saturating_add(SWEEP_EVERY);
        }
        if self.held >= MOST_KEYS {
            let first = self.home(key, hash);
            let sample = (first..first + SAMPLE * 2).map(|at| at & (self.places.len() - 1));
            let held = sample.filter(|at| self.places[*at].arrival != 0).take(SAMPLE);
            if let Some(at) = held.min_by_key(|at| self.places[*at].arrival) {
                self.remove(at, hash);
            }
        }
    }

    /// Makes the table anew with what is not replenished, and as large as that needs.
    fn rebuild(&mut self, now: u64, hash: &impl Fn(u64) -> u64) {
        let before = std::mem::take(&mut self.places);
        let kept = || before.iter().filter(|place| place.arrival > now);
        let places = (kept().count() * 2).next_power_of_two();
        self.places = vec![Place::default(); places.clamp(LEAST_PLACES, MOST_PLACES)].into();
        self.held = 0;
        kept().for_each(|place| self.insert(*place, hash));
    }

    /// Takes a key out; those behind it that had to give way to it move up.
    fn remove(&mut self, mut hole: usize, hash: &impl Fn(u64) -> u64) {
        let mask = self.places.len() - 1;
        let mut at = self.after(hole);
        while self.places[at].arrival != 0 {
            let home = self.home(self.places[at].key, hash);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.places[hole] = Place::default();
        self.held -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// Collides often, so that places have to be given up to others.
    fn poor(key: u64) -> u64 {
        key % 8
    }

    fn good(key: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
    }

    proptest! {
        #[test]
        fn what_is_not_replenished_is_kept_however_it_grows_and_collides(
            steps in proptest::collection::vec((0_u64..200, 1_u64..100), 1..600),
        ) {
            let (mut table, mut model, mut now) = (QuotaTable::default(), HashMap::new(), 0);
            for (key, ahead) in steps {
                now += 1;
                table.set(key, now + ahead, now, poor);
                model.insert(key, now + ahead);
                for (key, arrival) in &model {
                    let found = table.get(*key, poor);
                    prop_assert!(found == *arrival || (found == 0 && *arrival <= now));
                }
            }
        }

        #[test]
        fn taking_one_out_leaves_all_others(
            keys in proptest::collection::btree_set(0_u64..100, 2..12),
            which in any::<proptest::sample::Index>(),
        ) {
            let mut table = QuotaTable::default();
            keys.iter().for_each(|key| table.set(*key, 9, 0, poor));
            let gone = *which.get(&keys.iter().copied().collect::<Vec<_>>());
            table.remove(table.find(gone, &poor).unwrap(), &poor);
            for key in &keys {
                prop_assert_eq!(table.get(*key, poor), if *key == gone { 0 } else { 9 });
            }
            prop_assert_eq!(table.len(), keys.len() - 1);
        }
    }

    #[test]
    fn a_full_table_gives_up_what_is_replenished_before_anything_else() {
        let mut table = QuotaTable::default();
        let (most, half) = (MOST_KEYS as u64, MOST_KEYS as u64 / 2);
        let (now, later) = (2 * SWEEP_EVERY, 9 * SWEEP_EVERY);
        (0..half).for_each(|key| table.set(key, now, 1, good));
        (half..most).for_each(|key| table.set(key, later, 1, good));
        (most..most + half).for_each(|key| table.set(key, later, now, good));
        assert!((0..half).all(|key| table.get(key, good) == 0));
        assert!((half..most + half).all(|key| table.get(key, good) == later));
    }

    #[test]
    fn it_never_holds_more_than_its_bound_and_keeps_what_came_last() {
        let mut table = QuotaTable::default();
        for key in 0..50_000 {
            // Each is further from being replenished than those before it.
            table.set(key, 1_000_000 + key, 1, good);
            assert_eq!(table.get(key, good), 1_000_000 + key);
        }
        assert_eq!((table.len(), table.places()), (MOST_KEYS, MOST_PLACES));
        let late = (49_000..50_000).filter(|key| table.get(*key, good) != 0).count();
        assert!(late > 990, "{late}");
    }

    #[test]
    fn it_shrinks_when_the_crowd_has_gone() {
        let mut table = QuotaTable::default();
        (0..MOST_KEYS as u64).for_each(|key| table.set(key, 50, 1, good));
        let now = 2 * SWEEP_EVERY;
        table.set(99_999, now + 1, now, good);
        assert_eq!((table.len(), table.places()), (1, LEAST_PLACES));
    }
}
