//! The whole benchmark: every contestant, every case, and the results in one place.

use crate::cases::{
    calls, idle, jwt, logged, mcp_call, mcp_sessions, reload, scale, shards, stalled, streams,
    unary,
};
use crate::contestant::Contestant;
use crate::plan::Plan;
use crate::program::beside;
use crate::results::Results;
use crate::start::{self, Sidegate};
use crate::targets::{OURS, OURS_WITH_TONIC};
use anyhow::Result;
use std::path::Path;

const WITHOUT_NGINX: &str =
    "nginx is not installed, so its rows are missing: `apt-get install nginx` (or `nginx-light`)";

/// Runs what the plan wants.
///
/// # Errors
/// When a contestant does not start, or ours answers wrongly.
pub async fn run(plan: &Plan) -> Result<Results> {
    let mut results = Results::default();
    if start::find_nginx().is_none() {
        eprintln!("{WITHOUT_NGINX}");
        results.notes.push(WITHOUT_NGINX.to_owned());
    }
    side_by_side(plan, &mut results).await?;
    if plan.wants(logged::LOGGED) || plan.wants(logged::WITH_WRK) {
        logged::run(plan, &subfolder(plan, "logged")?, OURS, &mut results).await?;
    }
    if calls::wanted(plan) {
        results.tables.extend(calls::run(plan).await?);
    }
    if plan.wants(idle::IDLE) {
        memory(plan, &mut results).await?;
    }
    if plan.wants(stalled::STALLED) {
        harm(plan, &mut results).await?;
    }
    if plan.wants(shards::SHARDS) {
        results.tables.push(shards::run(plan).await?);
    }
    if plan.wants(jwt::JWT) {
        results.tables.push(jwt::run(plan).await?);
    }
    if plan.wants(mcp_call::CALL) {
        results.tables.push(mcp_call::run(plan, &subfolder(plan, "mcp-call")?).await?);
    }
    if plan.wants(mcp_sessions::SESSIONS) {
        let folder = subfolder(plan, "mcp-sessions")?;
        results.memory.extend(mcp_sessions::run(plan, &folder).await?);
    }
    results.tables.extend(scale::run(plan).await?);
    notes(plan, &mut results);
    Ok(results)
}

/// The cases in which all run at the same time and have their turns.
async fn side_by_side(plan: &Plan, results: &mut Results) -> Result<()> {
    let folder = subfolder(plan, "side-by-side")?;
    let contestants = everybody(&folder).await?;
    results.tables.extend(unary::run(plan, &contestants).await?);
    results.tables.extend(streams::run(plan, &contestants).await?);
    if plan.wants(reload::RELOAD) {
        results.trials.push(reload::run(&contestants[0]).await?);
    }
    Ok(())
}

/// Ours first.
async fn everybody(folder: &Path) -> Result<Vec<Contestant>> {
    let with_tonic =
        Sidegate { plugin: beside("bench-tonic-plugin")?, ..Sidegate::usual(OURS_WITH_TONIC)? };
    let mut contestants = vec![Sidegate::usual(OURS)?.start(folder).await?];
    contestants.extend(start::nginx(folder).await?);
    contestants.push(start::naive(folder).await?);
    contestants.push(with_tonic.start(folder).await?);
    contestants.push(start::hyper(folder).await?);
    Ok(contestants)
}

async fn memory(plan: &Plan, results: &mut Results) -> Result<()> {
    let folder = subfolder(plan, "idle")?;
    let mut contestants = vec![Sidegate::usual(OURS)?.start(&folder).await?];
    contestants.extend(start::nginx(&folder).await?);
    contestants.push(start::naive(&folder).await?);
    for contestant in &contestants {
        match idle::run(plan, contestant).await {
            Ok(memory) => results.memory.push(memory),
            Err(error) if contestant.admin.is_none() => {
                results.notes.push(format!("{} of {}: {error:#}", idle::IDLE, contestant.name));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Each trial with processes of its own, so that none suffers from what another left behind.
async fn harm(plan: &Plan, results: &mut Results) -> Result<()> {
    for readers in stalled::READERS {
        let folder = subfolder(plan, &format!("stalled-{readers}"))?;
        let ours = Sidegate::usual(OURS)?.start(&folder).await?;
        results.trials.push(stalled::run(plan, &ours, readers).await?);
        drop(ours);
        let naive = start::naive(&folder).await?;
        results.trials.push(stalled::run(plan, &naive, readers).await?);
    }
    Ok(())
}

fn subfolder(plan: &Plan, name: &str) -> Result<std::path::PathBuf> {
    let folder = plan.folder.join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

fn notes(plan: &Plan, results: &mut Results) {
    let notes = &mut results.notes;
    notes.push(
        "Gateway and plugin share core 0, the load has core 1. Everybody sends the same requests \
         with the same headers; nginx and hyper do not look at the token."
            .to_owned(),
    );
    notes.push(
        "`hyper` answers itself: what a request costs without any gateway. `naive` is axum in front \
         of one tonic channel to a plugin on tonic's server, which `sidegate + tonic plugin` uses too."
            .to_owned(),
    );
    if plan.wants(scale::ROUTES) || plan.wants(scale::TOKENS) {
        notes.push(format!(
            "`scale-*` compares processor time over {} short rounds, for want of a count of \
             instructions: virtual machines seldom have the processor's counters. `few again` is a \
             second process equal to `few`: what it differs by is noise. Many tokens are {}.",
            plan.fine_rounds, plan.many_tokens
        ));
    }
    if plan.wants(logged::LOGGED) {
        notes.push(format!(
            "In `{}` ours has its default settings and standard error goes to a file; nginx writes \
             its log, in its usual form, to a file.",
            logged::LOGGED
        ));
    }
    if calls::wanted(plan) {
        notes.push(
            "In `calls-*` there is no gateway: its column has a process that only calls the plugin, so \
             the load has nothing to do."
                .to_owned(),
        );
    }
    if plan.wants(mcp_call::CALL) {
        notes.push(format!(
            "In `{}` the first two rows ask the MCP server itself, whose processor time is in the column \
             \"gateway\" there; the last one asks the same server through gateway and plugin, each call with a \
             line of the log.",
            mcp_call::CALL
        ));
    }
    if plan.wants(shards::SHARDS) {
        notes.push("`shards` has both cores and shares them with the load.".to_owned());
    }
}
