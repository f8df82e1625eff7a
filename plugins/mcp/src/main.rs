//! Serves the MCP servers that the configuration names.

use std::process::ExitCode;

/// Streams that are open for hours have buffers of which they use the first lines: here the rest takes no memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
