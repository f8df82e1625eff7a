//! One shard and two, both on both cores, which they share with the load.

use crate::http::request;
use crate::load::{Asked, measure};
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::program::BOTH;
use crate::results::{Table, turns};
use crate::start::Sidegate;
use anyhow::Result;

/// Its name.
pub const SHARDS: &str = "shards";
/// The row of one shard.
pub const ONE: &str = "1 shard";
/// The row of two.
pub const TWO: &str = "2 shards";

/// Measures both.
///
/// # Errors
/// When a gateway does not start or answers wrongly.
pub async fn run(plan: &Plan) -> Result<Table> {
    eprintln!("{SHARDS} …");
    let start = async |name: &str, shards| {
        let sidegate = Sidegate { shards, cores: BOTH, ..Sidegate::usual(name)? };
        sidegate.start(&plan.folder).await
    };
    let contestants = [start(ONE, 1).await?, start(TWO, 2).await?];
    let mut table = Table::new(SHARDS, "request", [ONE, TWO]);
    for round in 0..plan.rounds {
        for index in turns(round, contestants.len()) {
            let (contestant, row) = (&contestants[index], &mut table.rows[index]);
            let path = format!("{MOUNT}/auth/hello");
            let request = request("GET", &path, contestant.token(), b"").into();
            let asked = Asked { requests: vec![request], expected: HELLO.len(), connections: 64 };
            row.slices.push(measure(contestant, &asked, plan.span).await?);
        }
    }
    Ok(table)
}
