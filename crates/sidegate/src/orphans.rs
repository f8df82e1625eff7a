//! The first process of a container inherits every process that loses its parent, and must take note of
//! their ends, or they stay in the table of processes for ever.
//!
//! It knows nothing of plugins: what was started here is waited for by who started it, at once. So what
//! still has not been taken note of a second later was left to us by others.

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use std::collections::HashSet;
use std::fs;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How long an end may wait for whoever started the process.
const GRACE: Duration = Duration::from_secs(1);

/// Takes note of the ends of orphans for as long as it is polled, where this is the first process.
pub(crate) async fn reap() {
    let children = match signal(SignalKind::child()) {
        Ok(children) if getpid().is_init() => children,
        _ => return std::future::pending().await,
    };
    let mut children = children;
    loop {
        let seen = ended_children();
        if seen.is_empty() && children.recv().await.is_none() {
            return std::future::pending().await;
        }
        tokio::time::sleep(GRACE).await;
        for orphan in ended_children().intersection(&seen) {
            // Who was faster has done what is wanted.
            let _ = waitpid(Some(*orphan), WaitOptions::NOHANG);
        }
    }
}

/// Children that have ended and that nobody has taken note of.
fn ended_children() -> HashSet<Pid> {
    let ours = getpid().as_raw_nonzero().get();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let ended = pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        is_ended_child(&stat, ours)
    });
    ended.filter_map(Pid::from_raw).collect()
}

/// Whether a line of `/proc/PID/stat` is about an ended child of this process.
fn is_ended_child(stat: &str, parent: i32) -> bool {
    // The program's name stands in parentheses and may hold anything, also more of them.
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    fields.next() == Some("Z") && fields.next().and_then(|text| text.parse().ok()) == Some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn an_ended_child_is_told_from_one_that_runs_and_from_those_of_others() {
        assert!(is_ended_child("7 (a) b) Z 1 7 7 0", 1));
        assert!(!is_ended_child("7 (a) S 1 7 7 0", 1) && !is_ended_child("7 (a) Z 2 7 7 0", 1));
        assert!(!is_ended_child("", 1));
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        while !ended_children().contains(&pid) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!ended_children().contains(&pid));
    }
}
