//! How many files a plugin may hold open. The gateway raises its own limit, which programs inherit.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

/// Sets the soft limit of a process, `None` being this one; the process can raise it again.
pub(super) fn limit_files(pid: Option<Pid>, limit: Option<u64>) {
    let had = getrlimit(Resource::Nofile);
    if limit.is_some() && had.current != limit {
        // Where it fails, the process keeps what it has, which does no harm.
        let _ = prlimit(pid, Resource::Nofile, Rlimit { current: limit, ..had });
    }
}
