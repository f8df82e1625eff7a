//! Namespaces and their keys, and going back to what was in one. Knows what that means for the snapshot.

use crate::control::{AuditedControl, with_app, with_plugin};
use crate::issuers::with_issuer;
use crate::publish::Published;
use sidegate_model::namespace::{KnownNamespace, Namespace, NamespaceId};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_store::{Difference, Precondition, RolledBack, Store, StoreError, Versioned};
use std::collections::BTreeMap;
use std::sync::Arc;

impl AuditedControl {
    /// Registers a namespace, which has a key of its own from then on.
    ///
    /// # Errors
    /// Those of [`Store::create_namespace`].
    pub async fn create_namespace(
        self,
        name: Namespace,
        description: String,
    ) -> Result<Published<KnownNamespace>, StoreError> {
        let write =
            move |store: Store| async move { store.create_namespace(&name, &description).await };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, |snapshot, _| snapshot).await
    }

    /// Forgets a namespace that nothing is in.
    ///
    /// # Errors
    /// Those of [`Store::delete_namespace`].
    pub async fn delete_namespace(
        self,
        id: NamespaceId,
        precondition: Precondition,
    ) -> Result<Published<KnownNamespace>, StoreError> {
        let write =
            move |store: Store| async move { store.delete_namespace(id, &precondition).await };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, |snapshot, _| snapshot).await
    }

    /// Makes new keys for namespaces and seals with them what is in there.
    ///
    /// # Errors
    /// Those of [`Store::rotate_data_keys`].
    pub async fn rotate_data_keys(
        self,
        namespaces: Vec<Namespace>,
    ) -> Result<Published<Vec<PluginId>>, StoreError> {
        let write = move |store: Store| async move { store.rotate_data_keys(&namespaces).await };
        // In clear all is as it was; whoever sends it on sealed has to look again.
        let apply = |mut snapshot: Snapshot, _: &Vec<PluginId>| {
            snapshot.plugins = Arc::new(BTreeMap::clone(&snapshot.plugins));
            snapshot
        };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, apply).await
    }

    /// Gives a namespace the plugins, apps and issuers that it had at a revision.
    ///
    /// # Errors
    /// Those of [`Store::roll_back`].
    pub async fn roll_back(
        self,
        revision: Revision,
        namespace: Namespace,
    ) -> Result<Published<RolledBack>, StoreError> {
        let write = move |store: Store| async move { store.roll_back(revision, &namespace).await };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, with_differences).await
    }
}

/// After going back: what differs is as it is now.
fn with_differences(snapshot: Snapshot, rolled_back: &RolledBack) -> Snapshot {
    let apply = |snapshot: Snapshot, difference: &Difference| match difference {
        Difference { after: Some(Versioned::Plugin(plugin)), .. } => with_plugin(snapshot, plugin),
        Difference { after: Some(Versioned::App(app)), .. } => with_app(snapshot, app),
        Difference { after: Some(Versioned::Issuer(issuer)), .. } => with_issuer(snapshot, issuer),
        Difference { before: Some(Versioned::Issuer(issuer)), .. } => {
            snapshot.with_issuer(issuer.id, None)
        }
        Difference { before: Some(Versioned::Plugin(plugin)), .. } => {
            snapshot.with_plugin(plugin.id, None).with_registered(plugin.id, None)
        }
        Difference { before: Some(Versioned::App(app)), .. } => snapshot.with_app(app.id, None),
        Difference { before: None, after: None } => snapshot,
    };
    let mut next = rolled_back.differences.iter().fold(snapshot, apply);
    for hash in &rolled_back.token_hashes {
        next.tokens.remove(hash);
    }
    next
}
