//! Who asks plugins what their pages want, as the admin API needs it: in processes of their own on the machine of this
//! process, whatever nodes there are. Knows nothing of how programs are started.

use futures_util::future::BoxFuture;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_page::{Asset, PageCall, PageFailure, PageUser, ToldByPlugin};
use std::sync::Arc;

/// Asks plugins beside the console.
pub trait PluginPages: Send + Sync + 'static {
    /// What the plugin tells of itself.
    fn told(&self, plugin: Arc<PluginSpec>) -> BoxFuture<'_, Result<ToldByPlugin, PageFailure>>;

    /// What it told of itself last, without asking it.
    fn told_before(&self, plugin: PluginId) -> Option<ToldByPlugin>;

    /// A file of its page, for a user.
    fn asset(
        &self,
        plugin: Arc<PluginSpec>,
        path: String,
        user: PageUser,
    ) -> BoxFuture<'_, Result<Asset, PageFailure>>;

    /// What it answers to its page, as the text it gave.
    fn call(
        &self,
        plugin: Arc<PluginSpec>,
        call: PageCall,
    ) -> BoxFuture<'_, Result<String, PageFailure>>;
}
