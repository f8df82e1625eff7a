//! `sidegate needs`: what waits for an operator.
//!
//! It asks the admin API; what is a need is decided there.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output};
use clap::Args;
use sidegate_api::need::{NeedAttributes, Urgency};
use sidegate_api::resource::Resource;

const COLUMNS: &[Column<Resource<NeedAttributes>>] = &[
    ("WHEN", |need| urgency(need.attributes.urgency).to_owned()),
    ("WHAT", |need| format!("{} {}", kind(need), need.attributes.thing.name)),
    ("TEXT", |need| need.attributes.text.clone()),
    ("SINCE", |need| need.attributes.since.clone().unwrap_or_default()),
    ("DO", |need| {
        need.attributes.command.clone().unwrap_or_else(|| need.attributes.action.clone())
    }),
];

fn urgency(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Now => "now",
        Urgency::Soon => "soon",
        Urgency::Decision => "decide",
    }
}

fn kind(need: &Resource<NeedAttributes>) -> String {
    let kind = serde_json::to_value(need.attributes.thing.kind).unwrap_or_default();
    kind.as_str().unwrap_or_default().to_owned()
}

/// List what waits for an operator: what does not work, what ends soon, and what is to be decided
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let needs = arguments.admin_api.client()?.list("needs").await?;
    if needs.is_empty() && arguments.output.is_table() {
        eprintln!("nothing waits for you");
    }
    arguments.output.list(&needs, COLUMNS)
}
