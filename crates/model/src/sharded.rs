//! A table of 256 parts that its copies share: a change copies one part, and what was made of a table is
//! made anew of the changed parts only. It knows nothing of what is in it but its key.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::ops::Index;
use std::sync::Arc;

/// How many parts there are: one for each value of a byte.
pub const SHARDS: usize = 256;

/// What has a key of its own.
pub trait Keyed {
    /// What it is found by; never changes while it is in a table.
    type Key: ShardKey;
    /// How keys are hashed within a part.
    type Hasher: BuildHasher + Default + Clone;

    /// What it is found by.
    fn key(&self) -> Self::Key;
}

/// A key that tells in which part of a table it is.
pub trait ShardKey: Copy + Eq + Hash {
    /// A byte that is spread evenly over keys.
    fn shard(&self) -> u8;
}

type Shard<V> = HashMap<<V as Keyed>::Key, Arc<V>, <V as Keyed>::Hasher>;

/// Values by their keys. Copies are cheap and share all that did not change.
pub struct Sharded<V: Keyed> {
    shards: Arc<[Arc<Shard<V>>; SHARDS]>,
}

impl<V: Keyed> Clone for Sharded<V> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone() }
    }
}

impl<V: Keyed> Default for Sharded<V> {
    fn default() -> Self {
        let empty = Arc::new(Shard::<V>::default());
        Self { shards: Arc::new(std::array::from_fn(|_| empty.clone())) }
    }
}

impl<V: Keyed> Sharded<V> {
    /// Finds a value by its key.
    pub fn get(&self, key: &V::Key) -> Option<&Arc<V>> {
        self.shards[usize::from(key.shard())].get(key)
    }

    /// Whether both are one and the same: neither has changed since one was copied from the other.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shards, &other.shards)
    }

    /// Adds a value, in place of one with the same key. Copies of this table keep what they have.
    pub fn insert(&mut self, value: V) {
        let key = value.key();
        self.shard(&key).insert(key, Arc::new(value));
    }

    /// Removes a value, if it is there. Copies of this table keep it.
    pub fn remove(&mut self, key: &V::Key) {
        if self.get(key).is_some() {
            self.shard(key).remove(key);
        }
    }

    /// Every value, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<V>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    /// How many values there are; adds up 256 parts.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.is_empty())
    }

    /// Every value of one part, in no order.
    pub fn part(&self, shard: u8) -> impl Iterator<Item = &Arc<V>> {
        self.shards[usize::from(shard)].values()
    }

    /// Whether one part of both is one and the same, see [`Self::is_same`].
    pub fn is_same_part(&self, other: &Self, shard: u8) -> bool {
        let at = usize::from(shard);
        Arc::ptr_eq(&self.shards[at], &other.shards[at])
    }

    /// Sets all values of one part. Copies of this table keep what they have, and of a value that is as it was
    /// the one before is kept.
    ///
    /// # Panics
    /// When a value belongs to another part.
    pub fn set_part(&mut self, shard: u8, values: impl IntoIterator<Item = Arc<V>>)
    where
        V: PartialEq,
    {
        let kept = &self.shards[usize::from(shard)];
        let keyed = values.into_iter().map(|value| {
            let key = value.key();
            assert_eq!(key.shard(), shard, "a value is in the part that its key names");
            let before = kept.get(&key).filter(|before| **before == value);
            (key, before.cloned().unwrap_or(value))
        });
        let part = Arc::new(keyed.collect());
        Arc::make_mut(&mut self.shards)[usize::from(shard)] = part;
    }

    /// The table of what is made of each value, where `made` is that of `before`: of parts that did not
    /// change since then everything is taken over unseen. `make` is given what was made before under the
    /// same key, if there was anything.
    pub fn derive<W: Keyed<Key = V::Key>>(
        &self,
        before: &Self,
        made: &Sharded<W>,
        mut make: impl FnMut(&Arc<V>, Option<&Arc<W>>) -> Arc<W>,
    ) -> Sharded<W> {
        if self.is_same(before) {
            return made.clone();
        }
        let shards = std::array::from_fn(|at| {
            let (shard, kept) = (&self.shards[at], &made.shards[at]);
            if Arc::ptr_eq(shard, &before.shards[at]) {
                return kept.clone();
            }
            let made = shard.iter().map(|(key, value)| (*key, make(value, kept.get(key))));
            Arc::new(made.collect())
        });
        Sharded { shards: Arc::new(shards) }
    }

    fn shard(&mut self, key: &V::Key) -> &mut Shard<V> {
        let shards = Arc::make_mut(&mut self.shards);
        Arc::make_mut(&mut shards[usize::from(key.shard())])
    }
}

