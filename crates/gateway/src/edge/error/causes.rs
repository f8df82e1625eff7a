//! Which failure is which row of the error table, and so which status: the one place where refusals of
//! requests get theirs. Who calls and what HTTP is allowed bring their row along.

use super::EdgeError;
use crate::edge::quota_headers::quota_headers;
use crate::edge::rejected_request::RejectedRequest;
use crate::identity::access::Refused;
use crate::identity::admit::{OverQuota, QuotaOf};
use crate::identity::unidentified::Unidentified;
use crate::metrics::PolicyLimit;
use crate::route::lookup::Miss;
use http::{HeaderValue, header};
use sidegate_model::endpoint::MethodSet;
use sidegate_model::path::PathError;
use sidegate_plugins::{CallError, PluginBusy};
use sidegate_wire::ErrorCode;

impl EdgeError {
    /// No process of the plugin runs, and none is being started.
    pub(crate) fn plugin_unavailable() -> Self {
        Self::new(ErrorCode::PluginUnavailable)
    }

    /// The plugin's process did not start while the request waited for it.
    pub(crate) fn plugin_starting() -> Self {
        Self::new(ErrorCode::PluginStarting)
    }

    /// The plugin did not answer in time.
    pub(crate) fn plugin_timeout() -> Self {
        Self::new(ErrorCode::PluginTimeout)
    }

    /// What is not found here may well exist: not everything that is published has arrived yet.
    pub(crate) fn nothing_known() -> Self {
        Self::public(ErrorCode::PluginUnavailable, "this gateway has no configuration yet")
            .because("no snapshot of every namespace has arrived from the control plane yet")
    }

    /// It needs no token, and no operator has approved that. A token makes no difference.
    pub(crate) fn not_approved() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"sidegate\"");
        Self::new(ErrorCode::NotApproved).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// A page makes a browser ask, and it is none of those that may.
    pub(crate) fn origin_not_allowed() -> Self {
        Self::new(ErrorCode::OriginNotAllowed)
    }

    /// What the client has shown in its handshake was for another host.
    pub(crate) fn misdirected() -> Self {
        Self::new(ErrorCode::Misdirected)
            .because("its client certificate was shown to another host than the one that it asks")
    }

    /// There is no room for one more: of those that wait for a start, or in the memory for bodies.
    pub(crate) fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded)
    }

    /// An operator wants it to end.
    pub(crate) fn ended_by_operator() -> Self {
        Self::public(ErrorCode::Overloaded, "this request was ended by an operator of the gateway")
            .because("an operator ended it")
    }

    /// The bodies of those that wait for the plugin leave no room for one more.
    pub(crate) fn queue_full() -> Self {
        Self::public(
            ErrorCode::Overloaded,
            "this plugin is busy, and no room is left for those that wait; try again in a moment",
        )
        .by_limit(PolicyLimit::MaxConcurrent)
    }

    /// The request's body is larger than this many bytes.
    pub(crate) fn body_above(limit: usize) -> Self {
        let text = format!("the request body is larger than the limit of {limit} bytes");
        Self::public(ErrorCode::BodyTooLarge, text)
    }

    /// The request's body did not arrive in time.
    pub(crate) fn body_too_slow() -> Self {
        Self::public(ErrorCode::RequestTimeout, "the request body did not arrive in time")
    }

    /// The request's body cannot be read.
    pub(crate) fn body_broken(why: String) -> Self {
        Self::public(ErrorCode::InvalidRequest, "the request body is broken").because(why)
    }

    /// What cannot be sent as a request.
    pub(crate) fn unreadable(why: String) -> Self {
        Self::public(ErrorCode::InvalidRequest, "this is no request").because(why)
    }

    /// The gateway failed.
    pub(crate) fn panicked() -> Self {
        Self::new(ErrorCode::Internal).because("a panic")
    }
}

/// The field that tells which methods there are.
pub(crate) fn allow_value(allow: MethodSet) -> HeaderValue {
    HeaderValue::from_str(&allow.to_string()).unwrap_or(HeaderValue::from_static(""))
}

