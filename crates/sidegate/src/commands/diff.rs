//! `sidegate diff`: what `sidegate apply` would do. And what both share: which files, in whose name, how far.
//!
//! It asks the admin API; it changes nothing.

use crate::client::{AdminApi, AdminApiFlags};
use crate::declared::document::{self, Document};
use crate::declared::live::Live;
use crate::declared::plan::{Limits, Plan};
use crate::declared::{plan_text, records, sources};
use crate::error::{Failure, Kind};
use crate::output::{Output, json, print};
use clap::Args;
use sidegate_model::applied::check_owner;
use std::path::PathBuf;

/// Show what `sidegate apply` would do; exits with 3 where there are differences
///
/// Secrets that come from the environment or from files cannot be compared with what is stored: they are told, and are no
/// difference.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) set: Set,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// A set of files, and how far they count
#[derive(Debug, Args)]
pub(super) struct Set {
    /// Files, folders with all .yaml, .yml and .json files below them, or - for standard input; all of them are one set
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// In whose name; things that are made or changed are then managed by this owner. Without it, and without an owner in
    /// the files, nobody manages them, and fields that leave the files stay as they are
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Delete what this owner manages and no file names
    #[arg(long, requires = "owner")]
    prune: bool,
    /// Prune although the files name nothing at all
    #[arg(long, requires = "prune")]
    allow_empty: bool,
    /// Take what is managed by others
    #[arg(long)]
    take_over: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (document, limits) = arguments.set.read()?;
    let api = arguments.admin_api.client()?;
    let plan = plan(&api, &document, &limits).await?;
    show(&plan, &arguments.output)?;
    if plan.has_differences() { Err(Failure::differences()) } else { Ok(()) }
}

/// Prints a plan.
pub(super) fn show(plan: &Plan, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return json(plan);
    }
    if output.is_quiet() {
        return print(&format!("{}\n", plan.hash));
    }
    print(&plan_text::text(plan))
}

impl Set {
    /// What the files say, and how far they count.
    ///
    /// # Errors
    /// All that is wrong with the files; or with what is asked of them.
    pub(super) fn read(&self) -> Result<(Document, Limits), Failure> {
        let sources = sources::read(&self.files)?;
        let document =
            document::read(&sources).map_err(|problems| several("the files are", &problems))?;
        let owner = match (&self.owner, &document.owner) {
            (Some(said), Some(other)) if said != other => {
                let message =
                    format!("--owner {said} and owner: {other} in the files differ: say it once");
                return Err(Failure::usage(message));
            }
            (said, other) => said.clone().or_else(|| other.clone()),
        };
        if let Some(problem) = owner.as_ref().and_then(|owner| check_owner(owner).err()) {
            return Err(Failure::usage(problem));
        }
        if self.take_over && owner.is_none() {
            return Err(Failure::usage("--take-over needs to know for whom: say --owner NAME"));
        }
        if self.prune && document.things.is_empty() && !self.allow_empty {
            let message =
                "the files name nothing, so --prune would delete all that this owner manages";
            return Err(Failure::usage(message).hint("if that is meant, say --allow-empty"));
        }
        let limits = Limits { owner, prune: self.prune, take_over: self.take_over };
        Ok((document, limits))
    }
}

fn several(what: &str, problems: &[String]) -> Failure {
    Failure::usage(format!("{what} wrong:\n  {}", problems.join("\n  ")))
        .hint("`sidegate export --schema` prints the JSON Schema of a file")
}

/// What is to be done, each step for the version that a thing has now.
///
/// # Errors
/// What must not be done, or when the gateway cannot be asked.
pub(super) async fn plan(
    api: &AdminApi,
    document: &Document,
    limits: &Limits,
) -> Result<Plan, Failure> {
    let live = Live::read(api).await?;
    let before = records::applied(api, limits.owner.as_deref()).await?;
    let make = |live: &Live| {
        Plan::make(document, live, &before, limits).map_err(|problems| {
            Failure::of(
                Kind::Conflict,
                format!("this cannot be applied:\n  {}", problems.join("\n  ")),
            )
        })
    };
    let first = make(&live)?;
    let live =
        live.with_versions(api, first.steps.iter().map(crate::declared::steps::Step::key)).await?;
    make(&live)
}
