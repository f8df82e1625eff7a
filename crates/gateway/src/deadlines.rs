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
    /// When the watcher looks next: not later than the first of the ends.
    looks_at: Option<Instant>,
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
        let (key, looks_too_late) = self.with(|pending| {
            pending.last += 1;
            let key = (at, pending.last);
            pending.ends.insert(key);
            let looks_too_late = pending.looks_at.is_none_or(|looks_at| at < looks_at);
            if looks_too_late {
                pending.looks_at = Some(at);
            }
            (key, looks_too_late)
        });
        // Mostly the watcher sleeps until an earlier deadline that was withdrawn long ago, and is
        // left alone.
        if looks_too_late {
            self.earlier.notify_one();
        }
        Ticket { deadlines: self.clone(), key }
    }

    /// Waits until a deadline passes that nobody withdrew.
    pub async fn passed(&self) {
        loop {
            let Some(looks_at) = self.with(|pending| pending.looks_at) else {
                self.earlier.notified().await;
                continue;
            };
            let now = Instant::now();
            if looks_at > now {
                tokio::select! {
                    () = sleep_until(looks_at) => {}
                    () = self.earlier.notified() => {}
                }
                continue;
            }
            let next = self.with(|pending| {
                pending.looks_at = pending.ends.first().map(|(at, _)| *at);
                pending.looks_at
            });
            if next.is_some_and(|at| at <= now) {
                return;
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
