//! What the gateway has to reach, and whether it did. All of them are ratios within one run but the
//! memory and the losses.

use crate::cases::{calls, logged, scale, shards, streams, unary};
use crate::results::{Figure, GATEWAY, MEDIAN_LATENCY, PLUGIN, Ratio, Results};

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
const COMPARED: [Compared; 12] = [
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
    let memory = results.memory.iter().find(|memory| memory.name.starts_with(OURS));
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

fn exactly(value: f64) -> Ratio {
    Ratio { median: value, interval: (value, value), best: value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Slice;
    use crate::results::{Memory, Table, Trial};

    fn results(ours: f64, lost: u64) -> Results {
        let mut table = Table::new(unary::AUTHENTICATED, "request", [OURS, NGINX]);
        for (row, gateway_us) in table.rows.iter_mut().zip([ours, 10.0]) {
            row.slices.push(Slice { gateway_us, ..Slice::default() });
        }
        let name = OURS.to_owned();
        let memory = Memory { name: name.clone(), streams: 10, gateway_kib: 13.0, plugin_kib: 1.0 };
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
}
