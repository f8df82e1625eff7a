//! How much of a plugin may be used: what is counted of its calls. It outlives every generation, reload
//! and process, as long as the gateway knows the plugin. What exceeds a limit is refused by who asks.

mod client_quotas;
mod concurrency;
mod quota_table;

pub use client_quotas::ClientQuotas;
pub use concurrency::{ConcurrencyFigures, ConcurrencyLimit, Entry, PluginBusy, Ticket, Waiting};

use sidegate_model::policy::PolicyOptions;
use sidegate_model::quota::Quota;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What is counted of one plugin's calls, by all shards together.
#[derive(Debug, Default)]
pub struct PluginLimits {
    /// Requests of all callers.
    pub rate: Quota,
    /// Requests of each anonymous client.
    pub clients: ClientQuotas,
    /// Calls that are open.
    pub concurrency: Arc<ConcurrencyLimit>,
    /// Bytes of the bodies of calls that wait for one to end.
    pub queued_bytes: AtomicUsize,
}

impl PluginLimits {
    /// Heeds what the operator says now; to be told before anybody is led by it.
    pub(crate) fn heed(&self, policy: &PolicyOptions) {
        self.concurrency.heed(policy.concurrency);
        if policy.rate_limit_per_client.is_none() {
            self.clients.forget();
        }
    }
}
