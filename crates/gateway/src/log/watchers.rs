//! Who watches requests end: each has a filter and a queue of its own. What comes faster than people can read, or than it
//! is read, is counted and dropped; no request waits for a watcher, and whoever watches a busy gateway does not make it
//! busier. While nobody watches, a request pays one look at a flag.

use sidegate_model::traffic::{EndedFacts, EndedRequest, TrafficFilter, TrafficItem};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Requests that wait for one watcher.
const MOST_WAITING: usize = 1024;
/// Between two times that a busy watcher is told what was dropped.
const TOLD_AGAIN: Duration = Duration::from_secs(1);
/// Requests that a watcher is told in a second: so many that went well, and as many that failed, which no flood of the
/// others hides. Each costs about as much as a request.
const MOST_A_SECOND: u32 = 100;
/// The first status of an answer that failed.
const FIRST_FAILURE: u16 = 400;

/// All who watch.
#[derive(Debug)]
pub(super) struct Watchers {
    is_any: AtomicBool,
    /// From when seconds count.
    begun: std::time::Instant,
    most_a_second: u32,
    all: RwLock<Vec<Arc<Watcher>>>,
}

#[derive(Debug)]
struct Watcher {
    filter: TrafficFilter,
    sender: mpsc::Sender<EndedRequest>,
    dropped: AtomicU64,
    /// What was told of those that went well, and of those that failed.
    budgets: [Budget; 2],
}

/// What was told in a second: its number in the upper half, how much in the lower.
#[derive(Debug, Default)]
struct Budget(AtomicU64);

impl Budget {
    /// Whether one more may be told in this second. Shards that ask at the same time may tell a few more.
    fn take(&self, second: u32, most: u32) -> bool {
        let seen = self.0.load(Ordering::Relaxed);
        if seen >> 32 != u64::from(second) {
            self.0.store((u64::from(second) << 32) | 1, Ordering::Relaxed);
            return most > 0;
        }
        let may = seen & u64::from(u32::MAX) < u64::from(most);
        if may {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        may
    }
}

impl Default for Watchers {
    fn default() -> Self {
        Self {
            is_any: AtomicBool::default(),
            begun: std::time::Instant::now(),
            most_a_second: MOST_A_SECOND,
            all: RwLock::default(),
        }
    }
}

/// Requests as they end, until this is dropped.
#[derive(Debug)]
pub struct TrafficWatch {
    watchers: Arc<Watchers>,
    own: Arc<Watcher>,
    waiting: mpsc::Receiver<EndedRequest>,
    told_dropped_at: Option<Instant>,
}

impl Watchers {
    /// One more.
    pub(super) fn watch(self: &Arc<Self>, filter: TrafficFilter) -> TrafficWatch {
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let (dropped, budgets) = (AtomicU64::new(0), <[Budget; 2]>::default());
        let own = Arc::new(Watcher { filter, sender, dropped, budgets });
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.push(own.clone());
        self.is_any.store(true, Ordering::Relaxed);
        drop(all);
        TrafficWatch { watchers: self.clone(), own, waiting, told_dropped_at: None }
    }

