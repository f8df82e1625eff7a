//! `sidegate plugin inspect`: what a program says of itself, before it is registered.
//!
//! It asks the admin API, which starts the program once on its own machine.

use super::plugin_schema::settings;
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, listed};
use crate::pairs::{JsonPair, Pair, object, object_of_file};
use clap::Args;
use sidegate_api::inspection::InspectionAttributes;
use sidegate_api::plugin::PluginFields;
use sidegate_api::resource::Resource;
use std::path::PathBuf;

type Inspection = Resource<InspectionAttributes>;

const FIELDS: &[Column<Inspection>] = &[
    ("hooks", |seen| listed(&seen.attributes.hooks)),
    ("wishes", |seen| listed(&seen.attributes.wished_scopes)),
    ("unknown wishes", |seen| listed(&seen.attributes.unknown_scopes)),
    ("endpoints", |seen| endpoints(&seen.attributes)),
    ("settings", |seen| settings(&seen.attributes.config_schema)),
    ("secrets", |seen| listed(&seen.attributes.secret_settings)),
    ("problems", |seen| problems(&seen.attributes)),
    ("warnings", |seen| seen.attributes.warnings.join("\n")),
    ("sha256", |seen| seen.attributes.sha256.clone().unwrap_or_default()),
    ("start took", |seen| format!("{} ms", seen.attributes.start_duration_ms)),
    ("printed", |seen| printed(&seen.attributes)),
];

fn endpoints(seen: &InspectionAttributes) -> String {
    let lines = seen.endpoints.iter().map(|endpoint| {
        let token = if endpoint.require_auth { " (token)" } else { "" };
        format!("{} {}{token}", listed(&endpoint.methods), endpoint.path)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn problems(seen: &InspectionAttributes) -> String {
    let details = seen.config_problems.iter().map(|problem| problem.detail.as_str());
    details.collect::<Vec<_>>().join("\n")
}

fn printed(seen: &InspectionAttributes) -> String {
    let lines = seen.first_lines.iter().map(|line| line.message.as_str());
    lines.collect::<Vec<_>>().join("\n")
}

/// Start a program once on the gateway's machine, without serving, and say what it is; nothing is stored
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A text in the configuration that it is given
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Pair>,
    /// A JSON value in the configuration that it is given
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<JsonPair>,
    /// JSON file with the configuration that it is given; --set wins over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A word to the gateway about this plugin, for example mtls=true
    #[arg(long, value_name = "KEY=VALUE")]
    option: Vec<Pair>,
    /// The program, as file:///absolute/path
    #[arg(value_name = "COMMAND", last = true)]
    command: String,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(inspect: &Inspect) -> Result<(), Failure> {
    let mut config = match &inspect.config {
        Some(path) => object_of_file(path)?,
        None => serde_json::Map::new(),
    };
    config.extend(object(&inspect.set, &inspect.set_json)?);
    let fields = PluginFields {
        command: Some(inspect.command.clone()),
        config: Some(config),
        options: Some(object(&inspect.option, &[])?),
        ..PluginFields::default()
    };
    let seen: Inspection = inspect.admin_api.client()?.post("plugins/inspect", &fields).await?;
    inspect.output.one(&seen, FIELDS)?;
    match &seen.attributes.failure {
        None => Ok(()),
        Some(failure) => Err(Failure::failed(format!("it would not serve: {failure}"))),
    }
}