impl<V: Keyed> FromIterator<V> for Sharded<V> {
    fn from_iter<T: IntoIterator<Item = V>>(values: T) -> Self {
        let mut table = Self::default();
        values.into_iter().for_each(|value| table.insert(value));
        table
    }
}

impl<V: Keyed> Index<&V::Key> for Sharded<V> {
    type Output = Arc<V>;

    /// A value that is known to be there.
    fn index(&self, key: &V::Key) -> &Arc<V> {
        self.get(key).expect("whoever indexes knows that it is there")
    }
}

impl<V: Keyed + std::fmt::Debug> std::fmt::Debug for Sharded<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::hash_map::RandomState;

    impl ShardKey for u32 {
        fn shard(&self) -> u8 {
            self.to_le_bytes()[0]
        }
    }

    #[derive(Debug, PartialEq)]
    struct Square(u32, u32);

    impl Keyed for Square {
        type Key = u32;
        type Hasher = RandomState;

        fn key(&self) -> u32 {
            self.0
        }
    }

    struct Root(Arc<Square>);

    impl Keyed for Root {
        type Key = u32;
        type Hasher = RandomState;

        fn key(&self) -> u32 {
            self.0.0
        }
    }

    fn squares(count: u32) -> Sharded<Square> {
        (0..count).map(|n| Square(n, n * n)).collect()
    }

    fn shared<V: Keyed>(a: &Sharded<V>, b: &Sharded<V>) -> usize {
        a.shards.iter().zip(b.shards.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count()
    }

    #[test]
    fn a_copy_does_not_see_later_changes_and_shares_all_parts_but_one() {
        let before = squares(5000);
        let mut after = before.clone();
        assert!(after.is_same(&before));
        after.insert(Square(7, 0));
        assert_eq!((before[&7].1, after[&7].1), (49, 0));
        assert!(!after.is_same(&before));
        assert_eq!(shared(&before, &after), SHARDS - 1);
        after.remove(&7);
        assert_eq!((before.len(), after.len(), after.iter().count()), (5000, 4999, 4999));
        let same = after.clone();
        after.remove(&7);
        assert!(after.is_same(&same), "what is not there takes nothing along");
    }

    #[test]
    fn a_part_is_replaced_as_a_whole_and_keeps_what_is_as_it_was() {
        let before = squares(1024);
        let mut after = before.clone();
        after.set_part(7, [Square(7, 49), Square(7 + 256, 1)].map(Arc::new));
        assert_eq!((before.len(), after.len(), after.part(7).count()), (1024, 1022, 2));
        assert!(Arc::ptr_eq(&before[&7], &after[&7]) && after[&(7 + 256)].1 == 1);
        assert!(!after.is_same_part(&before, 7) && after.is_same_part(&before, 8));
    }

    #[test]
    fn of_a_changed_table_only_what_changed_is_looked_at() {
        let (none, nothing) = (Sharded::default(), Sharded::<Root>::default());
        let before = squares(5000);
        let (mut seen, mut made) = (0, 0);
        let mut derive = |now: &Sharded<Square>, then: &Sharded<Square>, kept: &Sharded<Root>| {
            (seen, made) = (0, 0);
            let derived = now.derive(then, kept, |square, kept| {
                seen += 1;
                kept.filter(|kept| Arc::ptr_eq(&kept.0, square)).cloned().unwrap_or_else(|| {
                    made += 1;
                    Arc::new(Root(square.clone()))
                })
            });
            (derived, seen, made)
        };
        let (roots, seen, made) = derive(&before, &none, &nothing);
        assert_eq!((roots.len(), seen, made), (5000, 5000, 5000));
        let (same, seen, _) = derive(&before, &before, &roots);
        assert!(same.is_same(&roots) && seen == 0);
        let mut after = before.clone();
        after.insert(Square(7, 0));
        after.remove(&(7 + 256));
        let (changed, seen, made) = derive(&after, &before, &roots);
        assert_eq!((changed.len(), made), (4999, 1));
        assert!(seen <= 20, "one part in 256 of 5000, and not {seen}");
        assert_eq!(shared(&changed, &roots), SHARDS - 1);
        assert!(changed.get(&(7 + 256)).is_none() && changed[&7].0.1 == 0);
    }
}
