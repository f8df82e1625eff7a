//! A node: one gateway that runs plugins and serves clients, and what it says of itself.

use crate::public_endpoints::PublicMode;
use crate::snapshot::Revision;
use crate::status::PluginStatus;
use std::fmt;

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

/// What one node says of its plugins at one moment.
#[derive(Debug, Clone)]
pub struct NodeReport {
    /// Who says it.
    pub id: NodeId,
    /// The revision by which it serves requests.
    pub revision: Revision,
    /// What becomes there of endpoints that need no token.
    pub public_mode: PublicMode,
    /// How every plugin is doing there, in no particular order.
    pub plugins: Vec<PluginStatus>,
}
