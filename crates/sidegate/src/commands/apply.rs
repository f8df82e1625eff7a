//! `sidegate apply`: makes what files say so.
//!
//! It asks the admin API; what is to be done is decided elsewhere.

use super::diff::{Set, plan, show};
use crate::client::AdminApiFlags;
use crate::config::layers::Environment;
use crate::declared::carry_out::{Done, How, Outcome, carry_out};
use crate::declared::plan::{FORMAT, Plan};
use crate::declared::plan_text;
use crate::declared::secrets::Sources;
use crate::error::{Failure, Kind};
use crate::output::{Output, json, print};
use crate::pairs::object_of_file;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Make what files say so: register, change and, with --prune, delete
///
/// What a file names becomes so; what it named the last time and names no more goes back to its default, where an
/// owner is said; what others set and no file of the owner ever named stays. Nothing is deleted without --prune. What fails midway says
/// how far it came; the same command goes on. Plugins may still be starting when it is done.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    set: Set,
    /// Do exactly what this plan says, which `sidegate diff --output json` wrote of the same files, or nothing
    #[arg(long, value_name = "FILE", conflicts_with = "plan_hash")]
    plan: Option<PathBuf>,
    /// The same with nothing but the hash of the plan
    #[arg(long, value_name = "HASH")]
    plan_hash: Option<String>,
    /// Save configurations although the schemas of the processes that run do not permit them
    #[arg(long)]
    ignore_schema: bool,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Secrets come from this process's environment.
struct Own(Environment);

impl Sources for Own {
    fn env(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|value| value.to_str()).map(str::to_owned)
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (document, limits) = arguments.set.read()?;
    let demanded = arguments.demanded()?;
    let api = arguments.admin_api.client()?;
    let plan = plan(&api, &document, &limits).await?;
    if let Some(demanded) = demanded.filter(|demanded| *demanded != plan.hash) {
        let message = format!(
            "this is another plan than the one that is demanded: {} and not {demanded}; nothing was done",
            plan.hash
        );
        return Err(Failure::of(Kind::Conflict, message).hint(
            "what is live, the files or the flags have changed since: look at `sidegate diff`",
        ));
    }
    if arguments.output.is_table() {
        show(&plan, &arguments.output)?;
    }
    let query = if arguments.ignore_schema { "?schema=ignore" } else { "" };
    let sources = Own(Environment::of_process());
    let report = carry_out(&plan, &How { api: &api, sources: &sources, query }).await?;
    tell(arguments, &plan, &report.done)?;
    match report.failure {
        Some(failure) => Err(ended(failure, &report.done)),
        None => Ok(()),
    }
}

impl Arguments {
    /// The hash of the only plan that may be carried out, if one is named.
    fn demanded(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.plan else { return Ok(self.plan_hash.clone()) };
        let plan = object_of_file(path)?;
        let text = |name: &str| plan.get(name).and_then(serde_json::Value::as_str);
        match (text("format"), text("hash")) {
            (Some(FORMAT), Some(hash)) => Ok(Some(hash.to_owned())),
            _ => Err(Failure::usage(format!("{} is not a plan", path.display()))
                .hint("`sidegate diff --output json` writes one")),
        }
    }
}

fn tell(arguments: &Arguments, plan: &Plan, done: &[Done]) -> Result<(), Failure> {
    if arguments.output.is_json() {
        return json(&json!({"plan": plan, "done": done}));
    }
    if arguments.output.is_quiet() {
        return print(&format!("{}\n", plan.hash));
    }
    print(&plan_text::done(done))
}

fn ended(failure: Failure, done: &[Done]) -> Failure {
    let not_done = done.iter().filter(|done| done.outcome == Outcome::NotDone).count();
    let before = done.iter().position(|done| done.outcome == Outcome::Failed).unwrap_or_default();
    let so_far = format!(
        "{before} done before it, {not_done} not done after it; the same command goes on from here"
    );
    let hint = match &failure.hint {
        Some(hint) => format!("{hint}\n      {so_far}"),
        None => so_far,
    };
    failure.hint(hint)
}
