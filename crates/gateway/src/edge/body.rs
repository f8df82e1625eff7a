//! The body of every answer: nothing, whole bytes, or a plugin's stream; with what must live
//! exactly as long as its last byte.

use super::access_log::Record;
use super::connection::OpenRequest;
use super::stream::{Aborted, StreamBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

enum Content {
    Empty,
    Full(Bytes),
    Stream(Box<StreamBody>),
}

/// The body of an answer.
pub struct EdgeBody {
    content: Content,
    record: Option<Box<Record>>,
    _open: Option<OpenRequest>,
}

impl EdgeBody {
    /// No body.
    pub fn empty() -> Self {
        Self { content: Content::Empty, record: None, _open: None }
    }

    /// Whole bytes.
    pub fn full(bytes: Bytes) -> Self {
        let content = if bytes.is_empty() { Content::Empty } else { Content::Full(bytes) };
        Self { content, record: None, _open: None }
    }

    /// A plugin's stream.
    pub fn stream(stream: StreamBody) -> Self {
        Self { content: Content::Stream(Box::new(stream)), record: None, _open: None }
    }

    /// Leaves the content out, for an answer to HEAD; tells how long it would have been.
    pub fn leave_out(&mut self) -> Option<u64> {
        let length = match &self.content {
            Content::Full(bytes) => Some(bytes.len() as u64),
            Content::Empty | Content::Stream(_) => None,
        };
        self.content = Content::Empty;
        length
    }

    /// Attaches what ends with the last byte: the record of the request and its place on the
    /// connection.
    pub fn owning(&mut self, mut record: Record, open: OpenRequest) {
        if self.is_end_stream() {
            record.complete();
        }
        self.record = Some(Box::new(record));
        self._open = Some(open);
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        let next = match &mut this.content {
            Content::Empty => None,
            Content::Full(_) => match std::mem::replace(&mut this.content, Content::Empty) {
                Content::Full(bytes) => Some(Ok(bytes)),
                _ => None,
            },
            Content::Stream(stream) => ready!(stream.poll_chunk(cx)),
        };
        // The HTTP library need not ask again after the last byte.
        let is_last = this.is_end_stream();
        if let Some(record) = &mut this.record {
            match &next {
                Some(Ok(bytes)) => {
                    record.add_bytes(bytes.len());
                    if is_last {
                        record.complete();
                    }
                }
                Some(Err(aborted)) => record.aborted(aborted.reason),
                None => record.complete(),
            }
        }
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Empty => true,
            Content::Full(_) => false,
            Content::Stream(stream) => stream.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Stream(stream) => stream.size_hint(),
        }
    }
}
