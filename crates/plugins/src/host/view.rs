//! What a supervisor shows of its plugin: what the edge needs, and what operators may know.

use super::assignment::{Ready, large_bodies};
use super::state::Life;
use crate::generation::{Mount, Target};
use crate::limits::PluginLimits;
use sidegate_model::UnixMillis;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::options::PluginOptions;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::status::{PluginState, PluginStatus};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// One plugin at one moment.
pub(super) struct View {
    /// The spec of the instance that serves, else the wanted one.
    pub(super) spec: Arc<PluginSpec>,
    /// Who answers; `None` for a plugin nobody wants.
    pub(super) target: Option<Target>,
    /// What it offers; of the last good instance while none serves.
    pub(super) endpoints: Arc<EndpointTable>,
    pub(super) status: PluginStatus,
    /// Places for requests that wait for a start.
    pub(super) waiting: Arc<Semaphore>,
    /// What is counted of its calls.
    pub(super) limits: Arc<PluginLimits>,
    /// Nothing of it runs, and nobody wants it to.
    pub(super) over: bool,
}

/// What outlives the processes of a plugin.
pub(super) struct PluginRecord {
    /// The wanted spec, or the last one that was wanted.
    pub(super) spec: Arc<PluginSpec>,
    /// Of the last good instance.
    pub(super) endpoints: Arc<EndpointTable>,
    /// What the last good instance says of its configuration.
    pub(super) config_schema: Option<Arc<ConfigSchema>>,
    /// How long the latest start that ended well took.
    pub(super) start_duration: Option<Duration>,
    /// The instance that serves, and since when.
    pub(super) serving: Option<(Box<Ready>, UnixMillis)>,
    /// What the start that is under way waits for.
    pub(super) awaits: Option<&'static str>,
    /// Places for requests that wait for a start.
    waiting: Arc<Semaphore>,
    /// What is counted of its calls.
    limits: Arc<PluginLimits>,
}

/// A pause after which a request may still meet the next instance.
const SHORT_PAUSE: Duration = Duration::from_millis(1500);
/// How many requests may wait for one plugin's start.
const MAX_WAITING: usize = 1000;

impl PluginRecord {
    pub(super) fn new(spec: Arc<PluginSpec>) -> Self {
        Self {
            spec,
            endpoints: Arc::default(),
            config_schema: None,
            start_duration: None,
            serving: None,
            awaits: None,
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            limits: Arc::default(),
        }
    }

    /// What an operator should know of the instance that serves. Hooks count at once, so they are
    /// looked up in the wanted spec.
    fn warnings(&self, ready: &Ready) -> Vec<String> {
        let manifest = ready.manifest.warnings(&self.spec, !self.endpoints.endpoints().is_empty());
        ready.warnings.iter().cloned().chain(self.body_warning(ready)).chain(manifest).collect()
    }

    /// What an operator should know of the bodies that he allows, also where he has just allowed them.
    pub(super) fn body_warning(&self, ready: &Ready) -> Option<String> {
        ready.node_max_body.and_then(|node| large_bodies(&self.spec, node))
    }

    fn awaiting(&self, life: &Life) -> Option<String> {
        let awaits = self.awaits.filter(|_| life.state() == PluginState::Starting);
        awaits.map(|what| format!("it waits for {what}"))
    }

    /// What it can be asked for: a plugin that names none itself has those it is registered for, but for
    /// endpoints that it does not offer.
    fn hooks(&self, ready: &Ready) -> Vec<String> {
        let has_endpoints = !self.endpoints.endpoints().is_empty();
        ready.manifest.hooks_of(&self.spec, has_endpoints)
    }

