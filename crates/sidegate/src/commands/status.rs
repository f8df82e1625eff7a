//! `sidegate status`: how the edge on this machine is doing, as it tells itself.
//!
//! It asks the address where other gateways have their admin API, without a token; it changes nothing.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, Printed};
use clap::Args;
use sidegate_api::edge_status::{EdgePlugin, EdgePosition, EdgeStatus, EdgeStatusAnswer};

const FIELDS: &[Column<EdgeStatus>] = &[
    ("edge", |edge| edge.edge.clone()),
    ("namespace", |edge| namespace(&edge.namespace)),
    ("version", |edge| edge.version.clone()),
    ("status", |edge| edge.status.clone()),
    ("reason", |edge| edge.reason.clone().unwrap_or_default()),
    ("control plane", |edge| edge.control_url.clone().unwrap_or_default()),
    ("contact", contact),
    ("staleness", |edge| format!("{} s", edge.staleness_seconds)),
    ("revisions", |edge| lines(edge.positions.iter().map(position))),
    ("rejected", |edge| {
        lines(edge.rejected.iter().map(|it| format!("{}: {}", it.object, it.reason)))
    }),
    ("plugins", |edge| lines(edge.plugins.iter().map(plugin))),
    ("warnings", |edge| lines(edge.warnings.iter().cloned())),
    ("certificate until", |edge| edge.certificate_expires_at.clone().unwrap_or_default()),
];

impl Printed for EdgeStatus {
    fn id(&self) -> &str {
        &self.edge
    }
}

fn namespace(name: &str) -> String {
    if name.is_empty() { "(global)".to_owned() } else { name.to_owned() }
}

fn contact(edge: &EdgeStatus) -> String {
    match (&edge.contact, edge.connected) {
        (_, true) => "connected".to_owned(),
        (Some(reason), false) => format!("lost: {reason}"),
        (None, false) => "lost".to_owned(),
    }
}

fn position(at: &EdgePosition) -> String {
    let EdgePosition { namespace: name, lineage, revision } = at;
    format!("{}: {revision} (lineage {lineage})", namespace(name))
}

fn plugin(plugin: &EdgePlugin) -> String {
    let state = serde_json::to_value(plugin.state).unwrap_or_default();
    let state = state.as_str().unwrap_or_default();
    match &plugin.reason {
        Some(reason) => format!("{}: {state}, {reason}", plugin.name),
        None => format!("{}: {state}", plugin.name),
    }
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join("\n")
}

/// Say how the edge on this machine is doing, without a token
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let api = arguments.admin_api.client_without_token()?;
    let EdgeStatusAnswer { data } = api.whole("status").await?;
    arguments.output.one(&data, FIELDS)
}
