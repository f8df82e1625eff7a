//! A call with our own client, as the gateway makes it.

use anyhow::Result;
use sidegate_transport::codec::Encoded;
use sidegate_transport::grpc_message::MessageReader;
use sidegate_transport::http2::{Client, Reading, Settings, connect as begin};
use sidegate_wire::calls::{UNARY_PATH, UNARY_WINDOW_BYTES};
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The deadline that a call names.
const TIMEOUT: Duration = Duration::from_secs(31);

pub(super) async fn connect<T>(io: T) -> Result<Client>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let window = UNARY_WINDOW_BYTES;
    let (client, driver) =
        begin(io, Settings { authority: "localhost", path: UNARY_PATH, window }).await?;
    tokio::spawn(driver);
    Ok(client)
}

/// Makes a call and reads its answer to the end.
pub(super) async fn call(
    client: &Client,
    message: &Encoded,
    answer: &mut MessageReader,
) -> Result<()> {
    let message = (message.head.clone(), message.body.clone());
    let mut call = client.call(message, TIMEOUT, Reading::Whole)?;
    poll_fn(|cx| call.poll_answered(cx)).await?;
    // It ends in order with gRPC status 0 only.
    while let Some(piece) = poll_fn(|cx| call.poll_piece(cx)).await {
        answer.push(piece?);
    }
    Ok(())
}
