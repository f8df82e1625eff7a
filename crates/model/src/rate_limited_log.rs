//! Warnings about what others can provoke: at most one a minute, with how often it happened, so that
//! nobody fills the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two warnings.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts something that happens, and says when a line about it is due.
#[derive(Debug, Default)]
pub struct RateLimitedLog {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    logged_at: Option<Instant>,
    times: u64,
}

impl RateLimitedLog {
    /// Nothing happened yet.
    pub const fn new() -> Self {
        Self { seen: Mutex::new(Seen { logged_at: None, times: 0 }) }
    }

    /// It happened. `Some` when a line is due, at the first time and then at most once a minute: how
    /// often it happened since the last line, this time included.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.times += 1;
        if seen.logged_at.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return None;
        }
        seen.logged_at = Some(now);
        Some(std::mem::take(&mut seen.times))
    }
}

/// The same for each of several: what one provokes hides nothing of what another does. Whoever chooses
/// the keys bounds their number.
#[derive(Debug)]
pub struct RateLimitedLogs<K> {
    each: Mutex<BTreeMap<K, RateLimitedLog>>,
}

impl<K: Ord> RateLimitedLogs<K> {
    /// Nothing happened yet.
    pub const fn new() -> Self {
        Self { each: Mutex::new(BTreeMap::new()) }
    }

    /// It happened with this one, see [`RateLimitedLog::due`].
    pub fn due(&self, with: K) -> Option<u64> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.entry(with).or_default().due()
    }
}

impl<K: Ord> Default for RateLimitedLogs<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_provokes_hides_nothing_of_another() {
        let logs = RateLimitedLogs::new();
        let due = [1, 1, 2, 2, 1].map(|with| logs.due(with));
        assert_eq!(due, [Some(1), None, Some(1), None, None]);
    }

    #[test]
    fn a_burst_is_logged_once_and_counted_for_the_next_time() {
        let (log, begun) = (RateLimitedLog::default(), Instant::now());
        assert_eq!(log.due_at(begun), Some(1));
        for second in 0..59 {
            assert_eq!(log.due_at(begun + Duration::from_secs(second)), None);
        }
        assert_eq!(log.due_at(begun + PAUSE), Some(60));
        assert_eq!(log.due_at(begun + PAUSE), None);
    }
}
