//! A plugin that runs by itself, at an address, for hosts that come to it.
//!
//! It speaks without TLS and asks nobody who they are: the network must be trusted. No host ends it.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

use crate::error::{Error, Result};
use crate::program::Program;
use crate::service::{self, Master};

/// Environment variable that names the address, `host:port`; port 0 takes any that is free.
pub(crate) const ENV_LISTEN: &str = "PLUGIN_LISTEN";

/// After this silence the system asks whether a host is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Serves at the address until SIGTERM or SIGINT.
pub(crate) async fn serve(program: Program, address: &str) -> Result<()> {
    let doing = || format!("listen at {address:?}, which {ENV_LISTEN} must give as host:port");
    let failed = |error| Error::from(error).context(doing());
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let stop = CancellationToken::new();
    watch_signals(&stop)?;
    eprintln!(
        "\"{name}\" serves at {bound}, without TLS: let only trusted networks reach it. \
         Register it with: sidegate plugin add --name {name} --slug {name} --command grpc://{bound}",
        name = program.about.name,
    );
    let incoming = TcpIncoming::from(listener);
    let incoming = incoming.with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
    service::run(Arc::new(program), incoming, Master::Itself, stop).await;
    Ok(())
}

/// Nobody else would end it.
fn watch_signals(stop: &CancellationToken) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}
