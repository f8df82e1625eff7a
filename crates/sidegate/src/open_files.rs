//! Room for many connections: the number of files this process may hold open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; each client connection is an open file. Gives what it was,
/// which programs that are started shall have again: some go through all numbers below it, or cannot
/// wait for files with high ones.
pub(crate) fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        if let Err(error) = raised {
            tracing::warn!(%error, ?current, "the limit of open files cannot be raised");
        }
    }
    current
}
