//! Warnings about what others can provoke: at most one a minute, with how often it happened, so that
//! nobody fills the log.

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

#[cfg(test)]
mod tests {
    use super::*;

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
