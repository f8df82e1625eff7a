//! The same request with the access logs on: ours as it is without any setting, standard error going
//! to a file, and nginx writing its log to a file. It counts only where no line was dropped and
//! each request has its line. With `wrk` too, where it is installed: a load that others know.

use crate::contestant::Contestant;
use crate::histogram::Histogram;
use crate::http::{Connection, request};
use crate::load::{Asked, Moment, measure};
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::program::{LOAD, find};
use crate::results::{Results, Table, turns};
use crate::start::{self, Sidegate};
use anyhow::{Context as _, Result, ensure};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// The case, with our own load.
pub const LOGGED: &str = "get-auth-c64-logged";
/// The case with `wrk`.
pub const WITH_WRK: &str = "get-auth-c64-logged-wrk";
/// Ours without a line for a request, so that the difference is what a line costs.
pub const SILENT: &str = "sidegate without log";

const PATH: &str = "/auth/hello";
const CONNECTIONS: usize = 64;
/// How long the last lines may take to the file.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Somebody whose log is looked at.
struct Logging {
    contestant: Contestant,
    /// Where its lines are; `None` writes none.
    log: Option<PathBuf>,
}

/// Measures both cases, as far as the plan wants them; `ours` is how reports call ours.
///
/// # Errors
/// When somebody does not start, or answers wrongly.
pub async fn run(plan: &Plan, folder: &Path, ours: &str, results: &mut Results) -> Result<()> {
    let wrk = find("wrk").filter(|_| plan.wants(WITH_WRK));
    if !plan.wants(LOGGED) && wrk.is_none() {
        return Ok(());
    }
    let everybody = everybody(folder, ours).await?;
    if plan.wants(LOGGED) {
        eprintln!("{LOGGED} …");
        let table = rounds(plan, LOGGED, &everybody, None).await?;
        results.tables.push(table);
    }
    match &wrk {
        Some(wrk) => {
            eprintln!("{WITH_WRK} …");
            results.tables.push(rounds(plan, WITH_WRK, &everybody, Some(wrk)).await?);
        }
        None => results.notes.push(format!("{WITH_WRK}: wrk is not installed.")),
    }
    for logging in &everybody {
        if let Err(error) = logging.is_complete().await {
            let name = &logging.contestant.name;
            results.notes.push(format!("**{LOGGED} by {name} does not count**: {error:#}"));
            for table in results.tables.iter_mut().filter(|t| t.case.starts_with(LOGGED)) {
                let rows = table.rows.iter_mut().filter(|row| row.name == *name);
                rows.for_each(|row| row.slices.clear());
            }
        }
    }
    Ok(())
}

async fn everybody(folder: &Path, ours: &str) -> Result<Vec<Logging>> {
    let ours = Sidegate { log_level: "info", ..Sidegate::usual(ours)? }.start(folder).await?;
    let log = Some(ours.gateway.log().to_owned());
    let mut everybody = vec![Logging { contestant: ours, log }];
    if let Some((contestant, log)) = start::nginx_with_log(folder).await? {
        everybody.push(Logging { contestant, log: Some(log) });
    }
    let silent = Sidegate::usual(SILENT)?.start(folder).await?;
    everybody.push(Logging { contestant: silent, log: None });
    Ok(everybody)
}

async fn rounds(
    plan: &Plan,
    case: &str,
    everybody: &[Logging],
    wrk: Option<&PathBuf>,
) -> Result<Table> {
    let names = everybody.iter().map(|logging| logging.contestant.name.as_str());
    let mut table = Table::new(case, "request", names);
    for round in 0..plan.rounds {
        for index in turns(round, everybody.len()) {
            let contestant = &everybody[index].contestant;
            let slice = match wrk {
                Some(wrk) => with_wrk(wrk, contestant, plan.span.measured).await,
                None => measure(contestant, &asked(contestant), plan.span).await,
            };
            let doing = || format!("{case} by {}", contestant.name);
            table.rows[index].slices.push(slice.with_context(doing)?);
        }
    }
    Ok(table)
}

