//! What was measured of a fleet, as its part of the page.

use super::Measured;
use crate::machine::Machine;
use crate::marks::Marks;
use std::fmt::Write as _;

/// Where it stands.
pub const MARKS: Marks =
    Marks { begin: "<!-- begin of the fleet report -->", end: "<!-- end of the fleet report -->" };

/// How long a save may take to be at every edge, and which part of the whole one token may be.
const REACHED_WITHIN_S: f64 = 20.0;
const PART_OF_THE_WHOLE: f64 = 0.01;

/// What of it is not as it must be; nothing where all is met.
pub fn not_met(measured: &Measured) -> Vec<String> {
    let mut missed = Vec::new();
    if !reached_all(measured) {
        missed.push(format!(
            "one save at all of {} edges: {:.2} s and {} missed, must be ≤ {REACHED_WITHIN_S} s and none",
            measured.edges,
            slowest_s(measured),
            measured.missed
        ));
    }
    if part_of_the_whole(measured) > PART_OF_THE_WHOLE {
        missed.push(format!(
            "bytes of one token more, to those of all {}: {:.4}, must be ≤ {PART_OF_THE_WHOLE}",
            measured.tokens,
            part_of_the_whole(measured)
        ));
    }
    missed
}

fn slowest_s(measured: &Measured) -> f64 {
    measured.reached_ms.last().copied().unwrap_or(f64::INFINITY) / 1e3
}

fn reached_all(measured: &Measured) -> bool {
    measured.missed == 0 && slowest_s(measured) <= REACHED_WITHIN_S
}

fn part_of_the_whole(measured: &Measured) -> f64 {
    measured.bytes.1 as f64 / measured.bytes.0.max(1) as f64
}

/// The report.
pub fn report(measured: &Measured, machine: &Machine, command: &str) -> String {
    let Machine { processor, cores, kernel, revision, day, .. } = machine;
    let dirty = if machine.is_dirty { ", **with changes that are not committed**" } else { "" };
    let build = if machine.is_release {
        ""
    } else {
        "**Not optimised: times and processor time are upper bounds; bytes are what they are.** "
    };
    let mut text = format!(
        "{build}Revision `{revision}`{dirty}, {day}. {processor}, {cores} cores, {kernel}. Repeat it with\n\n\
         ```sh\n{command}\n```\n\n| figure | must | measured | |\n|---|---|---|---|\n"
    );
    let Measured { edges, saves, missed, tokens, .. } = measured;
    let (slowest, part) = (slowest_s(measured), part_of_the_whole(measured));
    let verdict = |met| if met { "met" } else { "**not met**" };
    let _ = writeln!(
        text,
        "| one save at all of {edges} edges | ≤ {REACHED_WITHIN_S} s | {slowest:.2} s, {missed} missed | {} |",
        verdict(reached_all(measured))
    );
    let _ = writeln!(
        text,
        "| bytes of one token more, to those of all {tokens} | ≤ {PART_OF_THE_WHOLE} | {part:.4} | {} |",
        verdict(part <= PART_OF_THE_WHOLE)
    );
    let at = |part: f64| quantile(&measured.reached_ms, part);
    let (alone, each) = measured.memory_kib;
    let per_edge = measured.save_cpu_ms * 1e3 / f64::from(*edges);
    let rows = [
        (
            "from a save to an edge that serves by it, ms: p50, p99, max",
            format!("{:.0}, {:.0}, {:.0}", at(0.5), at(0.99), at(1.0)),
        ),
        (
            "processor time of the control plane for a save, ms; of that for each edge, µs",
            format!("{:.0}; {per_edge:.0}", measured.save_cpu_ms),
        ),
        (
            "the same for a second in which nothing is saved, ms",
            format!("{:.1}", measured.idle_cpu_ms),
        ),
        (
            "the same for an edge that is made, joins and connects, ms",
            format!("{:.1}", measured.join_cpu_ms),
        ),
        (
            "memory of the control plane without edges, MiB; for each edge, KiB",
            format!("{:.1}; {each:.1}", alone as f64 / 1024.0),
        ),
        (
            "bytes that an edge reads for everything, and for one token more",
            format!("{}, {}", measured.bytes.0, measured.bytes.1),
        ),
    ];
    let _ = writeln!(text, "\n| {edges} edges, {saves} saves | |\n|---|---|");
    for (figure, value) in rows {
        let _ = writeln!(text, "| {figure} | {value} |");
    }
    text
}

/// The value below which this part of the sorted ones is.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = (0..last).find(|index| *index as f64 >= last as f64 * part).unwrap_or(last);
    sorted.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_met_is_named_and_what_is_met_is_not() {
        let good = Measured {
            edges: 1000,
            tokens: 100_000,
            reached_ms: vec![20_000.0],
            bytes: (1000, 10),
            ..Measured::default()
        };
        assert_eq!(not_met(&good), [""; 0]);
        let wrong = [
            (Measured { missed: 1, ..good.clone() }, "1 missed"),
            (Measured { reached_ms: vec![1.0, 20_001.0], ..good.clone() }, "20.00 s and 0 missed"),
            (Measured { reached_ms: vec![], ..good.clone() }, "inf s"),
            (Measured { bytes: (1000, 11), ..good.clone() }, "0.0110"),
        ];
        for (measured, named) in wrong {
            let missed = not_met(&measured);
            assert!(missed.len() == 1 && missed[0].contains(named), "{missed:?}");
        }
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|part| quantile(&sorted, part)),
            [1.0, 51.0, 100.0, 100.0]
        );
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
