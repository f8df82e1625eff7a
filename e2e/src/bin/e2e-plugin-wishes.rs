//! A plugin whose manifest wishes scopes: for tests about what operators see of that and grant. Asks for nothing itself.

use sidegate_sdk::{Plugin, Request, Response, Result};

const MANIFEST: &str = r#"{
  "id": "com.example.wishes",
  "name": "Wishes",
  "version": "1.0.0",
  "description": "Wishes to keep values and to read apps.",
  "capabilities": {"hooks": ["custom_endpoint"], "primary_hook": "custom_endpoint"},
  "permissions": {"services": ["kv.readwrite", "apps.read"]}
}"#;

#[tokio::main]
async fn main() -> Result<()> {
    Plugin::new("wishes", "1.0.0")
        .manifest(MANIFEST)
        .get("/*", async |_: Request| Response::text("here\n"))
        .serve()
        .await
}
