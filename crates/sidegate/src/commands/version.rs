//! `sidegate version`: which build this is.
//!
//! It talks to nobody.

use crate::error::Failure;
use crate::output::{Output, print};
use clap::Args;
use serde_json::json;

/// Show the version of this program
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if arguments.output.is_json() {
        return crate::output::json(&json!({"name": "sidegate", "version": version}));
    }
    let name = if arguments.output.is_quiet() { "" } else { "sidegate " };
    print(&format!("{name}{version}\n"))
}
