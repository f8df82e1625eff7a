//! Why a call came to nothing.

use bytes::Bytes;
use std::borrow::Cow;

/// Why a call came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The other end did not hear of the call, or says that it did nothing: it can be made anew.
    #[error("unheard: {0}")]
    Unheard(Cow<'static, str>),
    /// The connection or the stream ended before the answer did.
    #[error("broke off: {0}")]
    BrokeOff(Cow<'static, str>),
    /// The answer is a gRPC status.
    #[error("gRPC status {code}")]
    Status {
        /// The numeric gRPC status, not 0.
        code: i32,
        /// Its text as it came, percent-encoded.
        message: Bytes,
    },
    /// The answer is not what gRPC allows.
    #[error("breaks the contract: {0}")]
    Protocol(Cow<'static, str>),
}
