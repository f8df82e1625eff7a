//! Whether a request costs more where there are many routes or many tokens. The difference looked
//! for is a hundredth, so many short turns are taken, and two equal contestants show what the noise
//! alone makes.

use crate::contestant::Contestant;
use crate::http::request;
use crate::load::{Asked, measure};
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::results::{Table, turns};
use crate::start::Sidegate;
use anyhow::Result;
use std::rc::Rc;

/// The table of routes.
pub const ROUTES: &str = "scale-routes";
/// The table of tokens.
pub const TOKENS: &str = "scale-tokens";
/// The row everything is compared with.
pub const FEW: &str = "few";
/// Another process equal to it.
pub const FEW_AGAIN: &str = "few again";
/// The row of the target.
pub const MANY: &str = "many";

const FEW_ROUTES: u32 = 10;
const SOME: u32 = 1000;
const MANY_ROUTES: u32 = 10_000;
const CONNECTIONS: usize = 64;

/// Measures what the plan wants of both.
///
/// # Errors
/// When a gateway does not start or answers wrongly.
pub async fn run(plan: &Plan) -> Result<Vec<Table>> {
    if !plan.wants(ROUTES) && !plan.wants(TOKENS) {
        return Ok(Vec::new());
    }
    eprintln!("starting gateways with many routes and {} tokens …", plan.many_tokens);
    let start = async |name: &str, routes, tokens| {
        let sidegate = Sidegate { routes, tokens, ..Sidegate::usual(&format!("scale {name}"))? };
        sidegate.start(&plan.folder).await
    };
    let few = start("few", FEW_ROUTES, 1).await?;
    let again = start("again", FEW_ROUTES, 1).await?;
    let mut tables = Vec::new();
    if plan.wants(ROUTES) {
        let some = start("routes", SOME, 1).await?;
        let many = start("more routes", MANY_ROUTES, 1).await?;
        let asked = [FEW_ROUTES, FEW_ROUTES, SOME, MANY_ROUTES].map(routes);
        let contestants = [&few, &again, &some, &many];
        tables.push(table(plan, ROUTES, contestants, &asked).await?);
    }
    if plan.wants(TOKENS) {
        let some = start("tokens", FEW_ROUTES, SOME).await?;
        let many = start("more tokens", FEW_ROUTES, plan.many_tokens).await?;
        let contestants = [&few, &again, &some, &many];
        tables.push(table(plan, TOKENS, contestants, &contestants.map(tokens)).await?);
    }
    Ok(tables)
}

async fn table(
    plan: &Plan,
    case: &str,
    contestants: [&Contestant; 4],
    asked: &[Asked; 4],
) -> Result<Table> {
    eprintln!("{case} …");
    let mut table = Table::new(case, "request", [FEW, FEW_AGAIN, "1,000", MANY]);
    for round in 0..plan.fine_rounds {
        for index in turns(round, contestants.len()) {
            let slice = measure(contestants[index], &asked[index], plan.fine_span).await?;
            table.rows[index].slices.push(slice);
        }
    }
    Ok(table)
}

/// Requests to routes that lie evenly among all.
fn routes(count: u32) -> Asked {
    let step = (count / 64).max(1) as usize;
    let paths = (0..count).step_by(step).map(|n| format!("{MOUNT}/r/{n}"));
    asked(paths.map(|path| request("GET", &path, None, b"")))
}

fn tokens(contestant: &Contestant) -> Asked {
    let path = format!("{MOUNT}/auth/hello");
    asked(contestant.tokens.iter().map(|token| request("GET", &path, Some(token), b"")))
}

fn asked(requests: impl Iterator<Item = Vec<u8>>) -> Asked {
    let requests = requests.map(Rc::from).collect();
    Asked { requests, expected: HELLO.len(), connections: CONNECTIONS }
}
