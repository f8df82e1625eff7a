//! The smallest plugin: says hello at every path.

use sidegate_sdk::{Plugin, Request};

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    Plugin::new("hello", env!("CARGO_PKG_VERSION"))
        .get("/*", async |req: Request| format!("hello {}\n", req.relative_path()))
        .serve()
        .await
}
