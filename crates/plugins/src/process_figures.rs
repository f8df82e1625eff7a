//! What a process uses, from `/proc`. Reads when asked and keeps nothing; knows no plugin.

use std::fs;
use std::path::Path;

/// What `/proc` counts time in, on every processor Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process uses now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessFigures {
    /// Memory that is resident, in bytes.
    pub resident_bytes: u64,
    /// Processor time since its start, user and system.
    pub cpu_seconds: f64,
    /// Open file descriptors.
    pub open_files: u64,
    /// How many run in it.
    pub threads: u64,
}

impl ProcessFigures {
    /// Reads the figures of a process; `None` when there is no such process any more, or it may not
    /// be looked at.
    pub fn read(pid: u32) -> Option<Self> {
        let folder = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let open_files = fs::read_dir(folder.join("fd")).ok()?.count();
        Self::parse(&status, &stat, u64::try_from(open_files).ok()?)
    }

    fn parse(status: &str, stat: &str, open_files: u64) -> Option<Self> {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
        };
        // The name of the program is in parentheses and may hold anything.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut times = rest.split(' ').skip(11).map(str::parse::<u32>);
        let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
        Some(Self {
            // A process that has ended and waits to be reaped has none.
            resident_bytes: field("VmRSS")? * 1024,
            cpu_seconds: (f64::from(user) + f64::from(system)) / TICKS_PER_SECOND,
            open_files,
            threads: field("Threads")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_figures_are_plausible() {
        let own = ProcessFigures::read(std::process::id()).unwrap();
        assert!(own.resident_bytes > 100_000 && own.open_files >= 3 && own.threads >= 1, "{own:?}");
    }

    #[test]
    fn a_process_that_is_not_there_has_no_figures() {
        assert_eq!(ProcessFigures::read(u32::MAX), None);
    }

    #[test]
    fn names_of_programs_confuse_nothing() {
        let status = "Name:\tx\nVmRSS:\t    12 kB\nThreads:\t3\n";
        let stat = "7 (a) b 1 (c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 1 1 1";
        let figures = ProcessFigures::parse(status, stat, 5).unwrap();
        assert_eq!((figures.resident_bytes, figures.threads), (12 * 1024, 3));
        assert!((figures.cpu_seconds - 2.0).abs() < 1e-9);
        assert_eq!(ProcessFigures::parse("Threads:\t1\n", stat, 5), None);
    }
}
