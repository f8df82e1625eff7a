//! How many connections, calls and subscriptions one plugin may have at one time, so that no plugin
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

/// What one plugin may have open, and what of it is free.
pub(super) struct ServiceLimiter {
    pub(super) connections: Arc<Semaphore>,
    pub(super) calls: Arc<Semaphore>,
    pub(super) subscriptions: Arc<Semaphore>,
    /// Connections that were refused.
    pub(super) refused: RateLimitedLog,
}

impl ServiceLimiter {
    fn new() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            calls: Arc::new(Semaphore::new(MAX_CALLS)),
            subscriptions: Arc::new(Semaphore::new(MAX_SUBSCRIPTIONS)),
            refused: RateLimitedLog::default(),
        }
    }
}

/// The limiters of the plugins that are connected.
#[derive(Default)]
pub(super) struct ServiceLimiters {
    by_plugin: Mutex<HashMap<PluginId, Weak<ServiceLimiter>>>,
}

impl ServiceLimiters {
    /// The limiter of this plugin: one for all its connections.
    pub(super) fn of(&self, plugin: PluginId) -> Arc<ServiceLimiter> {
        let mut by_plugin = self.by_plugin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limiter) = by_plugin.get(&plugin).and_then(Weak::upgrade) {
            return limiter;
        }
        by_plugin.retain(|_, limiter| limiter.strong_count() > 0);
        let limiter = Arc::new(ServiceLimiter::new());
        by_plugin.insert(plugin, Arc::downgrade(&limiter));
        limiter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_one_limiter_while_it_is_connected_and_leaves_none_behind() {
        let limiters = ServiceLimiters::default();
        let (one, again, other) =
            (limiters.of(PluginId(1)), limiters.of(PluginId(1)), limiters.of(PluginId(2)));
        assert!(Arc::ptr_eq(&one, &again));
        assert!(!Arc::ptr_eq(&one, &other));
        drop((one, again, other));
        let _third = limiters.of(PluginId(3));
        assert_eq!(limiters.by_plugin.lock().unwrap().len(), 1);
    }
}
