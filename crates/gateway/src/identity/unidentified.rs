//! Why it is not known who calls: each reason with its kind of answer and its words.

use sidegate_model::issuer::IssuerId;
use sidegate_wire::ErrorCode;

/// Why it is not known who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unidentified {
    /// The kind of answer.
    pub code: ErrorCode,
    /// Words for the client.
    pub public: &'static str,
    /// The `error` of `WWW-Authenticate`, where a token was presented.
    pub challenge: Option<&'static str>,
    /// Words for the log and for operators, where there is more to say.
    pub internal: &'static str,
    /// What has to be there before it can be decided.
    pub awaits: Option<Awaited>,
}

/// What it can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Another look at the keys of an issuer.
    Keys(IssuerId),
    /// An app that is being made for a client of an issuer, once more than so many are done.
    App(IssuerId, u64),
}

/// Of a request without a token.
pub(crate) const MISSING: Unidentified = Unidentified {
    code: ErrorCode::Unauthorized,
    public: "a token is required: send Authorization: Bearer <token>",
    challenge: None,
    internal: "",
    awaits: None,
};
/// Of a token that opens nothing.
pub(crate) const INVALID: Unidentified = Unidentified {
    code: ErrorCode::Unauthorized,
    public: "the token is not valid",
    challenge: Some("invalid_token"),
    internal: "",
    awaits: None,
};
/// Of a bearer header without a token in it that could be read.
pub(crate) const UNREADABLE: Unidentified =
    Unidentified { internal: "what follows Bearer in Authorization is no token", ..INVALID };
/// Of one whose time is over.
pub(crate) const EXPIRED: Unidentified =
    Unidentified { public: "the token has expired", ..INVALID };
/// Of a token whose app is switched off.
pub(crate) const INACTIVE: Unidentified =
    Unidentified { public: "the app of this token is not active", ..INVALID };
/// Of a query that has two.
pub(crate) const TWICE: Unidentified = Unidentified {
    code: ErrorCode::InvalidRequest,
    public: "there is more than one token parameter in the query",
    challenge: None,
    internal: "",
    awaits: None,
};
/// Nobody can tell.
pub(crate) const UNDECIDED: Unidentified = Unidentified {
    code: ErrorCode::IdentityUnavailable,
    public: "the caller cannot be identified right now",
    challenge: None,
    internal: "",
    awaits: None,
};
/// Of a JWT where addresses are kept and told.
pub(crate) const JWT_IN_QUERY: Unidentified =
    Unidentified { internal: "a JWT is never taken from the query", ..INVALID };
/// What is known of tokens is older than may be.
pub(crate) const OUTDATED: Unidentified = Unidentified {
    public: "the caller cannot be identified right now: what is known of tokens here is too old",
    ..UNDECIDED
};
