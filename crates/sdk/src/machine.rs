//! What the machine tells a plugin: its environment and the time of day. The one place of the SDK that
//! asks for them.

use std::ffi::OsString;
use std::time::SystemTime;

/// A variable of the environment, in which a host gives its orders.
#[expect(clippy::disallowed_methods, reason = "everybody else asks here")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The same where it is text; another one counts as not set.
pub(crate) fn text(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

/// The time of day.
#[expect(clippy::disallowed_methods, reason = "everybody else asks here")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
