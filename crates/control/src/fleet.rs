//! The fleet: the nodes that serve what the control plane publishes, as far as they are asked. A
//! standalone gateway is a fleet of one.
//!
//! Knows nothing of how plugins are run, how requests are served, or how nodes are reached.

mod overview;

pub(crate) use overview::Overview;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Revision;

/// How many nodes must serve a change before it is called live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// One of them.
    Any,
    /// Each that can be reached now: one that cannot never delays a change.
    Reachable,
}

/// How many nodes serve by a change, of those that it concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Those that are connected and serve by it.
    pub applied: usize,
    /// Those that are connected.
    pub connected: usize,
    /// Those that are not; nobody waits for them.
    pub offline: usize,
    /// What connected ones do not take, at most some of it.
    pub rejected: Vec<RejectedThere>,
}

/// Something that one node does not serve by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedThere {
    /// Which node.
    pub node: String,
    /// What, as in `plugin/7`; `manifest` for all of it.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl Coverage {
    /// Whether nobody is waited for any more.
    pub fn is_complete(&self) -> bool {
        self.applied == self.connected
    }
}

/// Why a node was not asked, or did not answer: in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreached(pub String);

/// The nodes as the control plane sees them.
pub trait Fleet: Send + Sync + 'static {
    /// What every node says of itself; of one that cannot be reached, what it said last.
    fn nodes(&self) -> Vec<NodeReport>;

    /// Yields whenever [`Fleet::nodes`] may tell something else than before; several changes may be
    /// one item. Ends with the fleet.
    fn changes(&self) -> BoxStream<'static, ()>;

    /// What would happen to a request on a node, of which nothing is executed or counted.
    fn explain(
        &self,
        node: &NodeId,
        request: ImaginedRequest,
    ) -> BoxFuture<'_, Result<ExplanationAttributes, Unreached>>;

    /// What is known of a plugin's processes on a node, newest first: those that run and the last few
    /// that ended, each with at most so many of its last lines.
    fn records(
        &self,
        node: &NodeId,
        plugin: PluginId,
        lines: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordAttributes>, Unreached>>;

    /// Resolves once so many nodes serve requests by `revision` or a later one. May never resolve:
    /// whoever waits brings a deadline.
    fn applied(&self, revision: Revision, quorum: Quorum) -> BoxFuture<'_, ()>;

    /// How many of the nodes that a change concerns serve by it now.
    fn coverage(&self, revision: Revision) -> Coverage;
}

/// What the node beside this control plane tells on the admin port.
pub trait NodeProbes: Send + Sync + 'static {
    /// Whether the node is ready, and why not, as JSON.
    fn readiness(&self) -> (bool, Value);

    /// Everything that is counted there: its media type and its text.
    fn metrics(&self) -> (&'static str, String);
}
