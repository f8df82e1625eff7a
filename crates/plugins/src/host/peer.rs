//! Who is at the other end of a unix socket. All plugins run as one user, so a folder that only this
//! user may enter does not keep one plugin out of another's: its process tells them apart.
//!
//! Knows nothing of what is said over the socket.

use super::guard::parent_of;
use rustix::process::Pid;
use std::path::Path;
use std::sync::Once;
use tokio::net::UnixStream;

/// Most generations between a process and its plugin.
const MAX_GENERATIONS: usize = 64;
/// A line that was broken by the end of somebody in it is followed again, so often.
const TRIES: usize = 3;

/// A process and all that descend from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// The guard, which adopts what the plugin leaves behind, or else the plugin itself. The
    /// gateway takes note of its end, so that its number is not another's before.
    head: u32,
}

impl Family {
    pub(super) fn of(head: u32) -> Self {
        Self { head }
    }

    /// Whether whoever opened this connection belongs to it. Where processes cannot be looked at,
    /// everybody does, which is warned about once.
    pub(super) fn has(self, stream: &UnixStream) -> bool {
        if !Path::new("/proc/self/stat").exists() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!("/proc is not mounted: plugins can pass for one another");
            });
            return true;
        }
        let peer = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(Pid::from_raw);
        let head = Pid::from_raw(self.head.cast_signed());
        let (Some(peer), Some(head)) = (peer, head) else { return false };
        (0..TRIES).any(|_| descends(peer, head))
    }
}

/// Whether a process is this one, or descends from it, as guards and plugins do. Where processes
/// cannot be looked at, every one is taken for such.
pub fn is_of_ours(pid: i32) -> bool {
    let looks = Path::new("/proc/self/stat").exists();
    let Some(pid) = Pid::from_raw(pid).filter(|_| looks) else { return true };
    (0..TRIES).any(|_| descends(pid, rustix::process::getpid()))
}

fn descends(from: Pid, head: Pid) -> bool {
    let line = std::iter::successors(Some(from), |&pid| parent_of(pid));
    line.take(MAX_GENERATIONS).any(|pid| pid == head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpid;
    use std::process::Command;

    fn number(pid: Pid) -> u32 {
        pid.as_raw_nonzero().get().cast_unsigned()
    }

    #[test]
    fn a_child_descends_from_us_and_we_do_not_from_a_child() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = Pid::from_child(&child);
        assert!(descends(pid, getpid()) && descends(pid, pid));
        assert!(!descends(getpid(), pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!descends(pid, getpid()), "who is gone descends from nobody");
    }

    #[tokio::test]
    async fn only_those_of_a_family_are_of_it() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert!(Family::of(number(getpid())).has(&ours));
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(!Family::of(child.id()).has(&ours));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
