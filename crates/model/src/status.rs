//! What a plugin is doing, as operators see it.

use crate::UnixMillis;
use crate::config_schema::ConfigSchema;
use crate::endpoint::{Endpoint, Raised};
use crate::plugin::{PluginId, Slug};
use crate::policy::CallerDemand;
use std::sync::Arc;
use std::time::Duration;

/// Where a plugin is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PluginState {
    /// Its process is being started and initialised.
    Starting,
    /// It serves requests.
    Ready,
    /// It ended or could not be started; another start follows after a pause.
    Backoff,
    /// It failed too often; only an operator's reload or a changed spec starts it again.
    Parked,
    /// It is being stopped and finishes its last requests.
    Draining,
    /// It does not run: the operator disabled it, or it cannot be run at all.
    Stopped,
}

impl PluginState {
    /// Every state, in the order of the metrics.
    pub const ALL: [Self; 6] =
        [Self::Starting, Self::Ready, Self::Backoff, Self::Parked, Self::Draining, Self::Stopped];

    /// The word in the admin API, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Backoff => "backoff",
            Self::Parked => "parked",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// One plugin's state at one moment.
#[derive(Debug, Clone)]
pub struct PluginStatus {
    /// The number by which the store and the admin API know it.
    pub id: PluginId,
    /// The unique name by which people and logs call it.
    pub name: String,
    /// Where it is mounted, if anywhere.
    pub slug: Option<Slug>,
    /// Where it is in its life.
    pub state: PluginState,
    /// Why it is not ready, in words for an operator.
    pub reason: Option<String>,
    /// What an operator should know although it runs.
    pub warnings: Vec<String>,
    /// Why the latest reload failed, where the instance before it serves on; a warning says so, too.
    pub reload_failure: Option<String>,
    /// Process id of the instance that serves.
    pub pid: Option<u32>,
    /// How often it was started again after it ended by itself.
    pub restarts: u32,
    /// When it is started again, while it is in [`PluginState::Backoff`].
    pub next_start_at: Option<UnixMillis>,
    /// Since when the instance serves; `None` where none does.
    pub ready_since: Option<UnixMillis>,
    /// The instance that serves is of before the desired state that the node has; another one is to take its place.
    pub is_outdated: bool,
    /// Hooks its manifest names, or else those it is registered for.
    pub hooks: Vec<String>,
    /// What its manifest wishes to ask of the host, granted or not.
    pub requested_scopes: Vec<String>,
    /// What it says of its configuration, now or when it served last.
    pub config_schema: Option<Arc<ConfigSchema>>,
    /// Its endpoints; empty while it does not serve.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Where some of them demand more than they say.
    pub raised: Vec<Raised>,
    /// What its operator demands of callers on top of that.
    pub demand: CallerDemand,
    /// Whether the gateway is ready only while it serves.
    pub required: bool,
    /// How long the latest start that ended well took.
    pub start_duration: Option<Duration>,
    /// Requests open now, on all its processes.
    pub in_flight: usize,
}

/// The warning about a reload that failed for this reason.
pub fn reload_warning(reason: &str) -> String {
    format!("reload failed, the instance before goes on serving: {reason}")
}
