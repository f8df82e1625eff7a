//! Processes by their ids: alive, killed, children of one another.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// Whether a process runs; one that ended and only waits to be reaped does not.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// Kills a process at once, as `kill -9` does.
///
/// # Panics
/// When there is no such process.
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
}

/// Halts a process without ending it, as `kill -STOP` does: it is there and answers nothing.
///
/// # Panics
/// When there is no such process.
pub fn freeze(pid: u32) {
    signal(pid, Signal::STOP);
}

/// Asks a process to end, as a service manager does; one that has just ended need not be asked.
pub fn terminate(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Lets a halted process go on.
///
/// # Panics
/// When there is no such process.
pub fn thaw(pid: u32) {
    signal(pid, Signal::CONT);
}

/// The processor time a process has used, in hundredths of a second.
///
/// # Panics
/// When there is no such process.
pub fn cpu_ticks(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, rest) = text.rsplit_once(") ").expect("the name stands in parentheses");
    let fields = rest.split(' ').skip(11).take(2);
    fields.map(|field| field.parse::<u64>().expect("a number of ticks")).sum()
}

/// The memory a process holds, in KiB.
///
/// # Panics
/// When there is no such process.
pub fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).expect("a process has a resident size")
}

/// Sends a signal.
///
/// # Panics
/// When the process is not there or not ours.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id is positive");
    kill_process(pid, signal).expect("the process is there and ours");
}

/// The processes that `ancestor` started, and those that they started, as far as they still run.
pub fn descendants(ancestor: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = pids.filter_map(|pid| Some((pid, stat(pid)?.1))).collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| pid));
        next += 1;
    }
    found.split_off(1)
}

/// The state of a process and its parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
