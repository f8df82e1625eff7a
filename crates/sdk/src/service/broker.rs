//! The host's line for callbacks, and its word to stop.
//!
//! The line is kept open and what comes over it is read; nothing in this SDK calls back yet.

use futures_util::{StreamExt as _, stream};
use sidegate_wire::plugin::grpc_broker_server::GrpcBroker;
use sidegate_wire::plugin::grpc_controller_server::GrpcController;
use sidegate_wire::plugin::{ConnInfo, Empty};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::Streamed;

pub(super) struct BrokerCalls {
    stop: CancellationToken,
}

impl BrokerCalls {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop }
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
        let silent = heard.filter_map(async |_| None);
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
