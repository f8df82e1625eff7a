//! The deadlines of many answers on one connection, watched by whoever drives the connection: an
//! answer whose reader has stalled is not polled and cannot keep a deadline by itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

#[derive(Debug, Default)]
struct Pending {
    ends: BTreeSet<(Instant, u64)>,
    last: u64,
}

/// Deadlines that have not been met or withdrawn.
#[derive(Debug, Default)]
pub struct Deadlines {
    pending: Mutex<Pending>,
    earlier: Notify,
}

/// A deadline; withdrawn when dropped.
#[derive(Debug)]
pub struct Ticket {
    deadlines: Arc<Deadlines>,
    key: (Instant, u64),
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.deadlines.with(|pending| pending.ends.remove(&self.key));
    }
}

impl Deadlines {
    /// Adds a deadline.
    pub fn add(self: &Arc<Self>, at: Instant) -> Ticket {
        let key = self.with(|pending| {
            pending.last += 1;
            let key = (at, pending.last);
            pending.ends.insert(key);
            key
        });
        self.earlier.notify_one();
        Ticket { deadlines: self.clone(), key }
    }

    /// Waits until a deadline passes that nobody withdrew.
    pub async fn passed(&self) {
        loop {
            match self.with(|pending| pending.ends.first().copied()) {
                None => self.earlier.notified().await,
                Some((at, _)) if at <= Instant::now() => return,
                Some((at, _)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.earlier.notified() => {}
                },
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_deadline_that_still_holds_counts() {
        let deadlines = Arc::new(Deadlines::default());
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let _late = deadlines.add(after(9));
        drop(deadlines.add(after(1)));
        let watching = tokio::spawn({
            let deadlines = deadlines.clone();
            async move { deadlines.passed().await }
        });
        tokio::task::yield_now().await;
        let _early = deadlines.add(after(4));
        watching.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 4);
    }
}
