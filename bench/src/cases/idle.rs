//! Streams that are open and silent: how much memory each of them holds. On fresh processes, for
//! one that had large bodies before has room to spare.

use crate::cases::streams::open;
use crate::contestant::Contestant;
use crate::plan::Plan;
use crate::results::Memory;
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Its name.
pub const IDLE: &str = "idle-streams";
/// Before the first is counted: whatever a process makes at its first stream.
const FIRST: u64 = 50;
/// From one event to the next: longer than any run.
const HOUR_US: u64 = 3_600_000_000;
/// For allocations to settle.
const SETTLE: Duration = Duration::from_millis(500);
/// How long a stream's first event may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the streams of the plan at one contestant.
///
/// # Errors
/// When a stream does not start.
pub async fn run(plan: &Plan, contestant: &Contestant) -> Result<Memory> {
    eprintln!("{IDLE} by {} …", contestant.name);
    let mut streams = Vec::new();
    for _ in 0..FIRST {
        streams.push(silent(contestant).await?);
    }
    sleep(SETTLE).await;
    let before = contestant.resident()?;
    for number in 0..plan.idle_streams {
        let stream = silent(contestant).await;
        streams.push(stream.with_context(|| format!("stream {number} of {}", contestant.name))?);
    }
    sleep(SETTLE).await;
    let grown = contestant.resident()?.since(before);
    let each = |kib: u64| kib as f64 / plan.idle_streams as f64;
    Ok(Memory {
        case: IDLE,
        name: contestant.name.clone(),
        count: plan.idle_streams,
        gateway_kib: each(grown.gateway),
        plugin_kib: each(grown.plugin),
    })
}

/// A stream whose first event has come.
async fn silent(contestant: &Contestant) -> Result<tokio::net::TcpStream> {
    let mut reader = open(contestant.addr, 0, HOUR_US).await?;
    let first = async {
        while reader.count() == 0 {
            reader.read(|_| ()).await?;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, first).await.context("the first event")??;
    Ok(reader.stall())
}
