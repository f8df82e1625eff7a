//! What the gateway has to reach, and whether it did. All of them are ratios within one run but the
//! memory and the losses.

use crate::cases::{
    calls, idle, jwt, logged, mcp_call, mcp_sessions, scale, shards, streams, unary,
};
use crate::results::{Figure, GATEWAY, MEDIAN_LATENCY, Memory, PLUGIN, Ratio, Results};

/// How reports call the contestants that targets name.
pub const OURS: &str = "sidegate";
/// Ours with the plugin that is written on tonic's server.
pub const OURS_WITH_TONIC: &str = "sidegate + tonic plugin";
/// nginx.
pub const NGINX: &str = "nginx";
/// The naive gateway.
pub const NAIVE: &str = "naive";

/// One target and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// What is compared.
    pub figure: &'static str,
    /// The unit of the bounds: nothing for a ratio.
    pub unit: &'static str,
    /// What it has to be at most.
    pub must: f64,
    /// What it should be at most.
    pub stretch: f64,
    /// What it is; the second number is the ratio of the best rounds. `None` was not measured.
    pub measured: Option<Ratio>,
}

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At most the stretch.
    Stretch,
    /// At most the must.
    Met,
    /// Above.
    Missed,
    /// Not part of the run.
    Unknown,
}

impl Target {
    /// How it stands.
    pub fn verdict(&self) -> Verdict {
        match self.measured {
            None => Verdict::Unknown,
            Some(Ratio { median, .. }) if median <= self.stretch => Verdict::Stretch,
            Some(Ratio { median, .. }) if median <= self.must => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stretch => "met, stretch too",
            Self::Met => "met",
            Self::Missed => "**not met**",
            Self::Unknown => "not measured",
        })
    }
}

/// Figure, case, ours, theirs, what is compared, must, stretch.
type Compared = (&'static str, &'static str, &'static str, &'static str, Figure, f64, f64);

#[rustfmt::skip]
const COMPARED: [Compared; 13] = [
    ("gateway CPU, small authenticated GET, 64 connections, to nginx", unary::AUTHENTICATED, OURS, NGINX, GATEWAY, 0.90, 0.70),
    ("the same with the access logs of both on, to nginx", logged::LOGGED, OURS, NGINX, GATEWAY, 0.90, 0.75),
    ("gateway CPU, small authenticated GET, to the naive gateway", unary::AUTHENTICATED, OURS, NAIVE, GATEWAY, 0.58, 0.42),
    ("gateway CPU, 64 KB echo, to nginx", "echo-64k-c16", OURS, NGINX, GATEWAY, 1.30, 1.0),
    ("gateway CPU, 1 MB echo, to nginx", "echo-1m-c4", OURS, NGINX, GATEWAY, 0.80, 0.65),
    ("median latency at 1 connection, to nginx", unary::ONE_CONNECTION, OURS, NGINX, MEDIAN_LATENCY, 1.40, 1.20),
    ("gateway CPU for a paced event, to nginx without buffering", streams::PACED, OURS, NGINX, GATEWAY, 0.80, 0.60),
    ("plugin CPU, small request, SDK to tonic's server", "get-c64", OURS, OURS_WITH_TONIC, PLUGIN, 0.70, 0.40),
    ("CPU of 64 plugin calls at once, our HTTP/2 client to the `h2` crate", calls::MANY_AT_ONCE, calls::OWN, calls::H2, GATEWAY, 0.80, 0.60),
    ("gateway CPU, 2 shards to 1", shards::SHARDS, shards::TWO, shards::ONE, GATEWAY, 1.15, 1.05),
    ("gateway CPU, a route among 10,000 to one among 10", scale::ROUTES, scale::MANY, scale::FEW, GATEWAY, 1.05, 1.02),
    ("gateway CPU, a JWT seen before, to a gateway token", jwt::JWT, jwt::SEEN, jwt::TOKEN, GATEWAY, 1.05, 1.02),
    ("gateway CPU, a token among very many to the only one", scale::TOKENS, scale::MANY, scale::FEW, GATEWAY, 1.05, 1.02),
];

