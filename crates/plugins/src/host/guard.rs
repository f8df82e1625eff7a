//! The two small programs between the gateway and a plugin, both this same binary run again.
//!
//! The gateway starts a `guard` for each plugin process and holds a socket to it. The guard, in a
//! session of its own, runs the `stub` as its child, which binds its life to the guard's, sets
//! limits and becomes the plugin. Whatever the plugin starts stays below the guard, also what leaves
//! the group or the session on purpose; when the plugin ends, when the gateway says so, or when the
//! gateway dies, the guard kills all of it (`descendants`). `messages` is what the three say to each other.
//!
//! So a plugin's end does not hang on a thread of the gateway, no unsafe code runs between fork and
//! exec, and there is nothing to register that could be forgotten.

mod descendants;
#[expect(clippy::module_inception, reason = "the guard's own program beside its parts")]
mod guard;
mod messages;
mod stub;

pub(super) use descendants::parent_of;
pub(super) use messages::{GUARD, Report, checksum_argument, number_argument};

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the guard or the stub, when the arguments of this process (its name included) ask for one.
///
/// A program that names itself as [`launcher`](super::HostSettings::launcher) calls this before
/// anything else and ends with the code it gets.
pub fn reentered(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let word = arguments.next()?;
    match word.to_str()? {
        messages::GUARD => Some(guard::run(arguments.collect())),
        messages::STUB => Some(stub::run(arguments.collect())),
        _ => None,
    }
}
