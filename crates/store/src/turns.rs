//! Turns: how writes on behalf of plugins queue, so that an operator's write waits for at most one
//! of them and no plugin waits for all that another one wants. It knows no table and no database.

use crate::error::StoreError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How long a write waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// On whose behalf a write is made; each has a lane of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Writer {
    /// The plugin with this number.
    Plugin(u32),
    /// The removal of what has expired.
    Expiry,
    /// What the audit log gets besides entries of changes, and the removal of what is old in it and in the history.
    Audit,
    /// What is published, and what edges say.
    Publication,
}

/// One queue for each writer that writes or waits now, and one in which the first of every queue
/// stands.
#[derive(Debug)]
pub(crate) struct Turns {
    lanes: Mutex<HashMap<Writer, Lane>>,
    front: Semaphore,
}

/// The queue of one writer, kept as long as anybody is in it.
#[derive(Debug)]
struct Lane {
    queue: Arc<Semaphore>,
    places: usize,
}

/// The right to write now; given back when it is dropped. The front comes first, so that it is
/// free for another lane before this lane moves on.
pub(crate) struct Turn<'a> {
    _front: SemaphorePermit<'a>,
    _lane: OwnedSemaphorePermit,
    _place: Place<'a>,
}

/// Somebody who waits or writes in a lane; the last one to leave removes it.
struct Place<'a> {
    turns: &'a Turns,
    writer: Writer,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { lanes: Mutex::default(), front: Semaphore::new(1) }
    }

    /// Waits for the turn of this writer's lane, not longer than [`TURN_TIMEOUT`].
    pub(crate) async fn take(&self, writer: Writer) -> Result<Turn<'_>, StoreError> {
        let turn = async {
            let (place, queue) = self.enter(writer);
            let lane = queue.acquire_owned().await.expect("lanes are never closed");
            let front = self.front.acquire().await.expect("the front is never closed");
            Turn { _front: front, _lane: lane, _place: place }
        };
        let busy = |source| StoreError::Unavailable {
            problem: "too many writes of plugins wait; try again in a moment".to_owned(),
            source: Box::new(source),
        };
        tokio::time::timeout(TURN_TIMEOUT, turn).await.map_err(busy)
    }

    fn enter(&self, writer: Writer) -> (Place<'_>, Arc<Semaphore>) {
        let mut lanes = self.lanes();
        let lane = lanes
            .entry(writer)
            .or_insert_with(|| Lane { queue: Arc::new(Semaphore::new(1)), places: 0 });
        lane.places += 1;
        (Place { turns: self, writer }, lane.queue.clone())
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Writer, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lanes = self.turns.lanes();
        if let Some(lane) = lanes.get_mut(&self.writer) {
            lane.places -= 1;
            if lane.places == 0 {
                lanes.remove(&self.writer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Writer::{Audit, Expiry, Plugin};
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    /// Looks once whether the turn has come.
    fn has_come<'a>(
        waiting: std::pin::Pin<&mut impl Future<Output = Result<Turn<'a>, StoreError>>>,
    ) -> Option<Turn<'a>> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn.ok(),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn one_writes_at_a_time_and_a_long_queue_of_one_plugin_delays_another_by_one_turn() {
        let turns = Turns::new();
        let held = turns.take(Plugin(1)).await.unwrap();
        let mut second_of_the_same = pin!(turns.take(Plugin(1)));
        let mut third_of_the_same = pin!(turns.take(Plugin(1)));
        let mut another = pin!(turns.take(Plugin(2)));
        assert!(has_come(second_of_the_same.as_mut()).is_none());
        assert!(has_come(third_of_the_same.as_mut()).is_none());
        assert!(has_come(another.as_mut()).is_none());
        drop(held);
        let turn = has_come(another.as_mut());
        assert!(turn.is_some(), "it came last and writes next");
        assert!(has_come(second_of_the_same.as_mut()).is_none());
        drop(turn);
        assert!(has_come(second_of_the_same.as_mut()).is_some());
        assert!(has_come(third_of_the_same.as_mut()).is_some());
    }

    #[tokio::test]
    async fn a_flood_of_one_plugin_delays_every_other_writer_by_its_one_turn() {
        const FLOOD: usize = 50;
        let turns = Turns::new();
        for other in [Plugin(2), Plugin(16), Plugin(17), Plugin(u32::MAX), Expiry, Audit] {
            let held = turns.take(Plugin(1)).await.unwrap();
            let mut flood: Vec<_> = (0..FLOOD).map(|_| Box::pin(turns.take(Plugin(1)))).collect();
            for waiting in &mut flood {
                assert!(has_come(waiting.as_mut()).is_none());
            }
            let mut another = pin!(turns.take(other));
            assert!(has_come(another.as_mut()).is_none());
            drop(held);
            for waiting in &mut flood {
                assert!(has_come(waiting.as_mut()).is_none(), "{other:?} came first");
            }
            assert!(has_come(another.as_mut()).is_some(), "{other:?} writes, {FLOOD} wait");
        }
    }

    #[tokio::test]
    async fn expiry_is_not_in_the_lane_of_any_plugin() {
        let turns = Turns::new();
        let held = turns.take(Expiry).await.unwrap();
        let mut more_of_it = pin!(turns.take(Expiry));
        assert!(has_come(more_of_it.as_mut()).is_none());
        let mut plugins: Vec<_> =
            [0, 16, 32].map(|id| Box::pin(turns.take(Plugin(id)))).into_iter().collect();
        for plugin in &mut plugins {
            assert!(has_come(plugin.as_mut()).is_none());
        }
        drop(held);
        assert!(has_come(more_of_it.as_mut()).is_none(), "it came first, but had its turn");
        for plugin in &mut plugins {
            assert!(has_come(plugin.as_mut()).is_some());
        }
        assert!(has_come(more_of_it.as_mut()).is_some());
    }

    #[tokio::test]
    async fn a_lane_is_there_while_somebody_writes_or_waits_in_it() {
        let turns = Turns::new();
        let held = turns.take(Plugin(1)).await.unwrap();
        let mut next = Box::pin(turns.take(Plugin(1)));
        let mut gives_up = Box::pin(turns.take(Plugin(2)));
        assert!(has_come(next.as_mut()).is_none());
        assert!(has_come(gives_up.as_mut()).is_none());
        assert_eq!(turns.lanes().len(), 2);
        drop(gives_up);
        assert_eq!(turns.lanes().len(), 1);
        drop(held);
        assert_eq!(turns.lanes().len(), 1, "somebody waits in it");
        let turn = has_come(next.as_mut());
        assert!(turn.is_some());
        drop(turn);
        assert!(turns.lanes().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told() {
        let turns = Turns::new();
        let _held = turns.take(Plugin(1)).await.unwrap();
        let refused = turns.take(Plugin(2)).await.err().unwrap().to_string();
        assert!(refused.contains("too many writes of plugins wait"), "{refused}");
    }
}
