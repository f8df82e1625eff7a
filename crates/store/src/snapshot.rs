//! The snapshot: all desired state, read at one moment. It holds no SQL of its own.

use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::sql::{Row, Tx};
use crate::store::Store;
use crate::versions::PluginRow;
use crate::{apps, issuers, plugins, revision, tokens};
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginId, PluginOptions, PluginSpec};
use sidegate_model::snapshot::{Revision, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What active plugins are, with their secrets as they are sealed by the keys of their namespaces: settings and options
/// that are secrets are sealed texts.
pub type SealedSpecs = BTreeMap<PluginId, Arc<PluginSpec>>;

impl Store {
    /// Reads the active plugins and which others there are, all issuers, apps and tokens and the revision they belong to, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn load_snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let rows = plugins::active(&mut tx).await?;
        snapshot(&mut tx, &rows, &keys).await
    }

    /// The same, and what its plugins are with their secrets sealed: both at the same moment.
    ///
    /// # Errors
    /// Those of [`Store::load_snapshot`].
    pub async fn load_snapshot_with_sealed(&self) -> Result<(Snapshot, SealedSpecs), StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let rows = plugins::active(&mut tx).await?;
        let sealed = all_sealed(&rows, &keys)?;
        Ok((snapshot(&mut tx, &rows, &keys).await?, sealed))
    }

    /// What active plugins are with their secrets sealed, and the revision they belong to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`].
    pub async fn sealed_specs(&self) -> Result<(Revision, SealedSpecs), StoreError> {
        let mut tx = self.begin_read().await?;
        let revision = revision::read(&mut tx).await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let rows = plugins::active(&mut tx).await?;
        Ok((revision, all_sealed(&rows, &keys)?))
    }
}

async fn snapshot(tx: &mut Tx, rows: &[Row], keys: &DataKeys) -> Result<Snapshot, StoreError> {
    let revision = revision::read(tx).await?;
    let spec = |row| plugins::read(row, keys).map(|plugin| (plugin.id, Arc::new(plugin.spec())));
    let specs = rows.iter().map(spec).collect::<Result<BTreeMap<_, _>, _>>()?;
    let registered = plugins::registered(tx).await?;
    let apps = apps::all(tx).await?;
    let issuers = issuers::all(tx).await?.into_iter();
    let tokens = tokens::all(tx).await?;
    let elsewhere = |(id, (_, namespace)): (&PluginId, &(UnixMillis, Namespace))| {
        (!namespace.is_global()).then(|| (*id, namespace.clone()))
    };
    let elsewhere = registered.iter().filter_map(elsewhere).collect();
    let registered = registered.into_iter().map(|(id, (since, _))| (id, since)).collect();
    Ok(Snapshot {
        revision,
        plugins: Arc::new(specs),
        registered: Arc::new(registered),
        elsewhere: Arc::new(elsewhere),
        issuers: Arc::new(issuers.map(|issuer| (issuer.id, Arc::new(issuer))).collect()),
        apps: apps.into_iter().collect(),
        tokens: tokens.into_iter().collect(),
    })
}

fn all_sealed(rows: &[Row], keys: &DataKeys) -> Result<SealedSpecs, StoreError> {
    let spec = |row| sealed(row, keys).map(|spec| (spec.id, Arc::new(spec)));
    rows.iter().map(spec).collect()
}

/// What the data plane needs of a plugin, its secrets sealed.
pub(crate) fn sealed(row: &Row, keys: &DataKeys) -> Result<PluginSpec, StoreError> {
    let row = PluginRow::read(row)?;
    let sealed = row.sealed()?;
    let plugin = row.plugin(keys)?;
    Ok(PluginSpec {
        config: sealed.sealed_config().clone(),
        options: PluginOptions::read(&sealed.sealed_options()).0,
        ..plugin.spec()
    })
}
