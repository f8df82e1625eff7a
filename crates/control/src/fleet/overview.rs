//! One look at all nodes, and what it comes to for one plugin; with the apps there were at that time.

use super::Fleet;
use crate::named_apps::KnownApps;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::status::{PluginState, PluginStatus};
use std::collections::BTreeSet;

/// What all nodes said at one moment.
pub(crate) struct Overview {
    reports: Vec<NodeReport>,
    apps: KnownApps,
}

impl Overview {
    /// Of a fleet, now; nodes in the order of their names.
    pub(crate) fn of(fleet: &dyn Fleet, apps: KnownApps) -> Self {
        let mut reports = fleet.nodes();
        reports.sort_by(|a, b| a.id.cmp(&b.id));
        Self { reports, apps }
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

    /// What every node says of a plugin; `None` of those that have not taken it up.
    pub(crate) fn on_each(
        &self,
        plugin: PluginId,
    ) -> impl Iterator<Item = (&NodeId, Option<&PluginStatus>)> {
        self.reports.iter().map(move |report| {
            (&report.id, report.plugins.iter().find(|status| status.id == plugin))
        })
    }

    /// The summary of a plugin: what is said where it is worst off, so that no trouble is hidden.
    pub(crate) fn summary(&self, plugin: PluginId) -> Option<&PluginStatus> {
        let known = self.on_each(plugin).filter_map(|(_, status)| status);
        // Of equals, the first node's.
        known.reduce(
            |worst, other| {
                if trouble(other.state) > trouble(worst.state) { other } else { worst }
            },
        )
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
mod tests {
    use super::*;
    use sidegate_model::policy::CallerDemand;
    use sidegate_model::snapshot::AppTable;

    fn status(id: u32, state: PluginState, pid: u32) -> PluginStatus {
        PluginStatus {
            id: PluginId(id),
            name: format!("p{id}"),
            slug: None,
            state,
            reason: None,
            warnings: Vec::new(),
            pid: Some(pid),
            restarts: 0,
            next_start_at: None,
            ready_since: None,
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

    fn node(name: &str, plugins: Vec<PluginStatus>) -> NodeReport {
        NodeReport { id: NodeId::new(name), revision: 0, public_mode: PublicMode::Allow, plugins }
    }

    #[test]
    fn the_summary_is_that_of_the_node_with_the_most_trouble() {
        use PluginState::{Backoff, Ready, Starting};
        let overview = Overview {
            reports: vec![
                node("a", vec![status(1, Ready, 1), status(2, Ready, 2)]),
                node("b", vec![status(1, Backoff, 3)]),
                node("c", vec![status(1, Starting, 4), status(2, Ready, 5)]),
            ],
            apps: KnownApps::new(AppTable::default()),
        };
        let pids: Vec<_> = overview.summaries().map(|status| status.pid.unwrap()).collect();
        assert_eq!(pids, [3, 2]);
        assert!(overview.summary(PluginId(3)).is_none());
        let on_each = overview
            .on_each(PluginId(2))
            .map(|(node, status)| (node.to_string(), status.map(|status| status.pid.unwrap())));
        let expected = [("a", Some(2)), ("b", None), ("c", Some(5))];
        assert_eq!(on_each.collect::<Vec<_>>(), expected.map(|(node, pid)| (node.to_owned(), pid)));
    }

    #[test]
    fn every_state_has_its_own_weight() {
        let weights: BTreeSet<_> = PluginState::ALL.into_iter().map(trouble).collect();
        assert_eq!(weights.len(), PluginState::ALL.len());
    }
}
