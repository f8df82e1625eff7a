//! What is done to edges, on behalf of somebody: it counts here at once, and in other processes when they hear of it.

use super::Edges;
use sidegate_model::actor::AuditContext;
use sidegate_model::edge::{Edge, EdgeId, JoinToken};
use sidegate_model::namespace::Namespace;
use sidegate_store::{NewEdge, Precondition, Store, StoreError};
use std::collections::BTreeSet;

/// Edges, on behalf of somebody.
pub(crate) struct AuditedEdges {
    edges: Edges,
    context: AuditContext,
}

impl Edges {
    /// For changes on behalf of somebody.
    pub(crate) fn by(&self, context: AuditContext) -> AuditedEdges {
        AuditedEdges { edges: self.clone(), context }
    }
}

impl AuditedEdges {
    fn store(&self) -> Store {
        self.edges.0.store.by(self.context.clone())
    }

    /// Registers an edge.
    ///
    /// # Errors
    /// Those of [`Store::create_edge`].
    pub(crate) async fn create(self, new: &NewEdge) -> Result<Edge, StoreError> {
        self.require_namespace(&new.namespace).await?;
        let edge = self.store().create_edge(new).await?;
        self.counts().await;
        Ok(edge)
    }

    /// Gives an edge another join token.
    ///
    /// # Errors
    /// Those of [`Store::renew_join_token`].
    pub(crate) async fn renew_join_token(
        self,
        id: EdgeId,
        token: &JoinToken,
        precondition: &Precondition,
    ) -> Result<Edge, StoreError> {
        let renewed = self.store().renew_join_token(id, token, precondition).await?;
        self.counts().await;
        // Whoever had it before is barred, and knows keys.
        self.replace_keys(&renewed.before).await?;
        Ok(renewed.edge)
    }

    /// Bars an edge, and replaces the keys that it knew.
    ///
    /// # Errors
    /// Those of [`Store::revoke_edge`] and of [`Store::rotate_data_keys`]: an edge that is barred stays so, and the same
    /// again does what is left.
    pub(crate) async fn revoke(
        self,
        id: EdgeId,
        precondition: &Precondition,
    ) -> Result<Edge, StoreError> {
        let before = self.store().edge(id).await?;
        let edge = self.store().revoke_edge(id, precondition).await?;
        self.counts().await;
        // That it was barred says nothing of whether it had joined; that it has joined meanwhile does.
        let known = if edge.joined.is_some() { &edge } else { &before };
        self.replace_keys(known).await?;
        Ok(edge)
    }

    /// Bars an edge, replaces the keys that it knew, and forgets it.
    ///
    /// # Errors
    /// Those of [`Store::delete_edge`] and of [`Store::rotate_data_keys`].
    pub(crate) async fn delete(
        self,
        id: EdgeId,
        precondition: &Precondition,
    ) -> Result<(), StoreError> {
        let store = self.store();
        let known = store.edge(id).await?;
        // What is forgotten is not barred again: keys first, as long as somebody knows that they are to be replaced.
        if knows_keys(&known) && known.revoked_at.is_none() {
            store.revoke_edge(id, precondition).await?;
            self.counts().await;
            self.replace_keys(&known).await?;
            store.delete_edge(id, &Precondition::None).await?;
            self.counts().await;
            return Ok(());
        }
        let gone = store.delete_edge(id, precondition).await?;
        self.counts().await;
        // It joined after it was looked at.
        if gone.revoked_at.is_none() { self.replace_keys(&gone).await } else { Ok(()) }
    }

    async fn require_namespace(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let known = self.edges.0.store.list_namespaces().await?;
        let is_there = namespace.is_global() || known.iter().any(|one| one.name == *namespace);
        if is_there {
            return Ok(());
        }
        let name = namespace.as_str();
        let problem = format!(
            "namespace: there is no namespace {name:?}; make it with `sidegate namespace create {name}`"
        );
        Err(StoreError::Invalid { what: "edge", problems: vec![problem] })
    }

    /// An edge that never joined knows none.
    async fn replace_keys(&self, edge: &Edge) -> Result<(), StoreError> {
        if !knows_keys(edge) {
            return Ok(());
        }
        let known = self.edges.0.store.list_namespaces().await?;
        let mut namespaces = BTreeSet::from([Namespace::global()]);
        // One that is gone since has nothing to be read.
        if known.iter().any(|namespace| namespace.name == edge.namespace) {
            namespaces.insert(edge.namespace.clone());
        }
        let namespaces: Vec<_> = namespaces.into_iter().collect();
        self.edges.control().by(self.context.clone()).rotate_data_keys(namespaces).await?;
        Ok(())
    }

    /// What cannot be read now is read a moment later.
    async fn counts(&self) {
        if let Err(error) = self.edges.changed().await {
            tracing::warn!(%error, "a change of edges is stored, and counts here a moment later");
        }
    }
}

/// Whether somebody has, or had, an identity as this edge. Another join token makes it one that has not joined, but not
/// one that never did.
fn knows_keys(edge: &Edge) -> bool {
    edge.joined.is_some() || edge.certificates_after > edge.created_at
}
