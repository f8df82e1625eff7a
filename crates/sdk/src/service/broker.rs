//! Where the host announces its services, and its word to stop.
//!
//! The call is kept open for as long as the host likes, and everything that is announced goes to
//! whoever dials. Knows nothing of the services.

use futures_util::{StreamExt as _, stream};
use sidegate_wire::plugin::grpc_broker_server::GrpcBroker;
use sidegate_wire::plugin::grpc_controller_server::GrpcController;
use sidegate_wire::plugin::{ConnInfo, Empty};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::Streamed;
use crate::host::Host;

pub(super) struct BrokerCalls {
    /// Who hears; `None` where what hosts announce cannot be reached.
    host: Option<Host>,
    stop: CancellationToken,
}

impl BrokerCalls {
    pub(super) fn new(host: Option<Host>, stop: CancellationToken) -> Self {
        Self { host, stop }
    }
}

#[tonic::async_trait]
impl GrpcBroker for BrokerCalls {
    type StartStreamStream = Streamed<ConnInfo>;

    /// Reads the host's side until it ends or the plugin stops, and never says anything.
    async fn start_stream(
        &self,
        request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let stop = self.stop.clone().cancelled_owned();
        let heard = request.into_inner().take_until(Box::pin(stop));
        let host = self.host.clone();
        let silent = heard.filter_map(move |info| {
            if let (Some(host), Ok(info)) = (&host, info) {
                host.hear(info);
            }
            std::future::ready(None)
        });
        Ok(Response::new(Box::pin(silent.chain(stream::empty()))))
    }
}

pub(super) struct ControllerCalls {
    /// `None` where no host may end the plugin.
    stop: Option<CancellationToken>,
}

impl ControllerCalls {
    pub(super) fn new(stop: Option<CancellationToken>) -> Self {
        Self { stop }
    }
}

#[tonic::async_trait]
impl GrpcController for ControllerCalls {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        match &self.stop {
            Some(stop) => stop.cancel(),
            None => tracing::info!("a host asked this plugin to end, which it does not"),
        }
        Ok(Response::new(Empty {}))
    }
}
