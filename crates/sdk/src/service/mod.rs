//! The gRPC services every plugin process serves, on one server.
//!
//! Translates messages; what they mean is decided by the modules around it.

mod broker;
mod config_provider;
mod health;
mod plugin_service;
mod stdio;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use sidegate_wire::config_provider::config_provider_service_server::ConfigProviderServiceServer;
use sidegate_wire::health::health_server::HealthServer;
use sidegate_wire::plugin::grpc_broker_server::GrpcBrokerServer;
use sidegate_wire::plugin::grpc_controller_server::GrpcControllerServer;
use sidegate_wire::plugin::grpc_stdio_server::GrpcStdioServer;
use sidegate_wire::plugin::plugin_service_server::PluginServiceServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Server;
use tonic::transport::server::{Connected, Router};

use crate::error::{Error, Result};
use crate::program::Program;

/// Large bodies cost a fraction in large frames. In bytes.
const MAX_FRAME_BYTES: u32 = 1 << 20;
/// What one request may have on its way. In bytes.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
/// What all requests together may have on their way: so much that a handler which does not read
/// never holds up the others. The HTTP/2 library also counts unread small frames against it, and
/// cuts the connection when they are too many. In bytes.
pub(crate) const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;
/// Calls that the host gave up before the plugin saw them; a thousand clients may leave at once.
const PENDING_RESETS: usize = 1 << 20;
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

/// Serves who comes in until `stop` is cancelled, which a host that is the master does through the
/// controller; then runs the author's last function, if the host did not ask for it before.
///
/// # Errors
/// When the socket fails.
pub(crate) async fn run<C>(
    program: Arc<Program>,
    incoming: impl Stream<Item = std::io::Result<C>>,
    master: Master,
    stop: CancellationToken,
) -> Result<()>
where
    C: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let router = router(&program, master, &stop);
    let served = router.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    let outcome = bounded(served, stop).await;
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
    outcome.map_err(|error| Error::from(error).context("serve the plugin's calls"))
}

/// Awaits the server, but not for ever once it was told to stop.
async fn bounded<E>(
    served: impl Future<Output = Result<(), E>>,
    stop: CancellationToken,
) -> Result<(), E> {
    let expired = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        outcome = served => outcome,
        () = expired => {
            tracing::warn!("calls still ran when the plugin had to stop");
            Ok(())
        }
    }
}

fn router(program: &Arc<Program>, master: Master, stop: &CancellationToken) -> Router {
    let plugin = plugin_service::PluginCalls::new(Arc::clone(program), master, stop.clone());
    let ends = (master == Master::Host).then(|| stop.clone());
    let host = (master == Master::Host).then(|| program.host.clone());
    let config = config_provider::ConfigCalls::new(Arc::clone(program));
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_concurrent_streams(u32::MAX)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .add_service(
            PluginServiceServer::new(plugin)
                .max_decoding_message_size(usize::MAX)
                .max_encoding_message_size(usize::MAX),
        )
        .add_service(ConfigProviderServiceServer::new(config))
        .add_service(GrpcBrokerServer::new(broker::BrokerCalls::new(host, stop.clone())))
        .add_service(GrpcControllerServer::new(broker::ControllerCalls::new(ends)))
        .add_service(GrpcStdioServer::new(stdio::StdioCalls::new(stop.clone())))
        .add_service(HealthServer::new(health::HealthCalls::new(stop.clone())))
}
