//! `sidegate history`: what was changed when and by whom, what differs between two revisions, and going back.
//!
//! It asks the admin API, which shows no secret.

use super::audit::time;
use super::history_view::{changes, differences, operation, what};
use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::output::{Column, Output, json, print};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::history::{
    DiffAttributes, RevisionAttributes, RevisionList, RollbackAttributes, RollbackFields,
};
use sidegate_api::resource::Resource;

type Revision = Resource<RevisionAttributes>;

/// Most revisions that are asked for at once.
const PAGE_SIZE: usize = 100;

const COLUMNS: &[Column<Revision>] = &[
    ("REVISION", |revision| revision.id.clone()),
    ("AT", |revision| revision.attributes.at.clone()),
    ("WHO", |revision| revision.attributes.author.clone()),
    ("OPERATION", |revision| operation(&revision.attributes)),
    ("NAMESPACE", |revision| revision.attributes.namespaces.join(", ")),
    ("WHAT", |revision| what(&revision.attributes)),
];

const DETAILS: &[Column<Revision>] = &[
    ("revision", |revision| revision.id.clone()),
    ("at", |revision| revision.attributes.at.clone()),
    ("who", |revision| revision.attributes.author.clone()),
    ("operation", |revision| operation(&revision.attributes)),
    ("namespace", |revision| revision.attributes.namespaces.join(", ")),
    ("changes", |revision| changes(&revision.attributes)),
];

/// See what was stored before, what changed since, and go back
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    /// Show a revision and what it changed
    Show(Show),
    Diff(Diff),
    Rollback(Rollback),
}

/// List revisions, newest first
#[derive(Debug, Args)]
struct List {
    /// Only those that changed something in this namespace; "" is the global one
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only those of this author: the name of an admin token, root or system
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only those made by this operation, as the column OPERATION has it
    #[arg(long)]
    operation: Option<String>,
    /// Only those that changed things of this kind
    #[arg(long, value_parser = ["plugin", "app", "token", "namespace"])]
    kind: Option<String>,
    /// Only those that changed things with this id; best together with --kind
    #[arg(long)]
    id: Option<u32>,
    /// Only those that changed things which were called exactly so afterwards
    #[arg(long)]
    name: Option<String>,
    /// Only those since then: a time as in 2030-01-31T12:00:00Z, or how long ago as in 24h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only those before then, said in the same way
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// How many revisions at most
    #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// One revision
#[derive(Debug, Args)]
struct Show {
    /// Its number
    revision: u64,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Say which plugins and apps differ between two revisions, and how; a secret is only said to change
#[derive(Debug, Args)]
struct Diff {
    /// From this revision
    from: u64,
    /// To this one; without it, to the newest
    to: Option<u64>,
    /// Only in this namespace; "" is the global one
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Give a namespace the plugins and apps that it had at a revision, as a new revision
///
/// What was deleted since comes back with its number, and what is new since is deleted, apps with their tokens. Revoked
/// tokens stay revoked, tokens of apps that stay are as they are now, and what a deleted plugin had kept is gone.
#[derive(Debug, Args)]
struct Rollback {
    /// To this revision
    revision: u64,
    /// Of this namespace; "" is the global one. Must be said where the revision changed several
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Change nothing, and say what would be changed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::List(list) => {
            let revisions = revisions(&list.admin_api.client()?, list).await?;
            list.output.list(&revisions, COLUMNS)
        }
        Action::Show(show) => {
            let path = format!("revisions/{}", show.revision);
            let revision: Revision = show.admin_api.client()?.get(&path).await?;
            show.output.one(&revision, DETAILS)
        }
        Action::Diff(diff) => diff_revisions(diff).await,
        Action::Rollback(rollback) => roll_back(rollback).await,
    }
}

/// As many revisions as are wanted, page by page.
async fn revisions(api: &AdminApi, list: &List) -> Result<Vec<Revision>, Failure> {
    let id = list.id.map(|id| id.to_string());
    let said = [
        ("namespace", &list.namespace),
        ("author", &list.author),
        ("operation", &list.operation),
        ("kind", &list.kind),
        ("id", &id),
        ("name", &list.name),
        ("since", &list.since),
        ("until", &list.until),
    ];
    let narrowed: String =
        said.into_iter().map(|(name, text)| parameter(name, text.as_deref())).collect();
    let wanted = list.limit as usize;
    let mut revisions = Vec::new();
    let mut before = String::new();
    loop {
        let size = PAGE_SIZE.min(wanted - revisions.len());
        let page: RevisionList =
            api.whole(&format!("revisions?limit={size}{narrowed}{before}")).await?;
        revisions.extend(page.data);
        match page.meta.next_before {
            Some(next) if revisions.len() < wanted => before = format!("&before={next}"),
            _ => return Ok(revisions),
        }
    }
}

fn parameter(name: &str, text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| {
        format!("&{name}={}", utf8_percent_encode(text, NON_ALPHANUMERIC))
    })
}

async fn diff_revisions(diff: &Diff) -> Result<(), Failure> {
    let to = diff.to.map_or_else(String::new, |to| format!("&to={to}"));
    let namespace = parameter("namespace", diff.namespace.as_deref());
    let path = format!("revisions/diff?from={}{to}{namespace}", diff.from);
    let found: Resource<DiffAttributes> = diff.admin_api.client()?.get(&path).await?;
    if diff.output.is_json() {
        return json(&found);
    }
    if diff.output.is_quiet() {
        return print(&ids(&found.attributes.differences));
    }
    let DiffAttributes { from, to, differences: found } = &found.attributes;
    if found.is_empty() {
        eprintln!("revisions {from} and {to} have the same plugins and apps");
        return Ok(());
    }
    print(&differences(found))
}

async fn roll_back(rollback: &Rollback) -> Result<(), Failure> {
    let fields = RollbackFields {
        revision: Some(rollback.revision),
        namespace: rollback.namespace.clone(),
        dry_run: rollback.dry_run.then_some(true),
    };
    let api = rollback.admin_api.client()?;
    let done: Resource<RollbackAttributes> = api.post("revisions/rollback", &fields).await?;
    if rollback.output.is_json() {
        return json(&done);
    }
    if rollback.output.is_quiet() {
        return print(&ids(&done.attributes.differences));
    }
    let RollbackAttributes { to, revision, dry_run, differences: found, .. } = &done.attributes;
    match (found.is_empty(), dry_run) {
        (true, _) => eprintln!("nothing differs from revision {to}: nothing is changed"),
        (false, true) => eprintln!("going back to revision {to} would change:"),
        (false, false) => eprintln!("back to revision {to}, as revision {revision}:"),
    }
    print(&differences(found))
}

fn ids(differences: &[sidegate_api::history::Difference]) -> String {
    differences.iter().map(|difference| format!("{}\n", difference.id)).collect()
}
