//! The body of every answer: nothing, whole bytes, or a plugin's stream; with what must live
//! exactly as long as its last byte.

use super::access_log::RequestRecord;
use super::stream::{Aborted, StreamBody};
use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

enum Payload {
    Empty,
    Full(Bytes),
    Stream(Box<StreamBody>),
}

/// The body of an answer.
pub(crate) struct EdgeBody {
    payload: Payload,
    /// Most bytes that are handed out at once.
    piece: usize,
    /// Where a stream may last longer than its reader may keep it waiting.
    reader: Option<Reader>,
    /// Lives exactly as long as the answer.
    record: Option<Box<RequestRecord>>,
}

/// The reader of a stream that may last long.
struct Reader {
    /// How long it may keep the stream waiting.
    stall_timeout: Duration,
    /// When the stream must have left, however it is read.
    end: Option<Instant>,
    /// When it was last seen to go on.
    seen: Instant,
}

/// How often at most a reader is seen to go on: less often costs less.
const SEEN_AGAIN: Duration = Duration::from_secs(1);
/// Over HTTP/2, where the library takes whatever it is handed, however little the client reads.
const HTTP2_PIECE: usize = 64 * 1024;
/// What a client must read in a second, on average, beyond the time that any answer has; in bytes.
const SLOWEST_READER: u64 = 128 * 1024;
/// How much later than its limit a stream must have left: one that is read ends by itself.
const AFTER_LIMIT: Duration = Duration::from_secs(1);

impl Reader {
    /// It has taken what came before, and is owed more or not. Nothing is kept from it while it waits
    /// for the plugin.
    fn note(&mut self, record: &mut RequestRecord, is_owed: bool) {
        if !is_owed {
            return record.need_not_end();
        }
        let now = Instant::now();
        if !record.must_end() || now - self.seen >= SEEN_AGAIN {
            self.seen = now;
            let stalled_until = now + self.stall_timeout;
            record.must_end_by(self.end.map_or(stalled_until, |end| end.min(stalled_until)));
        }
    }
}

impl EdgeBody {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::of(Payload::Empty)
    }

    /// Whole bytes.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::of(if bytes.is_empty() { Payload::Empty } else { Payload::Full(bytes) })
    }

    /// A plugin's stream.
    pub(crate) fn stream(stream: StreamBody) -> Self {
        Self::of(Payload::Stream(Box::new(stream)))
    }

    fn of(payload: Payload) -> Self {
        Self { payload, piece: usize::MAX, reader: None, record: None }
    }

    /// Leaves the content out, for an answer to HEAD; tells how long it would have been.
    pub(crate) fn leave_out(&mut self) -> Option<u64> {
        let length = match &self.payload {
            Payload::Full(bytes) => Some(bytes.len() as u64),
            Payload::Empty | Payload::Stream(_) => None,
        };
        self.payload = Payload::Empty;
        length
    }

    /// Whether its end is told by the end of the connection.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(&self.payload, Payload::Stream(stream) if stream.is_ended_by_connection())
    }

    /// Whether it is a plugin's stream.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.payload, Payload::Stream(_))
    }

    /// Attaches what ends with the last byte: the record of the request, with its place on the
    /// connection, and a deadline, `stall_timeout` from now and more for a large answer.
    pub(crate) fn owning(
        &mut self,
        mut record: Box<RequestRecord>,
        version: Version,
        stall_timeout: Duration,
    ) {
        match &self.payload {
            _ if self.is_end_stream() => record.complete(),
            Payload::Stream(stream) => {
                record.streams();
                record.may_be_told_to_end(stream.signal().clone());
                let (end, seen) = (stream.limit().map(|at| at + AFTER_LIMIT), Instant::now());
                match end {
                    // Over HTTP/1 the connection itself notices who does not read.
                    Some(end) if version < Version::HTTP_2 || end <= seen + stall_timeout => {
                        record.must_end_by(end);
                    }
                    end => self.reader = Some(Reader { stall_timeout, end, seen }),
                }
            }
            _ => {
                let bytes = self.size_hint().exact().unwrap_or(0);
                let limit = stall_timeout + Duration::from_secs(bytes / SLOWEST_READER);
                record.must_end_by(Instant::now() + limit);
            }
        }
        record.begin_answer();
        self.piece = if version == Version::HTTP_2 { HTTP2_PIECE } else { usize::MAX };
        self.record = Some(record);
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
        let next = match &mut this.payload {
            Payload::Empty => None,
            Payload::Full(bytes) => {
                let next = bytes.split_to(this.piece.min(bytes.len()));
                if bytes.is_empty() {
                    this.payload = Payload::Empty;
                }
                Some(Ok(next))
            }
            Payload::Stream(stream) => {
                let polled = stream.poll_chunk(cx);
                if let (Some(reader), Some(record)) = (&mut this.reader, &mut this.record) {
                    reader.note(record, polled.is_ready());
                }
                ready!(polled)
            }
        };
        // The HTTP library need not ask again after the last byte.
        let is_last = this.is_end_stream();
        if let Some(record) = this.record.as_deref_mut() {
            match &next {
                Some(Ok(bytes)) => {
                    record.add_bytes(bytes.len());
                    if is_last {
                        record.complete();
                    }
                }
                Some(Err(aborted)) => record.aborted(*aborted),
                None => record.complete(),
            }
        }
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.payload {
            Payload::Empty => true,
            Payload::Full(_) => false,
            Payload::Stream(stream) => stream.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.payload {
            Payload::Empty => SizeHint::with_exact(0),
            Payload::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Payload::Stream(stream) => stream.size_hint(),
        }
    }
}
