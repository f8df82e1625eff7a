//! How many processes are started at a time. Few take turns, so that many pages at once do not take the machine; a start that
//! takes longer than its turn gives it away and goes on in one of the places for slow ones, so that a plugin that hangs
//! keeps no other waiting. Knows nothing of what is started.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How many are started at a time for whoever asks something.
const FOR_QUESTIONS: usize = 2;
/// How many more for those who only look what pages there are: they keep nobody from asking.
const FOR_LOOKS: usize = 1;
/// How long a start may keep others waiting.
const TURN: Duration = Duration::from_millis(300);
/// How many go on at a time that took longer.
pub(super) const MOST_SLOW: usize = 8;

/// The turns and places of all plugins.
pub(super) struct Starts {
    questions: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// The right to start a process.
pub(super) enum Turn {
    /// For as long as a turn is.
    Short(OwnedSemaphorePermit),
    /// For as long as it takes.
    Long { _place: OwnedSemaphorePermit },
}

/// What came of a start.
pub(super) enum Begun<T> {
    /// It ended within its turn.
    InTime(T),
    /// It ended later.
    Slowly(T),
    /// It took longer than its turn, and there was no place to go on.
    Crowded,
}

impl Starts {
    pub(super) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { questions: places(FOR_QUESTIONS), looks: places(FOR_LOOKS), slow: places(MOST_SLOW) }
    }

    /// Waits for the turn of somebody who asks something.
    pub(super) async fn for_question(&self) -> Option<Turn> {
        // They are never closed.
        self.questions.clone().acquire_owned().await.ok().map(Turn::Short)
    }

    /// Waits for the turn of somebody who looks.
    pub(super) fn for_look(&self) -> impl Future<Output = Option<Turn>> + use<> {
        let looks = self.looks.clone();
        async move { looks.acquire_owned().await.ok().map(Turn::Short) }
    }

    /// A place for a plugin that took longer than a turn before; none where all are taken.
    pub(super) fn for_slow(&self) -> Option<Turn> {
        self.slow.clone().try_acquire_owned().ok().map(|_place| Turn::Long { _place })
    }

    /// Starts something in its turn, and lets it go on beside where it takes longer.
    pub(super) async fn within<T>(&self, turn: Turn, start: impl Future<Output = T>) -> Begun<T> {
        let mut start = pin!(start);
        if let Turn::Short(permit) = turn {
            if let Ok(ended) = timeout(TURN, &mut start).await {
                return Begun::InTime(ended);
            }
            let Some(_place) = self.for_slow() else { return Begun::Crowded };
            drop(permit);
            return Begun::Slowly(start.await);
        }
        match timeout(TURN, &mut start).await {
            Ok(ended) => Begun::InTime(ended),
            Err(_) => Begun::Slowly(start.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::task::JoinSet;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_start_that_hangs_keeps_others_waiting_for_no_longer_than_its_turn() {
        let starts = Arc::new(Starts::new());
        let mut hanging = JoinSet::new();
        for _ in 0..MOST_SLOW {
            let turn = starts.for_look().await.unwrap();
            let starts = starts.clone();
            hanging.spawn(async move { starts.within(turn, pending::<()>()).await });
            tokio::task::yield_now().await;
        }
        let begun = Instant::now();
        let turn = starts.for_look().await.unwrap();
        assert!(begun.elapsed() <= TURN, "{:?}", begun.elapsed());
        assert!(matches!(starts.within(turn, async { 7 }).await, Begun::InTime(7)));
        // Of those that hang there are only so many, and one that is known to hang takes no turn.
        let turn = starts.for_look().await.unwrap();
        assert!(matches!(starts.within(turn, pending::<()>()).await, Begun::Crowded));
        assert!(starts.for_slow().is_none());
        hanging.shutdown().await;
        let turn = starts.for_slow().unwrap();
        let slow = async { tokio::time::sleep(2 * TURN).await };
        assert!(matches!(starts.within(turn, slow).await, Begun::Slowly(())));
        assert_eq!(starts.slow.available_permits(), MOST_SLOW);
    }
}
