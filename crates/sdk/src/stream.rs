//! An answer that is written piece by piece, with back-pressure from the client.
//!
//! Two ends of one bounded channel: [`ResponseStream`] for the handler, `Chunks` for the host. How
//! the handler ended decides the last chunk; that is the business of whoever runs it, through a
//! `Finisher`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use sidegate_transport::codec::{ChunkParts, Encoded, TooLarge};
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use tokio::sync::mpsc;
use tonic::Status;

use crate::error::{Error, Public, Result};
use crate::response::Response;

/// How many pieces wait in the plugin before `send` waits too.
pub(crate) const PIECES_IN_FLIGHT: usize = 8;
/// Larger pieces are cut, so that the host never holds more than this at once. In bytes.
const PIECE_BYTES: usize = 256 * 1024;

/// A part of an answer on its way to the host.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Status and headers; a body on it is not looked at.
    Head(Box<Response>),
    /// A part of the body, to follow those before it.
    Body(Bytes),
    /// The answer is complete.
    Done,
    /// The answer ends here and is not complete.
    Error(i32, String),
}

impl Piece {
    /// The message for a host that reads headers as a list, or for one that knows only the map.
    pub(crate) fn encode(self, header_list: bool) -> Result<Encoded, TooLarge> {
        let (kind, status_code, data, text) = match self {
            Self::Head(head) => return head.encode_head(header_list),
            Self::Body(data) => (ChunkType::Body, 0, data, String::new()),
            Self::Done => (ChunkType::Done, 0, Bytes::new(), String::new()),
            Self::Error(status, text) => (ChunkType::Error, status, Bytes::new(), text),
        };
        let (header_list, headers) = ([], []);
        ChunkParts { kind, status_code, header_list, headers, data, error_message: &text }.encode()
    }

    fn is_last(&self) -> bool {
        matches!(self, Self::Done | Self::Error(..))
    }
}

/// What is on its way. Boxed, for the channel has room for 32 of it as long as the stream is open, also while nothing is said.
type Sent = Box<Result<Piece, Status>>;

/// Where a streaming handler writes its answer: [`headers`](Self::headers) once, then
/// [`send`](Self::send) as often as it likes. When the handler returns `Ok`, the answer is
/// complete; when it returns an error or panics, the client sees that it is not.
///
/// `send` waits while the client is slower than the handler, and fails once the client has gone.
/// A handler that waits for something else should wait for [`closed`](Self::closed) as well:
///
/// ```
/// use std::time::Duration;
/// use sidegate_sdk::{Plugin, Request, Response, ResponseStream};
///
/// Plugin::new("ticker", "1.0.0").stream("/ticks", async |_: Request, mut out: ResponseStream| {
///     out.headers(Response::event_stream()).await?;
///     for i in 0.. {
///         out.send(format!("data: {i}\n\n")).await?;
///         tokio::select! {
///             () = out.closed() => break,
///             () = tokio::time::sleep(Duration::from_secs(1)) => {}
///         }
///     }
///     Ok(())
/// });
/// ```
///
/// When the client has gone, the handler still has ten seconds to notice and clean up; then it is
/// dropped at the await it stands in.
#[derive(Debug)]
pub struct ResponseStream {
    pieces: mpsc::Sender<Sent>,
    started: Arc<AtomicBool>,
}

/// The client has gone, or the answer is over: nothing more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client has gone")]
pub struct Closed;

impl ResponseStream {
    /// A stream, and the end from which its pieces are read.
    pub(crate) fn open() -> (Self, Chunks) {
        let (pieces, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
        let started = Arc::new(AtomicBool::new(false));
        (Self { pieces, started }, Chunks { pieces: receiver, over: false })
    }

    pub(crate) fn finisher(&self) -> Finisher {
        Finisher(Self { pieces: self.pieces.clone(), started: Arc::clone(&self.started) })
    }

    /// Sends status and headers. A body set on the response is sent as the first piece.
    ///
    /// # Errors
    /// [`Closed`] when the client has gone; an error when headers were sent before. Of a
    /// [`Response::error`] nothing is sent: it comes back as the public error to return.
    pub async fn headers(&mut self, head: Response) -> Result<()> {
        if let Some(text) = head.error_text() {
            return Err(Error::public(head.status(), text));
        }
        if self.started.swap(true, Ordering::Relaxed) {
            return Err(Error::new("the headers of this stream were sent before"));
        }
        let body = head.body().clone();
        self.put(Piece::Head(Box::new(head))).await?;
        self.put_body(body).await?;
        Ok(())
    }

    /// Sends a piece of the body; the client gets it at once. An empty piece is nothing. Without
    /// [`headers`](Self::headers) before it, a plain 200 is sent first.
    ///
    /// # Errors
    /// [`Closed`] when the client has gone.
    pub async fn send(&mut self, piece: impl Into<Bytes>) -> Result<(), Closed> {
        if !self.started.swap(true, Ordering::Relaxed) {
            self.put(Piece::Head(Box::default())).await?;
        }
        self.put_body(piece.into()).await
    }

    /// Waits until the client has gone.
    pub async fn closed(&self) {
        self.pieces.closed().await;
    }

    /// Whether the client has gone.
    pub fn is_closed(&self) -> bool {
        self.pieces.is_closed()
    }

    async fn put_body(&self, mut body: Bytes) -> Result<(), Closed> {
        while !body.is_empty() {
            let data = body.split_to(body.len().min(PIECE_BYTES));
            self.put(Piece::Body(data)).await?;
        }
        Ok(())
    }

    async fn put(&self, piece: Piece) -> Result<(), Closed> {
        self.pieces.send(Box::new(Ok(piece))).await.map_err(|_| Closed)
    }
}

/// Says the last word on a stream, once its handler has ended.
#[derive(Debug)]
pub(crate) struct Finisher(ResponseStream);

impl Finisher {
    /// The handler succeeded. One that sent nothing gave an empty 200.
    pub(crate) async fn done(self) -> Result<(), Closed> {
        if !self.started() {
            self.0.put(Piece::Head(Box::default())).await?;
        }
        self.0.put(Piece::Done).await
    }

