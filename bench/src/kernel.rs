//! The kernel's own accounts: processor time, memory and children of a process, and which core it
//! may use. Reads `/proc`; knows no contestant.

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::fs;

/// Processor time of all threads of a process in nanoseconds, user and system together.
///
/// A thread that has ended is not counted any more, so this is for processes whose threads live on.
///
/// # Errors
/// When the process has ended or the kernel keeps no such account.
pub fn cpu_ns(pid: u32) -> Result<u64> {
    let folder = format!("/proc/{pid}/task");
    let threads = fs::read_dir(&folder).with_context(|| format!("process {pid} is gone"))?;
    let mut sum = 0;
    for thread in threads {
        // A thread may end between the two calls; its time is lost either way.
        if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
            sum +=
                schedstat_ns(&text).with_context(|| format!("{folder}/…/schedstat: {text:?}"))?;
        }
    }
    Ok(sum)
}

/// The first number of a `schedstat` line: time on a processor in nanoseconds.
fn schedstat_ns(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Resident memory of a process in KiB.
///
/// # Errors
/// When the process has ended.
pub fn resident_kib(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"));
    let text = text.with_context(|| format!("process {pid} is gone"))?;
    status_kib(&text, "VmRSS:").with_context(|| format!("process {pid} tells no VmRSS"))
}

fn status_kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// The children of a process, their children, and so on.
pub fn descendants(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

/// Lets the calling thread, and every process and thread it starts from now on, run on these cores
/// only.
///
/// # Errors
/// When the machine has no such core for us.
pub fn pin(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).with_context(|| format!("cannot run on the cores {cores:?}"))
}

/// Allows as many open files as the system lets us have; processes started from now on inherit it.
///
/// # Errors
/// When the system refuses.
pub fn allow_open_files() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, most).context("raise the number of open files")?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter;
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn the_accounts_of_the_kernel_are_read() {
        assert_eq!(schedstat_ns("295813 12 2\n"), Some(295_813));
        assert_eq!(schedstat_ns(""), None);
        let status = "Name:\tx\nVmRSS:\t   12345 kB\nThreads:\t2\n";
        assert_eq!(status_kib(status, "VmRSS:"), Some(12_345));
        assert_eq!(status_kib(status, "VmSwap:"), None);
    }

    #[test]
    fn work_shows_in_the_processor_time_of_its_process() {
        // One thread alone: the time of those that end is gone with them.
        let mut busy = Command::new("/bin/sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        let before = cpu_ns(busy.id()).unwrap();
        let grows = iter::repeat_with(|| cpu_ns(busy.id()).unwrap())
            .take_while(|_| Instant::now() < end)
            .any(|now| now > before);
        let resident = resident_kib(busy.id()).unwrap();
        busy.kill().unwrap();
        busy.wait().unwrap();
        assert!(grows && resident > 0, "{before} ns, {resident} KiB");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_that_names_it() {
        let error = cpu_ns(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("4294967295"), "{error}");
    }
}