impl From<CallError> for EdgeError {
    fn from(error: CallError) -> Self {
        let code = match error {
            CallError::Reported { status, text } => return Self::reported(status, text),
            CallError::TooLarge { .. } => {
                return Self::public(ErrorCode::BodyTooLarge, error.to_string());
            }
            CallError::Upload(why) => return Self::body_broken(why),
            CallError::Unreachable(_) => ErrorCode::PluginUnavailable,
            CallError::BrokeOff(_) => ErrorCode::PluginBrokeOff,
            CallError::Status { .. } => ErrorCode::PluginError,
            CallError::Protocol(_) => ErrorCode::PluginProtocol,
        };
        Self::new(code).because(error.to_string())
    }
}

impl From<RejectedRequest> for EdgeError {
    fn from(rejected: RejectedRequest) -> Self {
        Self::public(rejected.code, rejected.message)
    }
}

impl From<PathError> for EdgeError {
    fn from(error: PathError) -> Self {
        match error {
            PathError::NotPlugin => Self::new(ErrorCode::NotFound),
            fault => Self::public(ErrorCode::InvalidRequest, fault.to_string()),
        }
    }
}

impl From<Miss> for EdgeError {
    fn from(miss: Miss) -> Self {
        match miss {
            Miss::NotFound => Self::new(ErrorCode::NotFound),
            Miss::MethodNotAllowed(allow) => {
                Self::new(ErrorCode::MethodNotAllowed).with(header::ALLOW, allow_value(allow))
            }
            Miss::Ambiguous => Self::public(
                ErrorCode::InvalidRequest,
                "slashes make this path name two different endpoints: send it without encoded ones, and without any at its end",
            ),
            Miss::Unknown(_) => Self::new(ErrorCode::PluginUnavailable),
        }
    }
}

impl From<Refused> for EdgeError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unidentified(why) => why.into(),
            Refused::NotAmongApps => {
                Self::public(ErrorCode::Forbidden, "this app may not call this plugin")
            }
            Refused::LacksScope { required } => lacks_scope(&required),
            Refused::NobodyMay => Self::public(ErrorCode::Forbidden, "nobody may call this now")
                .because("what is demanded of callers here cannot be read; see `plugin show`"),
        }
    }
}

/// What the client has to ask its operator for.
fn lacks_scope(required: &[String]) -> EdgeError {
    let scopes = required.join(" ");
    let text = format!("the token does not carry every scope that is required here: {scopes}");
    let challenge =
        format!("Bearer realm=\"sidegate\", error=\"insufficient_scope\", scope=\"{scopes}\"");
    let error = EdgeError::public(ErrorCode::InsufficientScope, text);
    match HeaderValue::from_str(&challenge) {
        Ok(value) => error.with(header::WWW_AUTHENTICATE, value),
        Err(_) => error,
    }
}

impl From<Unidentified> for EdgeError {
    fn from(refused: Unidentified) -> Self {
        let mut error = Self::public(refused.code, refused.public).because(refused.internal);
        error.awaits = refused.awaits;
        if refused.code != ErrorCode::Unauthorized {
            return error;
        }
        let challenge = match refused.challenge {
            Some(why) => format!(
                "Bearer realm=\"sidegate\", error=\"{why}\", error_description=\"{}\"",
                refused.public
            ),
            None => "Bearer realm=\"sidegate\"".to_owned(),
        };
        match HeaderValue::from_str(&challenge) {
            Ok(value) => error.with(header::WWW_AUTHENTICATE, value),
            Err(_) => error,
        }
    }
}

impl From<OverQuota> for EdgeError {
    fn from(over: OverQuota) -> Self {
        let limit = over.state.limit;
        let text = match over.of {
            QuotaOf::App => format!("this app may send {limit} requests a minute"),
            QuotaOf::Client => {
                format!("one client may send {limit} requests a minute to this plugin")
            }
            QuotaOf::Plugin => {
                format!("this plugin takes {limit} requests a minute from all its callers together")
            }
        };
        let mut error = Self::public(ErrorCode::RateLimited, text)
            .by_limit(over.of.into())
            .with(header::RETRY_AFTER, over.retry_after_seconds.into());
        error.headers.extend(quota_headers(over.state));
        error
    }
}

impl From<PluginBusy> for EdgeError {
    fn from(busy: PluginBusy) -> Self {
        let text = match busy.max {
            1 => "this plugin is busy: it takes one call at a time; try again in a moment".into(),
            max => format!(
                "this plugin is busy: it takes {max} calls at a time; try again in a moment"
            ),
        };
        Self::public(ErrorCode::Overloaded, text)
            .by_limit(PolicyLimit::MaxConcurrent)
            .with(header::RETRY_AFTER, busy.retry_after_seconds.into())
    }
}
