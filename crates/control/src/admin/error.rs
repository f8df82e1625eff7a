//! From what went wrong to a refusal: which code, which words, what goes to the log only. The body
//! itself, which needs the request's id, is written by `frame`. Knows no route and no noun.

use crate::checked_config::Unchecked;
use crate::edges::{BootstrapError, EdgesError};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use sidegate_api::error::{ErrorBody, ErrorCode, Problem};
use sidegate_model::app::InvalidApp;
use sidegate_model::plugin::InvalidPlugin;
use sidegate_model::plugin_page::PageFailure;
use sidegate_model::role::Role;
use sidegate_store::StoreError;

/// A refused or failed request: one code, at least one problem.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    code: ErrorCode,
    problems: Vec<Problem>,
    /// After how many seconds to try again.
    retry_after: Option<u32>,
}

impl ApiError {
    /// A refusal for one reason.
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, problems: vec![Problem::from(detail.into())], retry_after: None }
    }

    /// 429: whoever it is may try again after so many seconds.
    pub(crate) fn too_many(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(ErrorCode::TooManyRequests, detail) }
    }

    /// 503: there is no room for it; it may be tried again after so many seconds.
    pub(crate) fn unavailable_for(detail: impl Into<String>, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(ErrorCode::Unavailable, detail) }
    }

    /// 400: the request itself must change.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, detail)
    }

    /// 404: no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, detail)
    }

    /// 403: only a stronger role may do this to these fields.
    pub(crate) fn beyond_role(needed: Role, fields: &[String]) -> Self {
        let problem = |field: &String| {
            Problem::at(
                field,
                format!("only the role {needed} may change this; nothing was changed"),
            )
        };
        let problems = fields.iter().map(problem).collect();
        Self { code: ErrorCode::InsufficientRole, problems, retry_after: None }
    }

    /// The same with one more that is said.
    pub(crate) fn with(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }

    /// What is said, in one text.
    pub(crate) fn detail(&self) -> String {
        let details: Vec<_> = self.problems.iter().map(|problem| problem.detail.as_str()).collect();
        details.join("; ")
    }

    /// What is said, where it is refused for a role that is too weak, or since nobody may do it here.
    pub(crate) fn insufficient_role_detail(&self) -> Option<String> {
        let is_told = [ErrorCode::InsufficientRole, ErrorCode::ReadOnly].contains(&self.code);
        is_told.then(|| self.detail())
    }

    /// What is wrong with what was sent, or contradicts what there is: what a preview tells in place of a refusal.
    ///
    /// # Errors
    /// This, where it is refused for anything else.
    pub(super) fn into_problems_of_content(self) -> Result<Vec<Problem>, Self> {
        match self.code {
            ErrorCode::InvalidRequest | ErrorCode::Conflict => Ok(self.problems),
            _ => Err(self),
        }
    }

    /// 500: our fault. `internal` goes to the log only.
    pub(crate) fn internal(internal: impl std::fmt::Display) -> Self {
        tracing::error!(error = %internal, "admin request failed");
        Self::new(
            ErrorCode::Internal,
            "something went wrong; the gateway's log has more under this request's X-Request-ID",
        )
    }

    /// 503: the same request can succeed later. `internal` goes to the log only.
    pub(crate) fn unavailable(internal: impl std::fmt::Display) -> Self {
        tracing::warn!(error = %internal, "admin request cannot be served now");
        Self::new(ErrorCode::Unavailable, "not available right now; try again in a moment")
    }

    /// Writes the body of this refusal into its answer.
    pub(super) fn write(&self, request_id: &str, response: &mut Response) {
        let body = ErrorBody::new(self.code, request_id, &self.problems);
        let text = serde_json::to_vec(&body).expect("a refusal can be written as JSON");
        let headers = response.headers_mut();
        // Of the answer without a body.
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.body_mut() = Body::from(text);
    }
}

