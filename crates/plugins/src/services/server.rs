//! One connection of a plugin: HTTP/2 with bounds, and everything behind it. Knows nothing of how the
//! connection came about, only whose it is.

use super::bus::{Bus, ProcessKey};
use super::calling_plugin::{CallingPlugin, callable};
use super::calls::Calls;
use super::events::Events;
use super::limiter::{MAX_CONNECTIONS, ServiceLimiter, ServiceLimiters};
use super::management::Management;
use super::recipient::EventRecipient;
use super::refusals::Refusals;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sidegate_model::kv::Kv;
use sidegate_model::plugin::PluginId;
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
}

struct Parts {
    kv: Arc<dyn Kv>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    node: Arc<str>,
    bus: Arc<Bus>,
    limiters: ServiceLimiters,
    refusals: Arc<Refusals>,
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
    pub fn new(kv: Arc<dyn Kv>, snapshots: watch::Receiver<Arc<Snapshot>>, node: String) -> Self {
        let (bus, limiters, refusals) =
            (Arc::default(), ServiceLimiters::default(), Arc::default());
        let parts = Parts { kv, snapshots, node: node.into(), bus, limiters, refusals };
        Self { parts: Arc::new(parts), recipient: None }
    }

    /// The same services for one process of this plugin, and who gets the events for it.
    pub(crate) fn of_process(&self, plugin: PluginId) -> (Self, Arc<EventRecipient>) {
        let (bus, refusals) = (self.parts.bus.clone(), self.parts.refusals.clone());
        let recipient = Arc::new(EventRecipient::begin(plugin, bus, refusals));
        (Self { parts: self.parts.clone(), recipient: Some(recipient.clone()) }, recipient)
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
        let management =
            Management { calling_plugin: calling_plugin.clone(), kv: parts.kv.clone() };
        let events =
            Events { calling_plugin, limiter, bus: parts.bus.clone(), node: parts.node.clone() };
        Calls::new(management, events)
    }
}
