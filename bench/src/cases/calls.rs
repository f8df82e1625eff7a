//! Calls of a plugin without a gateway around them, with our HTTP/2 client and with that of the `h2` crate:
//! what it is worth to have one of our own. Both call the same process.

use crate::caller::{Control, Kind, Turn};
use crate::contestant::Contestant;
use crate::histogram::Histogram;
use crate::load::{Moment, Slice, Span};
use crate::plan::Plan;
use crate::results::{Table, turns};
use crate::start;
use anyhow::{Context as _, Result};

/// The case of the target.
pub const MANY_AT_ONCE: &str = "calls-c64";
/// The row of our client.
pub const OWN: &str = "own client";
/// The row of the `h2` crate, which ours is compared with.
pub const H2: &str = "h2 crate";

/// Cases, and how many calls are open at the same time.
const CASES: [(&str, usize); 2] = [("calls-c1", 1), (MANY_AT_ONCE, 64)];

/// Whether a case is part of the plan.
pub fn wanted(plan: &Plan) -> bool {
    CASES.iter().any(|(name, _)| plan.wants(name))
}

/// Measures every case that the plan wants.
///
/// # Errors
/// With the first answer that is wrong.
pub async fn run(plan: &Plan) -> Result<Vec<Table>> {
    let contestants = start::callers(&plan.folder, &[(H2, Kind::H2), (OWN, Kind::Own)]).await?;
    let mut tables = Vec::new();
    for (name, at_once) in CASES.iter().filter(|(name, _)| plan.wants(name)) {
        eprintln!("{name} …");
        let mut table = Table::new(*name, "call", [H2, OWN]);
        for round in 0..plan.rounds {
            for index in turns(round, contestants.len()) {
                let (contestant, row) = (&contestants[index], &mut table.rows[index]);
                let slice = measure(contestant, *at_once, plan.span).await;
                let doing = || format!("{name} by {}", contestant.name);
                row.slices.push(slice.with_context(doing)?);
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

/// From before the first call to after the last, all of which count.
async fn measure(contestant: &Contestant, at_once: usize, span: Span) -> Result<Slice> {
    let mut caller = Control::open(contestant.addr).await?;
    caller.take(Turn { at_once, span: span.warm_up }).await?;
    let begin = Moment::now(contestant)?;
    let outcome = caller.take(Turn { at_once, span: span.measured }).await?;
    let slice = begin.slice(contestant, outcome.count, &Histogram::default())?;
    Ok(Slice { latency_us: outcome.latency_us, ..slice })
}
