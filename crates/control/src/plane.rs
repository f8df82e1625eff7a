//! What the control plane may ask of a data plane: how plugins are doing, and whether a change is
//! live. Knows nothing of how plugins are run or requests are served.

use futures_util::future::BoxFuture;
use sidegate_model::snapshot::Revision;
use sidegate_model::status::PluginStatus;

/// A data plane as the control plane sees it.
pub trait DataPlane: Send + Sync + 'static {
    /// How every plugin is doing now, in no particular order.
    fn plugins(&self) -> Vec<PluginStatus>;

    /// Resolves once requests are served by `revision` or a later one. May never resolve: whoever
    /// waits brings a deadline.
    fn applied(&self, revision: Revision) -> BoxFuture<'_, ()>;
}
