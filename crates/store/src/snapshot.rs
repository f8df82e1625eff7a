//! The snapshot: all desired state, read at one moment. It holds no SQL of its own.

use crate::error::StoreError;
use crate::store::Store;
use crate::{apps, plugins, revision, tokens};
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use std::sync::Arc;

impl Store {
    /// Reads the active plugins and which others there are, all apps, all tokens and the revision they belong to, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn load_snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut tx = self.begin_read().await?;
        let revision = revision::read(&mut tx).await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let plugins = plugins::active(&mut tx, &keys).await?;
        let registered = plugins::registered(&mut tx).await?;
        let apps = apps::all(&mut tx).await?;
        let tokens = tokens::all(&mut tx).await?;
        let specs = plugins.iter().map(|plugin| {
            let spec: PluginSpec = plugin.spec();
            (plugin.id, Arc::new(spec))
        });
        let elsewhere = |(id, (_, namespace)): (&PluginId, &(UnixMillis, Namespace))| {
            (!namespace.is_global()).then(|| (*id, namespace.clone()))
        };
        let elsewhere = registered.iter().filter_map(elsewhere).collect();
        let registered = registered.into_iter().map(|(id, (since, _))| (id, since)).collect();
        Ok(Snapshot {
            revision,
            plugins: Arc::new(specs.collect()),
            registered: Arc::new(registered),
            elsewhere: Arc::new(elsewhere),
            apps: apps.into_iter().collect(),
            tokens: tokens.into_iter().collect(),
        })
    }
}
