//! What the host is told when it starts: where it may write, and every deadline and bound it keeps.
//!
//! Values only; nothing here acts.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the host needs to know.
#[derive(Clone)]
pub struct HostSettings {
    /// Parent of the private folders, one for each plugin process; made when it is missing. Keep it
    /// short: a socket's path has room for 107 bytes in all.
    pub runtime_dir: PathBuf,
    /// The gateway's environment. Plugins get the few harmless variables of it that programs need
    /// (see the table in `process.rs`), and nothing else.
    pub environment: Vec<(OsString, OsString)>,
    /// How many threads serve requests; each has its own connection to a plugin.
    pub shards: usize,
    /// Name of this edge.
    pub edge_id: String,
    /// Namespace of this edge.
    pub edge_namespace: String,
    /// Largest request body that the edge takes, in bytes.
    pub max_body_bytes: usize,
    /// Deadlines and bounds.
    pub limits: HostLimits,
}

/// Every deadline and bound in a plugin's life. The defaults are the ones plugins are used to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// From the start of the process to its handshake line.
    pub start: Duration,
    /// One Initialize call.
    pub initialize: Duration,
    /// One GetEndpointRegistrations call.
    pub registrations: Duration,
    /// One Ping call.
    pub ping: Duration,
    /// Between two pings.
    pub ping_every: Duration,
    /// One CloseSession call.
    pub close_session: Duration,
    /// One Shutdown call.
    pub shutdown: Duration,
    /// How long an instance that was replaced or removed may finish its requests.
    pub drain: Duration,
    /// From the request to end to the signal that ends it.
    pub kill_grace: Duration,
    /// How many plugins may be starting at once.
    pub concurrent_starts: usize,
    /// After this long a start no longer counts as one of those, so that plugins that hang never
    /// keep others waiting.
    pub start_slot: Duration,
    /// When a plugin that failed is started again.
    pub restart: RestartLimits,
}

/// When a plugin that failed is started again, and when no more.
///
/// The first failure is followed by a start at once, the next one by a pause of `base`, then each by
/// twice the pause before, up to `max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartLimits {
    /// The first pause.
    pub base: Duration,
    /// The longest pause, before up to a quarter of chance is added.
    pub max: Duration,
    /// This many failures within `window` park the plugin.
    pub park_after: usize,
    /// How long a failure is remembered.
    pub window: Duration,
    /// An instance that served this long makes up for all earlier failures.
    pub healthy_after: Duration,
    /// How many instances of one plugin may be on their way out before a reload has to wait.
    pub max_retiring: usize,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            initialize: Duration::from_secs(30),
            registrations: Duration::from_secs(10),
            ping: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            close_session: Duration::from_secs(5),
            shutdown: Duration::from_secs(10),
            drain: Duration::from_secs(300),
            kill_grace: Duration::from_secs(2),
            concurrent_starts: 8,
            start_slot: Duration::from_secs(2),
            restart: RestartLimits::default(),
        }
    }
}

impl HostLimits {
    /// The longest an orderly stop can take: every polite step at its deadline, then the kill.
    pub(super) fn stop(&self) -> Duration {
        self.close_session + self.shutdown + self.kill_grace * 2 + Duration::from_secs(5)
    }
}

impl Default for RestartLimits {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(200),
            max: Duration::from_secs(30),
            park_after: 10,
            window: Duration::from_secs(20 * 60),
            healthy_after: Duration::from_secs(60),
            max_retiring: 8,
        }
    }
}
