//! One look at all nodes, and what it comes to for one plugin; with the apps there were at that time.

use super::Fleet;
use crate::named_apps::KnownApps;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::status::{PluginState, PluginStatus};
use std::collections::{BTreeMap, BTreeSet};

/// What all nodes said at one moment.
pub(crate) struct Overview {
    reports: Vec<NodeReport>,
    places: BTreeMap<NodeId, Namespace>,
    apps: KnownApps,
    /// Whether the nodes are this process itself.
    pub(super) is_own: bool,
}

impl Overview {
    /// Of a fleet, now; nodes in the order of their names.
    pub(crate) fn of(fleet: &dyn Fleet, apps: KnownApps) -> Self {
        let mut reports = fleet.nodes();
        reports.sort_by(|a, b| a.id.cmp(&b.id));
        Self { reports, places: fleet.places(), apps, is_own: fleet.is_own() }
    }

    /// Whether the nodes are this process itself.
    pub(crate) fn is_own(&self) -> bool {
        self.is_own
    }

    /// The apps there are.
    pub(crate) fn apps(&self) -> &KnownApps {
        &self.apps
    }

    /// What becomes of endpoints that need no token, where it is strictest.
    pub(crate) fn public_mode(&self) -> PublicMode {
        let asks = |report: &NodeReport| report.public_mode == PublicMode::Approve;
        if self.reports.iter().any(asks) { PublicMode::Approve } else { PublicMode::Allow }
    }

    /// What every node says of a plugin that it concerns; `None` of those that have not taken it up.
    pub(crate) fn on_each(
        &self,
        plugin: &Plugin,
    ) -> impl Iterator<Item = (&NodeId, Option<&PluginStatus>)> {
        let (id, namespace) = (plugin.id, &plugin.draft.namespace);
        // A node of another namespace never takes it up, which is no trouble of the plugin.
        let is_concerned = move |report: &&NodeReport| {
            namespace.is_global() || self.places.get(&report.id).is_none_or(|its| its == namespace)
        };
        self.reports
            .iter()
            .filter(is_concerned)
            .map(move |report| (&report.id, report.plugins.iter().find(|status| status.id == id)))
    }

    /// What is said of a plugin, by whichever node.
    pub(crate) fn said_of(&self, plugin: PluginId) -> impl Iterator<Item = &PluginStatus> {
        self.all().map(|(_, status)| status).filter(move |status| status.id == plugin)
    }

    /// What every node says of every plugin that it knows.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&NodeId, &PluginStatus)> {
        self.reports.iter().flat_map(|report| report.plugins.iter().map(|p| (&report.id, p)))
    }

    /// The summary of a plugin: what is said where it is worst off, so that no trouble is hidden.
    pub(crate) fn summary(&self, plugin: PluginId) -> Option<&PluginStatus> {
        // Of equals, the first node's.
        self.said_of(plugin).reduce(|worst, other| {
            if trouble(other.state) > trouble(worst.state) { other } else { worst }
        })
    }

    /// The summaries of all plugins that any node knows, by number.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &PluginStatus> {
        let statuses = self.reports.iter().flat_map(|report| &report.plugins);
        let known: BTreeSet<_> = statuses.map(|status| status.id).collect();
        known.into_iter().filter_map(|plugin| self.summary(plugin))
    }
}

/// How much an operator should care.
fn trouble(state: PluginState) -> u8 {
    match state {
        PluginState::Ready => 0,
        PluginState::Draining => 1,
        PluginState::Starting => 2,
        PluginState::Stopped => 3,
        PluginState::Backoff => 4,
        PluginState::Parked => 5,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use sidegate_model::policy::CallerDemand;
    use sidegate_model::snapshot::AppTable;

    pub(crate) fn status(id: u32, state: PluginState, pid: u32) -> PluginStatus {
        PluginStatus {
            id: PluginId(id),
            name: format!("p{id}"),
            slug: None,
            state,
            reason: None,
            warnings: Vec::new(),
            reload_failure: None,
            pid: Some(pid),
            restarts: 0,
            next_start_at: None,
            ready_since: None,
            is_outdated: false,
            hooks: Vec::new(),
            requested_scopes: Vec::new(),
            config_schema: None,
            endpoints: Vec::new(),
            raised: Vec::new(),
            demand: CallerDemand::default(),
            required: false,
            start_duration: None,
            in_flight: 0,
        }
    }

    pub(crate) fn node(name: &str, plugins: Vec<PluginStatus>) -> NodeReport {
        NodeReport {
            id: NodeId::new(name),
            revision: 0,
            clients: None,
            public_mode: PublicMode::Allow,
            plugins,
        }
    }

    pub(in crate::fleet) fn of_edges(reports: Vec<NodeReport>) -> Overview {
        Overview {
            reports,
            places: BTreeMap::new(),
            apps: KnownApps::new(AppTable::default()),
            is_own: false,
        }
    }

    pub(in crate::fleet) fn of_own(reports: Vec<NodeReport>) -> Overview {
        Overview { is_own: true, ..of_edges(reports) }
    }

    #[test]
    fn the_summary_is_that_of_the_node_with_the_most_trouble() {
        use PluginState::{Backoff, Ready, Starting};
        let overview = of_edges(vec![
            node("a", vec![status(1, Ready, 1), status(2, Ready, 2)]),
            node("b", vec![status(1, Backoff, 3)]),
            node("c", vec![status(1, Starting, 4), status(2, Ready, 5)]),
        ]);
        let pids: Vec<_> = overview.summaries().map(|status| status.pid.unwrap()).collect();
        assert_eq!(pids, [3, 2]);
        assert!(overview.summary(PluginId(3)).is_none());
        let said = overview.said_of(PluginId(2)).map(|status| status.pid.unwrap());
        assert_eq!(said.collect::<Vec<_>>(), [2, 5]);
    }

    #[test]
    fn every_state_has_its_own_weight() {
        let weights: BTreeSet<_> = PluginState::ALL.into_iter().map(trouble).collect();
        assert_eq!(weights.len(), PluginState::ALL.len());
    }
}
