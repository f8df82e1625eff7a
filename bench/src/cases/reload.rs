//! A plugin that is started anew again and again under load. No request may be lost.

use crate::contestant::Contestant;
use crate::results::Trial;
use crate::trial::Witness;
use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::sleep;

/// Its name.
pub const RELOAD: &str = "reload";
const RELOADS: u32 = 5;
const CLIENTS: usize = 32;

/// Reloads under load.
///
/// # Errors
/// When a reload fails.
pub async fn run(contestant: &Contestant) -> Result<Trial> {
    eprintln!("{RELOAD} …");
    let admin = contestant.admin.as_ref().context("only ours can be reloaded")?;
    let witness = Witness::new(RELOAD, &contestant.name);
    let local = LocalSet::new();
    for _ in 0..CLIENTS {
        local.spawn_local(witness.clone().ask(contestant.addr, Duration::ZERO));
    }
    let reloads = async {
        for _ in 0..RELOADS {
            sleep(Duration::from_millis(200)).await;
            admin.reload().await?;
        }
        sleep(Duration::from_millis(200)).await;
        anyhow::Ok(())
    };
    let reloaded = local.run_until(reloads).await;
    witness.end();
    local.await;
    reloaded?;
    Ok(witness.tell())
}
