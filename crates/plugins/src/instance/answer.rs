//! What an instance answers, in the words of HTTP, whichever protocol it speaks; and why a call came
//! to nothing.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// An answer, as far as it is known when it begins; `P` is what reads the rest of its protocol's
/// stream.
pub struct Answer<P> {
    /// As the plugin says.
    pub status: StatusCode,
    /// Those that may cross to a client.
    pub headers: HeaderMap,
    /// What follows.
    pub body: AnswerBody<P>,
}

/// The body of an answer.
pub enum AnswerBody<P> {
    /// All of it.
    Whole(Bytes),
    /// A stream that ended in order before its first byte.
    Empty,
    /// A stream.
    Pieces {
        /// What came of it already.
        first: Option<Bytes>,
        /// What is to come. Dropping it cancels the call.
        rest: P,
    },
}

impl<P> Answer<P> {
    /// With another reader for the rest of a stream.
    pub fn map<Q>(self, read: impl FnOnce(P) -> Q) -> Answer<Q> {
        let body = match self.body {
            AnswerBody::Whole(bytes) => AnswerBody::Whole(bytes),
            AnswerBody::Empty => AnswerBody::Empty,
            AnswerBody::Pieces { first, rest } => AnswerBody::Pieces { first, rest: read(rest) },
        };
        Answer { status: self.status, headers: self.headers, body }
    }
}

/// What comes next of a streamed answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes, or none: the plugin lives.
    Data(Bytes),
    /// That was all.
    End,
    /// There is more that will never come; the reason is for the log.
    Broken(&'static str),
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The process cannot be reached; nothing was sent.
    #[error("plugin cannot be reached: {0}")]
    Unreachable(String),
    /// The connection or the stream ended before the answer did.
    #[error("plugin broke off: {0}")]
    BrokeOff(String),
    /// The plugin answered with a gRPC status.
    #[error("plugin answered with gRPC status {code}: {message}")]
    Status {
        /// The numeric gRPC status.
        code: i32,
        /// The plugin's text; internal, never shown to a client.
        message: String,
    },
    /// The answer breaks the contract.
    #[error("plugin answer breaks the contract: {0}")]
    Protocol(String),
    /// The plugin says itself that it failed, in words for the client.
    #[error("plugin reported: {text}")]
    Reported {
        /// The status it wishes.
        status: Option<StatusCode>,
        /// May be empty.
        text: String,
    },
    /// The request is larger than the plugin takes; nothing was sent.
    #[error("the request is larger than this plugin accepts ({limit} bytes in all)")]
    TooLarge {
        /// What it takes, in bytes.
        limit: usize,
    },
    /// The body of the request did not come to its end.
    #[error("the request body broke off: {0}")]
    Upload(String),
}

/// A call that came to nothing, told by what its process knows of it.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The process was gone before it heard of the request; another one may be asked.
    #[error(transparent)]
    Unheard(CallError),
    /// The request may have been heard; it is not sent again.
    #[error(transparent)]
    Heard(CallError),
}

impl From<CallError> for AskError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Unreachable(_) => Self::Unheard(error),
            other => Self::Heard(other),
        }
    }
}
