//! From a presented token to a caller.

use crate::freshness::Freshness;
use crate::route::lookup::Match;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use sidegate_model::UnixMillis;
use sidegate_model::token::{Token, TokenHash};
use sidegate_plugins::{AppIdentity, Ending, Generation};
use sidegate_wire::ErrorCode;
use std::borrow::Cow;
use std::sync::Arc;

/// An app that proved itself with a token.
#[derive(Clone)]
pub(crate) struct KnownApp {
    /// The app.
    pub identity: Arc<AppIdentity>,
    /// The one that was presented.
    pub token: Arc<Token>,
}

/// Proof that it is known who calls.
pub(crate) enum Caller {
    /// Nobody needs to know.
    Anonymous,
    /// Which presented a valid token.
    App(KnownApp),
}

/// Why it is not known who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unidentified {
    /// The kind of answer.
    pub code: ErrorCode,
    /// Words for the client.
    pub public: &'static str,
    /// The `error` of `WWW-Authenticate`, where a token was presented.
    pub challenge: Option<&'static str>,
}

/// What callers are identified by.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Tokens and apps.
    pub generation: &'a Generation,
    /// How old they are.
    pub freshness: &'a Freshness,
}

const MISSING: Unidentified = Unidentified {
    code: ErrorCode::Unauthorized,
    public: "a token is required: send Authorization: Bearer <token>",
    challenge: None,
};
/// Of a token that opens nothing.
pub(crate) const INVALID: Unidentified = Unidentified {
    code: ErrorCode::Unauthorized,
    public: "the token is not valid",
    challenge: Some("invalid_token"),
};
const EXPIRED: Unidentified = Unidentified { public: "the token has expired", ..INVALID };
const INACTIVE: Unidentified =
    Unidentified { public: "the app of this token is not active", ..INVALID };
const TWICE: Unidentified = Unidentified {
    code: ErrorCode::InvalidRequest,
    public: "there is more than one token parameter in the query",
    challenge: None,
};
const UNDECIDED: Unidentified = Unidentified {
    code: ErrorCode::IdentityUnavailable,
    public: "the caller cannot be identified right now",
    challenge: None,
};
/// What is known of tokens is older than may be.
const OUTDATED: Unidentified = Unidentified {
    public: "the caller cannot be identified right now: what is known of tokens here is too old",
    ..UNDECIDED
};

/// Finds out who calls a matched endpoint. What time it is, is asked only of tokens that expire.
///
/// # Errors
/// [`Unidentified`] where a token is demanded and none is good, or where it cannot be decided.
pub(crate) fn authenticate(
    by: &Known<'_>,
    matched: &Match,
    headers: &HeaderMap,
    query: Option<&str>,
    now: impl FnOnce() -> UnixMillis,
) -> Result<Caller, Unidentified> {
    let required = matched.require_auth;
    if !required && !matched.mount.plugin.options.optional_auth {
        return Ok(Caller::Anonymous);
    }
    let known = presented(headers, query).and_then(|text| identify(by, &text, now));
    match known {
        Ok(known) => Ok(Caller::App(known)),
        Err(refused) if !required && refused.code == ErrorCode::Unauthorized => {
            Ok(Caller::Anonymous)
        }
        Err(refused) => Err(refused),
    }
}

fn identify(
    by: &Known<'_>,
    presented: &str,
    now: impl FnOnce() -> UnixMillis,
) -> Result<KnownApp, Unidentified> {
    let Known { generation, freshness } = by;
    let age = freshness.age();
    // A token that is not known may have been made since, and one that is known revoked.
    if !age.is_within(None) {
        return Err(OUTDATED);
    }
    let token = generation.tokens.get(&TokenHash::of(presented)).ok_or(INVALID)?;
    if token.expires_at.is_some() && token.is_expired(now()) {
        return Err(EXPIRED);
    }
    let identity = generation.app(token.app_id).ok_or(UNDECIDED)?;
    if !identity.app.is_active {
        return Err(INACTIVE);
    }
    if !age.is_within(identity.app.max_staleness) {
        return Err(OUTDATED);
    }
    Ok(KnownApp { identity: identity.clone(), token: token.clone() })
}

/// Why a caller that was let in with this token would not be let in now, if that is so.
pub(crate) fn ending(generation: &Generation, token: &Token, now: UnixMillis) -> Option<Ending> {
    match generation.tokens.get(&token.hash) {
        Some(known) if known.id == token.id => {}
        _ => return Some(Ending::Revoked),
    }
    if token.is_expired(now) {
        return Some(Ending::Expired);
    }
    // An app that is not there cannot be asked, and lets nobody go on.
    let is_active = generation.app(token.app_id).is_some_and(|identity| identity.app.is_active);
    (!is_active).then_some(Ending::Inactive)
}

/// The token a request presents: the bearer header, else the query parameter.
///
/// # Errors
/// [`Unidentified`] where there is none, or more than one.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
) -> Result<Cow<'a, str>, Unidentified> {
    if let Some(text) = bearer(headers) {
        return Ok(Cow::Borrowed(text));
    }
    let mut values = query.unwrap_or_default().split('&').filter_map(token_parameter);
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(TWICE),
        (Some(value), None) if !value.is_empty() => unescape(value).ok_or(INVALID),
        _ => Err(MISSING),
    }
}

