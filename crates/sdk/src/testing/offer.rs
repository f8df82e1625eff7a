//! How a testing host lets the plugin reach its services: a socket, its announcement, the session.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sidegate_wire::events::plugin_event_service_server::PluginEventServiceServer;
use sidegate_wire::host::sidegate_host_service_server::SidegateHostServiceServer;
use sidegate_wire::management::microgateway_management_service_server::MicrogatewayManagementServiceServer;
use sidegate_wire::plugin::grpc_broker_client::GrpcBrokerClient;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{ConnInfo, OpenSessionRequest, open_session_response::CloseReason};
use sidegate_wire::studio::ai_studio_management_service_server::AiStudioManagementServiceServer;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, Server};

use super::cut::Cuttable;
use super::services::Services;
use crate::error::Result;

/// The id under which the services are announced.
pub(super) const BROKER_ID: u32 = 1;

/// Services that the plugin can reach. They end when this is dropped.
pub(super) struct Offer {
    services: Services,
    folder: PathBuf,
    announcements: mpsc::Sender<ConnInfo>,
    listening: Listening,
    sockets: u32,
    connections: Arc<AtomicU32>,
    _heard: AbortOnDropHandle<()>,
}

/// One socket, with everybody who came in on it.
struct Listening {
    cut: CancellationToken,
    _server: AbortOnDropHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

impl Offer {
    /// Listens in the folder and announces it to the plugin behind the channel.
    pub(super) async fn new(channel: Channel, folder: &Path, services: Services) -> Result<Self> {
        let (announcements, outgoing) = mpsc::channel(1);
        let connections = Arc::default();
        let listening = listen(&socket(folder, 0), &services, &connections)?;
        announcements.send(info(&socket(folder, 0))).await?;
        let heard = tokio::spawn(async move {
            let mut broker = GrpcBrokerClient::new(channel);
            let call = broker.start_stream(ReceiverStream::new(outgoing));
            // Stays open for the life of the plugin, which never says anything.
            if let Ok(mut answers) = call.await.map(tonic::Response::into_inner) {
                while let Ok(Some(_)) = answers.message().await {}
            }
        });
        Ok(Self {
            services,
            folder: folder.to_owned(),
            announcements,
            listening,
            sockets: 1,
            connections,
            _heard: AbortOnDropHandle::new(heard),
        })
    }

    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    /// How many connections the plugin has made.
    pub(super) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Cuts all connections off and listens, and announces, elsewhere.
    pub(super) async fn move_on(&mut self) -> Result<()> {
        let path = socket(&self.folder, self.sockets);
        self.sockets += 1;
        self.listening = listen(&path, &self.services, &self.connections)?;
        Ok(self.announcements.send(info(&path)).await?)
    }
}

/// Keeps a session open, as a gateway does, until the plugin closes it for good. A host without
/// services has the broker id 0.
pub(super) fn keep_session(
    client: PluginServiceClient<Channel>,
    broker_id: u32,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let request = OpenSessionRequest {
            service_broker_id: broker_id,
            plugin_id: 1,
            timeout_ms: 30_000,
            ..OpenSessionRequest::default()
        };
        while let Ok(answer) = client.clone().open_session(request.clone()).await {
            if answer.get_ref().close_reason() != CloseReason::Timeout {
                break;
            }
        }
    }))
}

fn socket(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("services{number}"))
}

fn info(path: &Path) -> ConnInfo {
    ConnInfo {
        service_id: BROKER_ID,
        network: "unix".to_owned(),
        address: path.display().to_string(),
        ..ConnInfo::default()
    }
}

fn listen(path: &Path, services: &Services, count: &Arc<AtomicU32>) -> Result<Listening> {
    let cut = CancellationToken::new();
    let (each, count) = (cut.clone(), Arc::clone(count));
    let incoming = UnixListenerStream::new(UnixListener::bind(path)?);
    let incoming = incoming.map(move |connection| {
        count.fetch_add(1, Ordering::Relaxed);
        connection.map(|stream| Cuttable::new(stream, each.clone().cancelled_owned()))
    });
    // A gateway and a console offer different services; events are with both.
    let in_console = services.memory().in_console;
    let console = in_console.then(|| AiStudioManagementServiceServer::new(services.clone()));
    let gateway = (!in_console).then(|| MicrogatewayManagementServiceServer::new(services.clone()));
    let server = Server::builder()
        .add_optional_service(console)
        .add_optional_service(gateway)
        .add_service(PluginEventServiceServer::new(services.clone()))
        .add_service(SidegateHostServiceServer::new(services.clone()))
        .serve_with_incoming(incoming);
    let server = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the services of the testing host ended");
        }
    });
    Ok(Listening { cut, _server: AbortOnDropHandle::new(server) })
}
