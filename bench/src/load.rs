//! Load: connections that ask anew as soon as they are answered, all on one thread. Measures
//! latencies, and the processor time of a contestant between two moments of steady load.

use crate::contestant::{Account, Contestant};
use crate::histogram::Histogram;
use crate::http::Connection;
use crate::kernel::cpu_ns;
use anyhow::{Context as _, Result, ensure};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, LocalSet};

/// Length of what the gateway says of its health.
const HEALTH_BYTES: usize = r#"{"service":"sidegate","status":"ok"}"#.len();

/// Requests that are asked again and again.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Connection number n sends number n of these, from the start again after the last.
    pub requests: Vec<Rc<[u8]>>,
    /// Length of every answer.
    pub expected: usize,
    /// How many connections.
    pub connections: usize,
}

/// How long to ask.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Before anything counts.
    pub warm_up: Duration,
    /// While it counts.
    pub measured: Duration,
}

/// What one contestant did in one span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slice {
    /// Requests, or chunks of a stream.
    pub count: u64,
    /// Microseconds of processor time for each, of the gateway.
    pub gateway_us: f64,
    /// The same of the plugin.
    pub plugin_us: f64,
    /// The same of the load itself.
    pub load_us: f64,
    /// How many a second.
    pub per_second: f64,
    /// Latencies in microseconds: half of them, 90 %, 99 %, all.
    pub latency_us: [f64; 4],
    /// Resident memory in KiB at the end.
    pub resident_kib: Account,
}

/// What a moment looks like to the kernel.
#[derive(Debug)]
pub struct Moment {
    at: Instant,
    cpu: Account,
    own_ns: u64,
}

impl Moment {
    /// Now.
    ///
    /// # Errors
    /// When a process of the contestant has ended.
    pub fn now(contestant: &Contestant) -> Result<Self> {
        let cpu = contestant.cpu()?;
        Ok(Self { at: Instant::now(), cpu, own_ns: cpu_ns(std::process::id())? })
    }

    /// What happened from then until now.
    ///
    /// # Errors
    /// When a process of the contestant has ended, or nothing happened.
    pub fn slice(self, contestant: &Contestant, count: u64, seen: &Histogram) -> Result<Slice> {
        let now = Self::now(contestant)?;
        ensure!(count > 0, "{} answered nothing", contestant.name);
        let each = |ns: u64| ns as f64 / 1000.0 / count as f64;
        let used = now.cpu.since(self.cpu);
        let [p50, p90, p99] = [50.0, 90.0, 99.0].map(|percent| seen.percentile_us(percent));
        Ok(Slice {
            count,
            gateway_us: each(used.gateway),
            plugin_us: each(used.plugin),
            load_us: each(now.own_ns.saturating_sub(self.own_ns)),
            per_second: count as f64 / now.at.duration_since(self.at).as_secs_f64(),
            latency_us: [p50, p90, p99, seen.max_us()],
            resident_kib: contestant.resident()?,
        })
    }
}

#[derive(Default)]
struct Tally {
    is_over: Cell<bool>,
    latencies: RefCell<Histogram>,
}

/// Asks a contestant and measures what that cost. Every answer is checked.
///
/// # Errors
/// With the first answer that is not as it should be.
pub async fn measure(contestant: &Contestant, asked: &Asked, span: Span) -> Result<Slice> {
    let local = LocalSet::new();
    local.run_until(measure_here(contestant, asked, span)).await
}

async fn measure_here(contestant: &Contestant, asked: &Asked, span: Span) -> Result<Slice> {
    let tally = Rc::new(Tally::default());
    let mut clients = JoinSet::new();
    for number in 0..asked.connections {
        let request = asked.requests[number % asked.requests.len()].clone();
        clients.spawn_local(ask(contestant.addr, request, asked.expected, tally.clone()));
    }
    rest(&mut clients, span.warm_up).await?;
    let begin = Moment::now(contestant)?;
    tally.latencies.replace(Histogram::default());
    rest(&mut clients, span.measured).await?;
    let seen = tally.latencies.replace(Histogram::default());
    let slice = begin.slice(contestant, seen.count(), &seen)?;
    tally.is_over.set(true);
    while let Some(ended) = clients.join_next().await {
        ended??;
    }
    Ok(slice)
}

/// Asks each of these once, spread over connections that are open and warm, and measures what that cost.
///
/// # Errors
/// With the first answer that is not as it should be, or when there are fewer requests than connections.
pub async fn measure_once(
    contestant: &Contestant,
    requests: &[Rc<[u8]>],
    expected: usize,
    connections: usize,
) -> Result<Slice> {
    ensure!(requests.len() >= connections, "each connection has something to ask");
    let local = LocalSet::new();
    local.run_until(measure_once_here(contestant, requests, expected, connections)).await
}

async fn measure_once_here(
    contestant: &Contestant,
    requests: &[Rc<[u8]>],
    expected: usize,
    connections: usize,
) -> Result<Slice> {
    let health = crate::http::request("GET", "/health", None, b"");
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(contestant.addr).await?;
        connection.exchange(&health, HEALTH_BYTES).await?;
        open.push(connection);
    }
    let seen = Rc::new(RefCell::new(Histogram::default()));
    let begin = Moment::now(contestant)?;
    let mut clients = JoinSet::new();
    let each = requests.len().div_ceil(connections);
    for (mut connection, own) in open.into_iter().zip(requests.chunks(each)) {
        let (own, seen) = (own.to_vec(), seen.clone());
        clients.spawn_local(async move {
            for request in own {
                let began = Instant::now();
                connection.exchange(&request, expected).await?;
                seen.borrow_mut().record(began.elapsed());
            }
            // Its end is not to be measured.
            Ok::<_, anyhow::Error>(connection)
        });
    }
    let mut kept = Vec::new();
    while let Some(ended) = clients.join_next().await {
        kept.push(ended??);
    }
    let seen = seen.take();
    begin.slice(contestant, seen.count(), &seen)
}

/// Lets the clients work for a while; the first that fails ends it.
async fn rest(clients: &mut JoinSet<Result<()>>, time: Duration) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        Some(ended) = clients.join_next() => ended?.context("a client of the load"),
    }
}

async fn ask(addr: SocketAddr, request: Rc<[u8]>, expected: usize, tally: Rc<Tally>) -> Result<()> {
    let mut connection = Connection::open(addr).await?;
    while !tally.is_over.get() {
        let began = Instant::now();
        connection.exchange(&request, expected).await?;
        tally.latencies.borrow_mut().record(began.elapsed());
    }
    Ok(())
}
