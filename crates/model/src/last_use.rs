//! When a token was last used: noted by whoever serves, at the price of a look, and collected now and then by
//! whoever keeps it. It knows of time only what it is told.

use crate::UnixMillis;
use std::sync::atomic::{AtomicI64, Ordering};

/// Uses within this time are one use: nothing is written for the second.
const COARSENESS: UnixMillis = 60_000;

/// The last use of a token, to within a minute.
///
/// Its time stands above the lowest bit, which says that nobody has collected it yet. A copy counts for itself, and equality
/// looks at nothing of it: it is no content of a token.
#[derive(Default)]
pub struct LastUse(AtomicI64);

impl LastUse {
    /// That of a token which was last used then, as it is kept.
    ///
    /// ```
    /// use sidegate_model::last_use::LastUse;
    /// let last_use = LastUse::kept(Some(120_000));
    /// last_use.touch(130_000);
    /// assert_eq!((last_use.time(), last_use.collect()), (Some(120_000), None));
    /// last_use.touch(180_000);
    /// assert_eq!(last_use.collect(), Some(180_000));
    /// assert_eq!(last_use.collect(), None);
    /// ```
    pub fn kept(time: Option<UnixMillis>) -> Self {
        Self(AtomicI64::new(of_time(time.unwrap_or(0))))
    }

    /// When it was, if ever.
    pub fn time(&self) -> Option<UnixMillis> {
        Some(time_of(self.0.load(Ordering::Relaxed))).filter(|time| *time > 0)
    }

    /// Notes a use. Within the minute of the one before, and where the clock went back, it is only looked at.
    pub fn touch(&self, now: UnixMillis) {
        if now / COARSENESS > time_of(self.0.load(Ordering::Relaxed)) / COARSENESS {
            self.0.store(of_time(now) | 1, Ordering::Relaxed);
        }
    }

    /// Takes over what is known of another one, where that is later; it is still to be collected then.
    pub fn follow(&self, other: &Self) {
        if let Some(time) = other.time().filter(|time| Some(*time) > self.time()) {
            self.0.fetch_max(of_time(time) | 1, Ordering::Relaxed);
        }
    }

    /// The last use if nobody has collected it yet. Whoever cannot keep it gives it back.
    pub fn collect(&self) -> Option<UnixMillis> {
        let seen = self.0.load(Ordering::Relaxed);
        if seen & 1 == 0 {
            return None;
        }
        // One that comes in between is collected the next time.
        let clean = self.0.compare_exchange(seen, seen & !1, Ordering::Relaxed, Ordering::Relaxed);
        clean.ok().map(time_of)
    }

    /// It was collected and could not be kept.
    pub fn give_back(&self) {
        self.0.fetch_or(1, Ordering::Relaxed);
    }
}

fn of_time(time: UnixMillis) -> i64 {
    time.clamp(0, i64::MAX >> 1) << 1
}

fn time_of(value: i64) -> UnixMillis {
    value >> 1
}

impl Clone for LastUse {
    fn clone(&self) -> Self {
        Self(AtomicI64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl PartialEq for LastUse {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for LastUse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LastUse({:?})", self.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: UnixMillis = COARSENESS;

    #[test]
    fn a_minute_of_use_is_written_down_once() {
        let last_use = LastUse::default();
        assert_eq!((last_use.time(), last_use.collect()), (None, None));
        last_use.touch(MINUTE + 5);
        assert_eq!(last_use.collect(), Some(MINUTE + 5));
        for later in 0..MINUTE {
            last_use.touch(MINUTE + later);
        }
        assert_eq!((last_use.time(), last_use.collect()), (Some(MINUTE + 5), None));
        last_use.touch(2 * MINUTE);
        assert_eq!(last_use.collect(), Some(2 * MINUTE));
    }

    #[test]
    fn a_clock_that_goes_back_takes_no_use_back() {
        let last_use = LastUse::kept(Some(5 * MINUTE));
        for earlier in [0, -MINUTE, i64::MIN, 4 * MINUTE] {
            last_use.touch(earlier);
        }
        assert_eq!((last_use.time(), last_use.collect()), (Some(5 * MINUTE), None));
        last_use.touch(i64::MAX);
        assert_eq!(last_use.collect(), Some(i64::MAX >> 1), "a clock that is far off");
    }

    #[test]
    fn what_could_not_be_kept_is_collected_again() {
        let last_use = LastUse::default();
        last_use.touch(MINUTE);
        assert_eq!(last_use.collect(), Some(MINUTE));
        last_use.give_back();
        last_use.touch(3 * MINUTE);
        assert_eq!((last_use.collect(), last_use.collect()), (Some(3 * MINUTE), None));
    }

    #[test]
    fn what_is_kept_already_is_not_written_again() {
        let (before, kept) = (LastUse::kept(Some(MINUTE)), LastUse::kept(Some(MINUTE)));
        kept.follow(&before);
        assert_eq!(kept.collect(), None);
    }

    #[test]
    fn a_successor_knows_what_its_predecessor_saw_and_nothing_earlier() {
        let (before, kept) = (LastUse::default(), LastUse::kept(Some(MINUTE)));
        kept.follow(&before);
        assert_eq!((kept.time(), kept.collect()), (Some(MINUTE), None));
        before.touch(2 * MINUTE);
        kept.follow(&before);
        assert_eq!((kept.time(), kept.collect()), (Some(2 * MINUTE), Some(2 * MINUTE)));
        let later = LastUse::kept(Some(9 * MINUTE));
        later.follow(&before);
        assert_eq!((later.time(), later.collect()), (Some(9 * MINUTE), None));
    }
}
