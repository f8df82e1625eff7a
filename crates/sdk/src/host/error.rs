//! Why the host did not do what a plugin asked. Knows gRPC's codes, so that authors need not.

use std::error::Error as _;

use tonic::{Code, Status};

/// Why a question to the host has no answer.
///
/// With `?` in a handler it becomes an error for the log; to go on without the host, match it:
///
/// ```
/// use sidegate_sdk::{Host, HostError};
///
/// async fn visits(host: &Host) -> Result<u64, HostError> {
///     match host.kv().get_json("visits").await {
///         Ok(visits) => Ok(visits.unwrap_or(0)),
///         Err(HostError::NoHost | HostError::NotGranted { .. }) => Ok(0),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Nobody can be asked: the plugin runs by itself, or its host offers no services.
    #[error("there is no host to ask: the plugin runs by itself, or its host offers no services")]
    NoHost,
    /// The operator has not allowed it.
    #[error("the operator has not granted `{scope}` to this plugin: {text}")]
    NotGranted {
        /// The scope that the question needs; empty where the host alone knows it.
        scope: &'static str,
        /// What the host said, for the log.
        text: String,
    },
    /// What was asked for is not there.
    #[error("the host does not have it: {0}")]
    NotFound(String),
    /// A key, a value or a message breaks the host's rules, such as that of its size.
    #[error("the host does not take it: {0}")]
    Invalid(String),
    /// One message is larger than the host, or the plugin, reads.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The plugin uses all that it may; what fails now may succeed when some was given back.
    #[error("the host takes no more: {0}")]
    Full(String),
    /// The host was not reached or did not answer in time. A later call may succeed. What was
    /// asked may nevertheless have been done.
    #[error("the host cannot be asked now: {0}")]
    Unavailable(String),
    /// The host does not offer this.
    #[error("the host does not offer this: {0}")]
    Unsupported(String),
    /// What the host has is not JSON of the expected shape, or what it was given is none.
    #[error("no JSON of the expected shape: {0}")]
    Json(String),
    /// The host understood a change, and does not make it.
    #[error("the host refused: {0}")]
    Refused(String),
    /// What was to be changed is not what it was expected to be any more. Nothing was changed.
    #[error("it was changed meanwhile: {0}")]
    Changed(String),
    /// Anything else, in the host's words.
    #[error("the host failed: {0}")]
    Other(String),
}

impl HostError {
    /// What a status of the host's means for a call that needs this scope.
    pub(super) fn of(status: &Status, scope: &'static str) -> Self {
        if lost(status) {
            return Self::Unavailable(deepest(status));
        }
        let text = status.message().to_owned();
        match status.code() {
            Code::PermissionDenied => Self::NotGranted { scope, text },
            Code::NotFound => Self::NotFound(text),
            Code::InvalidArgument => Self::Invalid(text),
            Code::OutOfRange => Self::TooLarge(text),
            Code::ResourceExhausted => Self::Full(text),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unavailable(text),
            Code::Unimplemented => Self::Unsupported(text),
            Code::Aborted => Self::Changed(text),
            code => Self::Other(format!("{code:?}: {text}")),
        }
    }

    pub(super) fn json(error: &serde_json::Error) -> Self {
        // Without the value, which may be a secret.
        Self::Json(format!("line {}, column {}", error.line(), error.column()))
    }
}

/// Whether the connection failed, and not the host: its own statuses have no cause on this side.
pub(super) fn lost(status: &Status) -> bool {
    status.source().is_some()
}

/// The words of the first cause; those around it only say "transport error".
fn deepest(status: &Status) -> String {
    let mut cause: &dyn std::error::Error = status;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_scope_is_missing_and_what_the_host_said() {
        let error = HostError::of(&Status::permission_denied("ask Eve"), "kv.readwrite");
        let text = error.to_string();
        assert!(text.contains("`kv.readwrite`") && text.contains("ask Eve"), "{text}");
    }

    #[test]
    fn a_lost_connection_is_told_by_its_first_cause() {
        let cause = std::io::Error::other("the socket is gone");
        let error = HostError::of(&Status::from_error(Box::new(cause)), "");
        assert_eq!(error, HostError::Unavailable("the socket is gone".to_owned()));
        let said = HostError::of(&Status::unknown("odd"), "");
        assert_eq!(said, HostError::Other("Unknown: odd".to_owned()));
    }
}
