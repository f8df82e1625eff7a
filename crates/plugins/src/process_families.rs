//! What plugins' processes use together with all that they started, from one look at them in `/proc`. Reads when asked and
//! keeps nothing; knows no plugin.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What `/proc` counts time in, on every processor Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What some processes use together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct FamilyFigures {
    /// Memory that is resident, in bytes; what several share is counted for each.
    pub resident_bytes: u64,
    /// Processor time, also of those that have ended and were noticed.
    pub cpu_seconds: f64,
}

/// A process, as one line of `/proc` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: u32,
    /// Its own processor time, and that of its children that have ended.
    ticks: u64,
    resident_pages: u64,
}

/// Most processes that are looked at.
const MOST_PROCESSES: usize = 20_000;

/// The processes of one moment that are of somebody's family.
#[derive(Debug, Default)]
pub struct ProcessFamilies {
    all: HashMap<u32, Process>,
    children: HashMap<u32, Vec<u32>>,
}

impl ProcessFamilies {
    /// Looks at this process and at those of plugins, with all that they started: no other process of the machine is read.
    pub fn read(plugins: impl IntoIterator<Item = u32>) -> Self {
        if !Path::new("/proc/thread-self/children").exists() {
            // A kernel that does not tell children; then they are found by their parents.
            return Self::read_all();
        }
        let mut families = Self::default();
        families.look(std::process::id());
        for pid in plugins {
            let Some(process) = families.look(pid) else { continue };
            let has_guard = process.parent != std::process::id();
            let mut heads = vec![if has_guard { process.parent } else { pid }];
            while let Some(head) = heads.pop() {
                for child in children(head) {
                    if families.all.len() < MOST_PROCESSES && families.look(child).is_some() {
                        heads.push(child);
                    }
                }
            }
        }
        families
    }

    fn read_all() -> Self {
        let mut families = Self::default();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            pid.and_then(|pid| families.look(pid));
        }
        families
    }

    /// Reads a process, once.
    fn look(&mut self, pid: u32) -> Option<Process> {
        if let Some(process) = self.all.get(&pid) {
            return Some(*process);
        }
        let process = parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        self.add(pid, process);
        Some(process)
    }

    fn add(&mut self, pid: u32, process: Process) {
        self.all.insert(pid, process);
        self.children.entry(process.parent).or_default().push(pid);
    }

    /// What a process uses itself.
    pub fn alone(&self, pid: u32) -> Option<FamilyFigures> {
        self.all.get(&pid).map(|process| figures([process]))
    }

    /// What a plugin's process uses with all that it started, also with what it left to its guard, which is its parent
    /// unless that is this program.
    pub fn of_plugin(&self, pid: u32) -> Option<FamilyFigures> {
        let own = self.all.get(&pid)?;
        let head = if own.parent == std::process::id() { pid } else { own.parent };
        let mut found = if head == pid { vec![pid] } else { self.below(head).to_vec() };
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            // A process that is its own ancestor would be none.
            let below = self.below(*parent);
            if found.len() + below.len() > self.all.len() {
                break;
            }
            found.extend_from_slice(below);
            next += 1;
        }
        Some(figures(found.iter().filter_map(|pid| self.all.get(pid))))
    }

    fn below(&self, pid: u32) -> &[u32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }
}

/// The processes whose parent this is, whichever of its threads started them.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_thread = |thread: fs::DirEntry| {
        let told = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        told.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
    };
    threads.flat_map(of_thread).collect()
}

fn figures<'a>(processes: impl IntoIterator<Item = &'a Process>) -> FamilyFigures {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    let mut pages = 0_u64;
    let mut ticks = 0_u64;
    for process in processes {
        pages += process.resident_pages;
        ticks += process.ticks;
    }
    let ticks = f64::from(u32::try_from(ticks).unwrap_or(u32::MAX));
    FamilyFigures { resident_bytes: pages * page, cpu_seconds: ticks / TICKS_PER_SECOND }
}

/// A line of `/proc/PID/stat`. The name of the program is in parentheses and may hold anything.
fn parse(stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = rest.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let times = [11, 12, 13, 14].map(number);
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        ticks: times.into_iter().flatten().sum(),
        resident_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn names_of_programs_confuse_nothing() {
        let stat = "7 (a) b 1 (c) S 5 7 7 0 -1 4194560 1 0 0 0 150 50 7 3 20 0 3 0 1 1000 12 9";
        assert_eq!(parse(stat), Some(Process { parent: 5, ticks: 210, resident_pages: 12 }));
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_plugin_is_counted_with_what_it_started_and_left_behind_and_without_its_guard() {
        let mut families = ProcessFamilies::default();
        // A guard, the plugin, its child, what it left to its guard, and a stranger.
        for (pid, parent) in [(10, 1), (11, 10), (12, 11), (13, 10), (20, 1)] {
            families.add(pid, Process { parent, ticks: 100, resident_pages: 1 });
        }
        let page = rustix::param::page_size() as u64;
        let expected = FamilyFigures { resident_bytes: 3 * page, cpu_seconds: 3.0 };
        assert_eq!(families.of_plugin(11), Some(expected));
        assert_eq!(families.of_plugin(99), None);
        // Without guards this program is the parent.
        families.add(30, Process { parent: std::process::id(), ticks: 100, resident_pages: 1 });
        families.add(31, Process { parent: 30, ticks: 100, resident_pages: 1 });
        families.add(40, Process { parent: std::process::id(), ticks: 100, resident_pages: 1 });
        let expected = FamilyFigures { resident_bytes: 2 * page, cpu_seconds: 2.0 };
        assert_eq!(families.of_plugin(30), Some(expected));
    }

    #[test]
    fn our_own_figures_are_plausible() {
        let own = ProcessFamilies::read([]).alone(std::process::id()).unwrap();
        assert!(own.resident_bytes > 100_000, "{own:?}");
    }

    #[test]
    fn nobody_is_read_but_the_family_and_all_of_it_is() {
        // A program that starts another one; both end with the pipe that they read.
        let mut started = Command::new("sh")
            .args(["-c", "exec 3<&0; cat <&3 & echo ready; wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(started.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let pid = started.id();
        let (family, all) = (ProcessFamilies::read([pid, u32::MAX]), ProcessFamilies::read_all());
        let mut read: Vec<_> = family.all.keys().copied().collect();
        let child = all.children[&pid][0];
        read.sort_unstable();
        let mut expected = vec![std::process::id(), pid, child];
        expected.sort_unstable();
        assert_eq!(read, expected);
        let told = |families: &ProcessFamilies| families.of_plugin(pid).unwrap().resident_bytes > 0;
        assert!(told(&family) && told(&all));
        drop(started.stdin.take());
        started.wait().unwrap();
    }
}
