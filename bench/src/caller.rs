//! A program that does nothing but call a plugin, as the gateway does: the same kind of call, on one
//! connection. It has one of two HTTP/2 clients, ours or the `h2` crate, and all the rest is the same; so
//! two of these programs differ by what their client costs.
//!
//! Here is what the benchmark and the program say to each other, one line each: a [`Turn`], and what
//! came of it.

mod client;
mod crate_h2;
mod own;
mod question;
#[cfg(test)]
mod tests;

pub use client::{Client, Kind};

use crate::histogram::Histogram;
use anyhow::{Context as _, Result, bail, ensure};
use question::Question;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a turn may take beyond its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the program's line begins with when a turn counts, and when it does not.
const DONE: &str = "done ";
const FAILED: &str = "failed ";

/// Calls that are made again and again for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// How many are open at the same time.
    pub at_once: usize,
    /// For how long new ones begin.
    pub span: Duration,
}

/// What came of a turn in which every answer was right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How many calls were made and answered.
    pub count: u64,
    /// How long they took in microseconds: half of them, 90 %, 99 %, all.
    pub latency_us: [f64; 4],
}

/// The benchmark's end of the conversation with one such program.
#[derive(Debug)]
pub struct Control(BufReader<TcpStream>);

impl Control {
    /// Reaches the program.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.context("reach the caller")?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Lets it make calls, and waits until the last of them is answered.
    ///
    /// # Errors
    /// When a single answer was wrong or did not come.
    pub async fn take(&mut self, turn: Turn) -> Result<Outcome> {
        self.0.write_all(format!("{turn}\n").as_bytes()).await?;
        let mut line = String::new();
        let said = timeout(turn.span + 2 * PATIENCE, self.0.read_line(&mut line)).await;
        said.context("the caller does not end its turn")??;
        match line.strip_prefix(FAILED) {
            Some(why) => bail!("a call of the turn: {}", why.trim_end()),
            None => line.parse(),
        }
    }
}

/// Serves the benchmark: makes calls with this client whenever it is told to.
///
/// # Errors
/// When the benchmark says what is no turn.
pub async fn serve(listener: TcpListener, client: Client) -> Result<()> {
    loop {
        let mut stream = BufReader::new(listener.accept().await?.0);
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 {
            let said = match make_calls(&client, line.parse()?).await {
                Ok(outcome) => format!("{outcome}\n"),
                Err(why) => format!("{FAILED}{}\n", format!("{why:#}").replace('\n', " ")),
            };
            stream.write_all(said.as_bytes()).await?;
            line.clear();
        }
    }
}

/// A whole turn. One wrong answer ends it, and then none of its calls counts.
async fn make_calls(client: &Client, turn: Turn) -> Result<Outcome> {
    let seen = Arc::new(Mutex::new(Histogram::default()));
    let end = Instant::now() + turn.span;
    let mut callers = JoinSet::new();
    for number in 0..turn.at_once {
        let question = Question::numbered(number)?;
        callers.spawn(ask(client.clone(), question, end, Arc::clone(&seen)));
    }
    let all_answered = async {
        let mut count = 0;
        while let Some(ended) = callers.join_next().await {
            count += ended??;
        }
        anyhow::Ok(count)
    };
    let late = || format!("some calls were not answered within {PATIENCE:?}");
    let count = timeout(turn.span + PATIENCE, all_answered).await.with_context(late)??;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    ensure!(seen.count() == count, "{count} calls were begun and {} answered", seen.count());
    let [p50, p90, p99] = [50.0, 90.0, 99.0].map(|percent| seen.percentile_us(percent));
    Ok(Outcome { count, latency_us: [p50, p90, p99, seen.max_us()] })
}

/// One call after the other until the end, at least one; gives how many were begun.
async fn ask(
    mut client: Client,
    question: Question,
    end: Instant,
    seen: Arc<Mutex<Histogram>>,
) -> Result<u64> {
    let (mut begun, mut began) = (0, Instant::now());
    loop {
        begun += 1;
        let answer = client.call(question.message()).await?;
        question.check(&answer)?;
        let now = Instant::now();
        seen.lock().unwrap_or_else(PoisonError::into_inner).record(now - began);
        if now >= end {
            return Ok(begun);
        }
        began = now;
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at_once, self.span.as_micros())
    }
}

impl FromStr for Turn {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let (at_once, micros) = line.trim().split_once(' ').context("a turn is two numbers")?;
        Ok(Self { at_once: at_once.parse()?, span: Duration::from_micros(micros.parse()?) })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = self.latency_us;
        write!(f, "{DONE}{} {p50} {p90} {p99} {max}", self.count)
    }
}

impl FromStr for Outcome {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let read = || {
            let mut words = line.strip_prefix(DONE)?.split_ascii_whitespace();
            let count = words.next()?.parse().ok()?;
            let mut latency_us = [0.0; 4];
            for latency in &mut latency_us {
                *latency = words.next()?.parse().ok()?;
            }
            Some(Self { count, latency_us })
        };
        read().with_context(|| format!("the caller says {line:?}"))
    }
}
