//! Requests that are answered as a whole: what one of them costs, and how long it takes.

use crate::contestant::Contestant;
use crate::http::request;
use crate::load::{Asked, measure};
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::results::{Table, turns};
use anyhow::{Context as _, Result};
use std::rc::Rc;

/// The case of the first targets.
pub const AUTHENTICATED: &str = "get-auth-c64";
/// The case of the latency.
pub const ONE_CONNECTION: &str = "get-c1";

struct Case {
    name: &'static str,
    path: &'static str,
    body: usize,
    connections: usize,
    has_token: bool,
}

const CASES: [Case; 6] = [
    case(ONE_CONNECTION, "/hello", 0, 1),
    case("get-c64", "/hello", 0, 64),
    Case { has_token: true, ..case(AUTHENTICATED, "/auth/hello", 0, 64) },
    case("echo-1k-c64", "/echo", 1024, 64),
    case("echo-64k-c16", "/echo", 64 * 1024, 16),
    case("echo-1m-c4", "/echo", 1024 * 1024, 4),
];

const fn case(name: &'static str, path: &'static str, body: usize, connections: usize) -> Case {
    Case { name, path, body, connections, has_token: false }
}

/// Measures every case that the plan wants.
///
/// # Errors
/// With the first answer that is wrong.
pub async fn run(plan: &Plan, contestants: &[Contestant]) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for case in CASES.iter().filter(|case| plan.wants(case.name)) {
        eprintln!("{} …", case.name);
        let names = contestants.iter().map(|contestant| contestant.name.as_str());
        let mut table = Table::new(case.name, "request", names);
        for round in 0..plan.rounds {
            for index in turns(round, contestants.len()) {
                let (contestant, row) = (&contestants[index], &mut table.rows[index]);
                let slice = measure(contestant, &case.asked(contestant), plan.span).await;
                let doing = || format!("{} by {}", case.name, contestant.name);
                row.slices.push(slice.with_context(doing)?);
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

impl Case {
    fn asked(&self, contestant: &Contestant) -> Asked {
        let path = format!("{MOUNT}{}", self.path);
        let token = contestant.token().filter(|_| self.has_token);
        let method = if self.body == 0 { "GET" } else { "POST" };
        let request: Rc<[u8]> = request(method, &path, token, &vec![b'x'; self.body]).into();
        let expected = if self.body == 0 { HELLO.len() } else { self.body };
        Asked { requests: vec![request], expected, connections: self.connections }
    }
}
