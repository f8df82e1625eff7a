//! A clock that nobody sets and that goes on while the machine sleeps: what was heard before a laptop was closed for the
//! night is old in the morning.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// A moment since the machine was started, the time in which it slept included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    /// This moment.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// So long after the machine was started.
    pub fn of(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// How long it is since an earlier moment; nothing since a later one.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_time_that_the_machine_is_up_and_not_the_one_that_it_is_awake() {
        // What the kernel says of itself counts sleep, and may be looked at between two looks of ours.
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            let seconds = text.split(' ').next().unwrap().parse().unwrap();
            BootTime::of(Duration::from_secs_f64(seconds))
        };
        let (before, now, after) = (uptime(), BootTime::now(), uptime());
        // It is told in hundredths of seconds.
        assert!(before <= now && now.since(after) < Duration::from_millis(20), "{now:?}");
    }
}
