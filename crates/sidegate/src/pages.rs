//! Who asks plugins what their pages want, for the admin API: in processes beside it, which may ask the admin side in turn. It
//! translates; it decides nothing.

use crate::config::resolved::Config;
use crate::stored_keys::StoredKeys;
use futures_util::future::BoxFuture;
use sidegate_control::{Control, Fleet, PluginChanges, PluginPages};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_page::{
    Asset, PageCall, PageFailure, PageUser, ToldBeside, ToldByPlugin,
};
use sidegate_plugins::host::{ConsoleInstances, ConsoleSettings, HostSettings};
use sidegate_plugins::{HostServices, Keepers};
use sidegate_store::Store;
use std::sync::Arc;

/// Processes of plugins on this machine, for their pages.
#[derive(Clone)]
pub(crate) struct OwnPages(ConsoleInstances);

impl OwnPages {
    /// Started as plugins are that serve; what they keep is in this store, what they change goes by way of this control
    /// plane to this fleet.
    pub(crate) fn new(
        config: &Config,
        host: HostSettings,
        (store, control): (&Store, &Control),
        fleet: Arc<dyn Fleet>,
    ) -> Self {
        let told = ToldBeside::default();
        let changes = Arc::new(PluginChanges::new(control.clone(), fleet, told.clone()));
        let keepers = Keepers::new(store.clone(), StoredKeys::new(store.clone()));
        let node = config.edge_id.clone();
        let services = HostServices::beside_console(keepers, control.subscribe(), node, changes);
        let settings = ConsoleSettings { host, idle: config.plugin_page_idle };
        Self(ConsoleInstances::new(settings, services, told))
    }

    /// Ends all of them.
    pub(crate) async fn shutdown(&self) {
        self.0.shutdown().await;
    }
}

impl PluginPages for OwnPages {
    fn told(&self, plugin: Arc<PluginSpec>) -> BoxFuture<'_, Result<ToldByPlugin, PageFailure>> {
        Box::pin(self.0.told(plugin))
    }

    fn told_before(&self, plugin: PluginId) -> Option<ToldByPlugin> {
        self.0.told_before(plugin)
    }

    fn asset(
        &self,
        plugin: Arc<PluginSpec>,
        path: String,
        user: PageUser,
    ) -> BoxFuture<'_, Result<Asset, PageFailure>> {
        Box::pin(async move { self.0.asset(plugin, &path, user).await })
    }

    fn call(
        &self,
        plugin: Arc<PluginSpec>,
        call: PageCall,
    ) -> BoxFuture<'_, Result<String, PageFailure>> {
        Box::pin(self.0.call(plugin, call))
    }
}
