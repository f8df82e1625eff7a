//! Calls a plugin with one of two HTTP/2 clients, as often and as long as it is told.
//!
//! `bench-caller own|h2 SOCKET` prints the address at which it is told.

use anyhow::{Context as _, Result};
use sidegate_bench::caller::{Client, serve};
use tokio::net::{TcpListener, UnixStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let usage = "usage: bench-caller own|h2 SOCKET";
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().context(usage)?.parse()?;
    let socket = arguments.next().context(usage)?;
    let plugin = UnixStream::connect(&socket).await;
    let plugin = plugin.with_context(|| format!("reach the plugin at {socket}"))?;
    let client = Client::connect(kind, plugin).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    serve(listener, client).await
}
