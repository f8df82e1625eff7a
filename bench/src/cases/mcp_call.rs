//! What a call of a tool takes through the gateway and its plugin for MCP servers, beside the same call at the server itself.

use crate::load::{Asked, measure};
use crate::mcp::{self, ANSWER, CALL as CALLED, Endpoint};
use crate::plan::Plan;
use crate::results::{Table, turns};
use anyhow::{Context as _, Result};
use std::path::Path;

/// Its name.
pub const CALL: &str = "mcp-call";
/// The row of the server itself.
pub const DIRECTLY: &str = "directly";
/// The same once more, which shows what the noise alone makes.
pub const DIRECTLY_AGAIN: &str = "directly again";
/// The row of the same server behind gateway and plugin.
pub const THROUGH: &str = "through the gateway";

/// Measures it. One connection asks: what is looked for is the time that a call takes.
///
/// # Errors
/// When gateway or server do not start or answer wrongly.
pub async fn run(plan: &Plan, folder: &Path) -> Result<Table> {
    eprintln!("{CALL} …");
    let server = mcp::server(DIRECTLY, folder)?;
    let gateway = mcp::gateway(THROUGH, &server, folder).await?;
    let rows = [(DIRECTLY, &server), (DIRECTLY_AGAIN, &server), (THROUGH, &gateway)];
    let mut asked = Vec::new();
    for (_, endpoint) in rows {
        asked.push(calls(endpoint).await?);
    }
    let mut table = Table::new(CALL, "request", rows.map(|(name, _)| name));
    for round in 0..plan.rounds {
        for index in turns(round, rows.len()) {
            let (name, endpoint) = rows[index];
            let slice = measure(&endpoint.contestant, &asked[index], plan.span).await;
            let slice = slice.with_context(|| format!("{CALL}, {name}"))?;
            table.rows[index].slices.push(slice);
        }
    }
    Ok(table)
}

/// Calls in a session that was begun for them.
async fn calls(endpoint: &Endpoint) -> Result<Asked> {
    let session = endpoint.session().await?;
    let request = endpoint.request("POST", Some(&session), CALLED);
    Ok(Asked { requests: vec![request.into()], expected: ANSWER.len(), connections: 1 })
}
