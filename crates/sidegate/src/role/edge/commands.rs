//! What a control plane asks of an edge beside what it serves by: each answer is of the shape that the admin API has.

use super::observing::observed;
use super::served::ServingHost;
use crate::log_following::Followed;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde::Serialize;
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_control::told_record;
use sidegate_gateway::Probes;
use sidegate_model::explain::HashedRequest;
use sidegate_model::node::NodeId;
use sidegate_model::observation::ObservationQuestion;
use sidegate_model::plugin::PluginId;
use sidegate_model::status::PluginState;
use sidegate_plugins::host::HostHandle;
use sidegate_sync::edge::CommandRunner;
use std::sync::Arc;

/// An edge that does as it is asked.
#[derive(Clone)]
pub(super) struct OwnCommands {
    /// Its name.
    pub(super) node: NodeId,
    /// Its plugins.
    pub(super) plugins: Arc<HostHandle>,
    /// What its gateway tells.
    pub(super) probes: Probes,
    /// What it serves by.
    pub(super) serving: ServingHost,
}

impl CommandRunner for OwnCommands {
    fn explain(&self, request: HashedRequest) -> BoxFuture<'static, Result<Value, String>> {
        let explanation = self.probes.explain_hashed(&request);
        let told = json(&ExplanationAttributes::of(self.node.as_str(), explanation));
        Box::pin(std::future::ready(told))
    }

    fn records(
        &self,
        plugin: PluginId,
        most: usize,
        lines: usize,
    ) -> BoxFuture<'static, Result<Vec<Value>, String>> {
        let records = self.plugins.records(plugin, lines).into_iter().take(most);
        let told = records.map(|record| json(&told_record(&(self.node.clone(), record))));
        Box::pin(std::future::ready(told.collect()))
    }

    fn follow_logs(
        &self,
        plugin: PluginId,
        after: u64,
        lines: usize,
    ) -> BoxStream<'static, Result<Value, String>> {
        let (node, host) = (self.node.clone(), self.plugins.clone());
        let followed = Followed { node, host, plugin, after, lines };
        followed.events().map(|event| json(&event)).boxed()
    }

    fn reload(&self, plugin: PluginId) -> BoxFuture<'static, Result<(), String>> {
        let this = self.clone();
        Box::pin(async move { this.reloaded(plugin).await })
    }

    fn observe(&self, question: ObservationQuestion) -> BoxStream<'static, Result<Value, String>> {
        observed(&self.probes, &self.plugins, question)
    }
}

impl OwnCommands {
    /// Comes back when the new process serves, or the one before has to go on.
    async fn reloaded(&self, plugin: PluginId) -> Result<(), String> {
        let pid = || {
            let statuses = self.plugins.statuses();
            let status = statuses.into_iter().find(|status| status.id == plugin)?;
            Some((status.pid, status.state, status.reason))
        };
        let before = pid().and_then(|(pid, ..)| pid);
        let revision = self.serving.reload(plugin);
        let revision = revision.ok_or_else(|| format!("this edge has no plugin {plugin}"))?;
        let mut applied = self.plugins.applied();
        let stops = |_| "the edge stops".to_owned();
        applied.wait_for(|seen| *seen >= revision).await.map_err(stops)?;
        let mut changes = Box::pin(self.plugins.changes());
        loop {
            match pid() {
                Some((pid, PluginState::Ready, None)) if pid != before => return Ok(()),
                Some((pid, PluginState::Ready, Some(reason))) if pid == before => {
                    return Err(reason);
                }
                Some((_, PluginState::Parked | PluginState::Stopped, reason)) => {
                    return Err(reason.unwrap_or_else(|| "it does not run".to_owned()));
                }
                None => return Err(format!("this edge has no plugin {plugin} any more")),
                _ => {}
            }
            if changes.next().await.is_none() {
                return Err("the edge stops".to_owned());
            }
        }
    }
}

fn json(told: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(told).map_err(|error| error.to_string())
}
