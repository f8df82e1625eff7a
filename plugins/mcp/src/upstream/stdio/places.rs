//! Places of processes: so many there are in all, of which each app has at most so many.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock;
use crate::failure::Failure;

/// How many processes there may be at one time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) in_all: usize,
    pub(crate) per_app: usize,
}

/// The places that are taken, by the number of the app.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<u32, usize>>>);

impl Places {
    /// Takes a place, or tells which bound is met.
    pub(super) fn take(&self, owner: u32, bounds: Bounds) -> Result<Place, Failure> {
        let mut taken = lock(&self.0);
        if taken.get(&owner).is_some_and(|own| *own >= bounds.per_app) {
            return Err(Failure::Busy("processes_per_app"));
        }
        if taken.values().sum::<usize>() >= bounds.in_all {
            return Err(Failure::Busy("processes"));
        }
        *taken.entry(owner).or_default() += 1;
        Ok(Place { places: self.clone(), owner })
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        lock(&self.0).values().sum()
    }
}

/// A place, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    owner: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.0);
        if let Some(own) = taken.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_has_at_most_its_part_and_all_together_at_most_the_whole() {
        let places = Places::default();
        let bounds = Bounds { in_all: 3, per_app: 2 };
        let refused = |owner| places.take(owner, bounds).unwrap_err();
        let mut held: Vec<_> = [1, 1].map(|owner| places.take(owner, bounds).unwrap()).into();
        assert_eq!(refused(1), Failure::Busy("processes_per_app"));
        held.push(places.take(2, bounds).unwrap());
        assert_eq!(refused(2), Failure::Busy("processes"));
        assert_eq!(places.taken(), 3);
        held.remove(0);
        held.push(places.take(3, bounds).unwrap());
        assert_eq!(refused(1), Failure::Busy("processes"));
        drop(held);
        assert_eq!(places.taken(), 0);
        assert!(lock(&places.0).is_empty());
    }
}
