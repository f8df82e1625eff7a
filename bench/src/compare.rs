//! Two revisions of this repository beside each other, with the same requests.

use crate::build;
use crate::cases::{streams, unary};
use crate::machine::{git, root, said};
use crate::plan::Plan;
use crate::program::beside;
use crate::results::{GATEWAY, MEDIAN_LATENCY, PLUGIN, Results};
use crate::start::Sidegate;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A revision in a folder of its own, which is removed again.
#[derive(Debug)]
struct Worktree {
    folder: PathBuf,
}

impl Worktree {
    fn new(folder: PathBuf, revision: &str) -> Result<Self> {
        // One that a killed run left behind.
        let _ = git(&root()).args(["worktree", "remove", "--force"]).arg(&folder).output();
        let add = ["worktree", "add", "--detach", "--force"];
        said(git(&root()).args(add).arg(&folder).arg(revision))?;
        Ok(Self { folder })
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        let remove = ["worktree", "remove", "--force"];
        if let Err(error) = said(git(&root()).args(remove).arg(&self.folder)) {
            eprintln!("{error:#}");
        }
    }
}

/// Builds both and measures them; gives what to read and the results.
///
/// # Errors
/// When a revision does not exist, does not build or answers wrongly.
pub async fn run(plan: &Plan, revisions: [&str; 2]) -> Result<(String, Results)> {
    let mut contestants = Vec::new();
    for (letter, revision) in ["A", "B"].into_iter().zip(revisions) {
        let sidegate = built(letter, revision)?;
        contestants.push(sidegate.start(&plan.folder).await?);
    }
    let mut tables = unary::run(plan, &contestants).await?;
    tables.extend(streams::run(plan, &contestants).await?);
    let results = Results { tables, ..Results::default() };
    Ok((told(&results, revisions), results))
}

/// A revision's gateway and plugin. What was built last is kept, so that the same comparison is not
/// built again.
fn built(letter: &str, revision: &str) -> Result<Sidegate> {
    let commit = commit(revision)?;
    let target = build::target_folder()?.join("compared").join(letter);
    std::fs::create_dir_all(&target)?;
    let folder = target.join(build::profile_folder());
    let note = folder.join("revision");
    if std::fs::read_to_string(&note).is_ok_and(|built| built == commit) {
        eprintln!("{revision} is built already");
    } else {
        build_in(&target, &commit)?;
        std::fs::write(&note, &commit)?;
    }
    let plugin = folder.join("bench-plugin");
    let plugin = if plugin.is_file() {
        plugin
    } else {
        eprintln!("{revision} has no benchmark yet: its gateway runs the plugin of today");
        beside("bench-plugin")?
    };
    Ok(Sidegate { program: folder.join("sidegate"), plugin, ..Sidegate::usual(letter)? })
}

fn build_in(target: &Path, commit: &str) -> Result<()> {
    // Always in the same place: Cargo builds anew what has moved.
    let source = Worktree::new(target.join("source"), commit)?;
    let folder = target.join(build::profile_folder());
    // What stands there is of another revision.
    for of_another in ["revision", "bench-plugin"] {
        let _ = std::fs::remove_file(folder.join(of_another));
    }
    build::cargo(&source.folder, target, &["-p", "sidegate", "--bin", "sidegate"])?;
    if source.folder.join("bench/Cargo.toml").is_file() {
        let plugin = ["-p", "sidegate-bench", "--bin", "bench-plugin"];
        build::cargo(&source.folder, target, &plugin)?;
    }
    Ok(())
}

fn commit(revision: &str) -> Result<String> {
    let wanted = format!("{revision}^{{commit}}");
    let found = said(git(&root()).args(["rev-parse", "--short=12", "--verify", &wanted]));
    found.with_context(|| format!("{revision} is no revision"))
}

fn told(results: &Results, [a, b]: [&str; 2]) -> String {
    let mut text = format!(
        "B (`{b}`) to A (`{a}`): median of the ratios of the rounds with its 95 % interval, in brackets the \
         ratio of the best\n\n| case | gateway CPU | plugin CPU | p50 |\n|---|---|---|---|\n"
    );
    for table in &results.tables {
        let ratio = |figure| {
            let ratio = table.ratio("B", "A", figure);
            ratio.map_or_else(String::new, |r| {
                let (low, high) = r.interval;
                format!("{:.3} [{low:.3}, {high:.3}] ({:.3})", r.median, r.best)
            })
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            table.case,
            ratio(GATEWAY),
            ratio(PLUGIN),
            ratio(MEDIAN_LATENCY)
        );
    }
    text
}
