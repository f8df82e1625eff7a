//! Everything below a process: its children, their children, and so on.

use rustix::process::Pid;
use std::collections::HashMap;
use std::fs;

/// All that descend from a process, parents first; also those that have ended and wait for their
/// parent to notice.
pub(super) fn of(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent_in(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

/// The parent of a process; `None` where there is none, or no such process.
pub(in crate::host) fn parent_of(pid: Pid) -> Option<Pid> {
    parent_in(&fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// The parent that a line of `/proc/PID/stat` names.
fn parent_in(stat: &str) -> Option<Pid> {
    // The program's name stands in parentheses and may hold anything, also more of them.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_parent_is_read_whatever_the_program_is_called() {
        assert_eq!(parent_in("7 (a) b) (c) S 5 7 7 0"), Pid::from_raw(5));
        assert_eq!(parent_in("1 (init) S 0 1 1 0"), None);
        assert_eq!(parent_in(""), None);
    }

    #[test]
    fn children_and_theirs_are_found() {
        let mut shell =
            Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().expect("there is a shell");
        let pid = Pid::from_child(&shell);
        while of(pid).is_empty() {
            std::thread::yield_now();
        }
        let below = of(pid);
        assert!(of(rustix::process::getpid()).contains(&below[0]));
        for pid in below {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        shell.wait().unwrap();
    }
}
