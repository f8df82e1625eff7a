//! The snapshot: all desired state, read at one moment. It holds no SQL of its own.

use crate::error::StoreError;
use crate::store::Store;
use crate::{apps, plugins, revision, tokens};
use sidegate_model::plugin::PluginSpec;
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
        let plugins = plugins::active(&mut tx, &self.keys).await?;
        let registered = plugins::registered(&mut tx).await?;
        let apps = apps::all(&mut tx).await?;
        let tokens = tokens::all(&mut tx).await?;
        let specs = plugins.iter().map(|plugin| {
            let spec: PluginSpec = plugin.spec();
            (plugin.id, Arc::new(spec))
        });
        Ok(Snapshot {
            revision,
            plugins: Arc::new(specs.collect()),
            registered: Arc::new(registered),
            apps: apps.into_iter().collect(),
            tokens: tokens.into_iter().collect(),
        })
    }
}
