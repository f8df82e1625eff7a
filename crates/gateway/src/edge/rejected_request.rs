//! What the edge rejects before it is a request, for its framing, its head, its size or its pace: the kind
//! of answer, and words for the client.

use sidegate_wire::ErrorCode;

/// Why a message on a client's connection becomes no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRequest {
    /// What kind of answer it gets.
    pub code: ErrorCode,
    /// What is wrong, in words for the client.
    pub message: &'static str,
}

impl RejectedRequest {
    /// A message that breaks the rules of HTTP.
    pub const fn invalid(message: &'static str) -> Self {
        Self { code: ErrorCode::InvalidRequest, message }
    }
}
