//! One connection of a plugin: HTTP/2 with bounds, and everything behind it. Knows nothing of how the
//! connection came about, only whose it is.

use super::bus::{Bus, ProcessKey};
use super::calling_plugin::{CallingPlugin, callable};
use super::calls::Calls;
use super::event_log::EventLog;
use super::events::Events;
use super::limiter::{MAX_CONNECTIONS, ServiceLimiter, ServiceLimiters};
use super::management::Management;
use super::page_calls::PageCalls;
use super::recipient::EventRecipient;
use super::refusals::Refusals;
use super::save_rate::SaveRate;
use super::sidegate::Sidegate;
use super::studio::Studio;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sidegate_model::kv::Kv;
use sidegate_model::own_changes::OwnChanges;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::PluginEvents;
use sidegate_model::plugin_sealing::NamespaceKeys;
use sidegate_model::snapshot::Snapshot;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, watch};

/// Calls and subscriptions at one time on one connection.
const MAX_STREAMS: u32 = 256;
/// Bytes of one call that may be under way before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes of all calls of one connection that may be under way before they are read.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What this gateway offers to its plugins. Copies are the same services.
#[derive(Clone)]
pub struct HostServices {
    parts: Arc<Parts>,
    /// Who gets the events, where they are offered to one process only.
    recipient: Option<Arc<EventRecipient>>,
    /// What pages ask the process, where it is one beside the console.
    page_calls: Option<Arc<PageCalls>>,
}

struct Parts {
    /// Who changes what is stored on behalf of plugins; none beside a gateway.
    changes: Option<Arc<dyn OwnChanges>>,
    keepers: Keepers,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    node: Arc<str>,
    bus: Arc<Bus>,
    log: Arc<EventLog>,
    limiters: ServiceLimiters,
    save_rate: Arc<SaveRate>,
    refusals: Arc<Refusals>,
}

/// Where plugins keep something, and what seals for them.
#[derive(Clone)]
pub struct Keepers {
    /// Their storage.
    pub kv: Arc<dyn Kv>,
    /// The keys of their namespaces.
    pub keys: Arc<dyn NamespaceKeys>,
}

impl Keepers {
    /// These ones.
    pub fn new(kv: impl Kv, keys: impl NamespaceKeys) -> Self {
        Self { kv: Arc::new(kv), keys: Arc::new(keys) }
    }
}

/// One of the connections that a plugin may have; free again when it is dropped.
pub(crate) struct ConnectionSlot {
    plugin: PluginId,
    limiter: Arc<ServiceLimiter>,
    _taken: OwnedSemaphorePermit,
}

impl HostServices {
    /// Offers this storage and the facts of the current snapshot. `node` is the name of this
    /// gateway, which every event carries.
    pub fn new(keepers: Keepers, snapshots: watch::Receiver<Arc<Snapshot>>, node: String) -> Self {
        let (bus, log, limiters, refusals) =
            (Arc::default(), Arc::default(), ServiceLimiters::default(), Arc::default());
        let (changes, node) = (None, node.into());
        let save_rate = Arc::new(SaveRate::new());
        let parts =
            Parts { changes, keepers, snapshots, node, bus, log, limiters, save_rate, refusals };
        Self { parts: Arc::new(parts), recipient: None, page_calls: None }
    }

    /// What processes beside the console are offered: the same, with events of their own kind only, and the admin side.
    pub fn beside_console(
        keepers: Keepers,
        snapshots: watch::Receiver<Arc<Snapshot>>,
        node: String,
        changes: Arc<dyn OwnChanges>,
    ) -> Self {
        let (bus, log, limiters, refusals) =
            (Arc::default(), Arc::default(), ServiceLimiters::default(), Arc::default());
        let (changes, node) = (Some(changes), node.into());
        let save_rate = Arc::new(SaveRate::new());
        let parts =
            Parts { changes, keepers, snapshots, node, bus, log, limiters, save_rate, refusals };
        Self { parts: Arc::new(parts), recipient: None, page_calls: None }
    }

    /// The same services for one process of this plugin beside the console, of which pages ask this.
    pub(crate) fn of_page_process(
        &self,
        plugin: PluginId,
        calls: Arc<PageCalls>,
    ) -> (Self, Arc<EventRecipient>) {
        let (services, recipient) = self.of_process(plugin);
        (Self { page_calls: Some(calls), ..services }, recipient)
    }

