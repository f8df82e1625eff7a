//! The time that certificates are made and judged by; a parameter, so that tests can set it.

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use sidegate_model::{UnixMillis, clock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Says what time it is. A clone is cheap and the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// That of the machine.
    pub fn system() -> Self {
        Self::of(clock::now_millis)
    }

    /// Another one.
    pub fn of(now: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is; never before 1970.
    pub fn now(&self) -> UnixMillis {
        (self.0)().max(0)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(…)")
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.now()))
    }
}

/// A moment as the TLS library counts it.
pub(crate) fn unix_time(at: UnixMillis) -> UnixTime {
    let millis = u64::try_from(at).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_millis(millis))
}
