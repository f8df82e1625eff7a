//! The process: serves the plugin until its host ends it.

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    sidegate_plugin_lab::plugin().serve().await
}
