//! Who asks: the peer of the connection, or the client for whom a trusted proxy asks.

use super::connection::ClientConnection;
use super::forwarded::ForwardedInfo;
use super::proxies::Proxies;
use http::HeaderMap;
use sidegate_plugins::Scheme;
use std::net::IpAddr;
use std::sync::Arc;

/// Who asks, and how.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The client's address, where it is not the peer's.
    pub client: Option<Arc<str>>,
    /// How the client came.
    pub scheme: Scheme,
    /// The host it named to the proxy, where that one tells.
    pub host: Option<Vec<u8>>,
}

/// The client's address: what a trusted proxy tells of whom it asks for, or else the peer's.
pub fn client_of(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let told = || ForwardedInfo::read(headers, proxies).client;
    if proxies.trust(peer) { told().unwrap_or(peer) } else { peer }
}

impl Origin {
    /// Finds out who asks with these fields on a connection.
    pub(crate) fn of(
        connection: &ClientConnection,
        headers: &HeaderMap,
        proxies: &Proxies,
    ) -> Self {
        if !connection.is_proxy {
            return Self { client: None, scheme: connection.scheme, host: None };
        }
        let ForwardedInfo { client, scheme, host } = ForwardedInfo::read(headers, proxies);
        let client = client.filter(|ip| *ip != connection.peer.ip().to_canonical());
        let client = client.map(|ip| ip.to_string().into());
        Self { client, scheme: scheme.unwrap_or(connection.scheme), host }
    }
}
