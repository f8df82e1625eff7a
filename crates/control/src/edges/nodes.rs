//! Edges as the fleet of a control plane.

use super::{Edges, coverage};
use crate::fleet::{Coverage, Fleet, LogStart, Quorum, Unreached};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::plugin_log::LogEvent;
use sidegate_api::record::RecordAttributes;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeMap;
use tokio::sync::watch;

impl Fleet for Edges {
    fn nodes(&self) -> Vec<NodeReport> {
        let desired = self.control().subscribe().borrow().clone();
        let mut nodes = self.0.table.nodes();
        for node in &mut nodes {
            let Some(edge) = self.0.table.known(node.id.as_str()) else { continue };
            // It speaks of nothing that it does not see.
            node.plugins.retain(|plugin| {
                let namespace = desired.namespace_of(plugin.id);
                namespace.is_global() || namespace == edge.namespace
            });
        }
        nodes
    }

    fn places(&self) -> BTreeMap<NodeId, Namespace> {
        let places = self.0.table.places().into_iter();
        places.map(|(edge, namespace)| (NodeId::new(edge), namespace)).collect()
    }

    fn changes(&self) -> BoxStream<'static, ()> {
        let changes = self.0.table.changes();
        Box::pin(futures_util::stream::unfold(changes, |mut changes| async move {
            changes.changed().await.ok()?;
            Some(((), changes))
        }))
    }

    fn explain(
        &self,
        node: &NodeId,
        request: ImaginedRequest,
    ) -> BoxFuture<'_, Result<ExplanationAttributes, Unreached>> {
        let node = node.clone();
        Box::pin(async move { self.ask_explain(node.as_str(), request).await })
    }

    fn records(
        &self,
        node: &NodeId,
        plugin: PluginId,
        lines: usize,
    ) -> BoxFuture<'_, Result<Vec<RecordAttributes>, Unreached>> {
        let node = node.clone();
        Box::pin(async move { self.ask_records(node.as_str(), plugin, lines).await })
    }

    fn reach(&self, node: &NodeId) -> BoxFuture<'_, Result<(), Unreached>> {
        let node = node.clone();
        Box::pin(async move { self.reach_edge(node.as_str()).await })
    }

    fn reload(&self, node: &NodeId, plugin: PluginId) -> BoxFuture<'_, Result<(), Unreached>> {
        let node = node.clone();
        Box::pin(async move { self.ask_reload(node.as_str(), plugin).await })
    }

    fn follow_log(
        &self,
        node: &NodeId,
        plugin: PluginId,
        start: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Unreached>> {
        self.follow_edge_log(node.as_str(), plugin, start)
    }

    fn applied(&self, revision: Revision, quorum: Quorum) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut changes = self.0.table.changes();
            self.published(revision).await;
            loop {
                let coverage = self.coverage(revision);
                let is_enough = match quorum {
                    Quorum::Any => coverage.applied > 0 || coverage.connected == 0,
                    Quorum::Reachable => coverage.is_complete(),
                };
                if is_enough {
                    return;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        })
    }

    fn coverage(&self, revision: Revision) -> Coverage {
        coverage::of(revision, &self.0.heads, &self.0.table)
    }
}

impl Edges {
    /// Waits until what this revision changed is published.
    pub(super) async fn published(&self, revision: Revision) {
        let mut published: watch::Receiver<Revision> = self.0.published.subscribe();
        // A database that was restored counts from before, and whoever waits has a deadline.
        if published.wait_for(|published| *published >= revision).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
