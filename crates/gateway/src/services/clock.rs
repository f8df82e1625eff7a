//! The clock of the machine: what has expired is measured by it.

use sidegate_model::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now.
pub(super) fn now_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
}
