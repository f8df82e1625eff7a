//! What is worth a warning, but not one each time: whoever provokes it must not fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two warnings.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts something that happens, and says when to tell of it.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    told: Option<Instant>,
    times: u64,
}

impl Seldom {
    /// Of which nothing was told yet.
    pub(crate) const fn new() -> Self {
        Self { seen: Mutex::new(Seen { told: None, times: 0 }) }
    }

    /// It happened: `Some` at the first time and then at most once a minute, with the number of
    /// times since it was last told, this one included.
    pub(crate) fn tell(&self) -> Option<u64> {
        self.tell_at(Instant::now())
    }

    fn tell_at(&self, now: Instant) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.times += 1;
        if seen.told.is_some_and(|told| now.duration_since(told) < PAUSE) {
            return None;
        }
        seen.told = Some(now);
        Some(std::mem::take(&mut seen.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_once_and_counted_for_the_next_time() {
        let (seldom, begun) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.tell_at(begun), Some(1));
        for second in 0..59 {
            assert_eq!(seldom.tell_at(begun + Duration::from_secs(second)), None);
        }
        assert_eq!(seldom.tell_at(begun + PAUSE), Some(60));
        assert_eq!(seldom.tell_at(begun + PAUSE), None);
    }
}
