//! The nodes that serve clients, as the admin API tells them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node: the gateway itself where it stands alone, else an edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeAttributes {
    /// What it is called.
    pub name: String,
    /// Whether it is the process that answers here, so that its address is one of this machine.
    pub is_own: bool,
    /// Where it listens for clients, as in `http://0.0.0.0:8081`; such a host stands for every address of the node's machine.
    /// Of proxies before it nothing is known. `null` where the node does not say it.
    pub client_url: Option<String>,
    /// The revision by which it serves.
    pub revision: u64,
}
