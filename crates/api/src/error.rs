//! How the admin API says no: a closed list of codes, each with its HTTP status and its meaning, and
//! the one body of a refusal. Where a refusal comes from is none of its business.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything a request can be refused or fail for. Programs go by it; words for people may become
/// better ones.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The body, a field, a parameter or a header is wrong; one entry for each problem.
    InvalidRequest,
    /// No admin token or session, or one that is not valid. It comes before anything else is looked at.
    Unauthorized,
    /// The role of the token is too weak; the detail names the one that is needed, and nothing happened.
    InsufficientRole,
    /// A session's cookie came from a page of another origin, or from no page; it counts as if it had not come.
    CrossSite,
    /// Sessions of the console may only read here, whatever their role is.
    ReadOnly,
    /// A sign-in came over plain HTTP from another machine, where everybody between could read it.
    InsecureTransport,
    /// There is no such thing or path.
    NotFound,
    /// The path takes other methods; `Allow` names them.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// It contradicts what there is, for example because a name is taken.
    Conflict,
    /// The thing was changed since the version in `If-Match` was read; nothing happened.
    ChangedMeanwhile,
    /// The body is larger than 2 MiB, or than its address takes.
    BodyTooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// Too much of this is going on already; `Retry-After` says when to try again.
    TooManyRequests,
    /// A bug; the gateway's log has more under the request's id.
    Internal,
    /// A plugin did not do what its page wanted of it; the detail has its own words.
    PluginFailed,
    /// It cannot be served now, for example because the database cannot be read or written, or the
    /// deadline of a call has passed. `Retry-After` says when to try again.
    Unavailable,
}

impl ErrorCode {
    /// Every code there is, by status.
    pub const ALL: [Self; 17] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::InsufficientRole,
        Self::CrossSite,
        Self::ReadOnly,
        Self::InsecureTransport,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::ChangedMeanwhile,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::Internal,
        Self::PluginFailed,
        Self::Unavailable,
    ];

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::InsufficientRole | Self::CrossSite | Self::ReadOnly | Self::InsecureTransport => {
                403
            }
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::Conflict => 409,
            Self::ChangedMeanwhile => 412,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::PluginFailed => 502,
            Self::Unavailable => 503,
        }
    }

    /// What it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The body, a field, a parameter or a header is wrong.",
            Self::Unauthorized => "No admin token or session, or one that is not valid.",
            Self::InsufficientRole => "The role of the token is too weak.",
            Self::CrossSite => {
                "A session's cookie came from a page of another origin, or from no page."
            }
            Self::ReadOnly => "Sessions of the console may only read here.",
            Self::InsecureTransport => "A sign-in came over plain HTTP from another machine.",
            Self::NotFound => "There is no such thing or path.",
            Self::MethodNotAllowed => "The path takes other methods; Allow names them.",
            Self::RequestTimeout => "The body did not come in time.",
            Self::Conflict => "It contradicts what there is.",
            Self::ChangedMeanwhile => "It was changed since the version in If-Match was read.",
            Self::BodyTooLarge => {
                "The body is larger than 2 MiB, than 1 MiB for a plugin, or than 8 KiB where somebody signs in."
            }
            Self::UnsupportedMediaType => "The body is not declared as JSON.",
            Self::TooManyRequests => {
                "Too much of this is going on already; Retry-After says when to try again."
            }
            Self::Internal => "A bug; the gateway's log has more under the request's id.",
            Self::PluginFailed => {
                "A plugin did not do what its page wanted; the detail has its own words."
            }
            Self::Unavailable => "It cannot be served now; Retry-After says when to try again.",
        }
    }

    /// The usual words for the status, as they stand in an entry's `title`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::InsufficientRole | Self::CrossSite | Self::ReadOnly | Self::InsecureTransport => {
                "Forbidden"
            }
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::RequestTimeout => "Request Timeout",
            Self::Conflict => "Conflict",
            Self::ChangedMeanwhile => "Precondition Failed",
            Self::BodyTooLarge => "Payload Too Large",
            Self::UnsupportedMediaType => "Unsupported Media Type",
            Self::TooManyRequests => "Too Many Requests",
            Self::Internal => "Internal Server Error",
            Self::PluginFailed => "Bad Gateway",
            Self::Unavailable => "Service Unavailable",
        }
    }
}