    /// The handler failed with words for the client, who can read them only if nothing was sent.
    pub(crate) async fn public_error(self, public: Public) -> Result<(), Closed> {
        let response = Response::from(public);
        let text = response.error_text().unwrap_or_default().to_owned();
        self.0.put(Piece::Error(response.status().into(), text)).await
    }

    /// The handler failed without words for the client.
    pub(crate) async fn hidden_error(self, status: Status) -> Result<(), Closed> {
        if self.started() {
            self.0.put(Piece::Error(0, status.message().to_owned())).await
        } else {
            self.0.pieces.send(Box::new(Err(status))).await.map_err(|_| Closed)
        }
    }

    /// Waits until the client has gone.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }

    fn started(&self) -> bool {
        self.0.started.load(Ordering::Relaxed)
    }
}

/// What the host reads. Ends with the first DONE, ERROR or status, whatever a handler that left a
/// task behind sends later; dropping it is how the handler learns that the client has gone.
#[derive(Debug)]
pub(crate) struct Chunks {
    pieces: mpsc::Receiver<Sent>,
    over: bool,
}

impl Stream for Chunks {
    type Item = Result<Piece, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let piece = ready!(self.pieces.poll_recv(cx)).map(|piece| *piece);
        self.over = match &piece {
            Some(Ok(piece)) => piece.is_last(),
            Some(Err(_)) | None => true,
        };
        if self.over {
            self.pieces.close();
        }
        Poll::Ready(piece)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    async fn kinds(chunks: Chunks) -> Vec<ChunkType> {
        chunks
            .map(|piece| match piece.unwrap() {
                Piece::Head(_) => ChunkType::Headers,
                Piece::Body(_) => ChunkType::Body,
                Piece::Done => ChunkType::Done,
                Piece::Error(..) => ChunkType::Error,
            })
            .collect()
            .await
    }

    #[tokio::test]
    async fn a_body_without_headers_gets_a_plain_head_and_large_pieces_are_cut() {
        let (mut stream, chunks) = ResponseStream::open();
        let finisher = stream.finisher();
        stream.send("").await.unwrap();
        stream.send(vec![0; PIECE_BYTES + 1]).await.unwrap();
        finisher.done().await.unwrap();
        let expected = [ChunkType::Headers, ChunkType::Body, ChunkType::Body, ChunkType::Done];
        assert_eq!(kinds(chunks).await, expected);
    }

    #[tokio::test]
    async fn headers_come_once() {
        let (mut stream, chunks) = ResponseStream::open();
        stream.headers(Response::text("first")).await.unwrap();
        assert!(stream.headers(Response::new(500)).await.is_err());
        drop(stream);
        assert_eq!(kinds(chunks).await, [ChunkType::Headers, ChunkType::Body]);
    }

    #[tokio::test]
    async fn an_error_as_headers_comes_back_to_be_returned() {
        let (mut stream, _chunks) = ResponseStream::open();
        let error = stream.headers(Response::error(403, "no")).await.unwrap_err();
        assert_eq!(error.as_public(), Some((403, "no")));
        stream.headers(Response::new(200)).await.unwrap();
    }

    #[tokio::test]
    async fn send_waits_when_the_bound_is_reached_and_fails_when_the_client_has_gone() {
        let (mut stream, chunks) = ResponseStream::open();
        for _ in 0..PIECES_IN_FLIGHT - 1 {
            stream.send("x").now_or_never().unwrap().unwrap();
        }
        assert!(stream.send("x").now_or_never().is_none());
        assert!(stream.closed().now_or_never().is_none());
        drop(chunks);
        assert_eq!(stream.send("x").await, Err(Closed));
        stream.closed().await;
    }

    #[tokio::test]
    async fn nothing_follows_the_end() {
        let (mut stream, chunks) = ResponseStream::open();
        stream.finisher().done().await.unwrap();
        stream.send("late").await.unwrap();
        assert_eq!(kinds(chunks).await, [ChunkType::Headers, ChunkType::Done]);
        assert_eq!(stream.send("later").await, Err(Closed));
    }
}
