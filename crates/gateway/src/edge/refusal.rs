//! A message the edge refuses before it is a request: the kind of answer, and words for the client.

use sidegate_wire::ErrorCode;

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of answer it gets.
    pub code: ErrorCode,
    /// What is wrong, in words for the client.
    pub message: &'static str,
}

impl Refusal {
    /// A message that breaks the rules of HTTP.
    pub const fn invalid(message: &'static str) -> Self {
        Self { code: ErrorCode::InvalidRequest, message }
    }
}
