//! `sidegate routes`: what clients can call, over all plugins.
//!
//! It asks the admin API; it calls no route.

use crate::client::Connection;
use crate::error::Failure;
use crate::output::{Column, Output, field, text};
use clap::Args;

const COLUMNS: &[Column] = &[
    ("PATH", |route| text(route, "path")),
    ("METHODS", |route| text(route, "methods")),
    ("TOKEN", |route| match field(route, "require_auth").as_bool() {
        Some(true) => "required".to_owned(),
        _ => "no".to_owned(),
    }),
    ("STREAM", |route| match field(route, "stream_response").as_bool() {
        Some(true) => "yes".to_owned(),
        _ => "no".to_owned(),
    }),
    ("PLUGIN", |route| text(route, "plugin")),
    ("DESCRIPTION", |route| text(route, "description")),
];

/// List the routes that plugins serve now
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let routes = arguments.connection.open()?.all("routes").await?;
    arguments.output.list(&routes, COLUMNS)
}
