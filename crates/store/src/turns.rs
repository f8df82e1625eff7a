//! Turns: how writes on behalf of plugins queue, so that an operator's write waits for at most one
//! of them and no plugin waits for all that another one wants. It knows no table and no database.

use crate::error::StoreError;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a write waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// Plugins are spread over so many lanes by their number.
const LANES: usize = 16;

/// One queue for each lane, and one in which the first of every lane stands.
#[derive(Debug)]
pub(crate) struct Turns {
    lanes: [Semaphore; LANES],
    front: Semaphore,
}

/// The right to write now; given back when it is dropped.
pub(crate) struct Turn<'a> {
    _front: SemaphorePermit<'a>,
    _lane: SemaphorePermit<'a>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { lanes: std::array::from_fn(|_| Semaphore::new(1)), front: Semaphore::new(1) }
    }

    /// Waits for the turn of this number's lane, not longer than [`TURN_TIMEOUT`].
    pub(crate) async fn take(&self, number: u32) -> Result<Turn<'_>, StoreError> {
        let lane = &self.lanes[number as usize % LANES];
        let both = async {
            let lane = lane.acquire().await.expect("lanes are never closed");
            let front = self.front.acquire().await.expect("the front is never closed");
            Turn { _front: front, _lane: lane }
        };
        let busy = |source| StoreError::Unavailable {
            problem: "too many writes of plugins wait; try again in a moment".to_owned(),
            source: Box::new(source),
        };
        tokio::time::timeout(TURN_TIMEOUT, both).await.map_err(busy)
    }
}

#[cfg(test)]
mod tests {
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
        let held = turns.take(1).await.unwrap();
        let mut second_of_the_same = pin!(turns.take(1));
        let mut third_of_the_same = pin!(turns.take(1));
        let mut another = pin!(turns.take(2));
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

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told() {
        let turns = Turns::new();
        let _held = turns.take(1).await.unwrap();
        let refused = turns.take(2).await.err().unwrap().to_string();
        assert!(refused.contains("too many writes of plugins wait"), "{refused}");
    }
}