const SCHEME: &[u8] = b"bearer";

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, [b' ', rest @ ..]) = value.split_at_checked(SCHEME.len())? else {
        return None;
    };
    let is_token = scheme.eq_ignore_ascii_case(SCHEME) && rest.is_ascii();
    let token = std::str::from_utf8(rest).ok()?.trim_ascii();
    (is_token && !token.is_empty()).then_some(token)
}

/// The value of a query part that is `token=…`.
fn token_parameter(part: &str) -> Option<&str> {
    part.strip_prefix("token=").or_else(|| (part == "token").then_some(""))
}

/// Decodes a value of a query; `None` for what is no text.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freshness::Knowledge;
    use http::HeaderValue;
    use sidegate_model::app::{App, AppId};
    use sidegate_model::last_use::LastUse;
    use sidegate_model::snapshot::Snapshot;
    use sidegate_model::token::TokenId;

    fn found(
        authorization: Option<&'static str>,
        query: Option<&str>,
    ) -> Result<String, Unidentified> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        presented(&headers, query).map(Cow::into_owned)
    }

    /// A generation with one token, `t`, of app 1, which is in the state given; `None` is unknown.
    fn generation(app_is_active: Option<bool>) -> Arc<Generation> {
        let token = Token {
            id: TokenId(1),
            app_id: AppId(1),
            name: String::new(),
            hash: TokenHash::of("t"),
            hint: String::new(),
            scopes: vec![],
            expires_at: Some(100),
            created_at: 0,
            updated_at: 0,
            replaced_by: None,
            last_used: LastUse::default(),
        };
        let app = app_is_active.map(|is_active| App {
            id: AppId(1),
            name: "app".into(),
            description: String::new(),
            owner_email: "o@example.com".into(),
            is_active,
            monthly_budget: 0.0,
            rate_limit: 0,
            metadata: serde_json::Map::new(),
            namespace: <_>::default(),
            max_staleness: None,
            managed_by: String::new(),
            created_at: 0,
            updated_at: 0,
        });
        let snapshot = Snapshot { tokens: [token].into_iter().collect(), ..Snapshot::default() };
        Arc::new(Generation::new(&snapshot.with_app(AppId(1), app), vec![]))
    }

    fn refusal(app_is_active: Option<bool>, presented: &str, now: UnixMillis) -> Option<ErrorCode> {
        let generation = generation(app_is_active);
        let by = Known { generation: &generation, freshness: &Freshness::own() };
        identify(&by, presented, || now).err().map(|refused| refused.code)
    }

    #[test]
    fn auth_that_cannot_be_decided_is_503_and_all_else_is_decided() {
        assert_eq!(refusal(Some(true), "t", 99), None);
        assert_eq!(refusal(Some(true), "t", 100), Some(ErrorCode::Unauthorized));
        assert_eq!(refusal(Some(false), "t", 0), Some(ErrorCode::Unauthorized));
        assert_eq!(refusal(Some(true), "u", 0), Some(ErrorCode::Unauthorized));
        assert_eq!(refusal(None, "t", 0), Some(ErrorCode::IdentityUnavailable));
    }

    #[test]
    fn by_knowledge_that_is_too_old_no_token_is_good_or_bad() {
        let (generation, freshness) = (generation(Some(true)), Freshness::nothing_known());
        let refusal = |presented, is_too_old| {
            freshness.tell(Knowledge { is_too_old, ..<_>::default() });
            let by = Known { generation: &generation, freshness: &freshness };
            identify(&by, presented, || 0).err().map(|refused| refused.code)
        };
        assert_eq!(refusal("t", false), None);
        assert_eq!(refusal("u", false), Some(ErrorCode::Unauthorized));
        for presented in ["t", "u"] {
            assert_eq!(refusal(presented, true), Some(ErrorCode::IdentityUnavailable));
        }
    }

    #[test]
    fn whoever_would_not_be_let_in_may_not_go_on_either() {
        let shown = generation(Some(true)).tokens.get(&TokenHash::of("t")).unwrap().clone();
        let after = |app_is_active, now| ending(&generation(app_is_active), &shown, now);
        assert_eq!(after(Some(true), 99), None);
        assert_eq!(after(Some(true), 100), Some(Ending::Expired));
        assert_eq!(after(Some(false), 99), Some(Ending::Inactive));
        assert_eq!(after(None, 99), Some(Ending::Inactive));
        let other = Token { id: TokenId(2), ..(*shown).clone() };
        assert_eq!(ending(&generation(Some(true)), &other, 0), Some(Ending::Revoked));
        let gone = Token { hash: TokenHash::of("u"), ..(*shown).clone() };
        assert_eq!(ending(&generation(Some(true)), &gone, 0), Some(Ending::Revoked));
    }

    #[test]
    fn the_scheme_is_read_in_any_letter_case() {
        for value in ["Bearer t", "bearer t", "BEARER  t "] {
            assert_eq!(found(Some(value), None), Ok("t".into()), "{value}");
        }
    }

    #[test]
    fn the_query_counts_where_no_bearer_is_sent() {
        assert_eq!(found(None, Some("a=1&token=t%2D1")), Ok("t-1".into()));
        assert_eq!(found(Some("Basic x"), Some("token=t")), Ok("t".into()));
        assert_eq!(found(Some("Bearer h"), Some("token=q")), Ok("h".into()));
        assert_eq!(found(None, Some("token=a&token=b")), Err(TWICE));
        for none in [None, Some(""), Some("token="), Some("token"), Some("mytoken=x")] {
            assert_eq!(found(None, none), Err(MISSING), "{none:?}");
        }
        assert_eq!(found(Some("t"), None), Err(MISSING));
    }
}
