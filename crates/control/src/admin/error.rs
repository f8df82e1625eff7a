//! How the admin API says no: always `{"errors":[{"title","detail"}]}`, with a fitting status (and a
//! `code` where the status says too little) and without internals. Knows no route and no noun.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use sidegate_model::app::InvalidApp;
use sidegate_model::plugin::InvalidPlugin;
use sidegate_store::StoreError;

/// What programs recognise a change by that came too late.
const CHANGED_MEANWHILE: &str = "changed_meanwhile";

/// A refused or failed request: one status, at least one problem.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// For programs, where the status alone says too little.
    code: Option<&'static str>,
    details: Vec<String>,
}

impl ApiError {
    /// 400: the request itself must change.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 400 with everything that is wrong. `None` where nothing is.
    pub(crate) fn all_of(details: Vec<String>) -> Option<Self> {
        (!details.is_empty()).then(|| Self::bad_requests(details))
    }

    fn bad_requests(details: Vec<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: None, details }
    }

    /// 404: no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 500: our fault. `internal` goes to the log only.
    pub(crate) fn internal(internal: impl std::fmt::Display) -> Self {
        tracing::error!(error = %internal, "admin request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "something went wrong; the gateway's log has more under this request's X-Request-ID",
        )
    }

    /// 503: the same request can succeed later. `internal` goes to the log only.
    pub(crate) fn unavailable(internal: impl std::fmt::Display) -> Self {
        tracing::warn!(error = %internal, "admin request cannot be served now");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not available right now; try again in a moment")
    }

    /// Any other status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, code: None, details: vec![detail.into()] }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::Conflict { .. } => Self::new(StatusCode::CONFLICT, error.to_string()),
            StoreError::ChangedMeanwhile { .. } => Self {
                code: Some(CHANGED_MEANWHILE),
                ..Self::new(StatusCode::PRECONDITION_FAILED, error.to_string())
            },
            StoreError::Invalid { problems, .. } => Self::bad_requests(problems),
            StoreError::Unavailable { .. } => {
                tracing::warn!(error = %Chain(&error), "admin request cannot be served now");
                // Written for operators: a full disk is their business.
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
            }
            StoreError::Address { .. } | StoreError::Open { .. } | StoreError::Damaged { .. } => {
                Self::internal(Chain(&error))
            }
        }
    }
}

impl From<Vec<InvalidApp>> for ApiError {
    fn from(problems: Vec<InvalidApp>) -> Self {
        Self::bad_requests(problems.iter().map(ToString::to_string).collect())
    }
}

impl From<Vec<InvalidPlugin>> for ApiError {
    fn from(problems: Vec<InvalidPlugin>) -> Self {
        Self::bad_requests(problems.iter().map(ToString::to_string).collect())
    }
}

/// Takes "does not exist" for an answer.
pub(crate) fn found<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error with its causes, for the log.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    detail: &'a str,
}

#[derive(Serialize)]
struct Problems<'a> {
    errors: Vec<Problem<'a>>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let code = self.code;
        let errors = self.details.iter().map(|detail| Problem { title, code, detail }).collect();
        let mut response = (self.status, Json(Problems { errors })).into_response();
        let header = match self.status {
            StatusCode::UNAUTHORIZED => Some((
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sidegate-admin\""),
            )),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        };
        response.headers_mut().extend(header.map(|(name, value)| (Some(name), value)));
        response
    }
}