/// 400 with everything that is wrong, which is at least one thing.
impl From<Vec<Problem>> for ApiError {
    fn from(problems: Vec<Problem>) -> Self {
        Self { code: ErrorCode::InvalidRequest, problems, retry_after: None }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::not_found(error.to_string()),
            StoreError::Conflict { .. } => Self::new(ErrorCode::Conflict, error.to_string()),
            StoreError::ChangedMeanwhile { .. } => {
                Self::new(ErrorCode::ChangedMeanwhile, error.to_string())
            }
            StoreError::Invalid { problems, .. } => {
                problems.into_iter().map(Problem::from).collect::<Vec<_>>().into()
            }
            StoreError::Unavailable { .. } => {
                tracing::warn!(error = %Chain(&error), "admin request cannot be served now");
                // Written for operators: a full disk is their business.
                Self::new(ErrorCode::Unavailable, error.to_string())
            }
            StoreError::Address { .. }
            | StoreError::Open { .. }
            | StoreError::Keys { .. }
            | StoreError::Damaged { .. } => Self::internal(Chain(&error)),
        }
    }
}

impl From<Unchecked> for ApiError {
    fn from(why: Unchecked) -> Self {
        match why {
            Unchecked::Broken(problems) => problems.into(),
            Unchecked::Restless => {
                Self::unavailable("the configuration became another one whenever it was looked at")
            }
            Unchecked::Failed(internal) => Self::internal(internal),
        }
    }
}

impl From<PageFailure> for ApiError {
    fn from(failure: PageFailure) -> Self {
        let detail = failure.to_string();
        match failure {
            PageFailure::NotHere(_) => Self::new(ErrorCode::Conflict, detail),
            PageFailure::NotStarted { retry_after, .. } if !retry_after.is_zero() => {
                let seconds = u32::try_from(retry_after.as_secs() + 1).unwrap_or(u32::MAX);
                let refusal = Self::new(ErrorCode::Unavailable, detail);
                Self { retry_after: Some(seconds), ..refusal }
            }
            PageFailure::Busy(_) => Self::new(ErrorCode::Unavailable, detail),
            PageFailure::TooMany(_) => Self::too_many(detail, 1),
            PageFailure::NoSuchAsset(_) => Self::not_found(detail),
            PageFailure::NotStarted { .. }
            | PageFailure::Ended(_)
            | PageFailure::Late(_)
            | PageFailure::Unusable(_)
            | PageFailure::Said(_) => Self::new(ErrorCode::PluginFailed, detail),
        }
    }
}

impl From<EdgesError> for ApiError {
    fn from(error: EdgesError) -> Self {
        match error.into_store() {
            Ok(error) => error.into(),
            Err(told) => Self::new(ErrorCode::Conflict, told),
        }
    }
}

impl From<BootstrapError> for ApiError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Store(error) => error.into(),
            BootstrapError::Nothing(_) => Self::not_found(error.to_string()),
            BootstrapError::Failed(_) => Self::unavailable(error),
        }
    }
}

/// What breaks the rules of an app, for people.
pub(super) fn of_app(problems: &[InvalidApp]) -> Vec<Problem> {
    problems.iter().map(|problem| Problem::at(problem.field, &problem.problem)).collect()
}

/// What breaks the rules of a plugin, for people.
pub(super) fn of_plugin(problems: &[InvalidPlugin]) -> Vec<Problem> {
    problems.iter().map(|problem| Problem::at(problem.field, &problem.problem)).collect()
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

/// The answer still without its body: `frame` takes the refusal out of it and writes that.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status());
        let status = status.expect("every code has a status of HTTP");
        let mut response = status.into_response();
        let header = match self.code {
            ErrorCode::Unauthorized => Some((
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"sidegate-admin\""),
            )),
            ErrorCode::Unavailable | ErrorCode::TooManyRequests => {
                Some((RETRY_AFTER, HeaderValue::from(self.retry_after.unwrap_or(1))))
            }
            _ => None,
        };
        response.headers_mut().extend(header.map(|(name, value)| (Some(name), value)));
        response.extensions_mut().insert(self);
        response
    }
}
