//! Host services with plugins connected to them.

use crate::memory::Memory;
use hyper_util::rt::TokioIo;
use sidegate_model::app::{App, AppId};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_sealing::{KeysFuture, Look, NamespaceKeys};
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_plugins::{HostServices, Keepers};
use sidegate_wire::events::plugin_event_service_client::PluginEventServiceClient;
use sidegate_wire::host::sidegate_host_service_client::SidegateHostServiceClient;
use sidegate_wire::management::PluginContext;
use sidegate_wire::management::microgateway_management_service_client::MicrogatewayManagementServiceClient;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, Endpoint};

/// The same key for each namespace.
struct OneKey;

impl NamespaceKeys for OneKey {
    fn keys<'a>(&'a self, _: &'a Namespace, _: Look) -> KeysFuture<'a> {
        Box::pin(std::future::ready(Some(Arc::new(Keyring::single([7; 32])))))
    }
}

/// A gateway as far as plugins may ask it.
pub(crate) struct Harness {
    pub(crate) services: HostServices,
    pub(crate) kv: Arc<Memory>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Harness {
    pub(crate) fn new() -> Self {
        let (kv, snapshots) = (Arc::new(Memory::default()), watch::Sender::default());
        let keepers = Keepers { kv: kv.clone(), keys: Arc::new(OneKey) };
        let services = HostServices::new(keepers, snapshots.subscribe(), "here".into());
        Self { services, kv, snapshots }
    }

    /// Publishes what becomes of the current snapshot.
    pub(crate) fn change(&self, change: impl FnOnce(Snapshot) -> Snapshot) {
        let next = change((**self.snapshots.borrow()).clone());
        self.snapshots.send_replace(Arc::new(next));
    }

    /// Registers the plugin, or replaces what it was granted.
    pub(crate) fn grant(&self, plugin: u32, scopes: &[&str]) {
        self.change(|snapshot| snapshot.with_plugin(PluginId(plugin), Some(spec(plugin, scopes))));
    }

    /// Connects as this plugin over a unix socket.
    pub(crate) async fn connect(&self, plugin: u32) -> Plugin {
        let (ours, theirs) = UnixStream::pair().unwrap();
        self.connect_over(plugin, ours, theirs).await
    }

    /// A plugin with this number that was granted these scopes, connected.
    pub(crate) async fn plugin(&self, plugin: u32, scopes: &[&str]) -> Plugin {
        self.grant(plugin, scopes);
        self.connect(plugin).await
    }

    pub(crate) async fn connect_over<S>(&self, plugin: u32, ours: S, theirs: S) -> Plugin
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let services = self.services.clone();
        let serving = tokio::spawn(async move { services.serve(PluginId(plugin), ours).await });
        let channel = channel_over(theirs).await;
        Plugin {
            management: MicrogatewayManagementServiceClient::new(channel.clone()),
            events: PluginEventServiceClient::new(channel.clone()),
            sidegate: SidegateHostServiceClient::new(channel.clone()),
            channel,
            serving: AbortOnDropHandle::new(serving),
        }
    }
}

async fn channel_over<S>(stream: S) -> Channel
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut once = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        let stream = once.take().ok_or_else(|| io::Error::other("one connection only"));
        async move { stream }
    });
    Endpoint::from_static("http://host").connect_with_connector(connector).await.unwrap()
}

/// One connection of a plugin, from its side.
pub(crate) struct Plugin {
    pub(crate) management: MicrogatewayManagementServiceClient<Channel>,
    pub(crate) events: PluginEventServiceClient<Channel>,
    pub(crate) sidegate: SidegateHostServiceClient<Channel>,
    pub(crate) channel: Channel,
    /// The gateway's end; the connection breaks when this is dropped.
    pub(crate) serving: AbortOnDropHandle<()>,
}

/// The context a plugin fills itself.
pub(crate) fn naming(plugin_id: u32) -> Option<PluginContext> {
    Some(PluginContext { plugin_id, method_scope: "kv.readwrite".into() })
}

pub(crate) fn spec(plugin: u32, scopes: &[&str]) -> PluginSpec {
    let service_scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let name = format!("plugin-{plugin}");
    PluginSpec { service_scopes, ..PluginSpec::new(PluginId(plugin), &name, "file:///bin/true") }
}

pub(crate) fn app(id: u32) -> App {
    App {
        id: AppId(id),
        name: format!("app {id}"),
        description: "calls".into(),
        owner_email: "ops@example.com".into(),
        is_active: true,
        monthly_budget: 12.5,
        rate_limit: 60,
        metadata: serde_json::Map::from_iter([("tier".to_owned(), "gold".into())]),
        namespace: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 1_500,
        updated_at: 2_000,
    }
}
