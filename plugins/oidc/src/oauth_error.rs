//! Refusals in the words of OAuth.

use serde_json::json;
use sidegate_sdk::{Response, tracing};

use crate::storage::StorageError;

/// Why a request is refused: a code that programs know and a text for their authors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OAuthError {
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) status: u16,
}

impl OAuthError {
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), status: 400 }
    }

    pub(crate) fn invalid_request(text: impl Into<String>) -> Self {
        Self::new("invalid_request", text)
    }

    pub(crate) fn invalid_grant(text: impl Into<String>) -> Self {
        Self::new("invalid_grant", text)
    }

    pub(crate) fn invalid_client() -> Self {
        // The same words whatever is wrong: nobody learns which clients there are.
        Self { status: 401, ..Self::new("invalid_client", "the client did not prove who it is") }
    }

    pub(crate) fn invalid_target(resource: &str) -> Self {
        Self::new("invalid_target", format!("tokens for {resource:?} are not given"))
    }

    /// Something of ours failed; the log has what.
    pub(crate) fn server_error(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request cannot be answered");
        Self { status: 500, ..Self::new("server_error", "the provider failed; its log says why") }
    }

    /// Nothing is wrong but the time.
    pub(crate) fn temporarily_unavailable(error: &dyn std::fmt::Display) -> Self {
        tracing::warn!(%error, "a request cannot be answered now");
        let text = "the provider cannot answer now; try again";
        Self { status: 503, ..Self::new("temporarily_unavailable", text) }
    }

    /// As the answer to a program.
    pub(crate) fn to_response(&self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.text });
        let response = Response::json(&body).with_status(self.status);
        let response = response.header("Cache-Control", "no-store");
        match self.status {
            401 => response.header("WWW-Authenticate", "Basic realm=\"oidc\", charset=\"UTF-8\""),
            503 => response.header("Retry-After", "1"),
            _ => response,
        }
    }
}

impl From<StorageError> for OAuthError {
    fn from(error: StorageError) -> Self {
        match &error {
            StorageError::NotGranted(_) => {
                let text = "the provider may not use its storage; whoever runs it has to grant it";
                Self { text: text.to_owned(), ..Self::temporarily_unavailable(&error) }
            }
            StorageError::Host(_) => Self::temporarily_unavailable(&error),
            StorageError::Damaged { .. } => Self::server_error(&error),
        }
    }
}

impl From<sidegate_sdk::Error> for OAuthError {
    fn from(error: sidegate_sdk::Error) -> Self {
        Self::server_error(&error)
    }
}