    /// The same services for one process of this plugin, and who gets the events for it.
    pub(crate) fn of_process(&self, plugin: PluginId) -> (Self, Arc<EventRecipient>) {
        let (bus, refusals) = (self.parts.bus.clone(), self.parts.refusals.clone());
        let recipient = Arc::new(EventRecipient::begin(plugin, bus, refusals));
        let (parts, page_calls) = (self.parts.clone(), None);
        (Self { parts, recipient: Some(recipient.clone()), page_calls }, recipient)
    }

    /// What is configured.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.parts.snapshots.clone()
    }

    /// What a plugin asked for and is not granted, in words for an operator.
    pub(crate) fn refused(&self, plugin: PluginId) -> Vec<String> {
        let snapshot = self.parts.snapshots.borrow().clone();
        let spec = snapshot.plugins.get(&plugin);
        spec.map(|spec| self.parts.refusals.told(spec, &callable(spec))).unwrap_or_default()
    }

    /// Serves one connection of this plugin until it ends; whoever comes in on it is this plugin.
    /// Dropping the future ends the connection and all its calls.
    ///
    /// A plugin may have 256 connections; one more is closed at once.
    pub async fn serve<S>(&self, plugin: PluginId, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Some(slot) = self.reserve(plugin) {
            self.serve_at(slot, stream).await;
        }
    }

    /// Room for one more connection of this plugin; `None` when it has as many as it may.
    pub(crate) fn reserve(&self, plugin: PluginId) -> Option<ConnectionSlot> {
        let limiter = self.parts.limiters.of(plugin);
        if let Ok(taken) = limiter.connections.clone().try_acquire_owned() {
            return Some(ConnectionSlot { plugin, limiter, _taken: taken });
        }
        if let Some(refused) = limiter.refused.due() {
            tracing::warn!(
                %plugin,
                refused,
                "a plugin has {MAX_CONNECTIONS} connections to the host services; more are refused"
            );
        }
        None
    }

    /// Serves one connection until it ends, like [`Self::serve`].
    pub(crate) async fn serve_at<S>(&self, slot: ConnectionSlot, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ConnectionSlot { plugin, limiter, _taken } = slot;
        let calls = self.calls(plugin, limiter);
        let service = service_fn(move |request| {
            let calls = calls.clone();
            async move { Ok::<_, Infallible>(calls.answer(request).await) }
        });
        let ended = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(MAX_STREAMS)
            // A plugin that gives up on many calls at once must not lose its subscriptions with them.
            .max_pending_accept_reset_streams(MAX_STREAMS as usize)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = ended {
            tracing::debug!(%plugin, %error, "a plugin's connection to the host services ended");
        }
    }

    /// What a plugin published last, newest first, with what was in it where that is wanted.
    pub fn events(&self, plugin: PluginId, with_payload: bool) -> PluginEvents {
        self.parts.log.read(plugin, with_payload)
    }

    /// How many events plugins have lost because they read them too slowly.
    pub fn lost_events(&self) -> u64 {
        self.parts.bus.lost()
    }

    /// How many subscriptions to events there are.
    pub fn subscriptions(&self) -> usize {
        self.parts.bus.subscriptions()
    }

    fn calls(&self, plugin: PluginId, limiter: Arc<ServiceLimiter>) -> Calls {
        let parts = &self.parts;
        // Who comes in otherwise is of no process.
        let key = self.recipient.as_ref().map(|recipient| recipient.key());
        let key = key.filter(|key| key.plugin == plugin);
        let key = key.unwrap_or(ProcessKey { plugin, process: 0 });
        let calling_plugin =
            CallingPlugin::new(key, parts.snapshots.clone(), parts.refusals.clone());
        let Keepers { kv, keys } = parts.keepers.clone();
        let management = Management { calling_plugin: calling_plugin.clone(), kv: kv.clone() };
        let sidegate = Sidegate { calling_plugin: calling_plugin.clone(), kv: kv.clone(), keys };
        let changes = parts.changes.clone().zip(self.page_calls.clone());
        let studio = changes.map(|(changes, page_calls)| Studio {
            calling_plugin: calling_plugin.clone(),
            kv,
            changes,
            page_calls,
            save_rate: parts.save_rate.clone(),
        });
        let (bus, log, node) = (parts.bus.clone(), parts.log.clone(), parts.node.clone());
        let events = Events { calling_plugin, limiter, bus, log, node };
        Calls::new(management, studio, sidegate, events)
    }
}
