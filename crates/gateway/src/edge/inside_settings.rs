//! How the gateway itself asks plugins, as is known when it starts.

use std::net::SocketAddr;

/// How the gateway itself asks.
#[derive(Debug, Clone)]
pub(crate) struct InsideSettings {
    /// Connections that no shard has.
    pub lane: usize,
    /// Where the gateway listens, for what names an address where no operator says one.
    pub listens: String,
}

impl InsideSettings {
    /// For a gateway with so many shards that listens there.
    pub(crate) fn new(shards: usize, addr: SocketAddr, is_tls: bool) -> Self {
        let scheme = if is_tls { "https" } else { "http" };
        let listens = match addr.ip().is_unspecified() {
            true => format!("{scheme}://localhost:{}", addr.port()),
            false => format!("{scheme}://{addr}"),
        };
        Self { lane: shards, listens }
    }
}
