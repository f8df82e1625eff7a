//! What the console costs: how long the first view takes in a browser, and what people who watch cost the requests of
//! others.

use crate::admin::ADMIN_TOKEN;
use crate::contestant::Contestant;
use crate::http::request;
use crate::load::{Asked, measure};
use crate::machine::{Machine, root};
use crate::marks::Marks;
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::program::{beside, find, search_path};
use crate::results::{GATEWAY, MEDIAN_LATENCY, Table, median, turns};
use crate::start::Sidegate;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Where its report stands.
pub const MARKS: Marks = Marks {
    begin: "<!-- begin of the console report -->",
    end: "<!-- end of the console report -->",
};

/// How long a stranger waits for a page that can be used.
const FIRST_VIEW_MS: f64 = 1000.0;
/// Views, each by a browser that has nothing of the console yet.
const VIEWS: &str = "9";
/// How long all of them may take, the start of the browser too.
const VIEWING: Duration = Duration::from_secs(120);
/// People who watch at the same time, each the changes and the traffic.
const WATCHERS: usize = 3;
/// What such a page reads.
const WATCHED: [&str; 2] = ["live", "traffic"];
const NOBODY: &str = "nobody looks";
const WATCHED_BY_SOME: &str = "three watch";

/// What was measured.
#[derive(Debug)]
pub struct Measured {
    /// From the address to a page that can be used, in milliseconds; none where there is no browser.
    pub first_view_ms: Vec<f64>,
    /// Requests of others meanwhile.
    pub requests: Table,
}

/// Measures it.
///
/// # Errors
/// When the gateway or the browser does not do as it should.
pub async fn run(plan: &Plan) -> Result<Measured> {
    let first_view_ms = first_view().await?;
    eprintln!("console: requests while {WATCHERS} people watch …");
    let mut contestants = Vec::new();
    for name in [NOBODY, WATCHED_BY_SOME] {
        contestants.push(Sidegate::usual(name)?.start(&plan.folder).await?);
    }
    let _watchers = watch(&contestants[1]).await?;
    let names = contestants.iter().map(|contestant| contestant.name.as_str());
    let mut requests = Table::new("get-c64", "request", names);
    let request: Rc<[u8]> = request("GET", &format!("{MOUNT}/hello"), None, b"").into();
    let asked = Asked { requests: vec![request], expected: HELLO.len(), connections: 64 };
    for round in 0..plan.rounds {
        for index in turns(round, contestants.len()) {
            let slice = measure(&contestants[index], &asked, plan.span).await?;
            requests.rows[index].slices.push(slice);
        }
    }
    Ok(Measured { first_view_ms, requests })
}

/// Views by the browser that the console's own tests use.
async fn first_view() -> Result<Vec<f64>> {
    let script = root().join("ui/bench/first-view.mjs");
    let Some(node) = find("node").filter(|_| root().join("ui/node_modules").is_dir()) else {
        eprintln!(
            "console: no first view: Node or the console's packages are missing (npm ci --prefix ui)"
        );
        return Ok(Vec::new());
    };
    eprintln!("console: {VIEWS} first views …");
    let mut command = Command::new(node);
    command
        .arg(script)
        .arg(VIEWS)
        .arg(beside("bench-plugin")?)
        .env("SIDEGATE_BIN", beside("sidegate")?);
    command.env("PATH", search_path()).kill_on_drop(true);
    let output = timeout(VIEWING, command.output()).await.context("the views took too long")??;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the views failed: {said}");
    serde_json::from_slice(&output.stdout).context("times of the views")
}

/// Opens the streams of people who watch; whatever comes is read and forgotten.
async fn watch(contestant: &Contestant) -> Result<JoinSet<()>> {
    let admin = contestant.admin.as_ref().context("a gateway with an admin API")?.addr();
    let mut watchers = JoinSet::new();
    for path in WATCHED.iter().cycle().take(WATCHERS * WATCHED.len()) {
        let mut stream = open(admin, path).await.with_context(|| format!("watch {path}"))?;
        watchers.spawn(async move {
            let mut room = vec![0; 64 * 1024];
            while stream.read(&mut room).await.is_ok_and(|read| read > 0) {}
        });
    }
    Ok(watchers)
}

async fn open(admin: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(admin).await?;
    let request = format!(
        "GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    ensure!(head == *b"HTTP/1.1 200", "answer {}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// The report.
pub fn report(measured: &Measured, machine: &Machine, command: &str) -> String {
    let Machine { processor, cores, kernel, revision, day, .. } = machine;
    let dirty = if machine.is_dirty { ", **with changes that are not committed**" } else { "" };
    let mut text = format!(
        "Revision `{revision}`{dirty}, {day}. {processor}, {cores} cores, {kernel}. Repeat it with\n\n\
         ```sh\n{command}\n```\n\n| figure | must | measured | |\n|---|---|---|---|\n"
    );
    let views = &measured.first_view_ms;
    let slowest = views.iter().copied().fold(0.0, f64::max);
    let (value, verdict) = match views.is_empty() {
        true => ("no browser here".to_owned(), "**not measured**"),
        false if slowest <= FIRST_VIEW_MS => (times(views, slowest), "met"),
        false => (times(views, slowest), "**not met**"),
    };
    let _ = writeln!(
        text,
        "| from the address to a list that can be used, by a browser that has nothing yet | \
         ≤ {FIRST_VIEW_MS:.0} ms | {value} | {verdict} |"
    );
    let _ = writeln!(
        text,
        "\n| `get-c64` while {WATCHERS} people watch changes and traffic, to the same while nobody looks | \
         median of the ratios [95 %] |\n|---|---|"
    );
    for (name, figure) in [("gateway CPU", GATEWAY), ("p50", MEDIAN_LATENCY)] {
        if let Some(ratio) = measured.requests.ratio(WATCHED_BY_SOME, NOBODY, figure) {
            let (low, high) = ratio.interval;
            let _ = writeln!(text, "| {name} | {:.3} [{low:.3}, {high:.3}] |", ratio.median);
        }
    }
    text
}

fn times(views: &[f64], slowest: f64) -> String {
    format!("{:.0} ms, the slowest of {} {slowest:.0}", median(views.to_vec()), views.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_views_tell_the_middle_and_the_slowest() {
        assert_eq!(times(&[100.0, 300.0, 200.0], 300.0), "200 ms, the slowest of 3 300");
    }
}