/// One thing that is wrong with a request: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path of the field or parameter at fault, where it is about one.
    pub field: Option<String>,
    /// The words for people; they begin with the path.
    pub detail: String,
}

impl Problem {
    /// A problem of the request as a whole.
    pub fn of_request(detail: impl Into<String>) -> Self {
        Self { field: None, detail: detail.into() }
    }

    /// A problem of a field.
    pub fn at(field: &str, what: impl std::fmt::Display) -> Self {
        Self { field: Some(field.to_owned()), detail: format!("{field}: {what}") }
    }

    /// The member of the body that it is about, without what is inside of that.
    pub fn member(&self) -> Option<&str> {
        self.field.as_deref()?.split(['.', '[']).next()
    }
}

/// Reads `field: what`, the form in which all rules of the house tell their problems.
///
/// ```
/// use sidegate_api::error::Problem;
/// let field = |text: &str| Problem::from(text.to_owned()).field;
/// assert_eq!(field("config.slug: write it in quotes").as_deref(), Some("config.slug"));
/// assert_eq!(field("plugin \"a\" does not run: start it"), None);
/// ```
impl From<String> for Problem {
    fn from(detail: String) -> Self {
        let is_path = |text: &&str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b);
            !text.is_empty() && text.bytes().all(allowed)
        };
        let field = detail.split_once(": ").map(|(before, _)| before).filter(is_path);
        Self { field: field.map(str::to_owned), detail }
    }
}

/// The body of every refusal: as on the port for clients, and beside that every problem by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What is wrong, for people; with several problems all of them.
    pub error: String,
    /// What is wrong, for programs.
    pub code: ErrorCode,
    /// The id of the request, as in `X-Request-ID`.
    pub request_id: String,
    /// Every problem by itself; at least one.
    #[schemars(length(min = 1))]
    pub errors: Vec<ErrorEntry>,
}

/// One problem of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorEntry {
    /// The usual words for the status.
    pub title: String,
    /// The same code as that of the whole answer.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub detail: String,
    /// The path of the field or parameter at fault, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ErrorBody {
    /// The body for a code and its problems.
    pub fn new(code: ErrorCode, request_id: &str, problems: &[Problem]) -> Self {
        let entry = |problem: &Problem| ErrorEntry {
            title: code.title().to_owned(),
            code,
            detail: problem.detail.clone(),
            field: problem.field.clone(),
        };
        let details: Vec<_> = problems.iter().map(|problem| problem.detail.as_str()).collect();
        Self {
            error: details.join("; "),
            code,
            request_id: request_id.to_owned(),
            errors: problems.iter().map(entry).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_in_the_list_once_and_by_its_status() {
        let codes: BTreeSet<_> = ErrorCode::ALL.into_iter().collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.status()));
    }

    #[test]
    fn a_refusal_has_the_members_of_one_at_the_edge_and_every_problem_by_itself() {
        let problems = [Problem::at("name", "give one"), Problem::of_request("no")];
        let body = ErrorBody::new(ErrorCode::InvalidRequest, "r-1", &problems);
        let json = serde_json::to_value(body).unwrap();
        let expected = serde_json::json!({
            "error": "name: give one; no", "code": "invalid_request", "request_id": "r-1",
            "errors": [
                {"title": "Bad Request", "code": "invalid_request", "detail": "name: give one", "field": "name"},
                {"title": "Bad Request", "code": "invalid_request", "detail": "no"},
            ],
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn the_member_of_a_problem_is_the_beginning_of_its_path() {
        for (path, member) in [("a.b", "a"), ("scopes[1]", "scopes"), ("name", "name")] {
            assert_eq!(Problem::at(path, "x").member(), Some(member));
        }
        assert_eq!(Problem::of_request("x").member(), None);
    }
}
