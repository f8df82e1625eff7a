//! A map that forgets its oldest keys, so that what is remembered stays bounded.

use std::collections::{HashMap, VecDeque};

/// Longer keys are not remembered. In bytes.
const KEY_BYTES: usize = 256;

/// At most `limit` keys, in the order in which they came first.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    limit: usize,
    values: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Recent<V> {
    pub(crate) fn new(limit: usize) -> Self {
        let (values, order) = (HashMap::new(), VecDeque::new());
        Self { limit, values, order }
    }

    /// Remembers a key, or gives a known one a new value.
    pub(crate) fn insert(&mut self, key: &str, value: V) {
        if key.len() > KEY_BYTES {
            return;
        }
        if self.values.insert(key.to_owned(), value).is_none() {
            self.order.push_back(key.to_owned());
        }
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &V)> {
        self.values.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_key_goes_first_and_a_known_one_takes_no_room() {
        let mut recent = Recent::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("b", 3), ("c", 4)] {
            recent.insert(key, value);
        }
        recent.insert(&"x".repeat(KEY_BYTES + 1), 5);
        assert!(!recent.contains("a") && recent.contains("c"));
        assert_eq!(recent.iter().map(|(_, value)| value).sum::<i32>(), 7);
    }
}