    /// The view of a plugin with this life.
    pub(super) fn view(&self, life: &Life) -> View {
        let serving = self.serving.as_ref();
        // What only the gateway heeds counts at once, also for a process that began before it.
        let serves = serving.map(|(ready, _)| ready.instance.plugin());
        let spec = match serves.filter(|serves| !serves.same_process(&self.spec)) {
            Some(serves) => &with_policy_of(serves, &self.spec),
            None => &self.spec,
        };
        let target = match serving {
            _ if !life.is_wanted() => None,
            Some((ready, _)) => Some(Target::Ready(ready.instance.clone())),
            None if life.is_starting() => Some(Target::Starting),
            None => Some(Target::Unavailable),
        };
        let warnings = serving.map(|(ready, _)| self.warnings(ready)).unwrap_or_default();
        let status = PluginStatus {
            state: life.state(),
            reason: life.reason().or_else(|| self.awaiting(life)),
            warnings: life.warning().into_iter().chain(warnings).collect(),
            reload_failure: life.reload_failure().map(str::to_owned),
            pid: serving.and_then(|(ready, _)| ready.pid),
            restarts: life.restarts(),
            hooks: serving.map(|(ready, _)| self.hooks(ready)).unwrap_or_default(),
            requested_scopes: serving
                .map(|(ready, _)| ready.manifest.scopes.clone())
                .unwrap_or_default(),
            ready_since: serving.map(|(_, since)| *since),
            endpoints: serving.map(|_| self.endpoints.endpoints().to_vec()).unwrap_or_default(),
            raised: serving.map(|_| self.endpoints.raised().to_vec()).unwrap_or_default(),
            start_duration: self.start_duration,
            config_schema: self.config_schema.clone(),
            ..blank_status(spec, PluginState::Stopped)
        };
        View {
            spec: spec.clone(),
            target,
            endpoints: self.endpoints.clone(),
            status,
            waiting: self.waiting.clone(),
            limits: self.limits.clone(),
            over: life.is_over(),
        }
    }
}

/// What serves, under the policy and the approvals that are wanted: who may call does not wait for another
/// process, which may never come.
pub(super) fn with_policy_of(serves: &Arc<PluginSpec>, wanted: &PluginSpec) -> Arc<PluginSpec> {
    let policy = &wanted.options.policy;
    let public_endpoints = &wanted.public_endpoints;
    if serves.options.policy == *policy && serves.public_endpoints == *public_endpoints {
        return serves.clone();
    }
    let options = PluginOptions { policy: policy.clone(), ..serves.options.clone() };
    let public_endpoints = public_endpoints.clone();
    Arc::new(PluginSpec { options, public_endpoints, ..PluginSpec::clone(serves) })
}

impl View {
    /// A plugin whose supervisor has not spoken yet.
    pub(super) fn starting(spec: &Arc<PluginSpec>) -> Self {
        Self {
            spec: spec.clone(),
            target: Some(Target::Starting),
            endpoints: Arc::default(),
            status: blank_status(spec, PluginState::Starting),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            limits: Arc::default(),
            over: false,
        }
    }

    /// The next start follows after a pause. Requests wait for it where the pause is short.
    pub(super) fn starts_in(&mut self, pause: Duration) {
        if pause <= SHORT_PAUSE && matches!(self.target, Some(Target::Unavailable)) {
            self.target = Some(Target::Starting);
        }
    }

    /// A plugin that lost its supervisor.
    pub(super) fn lost(spec: &Arc<PluginSpec>) -> Self {
        let reason =
            "internal error: its supervisor ended; it is started again with the next change";
        Self {
            target: Some(Target::Unavailable),
            status: stopped_status(spec, reason.to_owned()),
            ..Self::starting(spec)
        }
    }

    /// How it is mounted, if it is.
    pub(super) fn mount(&self) -> Option<Mount> {
        Some(Mount {
            plugin: self.spec.clone(),
            slug: self.spec.slug.clone()?,
            endpoints: self.endpoints.clone(),
            target: self.target.clone()?,
            waiting: self.waiting.clone(),
            limits: self.limits.clone(),
        })
    }
}

/// The status of a plugin that cannot be run, with the reason.
pub(super) fn stopped_status(spec: &PluginSpec, reason: String) -> PluginStatus {
    PluginStatus { reason: Some(reason), ..blank_status(spec, PluginState::Stopped) }
}

fn blank_status(spec: &PluginSpec, state: PluginState) -> PluginStatus {
    PluginStatus {
        id: spec.id,
        name: spec.name.clone(),
        slug: spec.slug.clone(),
        state,
        reason: None,
        warnings: Vec::new(),
        reload_failure: None,
        pid: None,
        restarts: 0,
        next_start_at: None,
        ready_since: None,
        is_outdated: false,
        hooks: Vec::new(),
        requested_scopes: Vec::new(),
        config_schema: None,
        endpoints: Vec::new(),
        raised: Vec::new(),
        demand: spec.options.policy.demand(),
        required: spec.options.required,
        start_duration: None,
        in_flight: 0,
    }
}
