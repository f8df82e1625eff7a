//! Streams of events: at a pace, and as fast as they are taken.

use crate::chunked::EventReader;
use crate::contestant::Contestant;
use crate::histogram::Histogram;
use crate::http::{Connection, request};
use crate::load::{Moment, Slice};
use crate::payload::{MOUNT, now_us};
use crate::plan::Plan;
use crate::results::{Table, turns};
use anyhow::{Context as _, Result, ensure};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;

/// The paced case.
pub const PACED: &str = "sse-paced";
/// The other.
pub const FLOOD: &str = "sse-flood";
/// How many streams at the same time.
const STREAMS: usize = 100;
/// From one event of a paced stream to the next, in microseconds.
const INTERVAL_US: u64 = 10_000;
/// How long a flood may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures both, if the plan wants them.
///
/// # Errors
/// When an event is lost or damaged.
pub async fn run(plan: &Plan, contestants: &[Contestant]) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for case in [PACED, FLOOD].into_iter().filter(|case| plan.wants(case)) {
        eprintln!("{case} …");
        let names = contestants.iter().map(|contestant| contestant.name.as_str());
        let mut table = Table::new(case, "chunk", names);
        // One contestant's streams are never open while another is measured.
        for round in 0..plan.rounds.div_ceil(2) + 1 {
            for index in turns(round, contestants.len()) {
                let (contestant, row) = (&contestants[index], &mut table.rows[index]);
                let local = LocalSet::new();
                let slice = match case {
                    PACED => local.run_until(paced(plan, contestant)).await,
                    _ => local.run_until(flood(plan, contestant)).await,
                };
                match slice {
                    Ok(slice) => row.slices.push(slice),
                    // Others may fail where ours must not, and it is worth knowing.
                    Err(error) if contestant.admin.is_none() => {
                        eprintln!("{case} by {}: {error:#}", contestant.name);
                    }
                    Err(error) => {
                        return Err(error.context(format!("{case} by {}", contestant.name)));
                    }
                }
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// Opens a stream of events.
///
/// # Errors
/// When the connection fails.
pub(super) async fn open(addr: SocketAddr, count: u64, interval_us: u64) -> Result<EventReader> {
    let path = format!("{MOUNT}/sse?n={count}&interval_us={interval_us}");
    let stream = Connection::open(addr).await?.send(&request("GET", &path, None, b"")).await?;
    Ok(EventReader::new(stream))
}

type Seen = Rc<RefCell<Histogram>>;

async fn read_all(mut reader: EventReader, seen: Seen) -> Result<u64> {
    loop {
        let note = |event: crate::payload::Event| {
            let took = Duration::from_micros(now_us().saturating_sub(event.made_us));
            seen.borrow_mut().record(took);
        };
        if !reader.read(note).await? {
            return Ok(reader.count());
        }
    }
}

async fn paced(plan: &Plan, contestant: &Contestant) -> Result<Slice> {
    let seen = Seen::default();
    let mut readers = JoinSet::new();
    for _ in 0..STREAMS {
        let reader = open(contestant.addr, 0, INTERVAL_US).await?;
        readers.spawn_local(read_all(reader, seen.clone()));
    }
    let rest = async |readers: &mut JoinSet<Result<u64>>, time| {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            Some(ended) = readers.join_next() => ended?.map(|_| ()).context("a stream ended"),
        }
    };
    rest(&mut readers, plan.span.warm_up).await?;
    let begin = Moment::now(contestant)?;
    seen.replace(Histogram::default());
    rest(&mut readers, plan.span.measured * 2).await?;
    let seen = seen.replace(Histogram::default());
    begin.slice(contestant, seen.count(), &seen)
}

async fn flood(plan: &Plan, contestant: &Contestant) -> Result<Slice> {
    let seen = Seen::default();
    let begin = Moment::now(contestant)?;
    let mut readers = JoinSet::new();
    for _ in 0..STREAMS {
        let reader = open(contestant.addr, plan.flood_events, 0).await?;
        readers.spawn_local(read_all(reader, seen.clone()));
    }
    let all_read = async {
        while let Some(ended) = readers.join_next().await {
            let count = ended??;
            ensure!(count == plan.flood_events, "only {count} events came");
        }
        Ok(())
    };
    timeout(PATIENCE, all_read).await.context("the flood did not end")??;
    let seen = seen.replace(Histogram::default());
    begin.slice(contestant, seen.count(), &seen)
}
