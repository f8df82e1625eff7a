//! A run as Markdown.

use crate::cases::{idle, mcp_sessions};
use crate::machine::Machine;
use crate::marks::Marks;
use crate::results::{GATEWAY, MEDIAN_LATENCY, Memory, PLUGIN, Results, Row, Summary, Table};
use crate::targets::{NGINX, Target, judge};
use std::fmt::Write as _;

/// Where it stands.
pub const MARKS: Marks =
    Marks { begin: "<!-- begin of the report -->", end: "<!-- end of the report -->" };

/// The report.
pub fn markdown(results: &Results, machine: &Machine, command: &str) -> String {
    let mut text = String::new();
    head(&mut text, machine, command);
    targets(&mut text, &judge(results));
    let _ = writeln!(text, "![Processor time for each request](performance.svg)\n");
    results.tables.iter().for_each(|table| costs(&mut text, table));
    memory(&mut text, results);
    trials(&mut text, results);
    if !results.notes.is_empty() {
        let _ = writeln!(text, "### Notes\n");
        for note in &results.notes {
            let _ = writeln!(text, "- {note}");
        }
        text.push('\n');
    }
    text
}

fn head(text: &mut String, machine: &Machine, command: &str) {
    let Machine { processor, cores, kernel, revision, day, .. } = machine;
    let dirty = if machine.is_dirty { ", **with changes that are not committed**" } else { "" };
    let build =
        if machine.is_release { "" } else { "**Not optimised: these numbers mean nothing.** " };
    let versions = machine.versions.join(", ");
    let _ = writeln!(
        text,
        "{build}Revision `{revision}`{dirty}, {day}. {processor}, {cores} cores, {kernel}; \
         {versions}. Repeat it with\n\n```sh\n{command}\n```\n"
    );
}

fn targets(text: &mut String, targets: &[Target]) {
    let _ = writeln!(
        text,
        "### Targets\n\nMeasured is the median of the ratios of all rounds, which decides; in \
         brackets the ratio of the best rounds.\n\n\
         | figure | must | stretch | measured | |\n|---|---|---|---|---|"
    );
    for target in targets {
        let Target { figure, unit, must, stretch, .. } = target;
        let measured = target.measured.map_or_else(String::new, |ratio| {
            if *must == 0.0 {
                format!("{}", ratio.median)
            } else if unit.is_empty() {
                format!("{:.2} ({:.2})", ratio.median, ratio.best)
            } else {
                format!("{:.1}{unit}", ratio.median)
            }
        });
        let verdict = target.verdict();
        let _ = writeln!(
            text,
            "| {figure} | ≤ {must}{unit} | ≤ {stretch}{unit} | {measured} | {verdict} |"
        );
    }
    text.push('\n');
}

fn costs(text: &mut String, table: &Table) {
    let unit = table.unit;
    let rounds = table.rows.iter().map(|row| row.slices.len()).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "### {}\n\nRounds: {rounds}; µs of processor time for each {unit}: median (min). Latencies \
         in µs, medians of the rounds.\n\n\
         | | gateway | to {} | plugin | load | {unit}s/s | p50 | p90 | p99 | max | RSS MiB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|",
        table.case,
        base(table)
    );
    for row in &table.rows {
        let _ = writeln!(text, "{}", cost(table, row));
    }
    text.push('\n');
}

/// What the others are compared with.
fn base(table: &Table) -> &str {
    let first = table.rows.first().map_or("", |row| row.name.as_str());
    if table.row(NGINX).is_some() { NGINX } else { first }
}

fn cost(table: &Table, row: &Row) -> String {
    if row.slices.is_empty() {
        return format!("| {} | failed | | | | | | | | | |", row.name);
    }
    let both = |figure| {
        let Summary { min, median } = row.summary(figure);
        if median == 0.0 { "–".to_owned() } else { format!("{median:.2} ({min:.2})") }
    };
    let median = |figure| row.summary(figure).median;
    let ratio = table.ratio(&row.name, base(table), GATEWAY);
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.median));
    let rss = median(|slice| (slice.resident_kib.gateway) as f64 / 1024.0);
    format!(
        "| {} | {} | {ratio} | {} | {:.1} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {rss:.1} |",
        row.name,
        both(GATEWAY),
        both(PLUGIN),
        median(|slice| slice.load_us),
        median(|slice| slice.per_second),
        median(MEDIAN_LATENCY),
        median(|slice| slice.latency_us[1]),
        median(|slice| slice.latency_us[2]),
        median(|slice| slice.latency_us[3]),
    )
}

/// Each case with what was counted in it.
const MEMORY: [(&str, &str, &str); 2] = [
    (idle::IDLE, "streams", "each open stream without events"),
    (mcp_sessions::SESSIONS, "sessions", "each session of MCP in which nothing is said"),
];

fn memory(text: &mut String, results: &Results) {
    for (case, things, each) in MEMORY {
        let mut all = results.memory.iter().filter(|memory| memory.case == case).peekable();
        if all.peek().is_none() {
            continue;
        }
        let _ = writeln!(
            text,
            "### {case}\n\nGrowth of resident memory for {each}; memory of the kernel's sockets is not in \
             it.\n\n| | {things} | gateway KiB | plugin KiB |\n|---|---|---|---|"
        );
        for memory in all {
            let Memory { name, count, gateway_kib, plugin_kib, .. } = memory;
            let _ = writeln!(text, "| {name} | {count} | {gateway_kib:.1} | {plugin_kib:.1} |");
        }
        text.push('\n');
    }
}

fn trials(text: &mut String, results: &Results) {
    if results.trials.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "### Lost and delayed\n\nDelayed is what took more than a second.\n\n\
         | | | came | lost | delayed | max ms | first problem |\n|---|---|---|---|---|---|---|"
    );
    for trial in &results.trials {
        let max = trial.max_us / 1000.0;
        let problem = trial.first_problem.as_deref().unwrap_or_default();
        let problem: String = problem.chars().take(120).collect();
        let problem = problem.replace(['|', '\n', '\r'], " ");
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {max:.1} | {problem} |",
            trial.case, trial.name, trial.good, trial.lost, trial.delayed
        );
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Slice;

    fn machine() -> Machine {
        Machine {
            processor: "a processor".to_owned(),
            cores: 2,
            kernel: "Linux 6".to_owned(),
            revision: "abc".to_owned(),
            is_dirty: true,
            versions: vec!["rustc 1".to_owned()],
            is_release: true,
            day: "today".to_owned(),
        }
    }

    #[test]
    fn a_report_names_the_revision_what_is_not_committed_and_every_row() {
        let mut table = Table::new("get-auth-c64", "request", ["sidegate", "nginx", "naive"]);
        for row in &mut table.rows[..2] {
            row.slices.push(Slice { gateway_us: 10.0, ..Slice::default() });
        }
        let results = Results { tables: vec![table], ..Results::default() };
        let text = markdown(&results, &machine(), "cargo run");
        assert!(text.contains("`abc`, **with changes that are not committed**"), "{text}");
        assert!(text.contains("| sidegate | 10.00 (10.00) | 1.00 |"), "{text}");
        assert!(text.contains("| naive | failed |"), "{text}");
        assert!(text.contains("| not measured |"), "{text}");
    }
}
