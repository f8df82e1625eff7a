//! Both ends over real sockets: edges join, sync by what they got, renew it, and are told apart from everybody else.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it asserts")]

mod control_plane;
mod doors;
mod edge;
#[path = "../../../../e2e/src/eventually.rs"]
mod eventually;
mod joining;
mod many;
mod proxy;
mod renewing;
mod rotating;
mod stranger;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// More than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A clock that tests set. A clone is the same clock.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicI64>);

impl Time {
    /// In the year 2026.
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000_000)))
    }

    pub(crate) fn clock(&self) -> sidegate_enrolment::Clock {
        let time = self.clone();
        sidegate_enrolment::Clock::of(move || time.now())
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}
