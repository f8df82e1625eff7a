//! One connection of a host: endpoint calls go straight from HTTP/2 to their handlers, everything
//! else to the generated services.
//!
//! Knows streams of HTTP/2 and paths of methods; what a call means is decided elsewhere.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use sidegate_transport::deferred::{Deferred, drive};
use sidegate_wire::calls::{
    CONNECTION_WINDOW_BYTES, REQUEST_WINDOW_BYTES, STREAM_PATH, UNARY_PATH,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::{endpoint_calls, other_calls};
use crate::program::Program;

/// Large bodies cost a fraction in large frames. In bytes.
const MAX_FRAME_BYTES: u32 = 1 << 20;
/// What one answer may have waiting here. In bytes.
const SEND_BUFFER_BYTES: usize = 16 << 20;
/// Small frames that nobody has read yet count against this; a handler that does not read must not
/// end the connection of all others.
const FRAME_BUDGET: usize = 1 << 40;
/// Calls that the host gave up before the plugin saw them; a thousand clients may leave at once.
const PENDING_RESETS: usize = 1 << 20;

/// Everything that answers.
pub(super) struct Services {
    pub(super) program: Arc<Program>,
    pub(super) others: Routes,
}

/// Serves until the host closes the connection, or until its last call has ended after `stop`.
pub(super) async fn serve<S>(stream: S, services: Arc<Services>, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, held) = Deferred::new(stream);
    let served = async {
        let mut connection = settings().handshake::<_, Bytes>(io).await?;
        let mut stopped = pin!(stop.cancelled());
        let mut stopping = false;
        loop {
            let call = poll_fn(|cx| {
                if !stopping && stopped.as_mut().poll(cx).is_ready() {
                    stopping = true;
                    connection.graceful_shutdown();
                }
                connection.poll_accept(cx)
            });
            match call.await {
                Some(call) => {
                    let (request, respond) = call?;
                    dispatch(&services, request, respond);
                }
                None => return Ok::<_, h2::Error>(()),
            }
        }
    };
    if let Err(error) = drive(served, held).await {
        tracing::debug!(%error, "a connection of the host broke off");
    }
}

/// Each call runs in a task of its own, which ends when it is answered, given up by the host, or
/// has lost its connection.
fn dispatch(
    services: &Arc<Services>,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let program = || Arc::clone(&services.program);
    let path = if request.method() == http::Method::POST { request.uri().path() } else { "" };
    match path {
        UNARY_PATH => {
            _ = tokio::spawn(endpoint_calls::whole(program(), request.into_body(), respond));
        }
        STREAM_PATH => {
            _ = tokio::spawn(endpoint_calls::stream(program(), request.into_body(), respond));
        }
        _ => _ = tokio::spawn(other_calls::forward(services.others.clone(), request, respond)),
    }
}

fn settings() -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(REQUEST_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_concurrent_streams(u32::MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .data_frame_budget(FRAME_BUDGET);
    builder
}
