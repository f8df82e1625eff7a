//! What a control plane asks of an edge beside what it serves by: each answer is of the shape that the admin API has.

use super::served::ServingHost;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use serde::Serialize;
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_control::{told_line, told_record};
use sidegate_gateway::Probes;
use sidegate_model::explain::HashedRequest;
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::LoggedLine;
use sidegate_model::status::PluginState;
use sidegate_plugins::host::HostHandle;
use sidegate_sync::edge::CommandRunner;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Between two looks at what a plugin has printed.
const LOOK: Duration = Duration::from_millis(200);

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
        let known = after_line(self.plugins.recent_output(plugin), after);
        let surplus = known.len().saturating_sub(lines);
        let begin = Following {
            plugins: self.plugins.clone(),
            plugin,
            after: known.last().map_or(after, |line| line.number),
            waiting: known.into_iter().skip(surplus).collect(),
        };
        stream::unfold(begin, |mut following| async move {
            let line = following.next().await;
            Some((json(&told_line(&line)), following))
        })
        .boxed()
    }

    fn reload(&self, plugin: PluginId) -> BoxFuture<'static, Result<(), String>> {
        let this = self.clone();
        Box::pin(async move { this.reloaded(plugin).await })
    }
}

/// Lines of a plugin as it prints them.
struct Following {
    plugins: Arc<HostHandle>,
    plugin: PluginId,
    after: u64,
    waiting: VecDeque<LoggedLine>,
}

impl Following {
    async fn next(&mut self) -> LoggedLine {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return line;
            }
            sleep(LOOK).await;
            let lines = after_line(self.plugins.recent_output(self.plugin), self.after);
            self.after = lines.last().map_or(self.after, |line| line.number);
            self.waiting = lines.into();
        }
    }
}

fn after_line(mut lines: Vec<LoggedLine>, after: u64) -> Vec<LoggedLine> {
    lines.retain(|line| line.number > after);
    lines
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