fn asked(contestant: &Contestant) -> Asked {
    let request = request("GET", &format!("{MOUNT}{PATH}"), contestant.token(), b"");
    Asked { requests: vec![request.into()], expected: HELLO.len(), connections: CONNECTIONS }
}

/// One turn with `wrk` on the load's core. Its latencies are its own business.
async fn with_wrk(
    wrk: &Path,
    contestant: &Contestant,
    span: Duration,
) -> Result<crate::load::Slice> {
    let seconds = span.as_secs().max(1);
    let url = format!("http://{}{MOUNT}{PATH}", contestant.addr);
    let mut command = Command::new(wrk);
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s")]);
    command
        .args(["-H", &format!("Authorization: Bearer {}", contestant.token().unwrap_or_default())]);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    // A child inherits the cores of the thread that starts it.
    crate::kernel::pin(LOAD)?;
    let begin = Moment::now(contestant)?;
    let mut child = command.spawn().context("start wrk")?;
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut said).await?;
    }
    ensure!(child.wait().await?.success(), "wrk failed: {said}");
    begin.slice(contestant, requests_of(&said)?, &Histogram::default())
}

/// How many requests `wrk` says it made, if all of them were answered well.
fn requests_of(said: &str) -> Result<u64> {
    ensure!(!said.contains("Non-2xx"), "wrk met errors: {said}");
    let line = said.lines().find_map(|line| line.split_once(" requests in "));
    let count = line.and_then(|(count, _)| count.trim().parse().ok());
    count.with_context(|| format!("wrk says no count: {said}"))
}

impl Logging {
    /// Whether no line was dropped, and each request has its line.
    async fn is_complete(&self) -> Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        if self.contestant.admin.is_none() {
            // It drops nothing: it waits until it has written.
            ensure!(lines_in(log, "")? > 0, "its log is empty");
            return Ok(());
        }
        let metrics = metrics(&self.contestant).await?;
        let dropped = sum(&metrics, "sidegate_log_lines_dropped_total");
        ensure!(dropped == Some(0), "it dropped lines: {dropped:?}");
        // The scrape has a line too, and is not counted while it is answered.
        let requests = sum(&metrics, "sidegate_requests_total").unwrap_or(0) + 1;
        let end = Instant::now() + LAST_LINES;
        loop {
            let lines = lines_in(log, " access: ")?;
            if lines == requests {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{requests} requests have {lines} lines");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn metrics(contestant: &Contestant) -> Result<String> {
    let request = request("GET", "/metrics", None, b"");
    Ok(Connection::open(contestant.addr).await?.body_of(&request).await?)
}

/// The sum of all series of a family; `None` without any.
fn sum(metrics: &str, family: &str) -> Option<u64> {
    let series = metrics
        .lines()
        .filter(|line| line.strip_prefix(family).is_some_and(|rest| rest.starts_with(['{', ' '])));
    series.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).reduce(|a, b| a + b)
}

fn lines_in(log: &Path, with: &str) -> Result<u64> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(log)?);
    let (mut line, mut count) = (String::new(), 0);
    while reader.read_line(&mut line)? > 0 {
        count += u64::from(line.contains(with));
        line.clear();
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_read_and_errors_count_as_failures() {
        let said = "Running 1s test\n  1 threads and 64 connections\n  68012 requests in 1.10s, 9MB read\n";
        assert_eq!(requests_of(said).unwrap(), 68_012);
        assert!(requests_of(&format!("{said}  Non-2xx or 3xx responses: 7\n")).is_err());
        assert!(requests_of("").is_err());
    }

    #[test]
    fn a_family_is_added_up_and_no_other() {
        let text = "a_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_more 9\nb_total 4\n";
        assert_eq!(
            (sum(text, "a_total"), sum(text, "b_total"), sum(text, "c")),
            (Some(5), Some(4), None)
        );
    }
}