    /// Whether there is any.
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// Tells those who want such a request; `ended` is made for each of them only.
    pub(super) fn tell(&self, facts: &EndedFacts<'_>, ended: impl Fn() -> EndedRequest) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        // Begins again after 136 years.
        let second = self.begun.elapsed().as_secs() as u32;
        let kind = usize::from(facts.status >= FIRST_FAILURE);
        for watcher in all.iter().filter(|watcher| watcher.filter.takes(facts)) {
            let may = watcher.budgets[kind].take(second, self.most_a_second);
            match watcher.sender.try_reserve() {
                Ok(place) if may => place.send(ended()),
                _ => _ = watcher.dropped.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    fn leave(&self, own: &Arc<Watcher>) {
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|watcher| !Arc::ptr_eq(watcher, own));
        self.is_any.store(!all.is_empty(), Ordering::Relaxed);
    }
}

impl TrafficWatch {
    /// What comes next.
    pub async fn next(&mut self) -> Option<TrafficItem> {
        loop {
            if self.told_dropped_at.is_none_or(|at| at.elapsed() >= TOLD_AGAIN) {
                let dropped = self.own.dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    self.told_dropped_at = Some(Instant::now());
                    return Some(TrafficItem::Dropped(dropped));
                }
            }
            // What was dropped last is told although nothing follows.
            if let Ok(next) = timeout(TOLD_AGAIN, self.waiting.recv()).await {
                return next.map(|ended| TrafficItem::Ended(Box::new(ended)));
            }
        }
    }
}

impl Drop for TrafficWatch {
    fn drop(&mut self) {
        self.watchers.leave(&self.own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const FACTS: EndedFacts<'static> =
        EndedFacts { plugin: "echo", app: None, status: 200, path: "/", duration: Duration::ZERO };

    fn ended(bytes_out: u64) -> EndedRequest {
        EndedRequest {
            at: 0,
            request_id: "a".to_owned(),
            client: "::1".to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            route: None,
            app: None,
            status: 200,
            error_code: None,
            aborted: None,
            duration: Duration::ZERO,
            bytes_out,
        }
    }

    #[tokio::test]
    async fn what_is_not_read_in_time_is_dropped_and_counted_and_no_more_is_lost() {
        let watchers = Arc::new(Watchers { most_a_second: u32::MAX, ..Watchers::default() });
        let mut watch = watchers.watch(TrafficFilter::default());
        let most = MOST_WAITING as u64;
        for n in 0..most + 7 {
            watchers.tell(&FACTS, || ended(n));
        }
        assert_eq!(watch.next().await, Some(TrafficItem::Dropped(7)));
        for n in 0..most {
            assert_eq!(watch.next().await, Some(TrafficItem::Ended(Box::new(ended(n)))));
        }
        watchers.tell(&FACTS, || ended(9));
        assert_eq!(watch.next().await, Some(TrafficItem::Ended(Box::new(ended(9)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_told_as_a_number_and_hides_no_failure() {
        let watchers = Arc::new(Watchers { most_a_second: 3, ..Watchers::default() });
        let mut watch = watchers.watch(TrafficFilter::default());
        let failure = EndedFacts { status: 503, ..FACTS };
        let (mut told, mut failures) = (0, 0);
        for _ in 0..1000 {
            watchers.tell(&FACTS, || ended(1));
        }
        watchers.tell(&failure, || ended(2));
        let mut dropped = 0;
        while told + failures + dropped < 1001 {
            match watch.next().await {
                Some(TrafficItem::Ended(ended)) if ended.bytes_out == 2 => failures += 1,
                Some(TrafficItem::Ended(_)) => told += 1,
                Some(TrafficItem::Dropped(count)) => dropped += count,
                None => panic!("it goes on"),
            }
        }
        // A second may have passed meanwhile.
        assert!((3..=6).contains(&told) && failures == 1, "{told} {failures} {dropped}");
    }

    #[test]
    fn each_second_has_its_own_budget() {
        let budget = Budget::default();
        let takes = |second| (0..5).filter(|_| budget.take(second, 3)).count();
        assert_eq!([takes(1), takes(1), takes(2), takes(7)], [3, 0, 3, 3]);
    }

    #[tokio::test]
    async fn a_request_is_put_into_words_only_for_those_who_want_it() {
        let watchers = Arc::new(Watchers::default());
        assert!(!watchers.is_any());
        let of = |plugin: &str| TrafficFilter {
            plugin: Some(plugin.to_owned()),
            ..TrafficFilter::default()
        };
        let (mut echo, other) = (watchers.watch(of("echo")), watchers.watch(of("other")));
        let times = Cell::new(0);
        let told = || {
            times.set(times.get() + 1);
            ended(1)
        };
        watchers.tell(&FACTS, told);
        assert_eq!(
            (echo.next().await, times.get()),
            (Some(TrafficItem::Ended(Box::new(ended(1)))), 1)
        );
        drop(echo);
        assert!(watchers.is_any());
        drop(other);
        assert!(!watchers.is_any());
        watchers.tell(&FACTS, told);
        assert_eq!(times.get(), 1);
    }
}
