//! Plugins of which there are counts although they are not there any more: since when, so that their
//! counts are not told for ever.

use super::route_meter::NOWHERE;
use sidegate_model::status::PluginStatus;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long the counts of a plugin that is gone are still told: collectors shall see the last ones.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// By name, since when each has been missed.
#[derive(Debug, Default)]
pub(super) struct Gone(HashMap<Box<str>, Instant>);

impl Gone {
    /// Notes who of the counted ones is there and who is missed.
    pub(super) fn look<'a>(
        &mut self,
        counted: impl Iterator<Item = &'a str>,
        there: &[PluginStatus],
        now: Instant,
    ) {
        let there: HashSet<_> = there.iter().map(|status| status.name.as_str()).collect();
        self.0.retain(|name, _| !there.contains(&**name));
        for name in counted {
            if name != NOWHERE.plugin && !there.contains(name) && !self.0.contains_key(name) {
                self.0.insert(name.into(), now);
            }
        }
    }

    /// Whether its counts are told no more.
    pub(super) fn is_forgotten(&self, plugin: &str, now: Instant) -> bool {
        self.0.get(plugin).is_some_and(|since| now.duration_since(*since) >= REMEMBERED)
    }
}
