//! Readers that read nothing while the plugin floods them. A paced stream and plain requests beside
//! them must not notice.

use crate::cases::streams::open;
use crate::contestant::Contestant;
use crate::payload::now_us;
use crate::plan::Plan;
use crate::results::Trial;
use crate::trial::Witness;
use anyhow::Result;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// Its name.
pub const STALLED: &str = "stalled-readers";
/// How many of them, in one trial after another.
pub const READERS: [usize; 2] = [3, 24];
/// From one event of the innocent stream to the next, in microseconds.
const INTERVAL_US: u64 = 5000;
/// How long until every buffer on the way to the stalled readers is full.
const FILL: Duration = Duration::from_secs(1);

/// Stalls so many readers of one contestant.
///
/// # Errors
/// When the stalled streams cannot even be opened.
pub async fn run(plan: &Plan, contestant: &Contestant, readers: usize) -> Result<Trial> {
    eprintln!("{STALLED}, {readers} by {} …", contestant.name);
    let witness = Witness::new(&format!("{STALLED} ({readers})"), &contestant.name);
    let mut stalled = Vec::new();
    for _ in 0..readers {
        stalled.push(open(contestant.addr, 0, 0).await?.stall());
    }
    sleep(FILL).await;
    let local = LocalSet::new();
    let asking = witness.clone().ask(contestant.addr, Duration::from_millis(5));
    let asking = local.spawn_local(asking);
    local.run_until(innocent(contestant, plan.innocent_events, &witness)).await;
    witness.end();
    local.run_until(asking).await?;
    Ok(witness.tell())
}

async fn innocent(contestant: &Contestant, count: u64, witness: &Witness) {
    let paced = Duration::from_micros(INTERVAL_US) * u32::try_from(count).unwrap_or(u32::MAX);
    let mut got = 0;
    let read = async {
        let mut reader = open(contestant.addr, count, INTERVAL_US).await?;
        let note = |event: crate::payload::Event| {
            witness.came(Duration::from_micros(now_us().saturating_sub(event.made_us)));
        };
        while reader.read(note).await? {
            got = reader.count();
        }
        anyhow::Ok(())
    };
    let ended = timeout(paced + Duration::from_secs(5), read).await;
    let why = match ended {
        Ok(Ok(())) => "the innocent stream is short".to_owned(),
        Ok(Err(error)) => format!("the innocent stream: {error:#}"),
        Err(_) => "the innocent stream hangs".to_owned(),
    };
    if got < count {
        witness.lost(count - got, why);
    }
}
