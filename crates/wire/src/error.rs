//! The one error table: what can go wrong between a client, the gateway and a plugin, and how each
//! case looks over HTTP, over gRPC and to a reader.
//!
//! A row promises its code and its HTTP status for good; its public message may get better words,
//! but never internals. What exactly happened belongs to the log of whoever found out.

use std::fmt;
use std::str::FromStr;

/// Who has to change something for the error to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorSource {
    /// The caller: it sent something it may not send.
    Client,
    /// Sidegate itself, or what it runs on.
    Gateway,
    /// The plugin that was to answer.
    Plugin,
}

impl ErrorSource {
    /// The word used in responses, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Plugin => "plugin",
        }
    }
}

impl fmt::Display for ErrorSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a gRPC call that failed, as far as the table uses them; the number is the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GrpcCode {
    /// It failed in a way that has no code.
    Unknown = 2,
    /// What was sent is wrong.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// What was asked for is not there.
    NotFound = 5,
    /// The caller is known and may not.
    PermissionDenied = 7,
    /// The caller has used up what it may use.
    ResourceExhausted = 8,
    /// It broke off, or contradicts something else.
    Aborted = 10,
    /// It goes beyond a limit.
    OutOfRange = 11,
    /// Nobody does this.
    Unimplemented = 12,
    /// A fault of the one who was asked.
    Internal = 13,
    /// Not now.
    Unavailable = 14,
    /// The caller is not known.
    Unauthenticated = 16,
}

/// One row of the table.
struct Row {
    code: &'static str,
    http: u16,
    grpc: GrpcCode,
    source: ErrorSource,
    retry_after_seconds: Option<u32>,
    message: &'static str,
}

/// Makes the enum, the list of its values and the rows out of one table, so that they cannot
/// disagree: the position of a row is the discriminant of its variant.
macro_rules! error_table {
    (@retry never) => { None };
    (@retry $seconds:literal) => { Some($seconds) };
    ($($variant:ident $code:literal $http:literal $grpc:ident $source:ident $retry:tt $message:literal)+) => {
        /// Everything that can be wrong with a request, as a closed list.
        ///
        /// Each value is documented with its code and its default public message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", $code, "` (", $http, "): ", $message)]
                $variant,
            )+
        }

        impl ErrorCode {
            /// Every code there is, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
        }

        const TABLE: &[Row] = &[$(Row {
            code: $code,
            http: $http,
            grpc: GrpcCode::$grpc,
            source: ErrorSource::$source,
            retry_after_seconds: error_table!(@retry $retry),
            message: $message,
        }),+];
    };
}

// `plugin_reported` is a plugin's own verdict: its text, and its status if it gave one, replace
// what stands here. The wait of `rate_limited` is known only to the limit that was hit.
error_table! {
//  variant              code                    http gRPC               source  retry public message
    InvalidRequest       "invalid_request"       400  InvalidArgument    Client  never "The request is malformed or lacks something that is required."
    Unauthorized         "unauthorized"          401  Unauthenticated    Client  never "A valid token is required here."
    NotApproved          "not_approved"          401  Unauthenticated    Client  never "This is served without a token only once an operator has approved it."
    OriginNotAllowed     "origin_not_allowed"    403  PermissionDenied   Client  never "Pages of this origin may not ask here."
    Forbidden            "forbidden"             403  PermissionDenied   Client  never "The token is valid, but it does not permit this request."
    InsufficientScope    "insufficient_scope"    403  PermissionDenied   Client  never "The token is valid, but it lacks a scope that is required here."
    NotFound             "not_found"             404  NotFound           Client  never "Nothing is served at this address."
    MethodNotAllowed     "method_not_allowed"    405  Unimplemented      Client  never "This address exists, but it does not accept this method."
    RequestTimeout       "request_timeout"       408  DeadlineExceeded   Client  never "The request did not arrive completely in time."
    Conflict             "conflict"              409  Aborted            Client  never "The request contradicts the current state; read it again before you retry."
    BodyTooLarge         "body_too_large"        413  OutOfRange         Client  never "The request body is larger than allowed."
    Misdirected          "misdirected_request"   421  Aborted            Client  never "This host is not answered on this connection; ask it on another one."
    UriTooLong           "uri_too_long"          414  OutOfRange         Client  never "The request address is longer than allowed."
    HeadersTooLarge      "headers_too_large"     431  OutOfRange         Client  never "The request headers are larger than allowed."
    RateLimited          "rate_limited"          429  ResourceExhausted  Client  never "Too many requests; slow down and try again."
    Internal             "internal"              500  Internal           Gateway never "Something went wrong inside the gateway."
    PluginReported       "plugin_reported"       500  Unknown            Plugin  never "The plugin reported an error."
    PluginError          "plugin_error"          502  Internal           Plugin  never "The plugin failed while it handled the request."
    PluginBrokeOff       "plugin_broke_off"      502  Aborted            Plugin  never "The plugin stopped before its answer was complete."
    PluginProtocol       "plugin_protocol"       502  Internal           Plugin  never "The plugin gave an answer that the gateway cannot pass on."
    PluginStarting       "plugin_starting"       503  Unavailable        Plugin  1     "The plugin is starting; try again in a moment."
    PluginUnavailable    "plugin_unavailable"    503  Unavailable        Plugin  1     "The plugin is not running right now; try again later."
    IdentityUnavailable  "identity_unavailable"  503  Unavailable        Gateway 1     "Tokens cannot be checked right now; try again in a moment."
    Overloaded           "overloaded"            503  Unavailable        Gateway 1     "The gateway is busy; try again in a moment."
    PluginTimeout        "plugin_timeout"        504  DeadlineExceeded   Plugin  never "The plugin did not answer in time."
}

