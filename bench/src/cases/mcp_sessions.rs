//! Sessions of MCP in which nothing is said: how much memory each of them holds in gateway and plugin, with a stream that
//! listens and without one. On fresh processes.

use crate::mcp::{self, Endpoint};
use crate::plan::Plan;
use crate::results::Memory;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// Its name.
pub const SESSIONS: &str = "mcp-sessions";
/// The row of sessions whose clients are gone for now.
pub const SILENT: &str = "nobody listens";
/// The row of sessions in which a client listens.
pub const LISTENING: &str = "a stream is open";

/// Before the first is counted: whatever a process makes at its first session.
const FIRST: u64 = 50;
/// For allocations to settle.
const SETTLE: Duration = Duration::from_millis(500);

/// Begins the sessions of the plan, once with streams and once without.
///
/// # Errors
/// When gateway or server do not start, or a session does not begin.
pub async fn run(plan: &Plan, folder: &Path) -> Result<Vec<Memory>> {
    let mut all = Vec::new();
    for (name, listens) in [(SILENT, false), (LISTENING, true)] {
        eprintln!("{SESSIONS}, {name} …");
        let folder = folder.join(if listens { "listening" } else { "silent" });
        std::fs::create_dir(&folder)?;
        let server = mcp::server("server", &folder)?;
        let gateway = mcp::gateway(name, &server, &folder).await?;
        all.push(held(plan, &gateway, listens).await.with_context(|| SESSIONS.to_owned())?);
    }
    Ok(all)
}

async fn held(plan: &Plan, gateway: &Endpoint, listens: bool) -> Result<Memory> {
    let mut streams = Vec::new();
    let mut begin = async || -> Result<()> {
        let session = gateway.session().await?;
        if listens {
            streams.push(gateway.listen(&session).await?);
        }
        Ok(())
    };
    for _ in 0..FIRST {
        begin().await?;
    }
    sleep(SETTLE).await;
    let before = gateway.contestant.resident()?;
    for number in 0..plan.mcp_sessions {
        begin().await.with_context(|| format!("session {number}"))?;
    }
    sleep(SETTLE).await;
    let grown = gateway.contestant.resident()?.since(before);
    let each = |kib: u64| kib as f64 / plan.mcp_sessions as f64;
    Ok(Memory {
        case: SESSIONS,
        name: gateway.contestant.name.clone(),
        count: plan.mcp_sessions,
        gateway_kib: each(grown.gateway),
        plugin_kib: each(grown.plugin),
    })
}
