//! A node: one gateway that runs plugins and serves clients, and what it says of itself.

use crate::public_endpoints::PublicMode;
use crate::snapshot::Revision;
use crate::status::PluginStatus;
use std::fmt;
use std::net::SocketAddr;

/// The name of a node, as it is set there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(String);

impl NodeId {
    /// The node with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// As it is set there, and as people call it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a node listens for clients. It knows nothing of proxies before it, nor of names for its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress {
    /// Whether they come over TLS.
    pub is_tls: bool,
    /// The address that it listens on, which may stand for every address of its machine.
    pub addr: SocketAddr,
}

impl ClientAddress {
    /// Reads what [`fmt::Display`] writes, and nothing else: another machine may say anything.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, addr) = url.split_once("://")?;
        let is_tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        Some(Self { is_tls, addr: addr.parse().ok()? })
    }
}

/// As in `http://0.0.0.0:8081`.
impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.addr)
    }
}

/// What one node says of its plugins at one moment.
#[derive(Debug, Clone)]
pub struct NodeReport {
    /// Who says it.
    pub id: NodeId,
    /// The revision by which it serves requests.
    pub revision: Revision,
    /// Where clients come in; none where that is not told.
    pub clients: Option<ClientAddress>,
    /// What becomes there of endpoints that need no token.
    pub public_mode: PublicMode,
    /// How every plugin is doing there, in no particular order.
    pub plugins: Vec<PluginStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_clients_is_read_as_it_is_written_and_no_other_text_is_one() {
        for url in ["http://0.0.0.0:8081", "https://[::]:8443", "http://127.0.0.1:1"] {
            assert_eq!(ClientAddress::parse(url).unwrap().to_string(), url);
        }
        for no in ["", "http://", "http://a.example:1", "ftp://1.2.3.4:5", "http://1.2.3.4:5/x"] {
            assert_eq!(ClientAddress::parse(no), None, "{no}");
        }
    }
}
