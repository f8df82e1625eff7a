//! Routes of which there are counts although their plugin, or it alone, is not there any more: since when,
//! so that their counts are not told for ever.

use super::route_meter::{RouteName, UNMATCHED};
use sidegate_model::status::PluginStatus;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long the counts of a route that is gone are still told: collectors shall see the last ones.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// Since when each has been missed.
#[derive(Debug, Default)]
pub(super) struct RemovedSeries {
    plugins: HashMap<Box<str>, Instant>,
    /// By plugin and route. All of a plugin that is missed are.
    routes: HashMap<Box<str>, HashMap<Box<str>, Instant>>,
}

impl RemovedSeries {
    /// Notes which of the counted ones are there and which are missed.
    pub(super) fn look<'a>(
        &mut self,
        counted: impl Iterator<Item = RouteName<'a>>,
        plugins: &[PluginStatus],
        now: Instant,
    ) {
        let offers = plugins.iter().map(|status| (status.name.as_str(), routes(status)));
        let offers: HashMap<_, _> = offers.collect();
        let is_there = |plugin: &str, route: &str| {
            let routes = offers.get(plugin);
            // One that does not serve offers none, but may do so again.
            routes.is_some_and(|routes| routes.is_empty() || routes.contains(route))
        };
        self.plugins.retain(|plugin, _| !offers.contains_key(&**plugin));
        self.routes.retain(|plugin, missed| {
            missed.retain(|route, _| !is_there(plugin, route));
            !missed.is_empty()
        });
        for RouteName { plugin, route, .. } in counted {
            if plugin == UNMATCHED.plugin || is_there(plugin, route) {
                continue;
            }
            if !offers.contains_key(plugin) && !self.plugins.contains_key(plugin) {
                self.plugins.insert(plugin.into(), now);
            }
            if !self.routes.get(plugin).is_some_and(|missed| missed.contains_key(route)) {
                self.routes.entry(plugin.into()).or_default().insert(route.into(), now);
            }
        }
    }

    /// Whether the counts of a plugin, whatever the route, are told no more.
    pub(super) fn is_plugin_forgotten(&self, plugin: &str, now: Instant) -> bool {
        self.plugins.get(plugin).is_some_and(|since| is_long_ago(*since, now))
    }

    /// Whether the counts of a route are told no more.
    pub(super) fn is_route_forgotten(&self, name: RouteName<'_>, now: Instant) -> bool {
        let since = self.routes.get(name.plugin).and_then(|missed| missed.get(name.route));
        since.is_some_and(|since| is_long_ago(*since, now))
    }
}

fn is_long_ago(since: Instant, now: Instant) -> bool {
    now.duration_since(since) >= REMEMBERED
}

fn routes(status: &PluginStatus) -> HashSet<&str> {
    status.endpoints.iter().map(|endpoint| endpoint.path.as_str()).collect()
}
