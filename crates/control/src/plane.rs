//! What the control plane may ask of a data plane: how plugins are doing, and whether a change is
//! live. Knows nothing of how plugins are run or requests are served.

use futures_util::future::BoxFuture;
use serde_json::Value;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::InstanceRecord;
use sidegate_model::snapshot::Revision;
use sidegate_model::status::PluginStatus;

/// A data plane as the control plane sees it.
pub trait DataPlane: Send + Sync + 'static {
    /// What the node is called.
    fn node(&self) -> &str;

    /// How every plugin is doing now, in no particular order.
    fn plugins(&self) -> Vec<PluginStatus>;

    /// What is known of a plugin's processes, newest first: those that run and the last few that
    /// ended, each with at most so many of its last lines.
    fn records(&self, id: PluginId, lines: usize) -> Vec<InstanceRecord>;

    /// Whether the node is ready, and why not, as JSON.
    fn readiness(&self) -> (bool, Value);

    /// Everything that is counted: its media type and its text.
    fn metrics(&self) -> (&'static str, String);

    /// Resolves once requests are served by `revision` or a later one. May never resolve: whoever
    /// waits brings a deadline.
    fn applied(&self, revision: Revision) -> BoxFuture<'_, ()>;
}
