//! The clock of the machine: what people read, and what has expired. The one place that asks for it;
//! the rules themselves are told the time.

use crate::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as finely as the machine tells it.
#[expect(clippy::disallowed_methods, reason = "everybody else asks here")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Now. A clock before 1970 is one that nobody has set, and counts as 1970.
pub fn now_millis() -> UnixMillis {
    let since = now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
}
