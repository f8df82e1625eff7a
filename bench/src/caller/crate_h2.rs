//! A call with the `h2` crate, used as well as we know: straight, without a generated client; with windows
//! and frames as ours has them; with its small writes gathered, as at the plugin's end; and with a handle
//! and a head ready for each task.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{Method, Request, StatusCode, Version, header};
use sidegate_transport::codec::Encoded;
use sidegate_transport::deferred::{Deferred, drive};
use sidegate_transport::grpc_message::MessageReader;
use sidegate_wire::calls::{CONNECTION_WINDOW_BYTES, UNARY_PATH, UNARY_WINDOW_BYTES};
use std::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};

/// Frames that are taken, as in our client.
const MAX_FRAME_BYTES: u32 = 1 << 20;
/// What may wait to be sent.
const SEND_BUFFER_BYTES: usize = 16 << 20;
/// The deadline that a call names, the same as ours names.
const TIMEOUT: &str = "31000m";

/// The handle of one task.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    send: SendRequest<Bytes>,
    head: Request<()>,
}

pub(super) async fn connect<T>(io: T) -> Result<Requests>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (io, held) = Deferred::new(io);
    let handshake = settings().handshake::<_, Bytes>(io);
    let (send, connection) = drive(handshake, held.clone()).await?;
    tokio::spawn(drive(connection, held));
    Ok(Requests { send, head: head()? })
}

fn settings() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(UNARY_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    builder
}

/// Makes a call and reads its answer to the end.
pub(super) async fn call(
    requests: &mut Requests,
    message: &Encoded,
    answer: &mut MessageReader,
) -> Result<()> {
    let Requests { send, head } = requests;
    poll_fn(|cx| send.poll_ready(cx)).await?;
    let (response, mut body) = send.send_request(head.clone(), false)?;
    body.send_data(message.head.clone(), message.body.is_empty())?;
    if !message.body.is_empty() {
        body.send_data(message.body.clone(), true)?;
    }
    let (head, mut body) = response.await?.into_parts();
    ensure!(head.status == StatusCode::OK, "HTTP status {}", head.status);
    while let Some(piece) = body.data().await {
        let piece = piece?;
        // It can only fail where the stream is over, which the next read tells.
        let _ = body.flow_control().release_capacity(piece.len());
        answer.push(piece);
    }
    let trailers = body.trailers().await?;
    let status = trailers.as_ref().unwrap_or(&head.headers).get("grpc-status");
    let status = status.context("the answer ended without a gRPC status")?;
    ensure!(status == "0", "gRPC status {status:?}");
    Ok(())
}

fn head() -> Result<Request<()>> {
    let head = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://localhost{UNARY_PATH}"))
        .header(header::TE, "trailers")
        .header(header::CONTENT_TYPE, "application/grpc")
        .header("grpc-timeout", TIMEOUT);
    Ok(head.body(())?)
}
