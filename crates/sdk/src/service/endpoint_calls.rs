//! The two calls every request of a client becomes, read, answered and written without a layer
//! between.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use h2::RecvStream;
use h2::server::SendResponse;
use sidegate_transport::codec::{Encoded, ReceivedRequest, TooLarge};
use sidegate_transport::grpc_message::MessageReader;
use tonic::Status;

use super::answer_stream::{failure, head, refuse, room, success};
use crate::answer;
use crate::program::{Program, Ready};
use crate::request::Request;
use crate::stream::{Chunks, Piece};

/// Messages that are ready together leave in one frame, up to about this size. In bytes.
const TOGETHER_BYTES: usize = 16 * 1024;
/// Messages of this size leave in a frame of their own, uncopied. In bytes.
const ALONE_BYTES: usize = 4 * 1024;

/// Answers as a whole.
pub(super) async fn whole(
    program: Arc<Program>,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
) {
    let answer = async {
        let ready = ready(&program)?;
        answer::whole(ready, request(ready, &read(&mut body).await?)?).await
    };
    let answer = tokio::select! {
        // Nobody waits any more: the handler is dropped at the await it stands in.
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        answer = answer => answer,
    };
    note(match answer {
        Ok(answer) => send_whole(&mut respond, answer),
        Err(status) => refuse(&mut respond, &status),
    });
}

/// Answers piece by piece.
pub(super) async fn stream(
    program: Arc<Program>,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
) {
    let begun = async {
        let ready = ready(&program)?;
        let request = request(ready, &alone(read(&mut body).await?))?;
        Ok((answer::stream(ready, request), ready.header_list))
    };
    let begun = tokio::select! {
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return,
        begun = begun => begun,
    };
    note(match begun {
        // Dropping the chunks is how the handler learns that its client has gone.
        Ok((chunks, header_list)) => send_pieces(&mut respond, chunks, header_list).await,
        Err(status) => refuse(&mut respond, &status),
    });
}

fn ready(program: &Program) -> Result<&Arc<Ready>, Status> {
    program.ready().ok_or_else(|| Status::failed_precondition("the plugin is not initialized"))
}

/// A host that is gone, or has given the call up, needs no answer.
fn note(sent: Result<(), h2::Error>) {
    if let Err(error) = sent {
        tracing::debug!(%error, "an answer could not be sent");
    }
}

/// The request in the message of a call.
fn request(ready: &Ready, message: &Bytes) -> Result<Request, Status> {
    let request = ReceivedRequest::decode(message);
    let request = request.map_err(|error| Status::internal(error.to_string()))?;
    Ok(Request::new(request, ready.host.clone()))
}

/// What is kept for as long as a stream is open lies in memory of its own, not among what else came with it.
fn alone(message: Bytes) -> Bytes {
    if message.len() < ALONE_BYTES { Bytes::copy_from_slice(&message) } else { message }
}

/// Reads the one message of a call.
async fn read(body: &mut RecvStream) -> Result<Bytes, Status> {
    let mut reader = MessageReader::new(usize::MAX);
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|error| Status::cancelled(error.to_string()))?;
        // It can only fail where the stream is over, which the next read tells.
        let _ = body.flow_control().release_capacity(piece.len());
        reader.push(piece);
    }
    let broken = |error: &dyn std::fmt::Display| Status::internal(error.to_string());
    let message = reader.take().map_err(|error| Status::unimplemented(error.to_string()))?;
    let message = message.ok_or_else(|| broken(&"the call has no whole message"))?;
    if !reader.is_empty() {
        return Err(broken(&"the call has more than one message"));
    }
    Ok(message)
}

fn send_whole(respond: &mut SendResponse<Bytes>, answer: Encoded) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    stream.send_data(answer.head, false)?;
    if !answer.body.is_empty() {
        stream.send_data(answer.body, false)?;
    }
    stream.send_trailers(success())
}

async fn send_pieces(
    respond: &mut SendResponse<Bytes>,
    mut chunks: Chunks,
    header_list: bool,
) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    loop {
        let batch = tokio::select! {
            _ = poll_fn(|cx| stream.poll_reset(cx)) => return Ok(()),
            batch = Batch::next(&mut chunks, header_list) => batch,
        };
        for bytes in batch.frames {
            room(&mut stream).await?;
            stream.send_data(bytes, false)?;
        }
        match batch.end {
            None => {}
            Some(Ok(())) => return stream.send_trailers(success()),
            Some(Err(status)) => return stream.send_trailers(failure(&status)),
        }
    }
}

/// What a handler has ready: never held back for what may follow.
#[derive(Default)]
struct Batch {
    frames: Vec<Bytes>,
    end: Option<Result<(), Status>>,
}

impl Batch {
    /// Waits for the first piece and takes those that are there with it.
    async fn next(chunks: &mut Chunks, header_list: bool) -> Self {
        let mut batch = Self::default();
        let mut together = BytesMut::new();
        poll_fn(|cx| {
            while batch.end.is_none() && together.len() < TOGETHER_BYTES && batch.frames.is_empty()
            {
                match chunks.poll_next_unpin(cx) {
                    Poll::Ready(piece) => {
                        let encode = |piece: Piece| piece.encode(header_list).map_err(too_large);
                        batch.take(piece.map(|piece| piece.and_then(encode)), &mut together);
                    }
                    Poll::Pending if together.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
            Poll::Ready(())
        })
        .await;
        if !together.is_empty() {
            batch.frames.insert(0, together.freeze());
        }
        batch
    }

    fn take(&mut self, piece: Option<Result<Encoded, Status>>, together: &mut BytesMut) {
        match piece {
            Some(Ok(piece)) => {
                together.extend_from_slice(&piece.head);
                if piece.body.len() < ALONE_BYTES {
                    together.extend_from_slice(&piece.body);
                } else {
                    self.frames.push(piece.body);
                }
            }
            Some(Err(status)) => self.end = Some(Err(status)),
            None => self.end = Some(Ok(())),
        }
    }
}

fn too_large(error: TooLarge) -> Status {
    Status::internal(error.to_string())
}