impl ErrorCode {
    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The stable name of the error, for programs.
    pub const fn as_str(self) -> &'static str {
        self.row().code
    }

    /// The status of the HTTP response.
    pub const fn http_status(self) -> u16 {
        self.row().http
    }

    /// The status of a gRPC call that fails this way.
    pub const fn grpc_code(self) -> GrpcCode {
        self.row().grpc
    }

    /// Who failed.
    pub const fn source(self) -> ErrorSource {
        self.row().source
    }

    /// What a client is told when nobody has better words for it.
    pub const fn public_message(self) -> &'static str {
        self.row().message
    }

    /// How long a client is asked to wait before it tries the same again. Every 503 says so.
    pub const fn retry_after_seconds(self) -> Option<u32> {
        self.row().retry_after_seconds
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`ErrorCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an error code")]
pub struct UnknownErrorCode(String);

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|code| code.as_str() == text);
        found.ok_or_else(|| UnknownErrorCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn error_codes_are_unique_and_parse_back() {
        let names: HashSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        }
        assert_eq!("teapot".parse::<ErrorCode>(), Err(UnknownErrorCode("teapot".to_owned())));
    }

    #[test]
    fn every_status_class_has_its_source() {
        for code in ErrorCode::ALL {
            match code.http_status() {
                400..=499 => assert_eq!(code.source(), ErrorSource::Client, "{code}"),
                502 | 504 => assert_eq!(code.source(), ErrorSource::Plugin, "{code}"),
                500 | 503 => assert_ne!(code.source(), ErrorSource::Client, "{code}"),
                other => panic!("{code} has the unexpected status {other}"),
            }
            assert_eq!(
                code.as_str().starts_with("plugin_"),
                code.source() == ErrorSource::Plugin,
                "{code}: the prefix tells who failed"
            );
        }
    }

    #[test]
    fn every_503_asks_to_come_back_and_is_unavailable_over_grpc() {
        for code in ErrorCode::ALL {
            let unavailable = code.http_status() == 503;
            assert_eq!(code.retry_after_seconds().is_some(), unavailable, "{code}");
            assert_eq!(code.grpc_code() == GrpcCode::Unavailable, unavailable, "{code}");
        }
    }

    #[test]
    fn no_error_is_ok_over_grpc_and_messages_are_sentences() {
        for code in ErrorCode::ALL {
            let grpc = tonic::Code::from_i32(i32::from(code.grpc_code() as u8));
            assert_eq!(format!("{grpc:?}"), format!("{:?}", code.grpc_code()), "{code}");
            assert_ne!(grpc, tonic::Code::Ok, "{code}");
            let message = code.public_message();
            assert!(message.starts_with(char::is_uppercase), "{code}: {message}");
            assert!(message.ends_with('.'), "{code}: {message}");
        }
    }
}
