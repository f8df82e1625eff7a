//! `sidegate log-level`: how much the gateway logs, shown or changed while it runs.
//!
//! It asks the admin API; what the words mean is said there.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Output, print};
use clap::Args;
use sidegate_api::logging::{LoggingAttributes, LoggingFields};
use sidegate_api::resource::Resource;

/// Show how much is logged, or change it until the next start
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// As in LOG_LEVEL, for example info,access=off
    level: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let api = arguments.admin_api.client()?;
    let told: Resource<LoggingAttributes> = match &arguments.level {
        Some(level) => api.patch("logging", &LoggingFields { level: Some(level.clone()) }).await?,
        None => api.get("logging").await?,
    };
    if arguments.output.is_json() {
        return crate::output::json(&told);
    }
    print(&format!("{}\n", told.attributes.level))
}