/// Every target.
pub fn judge(results: &Results) -> Vec<Target> {
    let mut targets: Vec<Target> = COMPARED
        .into_iter()
        .map(|(figure, case, ours, theirs, of, must, stretch)| {
            let table = results.table(case);
            let measured = table.and_then(|table| table.ratio(ours, theirs, of));
            Target { figure, unit: "", must, stretch, measured }
        })
        .collect();
    let cost = |name| results.table(logged::LOGGED)?.row(name)?.median_of(GATEWAY);
    targets.push(Target {
        figure: "a line of the access log",
        unit: " µs",
        must: 1.5,
        stretch: 1.0,
        measured: cost(OURS)
            .zip(cost(logged::SILENT))
            .map(|(with, without)| exactly(with - without)),
    });
    let of_jwts = |name| results.table(jwt::JWT)?.row(name)?.median_of(GATEWAY);
    let more = of_jwts(jwt::NEW).zip(of_jwts(jwt::TOKEN)).map(|(new, token)| new - token);
    targets.push(Target {
        figure: "gateway CPU, a JWT (ES256) seen for the first time, more than a gateway token",
        unit: " µs",
        must: 15.0,
        stretch: 12.0,
        measured: more.map(exactly),
    });
    targets.push(Target {
        figure: "what of that is not the library's verification of the signature",
        unit: " µs",
        must: 15.0,
        stretch: 12.0,
        measured: more.zip(of_jwts(jwt::ALONE)).map(|(more, alone)| exactly(more - alone)),
    });
    targets.extend(mcp(results));
    let of_idle = |memory: &&Memory| memory.case == idle::IDLE && memory.name.starts_with(OURS);
    let memory = results.memory.iter().find(of_idle);
    targets.push(Target {
        figure: "gateway memory for each idle stream",
        unit: " KiB",
        must: 16.0,
        stretch: 12.0,
        measured: memory.map(|memory| exactly(memory.gateway_kib)),
    });
    let mut ours = results.trials.iter().filter(|trial| trial.name.starts_with(OURS)).peekable();
    let was_tried = ours.peek().is_some();
    let lost: u64 = ours.map(|trial| trial.lost + trial.delayed).sum();
    targets.push(Target {
        figure: "requests or events lost or delayed by stalled readers, floods or reloads",
        unit: "",
        must: 0.0,
        stretch: 0.0,
        measured: was_tried.then(|| exactly(lost as f64)),
    });
    targets
}

fn mcp(results: &Results) -> [Target; 2] {
    let p50 = |name| results.table(mcp_call::CALL)?.row(name)?.median_of(MEDIAN_LATENCY);
    let listening = results
        .memory
        .iter()
        .find(|it| it.case == mcp_sessions::SESSIONS && it.name == mcp_sessions::LISTENING);
    [
        Target {
            figure: "an MCP call at p50, more than at the server itself",
            unit: " µs",
            must: 1000.0,
            stretch: 500.0,
            measured: p50(mcp_call::THROUGH)
                .zip(p50(mcp_call::DIRECTLY))
                .map(|(through, directly)| exactly(through - directly)),
        },
        Target {
            figure: "memory of gateway and plugin for each idle session of MCP, with a stream",
            unit: " KiB",
            must: 20.0,
            stretch: 16.0,
            measured: listening.map(|it| exactly(it.gateway_kib + it.plugin_kib)),
        },
    ]
}

fn exactly(value: f64) -> Ratio {
    Ratio { median: value, interval: (value, value), best: value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Slice;
    use crate::results::{Table, Trial};

    fn results(ours: f64, lost: u64) -> Results {
        let mut table = Table::new(unary::AUTHENTICATED, "request", [OURS, NGINX]);
        for (row, gateway_us) in table.rows.iter_mut().zip([ours, 10.0]) {
            row.slices.push(Slice { gateway_us, ..Slice::default() });
        }
        let name = OURS.to_owned();
        let memory = Memory {
            case: idle::IDLE,
            name: name.clone(),
            count: 10,
            gateway_kib: 13.0,
            plugin_kib: 1.0,
        };
        let trial = Trial {
            case: "stalled".to_owned(),
            name,
            good: 9,
            lost,
            delayed: 0,
            max_us: 1.0,
            first_problem: None,
        };
        Results { tables: vec![table], memory: vec![memory], trials: vec![trial], notes: vec![] }
    }

    #[test]
    fn a_target_is_met_up_to_its_bound() {
        let verdicts = [7.0, 9.0, 9.1].map(|ours| judge(&results(ours, 0))[0].verdict());
        assert_eq!(verdicts, [Verdict::Stretch, Verdict::Met, Verdict::Missed]);
    }

    #[test]
    fn one_lost_request_is_one_too_many_and_what_was_not_measured_is_not_met() {
        let last = |lost| judge(&results(1.0, lost)).last().map(Target::verdict);
        assert_eq!(last(0), Some(Verdict::Stretch));
        assert_eq!(last(1), Some(Verdict::Missed));
        let nothing = judge(&Results::default());
        assert!(nothing.iter().all(|target| target.verdict() == Verdict::Unknown));
    }

    #[test]
    fn a_call_of_mcp_is_judged_by_what_it_takes_more_and_a_session_by_all_that_it_holds() {
        let mut table =
            Table::new(mcp_call::CALL, "request", [mcp_call::DIRECTLY, mcp_call::THROUGH]);
        for (row, p50) in table.rows.iter_mut().zip([100.0, 700.0]) {
            row.slices.push(Slice { latency_us: [p50; 4], ..Slice::default() });
        }
        let of = |name: &str, kib| Memory {
            case: mcp_sessions::SESSIONS,
            name: name.to_owned(),
            count: 1000,
            gateway_kib: kib,
            plugin_kib: 1.0,
        };
        let memory = vec![of(mcp_sessions::SILENT, 90.0), of(mcp_sessions::LISTENING, 20.0)];
        let results = Results { tables: vec![table], memory, ..Results::default() };
        let told =
            mcp(&results).map(|target| (target.measured.map(|it| it.median), target.verdict()));
        assert_eq!(told, [(Some(600.0), Verdict::Met), (Some(21.0), Verdict::Missed)]);
    }
}
