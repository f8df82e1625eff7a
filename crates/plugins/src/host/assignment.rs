//! One start of a plugin: what is to be run, the orders for whoever looks after it, and the news
//! that come back. What follows from the news is decided in `state`.

use super::fault::{Fault, RetryChance};
use super::manifest::Manifest;
use super::recorder::PluginRecorder;
use super::run_dir::RunDir;
use super::schema::Schema;
use super::settings::{CallerFacts, HostSettings};
use super::state::Serial;
use crate::instance::{Instance, SMALL_MESSAGE_BYTES};
use crate::services::{EventRecipient, HostServices};
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::sha256::Sha256;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// What a request needs beside its body, in bytes, for the warning about large bodies.
const HEADER_ROOM: usize = 64 * 1024;

/// What all processes of the host share.
pub(super) struct Setup {
    pub(super) settings: HostSettings,
    /// Who calls.
    pub(super) calls: CallerFacts,
    pub(super) run_dir: RunDir,
    /// What plugins may ask of us.
    pub(super) services: HostServices,
    /// Bounds how many start at once.
    pub(super) starts: Semaphore,
    /// Whether desired state was taken up before: what is wanted from now on is wanted by somebody who
    /// waits for it.
    pub(super) attended: AtomicBool,
    /// Cancelled when the gateway was told to stop: nothing is started any more.
    pub(super) closing: CancellationToken,
}

/// What a process is to do now; a later one never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Run,
    Drain,
    Stop,
}

/// A process that passed every step of its start.
pub(super) struct Ready {
    pub(super) instance: Arc<Instance>,
    pub(super) endpoints: Arc<EndpointTable>,
    pub(super) manifest: Manifest,
    /// What it says of its configuration.
    pub(super) config_schema: Option<Arc<ConfigSchema>>,
    /// Where the gateway started it.
    pub(super) pid: Option<u32>,
    /// Of the program, where it could be read.
    pub(super) sha256: Option<Sha256>,
    pub(super) warnings: Vec<String>,
    /// The node's largest body, where the plugin takes small messages only.
    pub(super) node_max_body: Option<usize>,
    /// Tells the services that it serves, so that it gets events; `None` where it cannot ask its host.
    pub(super) recipient: Option<Arc<EventRecipient>>,
    /// From the beginning of its start to its last step.
    pub(super) start_duration: Duration,
}

/// What happened to a process.
pub(super) enum ProcessEvent {
    Started(Box<Ready>),
    /// It is being started, and waits for this.
    Awaits(&'static str),
    Failed {
        reason: String,
        retry_chance: RetryChance,
        victim: Affected,
    },
    /// It takes no new requests any more, but may finish those it has.
    Leaving {
        reason: String,
        victim: Affected,
    },
    /// It ended because the gateway was told to stop.
    Departed,
    /// It serves on, but what an operator should know has changed.
    Warnings(Vec<String>),
    Drained,
    /// Nothing is left of it. Always comes, and last.
    Gone,
}

/// What a failure hit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Affected {
    /// Where there was a process of ours.
    pub(super) pid: Option<u32>,
    /// Requests that broke off with it.
    pub(super) in_flight: usize,
}

/// One start, in the hands of whoever looks after it.
pub(super) struct Assignment {
    pub(super) serial: Serial,
    pub(super) spec: Arc<PluginSpec>,
    pub(super) setup: Arc<Setup>,
    pub(super) recorder: Arc<PluginRecorder>,
    pub(super) directives: watch::Receiver<Directive>,
    pub(super) news: mpsc::Sender<(Serial, ProcessEvent)>,
}

impl Assignment {
    pub(super) async fn fail(&self, fault: &Fault, victim: Affected) {
        let retry_chance = fault.retry_chance();
        self.tell(ProcessEvent::Failed { reason: fault.to_string(), retry_chance, victim }).await;
    }

    pub(super) fn steps(&self) -> Steps {
        Steps { serial: self.serial, news: self.news.clone() }
    }

    pub(super) async fn tell(&self, news: ProcessEvent) {
        // Nobody listens only when the host itself is being torn down.
        let _ = self.news.send((self.serial, news)).await;
    }
}

/// Tells what a start waits for.
pub(super) struct Steps {
    serial: Serial,
    news: mpsc::Sender<(Serial, ProcessEvent)>,
}

impl Steps {
    pub(super) async fn awaits(&self, what: &'static str) {
        // Nobody listens only when the host itself is being torn down.
        let _ = self.news.send((self.serial, ProcessEvent::Awaits(what))).await;
    }
}

/// What an operator should know who allows larger bodies than a plugin takes that takes small messages
/// only; `node` is the largest body where nothing is said of the plugin.
pub(super) fn large_bodies(spec: &PluginSpec, node: usize) -> Option<String> {
    let of_plugin = spec.options.policy.max_body;
    let allowed = of_plugin.map_or(node, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    (allowed.saturating_add(HEADER_ROOM) > SMALL_MESSAGE_BYTES).then(|| {
        format!(
            "bodies of up to {allowed} bytes are allowed, but this plugin takes requests of \
             {SMALL_MESSAGE_BYTES} bytes at most: larger ones are answered with 413"
        )
    })
}

/// What an operator should know although the plugin runs.
pub(super) fn warnings(
    spec: &PluginSpec,
    schema: &Schema,
    endpoints: &EndpointTable,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if spec.slug.is_none() && !endpoints.endpoints().is_empty() {
        warnings.push("Plugin has endpoint registrations but no 'slug' in config".to_owned());
    }
    warnings.extend(endpoints.problems().iter().cloned());
    warnings.extend(schema.warning());
    warnings
}

/// Lets go of the permit after a while. Never returns.
pub(super) async fn release_after<T>(slot: Duration, permit: SemaphorePermit<'_>) -> T {
    tokio::time::sleep(slot).await;
    drop(permit);
    std::future::pending().await
}

pub(super) async fn unless_stopped<T>(
    directives: &mut watch::Receiver<Directive>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        _ = directives.wait_for(|directive| *directive == Directive::Stop) => None,
        result = work => Some(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::plugin::PluginId;

    #[test]
    fn bodies_that_a_plugin_cannot_take_are_warned_about_whoever_allows_them() {
        let mut spec = PluginSpec::new(PluginId(1), "p", "file:///p");
        let just = SMALL_MESSAGE_BYTES - HEADER_ROOM;
        assert_eq!(large_bodies(&spec, just), None);
        assert!(large_bodies(&spec, just + 1).is_some());
        spec.options.policy.max_body = Some(1);
        assert_eq!(large_bodies(&spec, usize::MAX), None);
        spec.options.policy.max_body = Some(8_000_000);
        assert!(large_bodies(&spec, 1).unwrap().contains("8000000"));
    }
}
