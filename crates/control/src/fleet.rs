//! The fleet: the nodes that serve what the control plane publishes, as far as they are asked. A
//! standalone gateway is a fleet of one.
//!
//! Knows nothing of how plugins are run, how requests are served, or how nodes are reached.

mod live;
mod overview;
mod word;

pub use live::LiveFleet;
pub(crate) use live::{asked, told};
pub(crate) use overview::Overview;
pub(crate) use word::Offers;

#[cfg(test)]
pub(crate) use overview::tests;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::plugin_log::LogEvent;
use sidegate_api::record::RecordAttributes;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::issuer_keys::IssuerKeysReport;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeMap;

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

/// From where on the log of a plugin is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStart {
    /// Only lines with a higher number.
    pub after: u64,
    /// At most so many of those that are there already.
    pub lines: usize,
}

/// Why a node was not asked, or did not answer: in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreached(pub String);

/// The nodes as the control plane sees them.
pub trait Fleet: LiveFleet {
    /// What every node says of itself; of one that cannot be reached, what it said last.
    fn nodes(&self) -> Vec<NodeReport>;

    /// The namespace that a node gets beside the global one: what is in others is no concern of it. Of a node that is
    /// not named everything is.
    fn places(&self) -> BTreeMap<NodeId, Namespace> {
        BTreeMap::new()
    }

    /// Whether its nodes are this process itself, whose word is as good as that of the control plane; other machines may
    /// say anything.
    fn is_own(&self) -> bool {
        false
    }

    /// What its nodes know of the keys of issuers; `None` where that is not asked.
    fn issuer_keys(&self) -> Option<Vec<IssuerKeysReport>> {
        None
    }

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

    /// Whether a node can be asked now.
    fn reach(&self, node: &NodeId) -> BoxFuture<'_, Result<(), Unreached>>;

    /// Starts a new process of a plugin on a node, in place of the one that runs; resolves when it serves.
    fn reload(&self, node: &NodeId, plugin: PluginId) -> BoxFuture<'_, Result<(), Unreached>>;

    /// What a plugin prints on a node, as it comes. Ends with an error where the node is not reached any more.
    fn follow_log(
        &self,
        node: &NodeId,
        plugin: PluginId,
        start: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Unreached>>;

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
