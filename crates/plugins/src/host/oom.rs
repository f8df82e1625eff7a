//! Whether a process died for want of memory, as far as that can be seen: from the counts of our
//! control group, and from what the program itself said. No guesses: where nothing shows it,
//! nothing is said.

use super::exit::Exit;
use rustix::process::Signal;
use sidegate_model::record::LoggedLine;
use std::fs;
use std::path::PathBuf;

/// Last words of programs that got no memory.
const WORDS: [&str; 7] = [
    "memory allocation of",
    "out of memory",
    "cannot allocate memory",
    "std::bad_alloc",
    "OutOfMemoryError",
    "MemoryError",
    "heap limit",
];

/// The count of out-of-memory kills when a process started.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryWatch {
    kills: Option<u64>,
}

impl MemoryWatch {
    /// Looks before the start.
    pub(super) fn begin() -> Self {
        Self { kills: kills() }
    }

    /// What shows that a process that ended by itself did so for want of memory.
    pub(super) fn evidence(self, exit: Exit, lines: &[LoggedLine]) -> Option<String> {
        if exit.signal == Some(Signal::KILL.as_raw()) {
            return counted(self.kills?, kills()?);
        }
        let failed = exit.signal.is_some() || exit.code.is_some_and(|code| code != 0);
        let said = lines.iter().rev().find(|line| WORDS.iter().any(|w| line.message.contains(w)));
        let said = said.filter(|line| failed && line.stream == "stderr")?;
        Some(format!("its own words: {}", said.message.chars().take(200).collect::<String>()))
    }
}

fn counted(before: u64, now: u64) -> Option<String> {
    (now > before).then(|| {
        format!(
            "the kernel killed for want of memory in this control group while it ran \
             (oom_kill went from {before} to {now})"
        )
    })
}

/// How often the kernel killed for want of memory in our own control group.
fn kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let file = events_file(&groups)?;
    let root = file.file_name().map(|name| PathBuf::from("/sys/fs/cgroup").join(name));
    // In a container the group is often mounted as the root.
    let text = fs::read_to_string(file).or_else(|e| root.map_or(Err(e), fs::read_to_string));
    oom_kills(&text.ok()?)
}

/// Where the counts are, by the text of `/proc/self/cgroup`.
fn events_file(groups: &str) -> Option<PathBuf> {
    let below = |root: &str, path: &str, file: &str| {
        PathBuf::from(root).join(path.trim_start_matches('/')).join(file)
    };
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        if controllers.split(',').any(|name| name == "memory") {
            return Some(below("/sys/fs/cgroup/memory", path, "memory.oom_control"));
        }
        controllers.is_empty().then(|| below("/sys/fs/cgroup", path, "memory.events"))
    })
}

fn oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stream: &'static str, message: &str) -> LoggedLine {
        let message = message.to_owned();
        LoggedLine { stream, level: "error", message, ..LoggedLine::default() }
    }

    #[test]
    fn both_generations_of_control_groups_are_read() {
        let v2 = events_file("0::/system.slice/x.service\n").unwrap();
        assert_eq!(v2, PathBuf::from("/sys/fs/cgroup/system.slice/x.service/memory.events"));
        let v1 = events_file("5:cpu,cpuacct:/a\n4:memory:/b\n0::/\n").unwrap();
        assert_eq!(v1, PathBuf::from("/sys/fs/cgroup/memory/b/memory.oom_control"));
        assert_eq!(oom_kills("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(oom_kills("oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn only_what_is_seen_is_said() {
        let watch = MemoryWatch { kills: None };
        let exit = |code, signal| Exit { code, signal };
        let words = [line("stderr", "memory allocation of 99 bytes failed"), line("stderr", "bye")];
        assert_eq!(counted(3, 3), None);
        assert!(counted(3, 4).unwrap().contains("from 3 to 4"));
        assert!(watch.evidence(exit(None, Some(6)), &words).unwrap().contains("99 bytes"));
        assert_eq!(watch.evidence(exit(Some(0), None), &words), None);
        assert_eq!(watch.evidence(exit(Some(1), None), &[line("stdout", "out of memory")]), None);
        assert_eq!(watch.evidence(exit(None, Some(9)), &words), None);
    }
}
