//! The roles of this program, one file each: which parts a process has. What they share is [`life`], the order of
//! start, change from one process to the next and stop, and what that order asks of a role is in `server`.

mod control;
mod edge;
mod life;
mod standalone;

use crate::config::resolved::{Config, Role};
use crate::error::Failure;
pub(crate) use life::Process;

/// Runs what the settings ask for until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(crate) fn run(config: &Config, process: Process) -> Result<(), Failure> {
    match config.role {
        Role::Standalone => standalone::run(config, process),
        Role::Edge => edge::run(config, process),
        Role::Control => control::run(config, process),
    }
}
