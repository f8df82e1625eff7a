//! How soon a process that failed is started again: at once after the first failure, then after pauses that double. Pure.

use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// One that ran for so long makes up for the failures before.
const HEALTHY: Duration = Duration::from_secs(60);

/// The failures of one plugin's process.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failures: u32,
    last: Option<(Instant, String)>,
}

impl Pauses {
    /// It failed for this reason, after it ran for so long.
    pub(super) fn failed(&mut self, now: Instant, ran: Duration, why: &str) {
        self.failures = if ran >= HEALTHY { 1 } else { self.failures.saturating_add(1) };
        self.last = Some((now, why.to_owned()));
    }

    /// What is asked of it now is another thing than what failed.
    pub(super) fn begin_anew(&mut self) {
        *self = Self::default();
    }

    /// Why it is not started now, and for how long.
    pub(super) fn wait(&self, now: Instant) -> Option<(Duration, &str)> {
        let (at, why) = self.last.as_ref()?;
        let doubled = self.failures.checked_sub(2)?;
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(doubled)).min(LONGEST);
        let left = (*at + pause).saturating_duration_since(now);
        (!left.is_zero()).then_some((left, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_costs_nothing_and_those_after_it_more_and_more() {
        let (now, mut pauses) = (Instant::now(), Pauses::default());
        let wait = |pauses: &Pauses| pauses.wait(now).map(|(left, _)| left.as_secs());
        assert_eq!(wait(&pauses), None);
        for expected in [None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(30), Some(30)] {
            pauses.failed(now, Duration::ZERO, "why");
            assert_eq!(wait(&pauses), expected);
        }
        assert_eq!(pauses.wait(now + LONGEST), None);
        pauses.failed(now, HEALTHY, "why");
        assert_eq!(wait(&pauses), None, "it was well before");
        pauses.failed(now, Duration::ZERO, "why");
        pauses.begin_anew();
        assert_eq!(wait(&pauses), None);
    }
}
