//! Who is there now: members enter, are looked through together, and leave by being dropped.
//!
//! Locked for a moment where one enters or leaves. Knows nothing of what its members are.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// For so many, room is kept while nobody is there.
const FEW: usize = 64;

/// Those who are there.
#[derive(Debug)]
pub struct Roster<T> {
    places: Mutex<Places<T>>,
    /// Told when the last one left.
    empty: Notify,
}

#[derive(Debug)]
struct Places<T> {
    all: Vec<Option<T>>,
    free: Vec<u32>,
}

/// One that is there, until this is dropped.
#[derive(Debug)]
#[must_use = "a member that is dropped has left"]
pub struct Entered<T> {
    roster: Arc<Roster<T>>,
    place: u32,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        let places = Places { all: Vec::new(), free: Vec::new() };
        Self { places: Mutex::new(places), empty: Notify::new() }
    }
}

impl<T> Roster<T> {
    /// Takes one in.
    pub fn enter(self: &Arc<Self>, member: T) -> Entered<T> {
        let place = self.with(|places| match places.free.pop() {
            Some(place) => {
                places.all[place as usize] = Some(member);
                place
            }
            None => {
                places.all.push(Some(member));
                // Each member is something open: far fewer than this.
                u32::try_from(places.all.len() - 1).unwrap_or(u32::MAX)
            }
        });
        Entered { roster: self.clone(), place }
    }

    /// Looks through all, under the lock: nobody enters or leaves meanwhile.
    pub fn each(&self, mut look: impl FnMut(&mut T)) {
        self.with(|places| places.all.iter_mut().flatten().for_each(&mut look));
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.with(|places| places.is_empty())
    }

    /// Waits until nobody is there.
    pub async fn emptied(&self) {
        loop {
            let empty = self.empty.notified();
            tokio::pin!(empty);
            empty.as_mut().enable();
            if self.is_empty() {
                return;
            }
            empty.await;
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Places<T>) -> R) -> R {
        act(&mut self.places.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Places<T> {
    fn is_empty(&self) -> bool {
        self.free.len() == self.all.len()
    }
}

impl<T> Entered<T> {
    /// Looks at this one alone.
    pub fn look<R>(&self, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.roster.with(|places| places.all[self.place as usize].as_mut().map(look))
    }
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        let (member, is_empty) = self.roster.with(|places| {
            let member = places.all[self.place as usize].take();
            places.free.push(self.place);
            let is_empty = places.is_empty();
            if is_empty {
                places.all.clear();
                places.free.clear();
                // What a crowd took is given back.
                places.all.shrink_to(FEW);
                places.free.shrink_to(FEW);
            }
            (member, is_empty)
        });
        // Not under the lock: it may be the end of other things.
        drop(member);
        if is_empty {
            self.roster.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_left_are_not_looked_at_and_their_places_are_taken_again() {
        let roster: Arc<Roster<u32>> = Arc::default();
        let all = || {
            let mut seen = Vec::new();
            roster.each(|member| seen.push(*member));
            seen
        };
        let entered: Vec<_> = (0..4).map(|n| roster.enter(n)).collect();
        let mut entered = entered.into_iter();
        drop(entered.next());
        assert_eq!(all(), [1, 2, 3]);
        let late = roster.enter(9);
        assert_eq!(all(), [9, 1, 2, 3]);
        assert_eq!(late.look(|member| *member), Some(9));
        drop((late, entered));
        assert!(roster.is_empty() && all().is_empty());
        let again = roster.enter(5);
        assert_eq!(all(), [5]);
        drop(again);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_emptied_when_the_last_one_leaves() {
        let roster: Arc<Roster<()>> = Arc::default();
        roster.emptied().await;
        let (one, two) = (roster.enter(()), roster.enter(()));
        let waiting = tokio::spawn({
            let roster = roster.clone();
            async move { roster.emptied().await }
        });
        drop(one);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}
