//! The standard health service: whoever reaches it is told that the plugin serves.

use futures_util::{StreamExt as _, stream};
use sidegate_wire::handshake::HEALTH_SERVICE;
use sidegate_wire::health::health_check_response::ServingStatus;
use sidegate_wire::health::health_server::Health;
use sidegate_wire::health::{HealthCheckRequest, HealthCheckResponse};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::Streamed;

pub(super) struct HealthCalls {
    stop: CancellationToken,
}

impl HealthCalls {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

#[tonic::async_trait]
impl Health for HealthCalls {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.get_ref().service.as_str() {
            "" | HEALTH_SERVICE => Ok(Response::new(status(ServingStatus::Serving))),
            _ => Err(Status::not_found("unknown service")),
        }
    }

    type WatchStream = Streamed<HealthCheckResponse>;

    /// Tells the status, which changes only with the end of the process.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let now = match request.get_ref().service.as_str() {
            "" | HEALTH_SERVICE => ServingStatus::Serving,
            _ => ServingStatus::ServiceUnknown,
        };
        let stop = self.stop.clone().cancelled_owned();
        let first = stream::iter([Ok(status(now))]);
        Ok(Response::new(Box::pin(first.chain(stream::pending()).take_until(Box::pin(stop)))))
    }
}

fn status(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
