//! A plugin with a page, written straight onto HTTP/2 as one of old would be: it serves an endpoint, gives files, answers
//! its page, asks its host, and does on demand what a page must survive.

#[expect(dead_code, reason = "the misbehaving plugin needs more of it")]
#[path = "../e2e-plugin-misbehave/call.rs"]
mod call;
#[path = "../e2e-plugin-misbehave/crash.rs"]
mod crash;
mod host;
mod page;
mod plugin;
mod server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    server::run().await
}
