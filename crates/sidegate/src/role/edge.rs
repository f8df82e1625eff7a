//! An edge: a data plane that serves by what a control plane published, and goes on without it.

use super::life::Process;
use crate::config::resolved::Config;
use crate::error::Failure;

/// Runs an edge until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(super) fn run(_: &Config, _: Process) -> Result<(), Failure> {
    Err(Failure::usage("the role edge is not in this build yet")
        .hint("set SIDEGATE_ROLE to standalone"))
}
