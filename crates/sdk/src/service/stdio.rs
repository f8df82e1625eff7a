//! The host's ear for what a plugin prints. This SDK leaves stdout and stderr where they are, so
//! the stream stays open and silent.

use futures_util::{StreamExt as _, stream};
use sidegate_wire::plugin::StdioData;
use sidegate_wire::plugin::grpc_stdio_server::GrpcStdio;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::Streamed;

pub(super) struct StdioCalls {
    stop: CancellationToken,
}

impl StdioCalls {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self { stop }
    }
}

#[tonic::async_trait]
impl GrpcStdio for StdioCalls {
    type StreamStdioStream = Streamed<StdioData>;

    async fn stream_stdio(
        &self,
        _: Request<()>,
    ) -> Result<Response<Self::StreamStdioStream>, Status> {
        let stop = self.stop.clone().cancelled_owned();
        Ok(Response::new(Box::pin(stream::pending().take_until(Box::pin(stop)))))
    }
}
