//! The gRPC services every plugin process serves, on one server.
//!
//! Translates messages; what they mean is decided by the modules around it.

mod answer_stream;
mod broker;
mod config_provider;
mod connection;
mod endpoint_calls;
mod health;
mod other_calls;
mod page_calls;
mod plugin_service;
mod stdio;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use sidegate_wire::config_provider::config_provider_service_server::ConfigProviderServiceServer;
use sidegate_wire::health::health_server::HealthServer;
use sidegate_wire::plugin::grpc_broker_server::GrpcBrokerServer;
use sidegate_wire::plugin::grpc_controller_server::GrpcControllerServer;
use sidegate_wire::plugin::grpc_stdio_server::GrpcStdioServer;
use sidegate_wire::plugin::plugin_service_server::PluginServiceServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::service::Routes;

use connection::Services;

use crate::program::Program;

/// After a connection that could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long calls that run may take to end once the plugin is told to stop. Hosts kill a plugin two
/// seconds after they told it, so this and the next one stay below that together.
const STOP_GRACE: Duration = Duration::from_millis(700);
/// How long the author's last function may take when the host did not ask for it before.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// A stream of any kind, as the services answer with.
type Streamed<T> = std::pin::Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Who may end the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Master {
    /// The host that started it.
    Host,
    /// Whoever started it; hosts come and go.
    Itself,
}

/// How a plugin is told to stop, and what it may still do then.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Cancelled when no new calls are taken any more.
    pub(crate) told: CancellationToken,
    /// How long calls that run may take to end after that.
    pub(crate) grace: Duration,
    /// Cancelled when nobody wants to wait for them any longer.
    pub(crate) at_once: CancellationToken,
}

impl Stop {
    /// The host tells it. It has waited for the calls before.
    pub(crate) fn by_host(told: CancellationToken) -> Self {
        Self { told, grace: STOP_GRACE, at_once: CancellationToken::new() }
    }
}

/// Serves who comes in until it is told to stop, which a host that is the master does through the
/// controller; then runs the author's last function, if the host did not ask for it before.
pub(crate) async fn run<C>(
    program: Arc<Program>,
    incoming: impl Stream<Item = std::io::Result<C>>,
    master: Master,
    stop: Stop,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let others = others(&program, master, &stop.told);
    let services = Arc::new(Services { program: Arc::clone(&program), others });
    bounded(accept(incoming, services, stop.told.clone()), stop).await;
    program.host.end();
    let last = async {
        program.session_closing().await;
        program.shutdown().await
    };
    match tokio::time::timeout(LAST_GRACE, last).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => tracing::error!(?failure, "the shutdown function failed"),
        Err(_) => tracing::error!("the shutdown function took too long and was dropped"),
    }
    program.session_ended();
}

/// Awaits the server, but not for ever once it was told to stop.
async fn bounded(served: impl Future<Output = ()>, stop: Stop) {
    let expired = async {
        stop.told.cancelled().await;
        let _ = tokio::time::timeout(stop.grace, stop.at_once.cancelled()).await;
    };
    tokio::select! {
        () = served => {}
        () = expired => tracing::warn!("calls still ran when the plugin had to stop"),
    }
}

/// Serves each connection until the host closes it; after `stop`, until their last calls end.
async fn accept<C>(
    incoming: impl Stream<Item = std::io::Result<C>>,
    services: Arc<Services>,
    stop: CancellationToken,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connections = TaskTracker::new();
    take_in(incoming, &connections, &services, &stop).await;
    connections.close();
    connections.wait().await;
}

/// Takes connections until `stop`. Whoever comes later is turned away at once, because the listener ends
/// with this.
async fn take_in<C>(
    incoming: impl Stream<Item = std::io::Result<C>>,
    connections: &TaskTracker,
    services: &Arc<Services>,
    stop: &CancellationToken,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut incoming = pin!(incoming);
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            stream = incoming.next() => stream,
        };
        match stream {
            Some(Ok(stream)) => {
                let (services, stop) = (Arc::clone(services), stop.clone());
                connections.spawn(connection::serve(stream, services, stop));
            }
            Some(Err(error)) => {
                // Of one connection, or of a system that is short of something for a while.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            None => return,
        }
    }
}

/// All services. The two endpoint calls never reach them, see `connection`.
fn others(program: &Arc<Program>, master: Master, stop: &CancellationToken) -> Routes {
    let plugin = plugin_service::PluginCalls::new(Arc::clone(program), master, stop.clone());
    let ends = (master == Master::Host).then(|| stop.clone());
    let host = (master == Master::Host).then(|| program.host.clone());
    let config = config_provider::ConfigCalls::new(Arc::clone(program));
    Routes::new(
        PluginServiceServer::new(plugin)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX),
    )
    .add_service(ConfigProviderServiceServer::new(config))
    .add_service(GrpcBrokerServer::new(broker::BrokerCalls::new(host, stop.clone())))
    .add_service(GrpcControllerServer::new(broker::ControllerCalls::new(ends)))
    .add_service(GrpcStdioServer::new(stdio::StdioCalls::new(stop.clone())))
    .add_service(HealthServer::new(health::HealthCalls::new(stop.clone())))
    .prepare()
}
