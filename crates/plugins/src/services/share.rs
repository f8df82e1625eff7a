//! How much of us one plugin may take at one time, over all its connections, so that no plugin
//! starves the others. Knows nothing of what is asked.

use crate::rate_limited_log::RateLimitedLog;
use sidegate_model::plugin::PluginId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Semaphore;

/// Largest message in either direction, in bytes. More than anything that is granted, so that what
/// is too large is refused in words and not by the frame around it.
pub(super) const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Connections open at one time; each costs the gateway an open file.
pub(super) const MAX_CONNECTIONS: usize = 256;
/// Calls that wait for their answer, or whose answer is not read yet.
pub(super) const MAX_CALLS: usize = 256;
/// Subscriptions to events.
pub(super) const MAX_SUBSCRIPTIONS: usize = 64;

/// The places of one plugin.
pub(super) struct Share {
    pub(super) connections: Arc<Semaphore>,
    pub(super) calls: Arc<Semaphore>,
    pub(super) subscriptions: Arc<Semaphore>,
    /// Connections that were refused.
    pub(super) refused: RateLimitedLog,
}

impl Share {
    fn new() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
            subscriptions: Arc::new(Semaphore::new(MAX_SUBSCRIPTIONS)),
            refused: RateLimitedLog::default(),
        }
    }
}

/// The shares of the plugins that are connected.
#[derive(Default)]
pub(super) struct Shares {
    by_plugin: Mutex<HashMap<PluginId, Weak<Share>>>,
}

impl Shares {
    /// The share of this plugin: one for all its connections.
    pub(super) fn of(&self, plugin: PluginId) -> Arc<Share> {
        let mut by_plugin = self.by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = by_plugin.get(&plugin).and_then(Weak::upgrade) {
            return share;
        }
        by_plugin.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Share::new());
        by_plugin.insert(plugin, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_one_share_while_it_is_connected_and_leaves_none_behind() {
        let shares = Shares::default();
        let (one, again, other) =
            (shares.of(PluginId(1)), shares.of(PluginId(1)), shares.of(PluginId(2)));
        assert!(Arc::ptr_eq(&one, &again));
        assert!(!Arc::ptr_eq(&one, &other));
        drop((one, again, other));
        let _third = shares.of(PluginId(3));
        assert_eq!(shares.by_plugin.lock().unwrap().len(), 1);
    }
}
