//! Serves the MCP servers that the configuration names.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match sidegate_plugin_mcp::plugin().serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
