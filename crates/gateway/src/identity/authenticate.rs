//! From a presented token to a caller.

use super::client_certificate::{self, ClientCertificate, KnownCertificate};
use super::jwt::{self, Jwts, VerifiedJwt, looks_like_jwt};
use super::newcomers::Newcomers;
use super::unidentified::{
    EXPIRED, INACTIVE, INVALID, JWT_IN_QUERY, MISSING, OUTDATED, TWICE, UNDECIDED, UNREADABLE,
    Unidentified,
};
use crate::freshness::Freshness;
use crate::route::lookup::Match;
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use sidegate_model::UnixMillis;
use sidegate_model::token::{Token, TokenHash};
use sidegate_plugins::{AppIdentity, Ending, Generation, Mount};
use sidegate_wire::ErrorCode;
use std::borrow::Cow;
use std::sync::Arc;

/// An app that proved itself.
#[derive(Clone)]
pub(crate) struct KnownApp {
    /// The app.
    pub identity: Arc<AppIdentity>,
    /// The one that was presented, or what stands in for another proof.
    pub token: Arc<Token>,
    /// How it proved itself.
    pub proof: Proof,
}

/// How an app proved itself.
#[derive(Clone)]
pub(crate) enum Proof {
    /// With a token of the gateway's own.
    Token,
    /// With a JWT of an issuer.
    Jwt(Arc<VerifiedJwt>),
    /// With a client certificate.
    Certificate(Arc<KnownCertificate>),
}

impl Proof {
    /// What plugins are told of it.
    pub(crate) fn facts(&self) -> &[u8] {
        match self {
            Self::Token => &[],
            Self::Jwt(jwt) => &jwt.facts,
            Self::Certificate(known) => &known.facts,
        }
    }
}

/// Proof that it is known who calls.
pub(crate) enum Caller {
    /// Nobody needs to know.
    Anonymous,
    /// Which proved itself.
    App(KnownApp),
}

/// What callers are identified by.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Tokens and apps.
    pub generation: &'a Generation,
    /// How old they are.
    pub freshness: &'a Freshness,
    /// What JWTs are verified by.
    pub jwts: &'a Jwts,
    /// Who makes apps for clients that have none; nobody where it is only asked what would be.
    pub newcomers: Option<&'a Arc<Newcomers>>,
    /// What the client has shown in its handshake.
    pub certificate: Option<&'a Arc<ClientCertificate>>,
}

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
    let policy = &matched.mount.plugin.options.policy;
    let query = query.filter(|_| !policy.refuses_query_token);
    let known = match presented(headers, query) {
        Ok(shown) => identify(by, &matched.mount, &shown, now),
        // What a request says itself counts before what its connection says, whether it can be read or not.
        Err(missing) if missing == MISSING && !headers.contains_key(header::AUTHORIZATION) => {
            identify_connection(by, &matched.mount, headers, now)
        }
        Err(refused) => Err(refused),
    };
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
    mount: &Arc<Mount>,
    shown: &Presented<'_>,
    now: impl FnOnce() -> UnixMillis,
) -> Result<KnownApp, Unidentified> {
    let Known { generation, jwts, .. } = by;
    require_fresh(by)?;
    let (token, proof) = if looks_like_jwt(&shown.text) {
        if shown.is_in_query {
            return Err(JWT_IN_QUERY);
        }
        let jwt = jwts.identify((generation, mount), by.newcomers, &shown.text, now())?;
        (jwt.token.clone(), Proof::Jwt(jwt))
    } else {
        let token = generation.tokens.get(&TokenHash::of(&shown.text)).ok_or(INVALID)?;
        if token.expires_at.is_some() && token.is_expired(now()) {
            return Err(EXPIRED);
        }
        (token.clone(), Proof::Token)
    };
    as_app(by, token, proof)
}

/// Finds out who calls by what the connection proved, where the request presents nothing.
fn identify_connection(
    by: &Known<'_>,
    mount: &Mount,
    headers: &HeaderMap,
    now: impl FnOnce() -> UnixMillis,
) -> Result<KnownApp, Unidentified> {
    if by.certificate.is_none() {
        return Err(MISSING);
    }
    require_fresh(by)?;
    let at = (by.generation, mount);
    let known = client_certificate::identify(by.certificate, at, headers, now)?;
    as_app(by, known.token.clone(), Proof::Certificate(known))
}

/// A token that is not known may have been made since, and one that is known revoked.
fn require_fresh(by: &Known<'_>) -> Result<(), Unidentified> {
    if by.freshness.age().is_within(None) { Ok(()) } else { Err(OUTDATED) }
}

/// The app of a proof that is good, where it may go on.
fn as_app(by: &Known<'_>, token: Arc<Token>, proof: Proof) -> Result<KnownApp, Unidentified> {
    let identity = by.generation.app(token.app_id).ok_or(UNDECIDED)?;
    if !identity.app.is_active {
        return Err(INACTIVE);
    }
    if !by.freshness.age().is_within(identity.app.max_staleness) {
        return Err(OUTDATED);
    }
    Ok(KnownApp { identity: identity.clone(), token, proof })
}

/// Why a caller that was let in would not be let in now, wherever the plugin is mounted, if that is so.
pub(crate) fn ending(
    generation: &Generation,
    mount: Option<&Mount>,
    shown: &KnownApp,
    now: UnixMillis,
) -> Option<Ending> {
    let token = &shown.token;
    let stands = match &shown.proof {
        Proof::Token => generation.tokens.get(&token.hash).is_some_and(|it| it.id == token.id),
        Proof::Jwt(known) => jwt::stands(generation, mount, known),
        Proof::Certificate(known) => client_certificate::stands(generation, mount, known),
    };
    if !stands {
        return Some(Ending::Revoked);
    }
    if token.is_expired(now) {
        return Some(Ending::Expired);
    }
    // An app that is not there cannot be asked, and lets nobody go on.
    let is_active = generation.app(token.app_id).is_some_and(|identity| identity.app.is_active);
    (!is_active).then_some(Ending::Inactive)
}

/// A token as a request presents it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Presented<'a> {
    /// Its text.
    pub text: Cow<'a, str>,
    /// It stands in the query, where addresses are kept and told.
    pub is_in_query: bool,
}

/// The token a request presents: the bearer header, else the query parameter. A bearer header that cannot be read is a wrong
/// token, not none.
///
/// # Errors
/// [`Unidentified`] where there is none, more than one, or one that cannot be read.
pub(crate) fn presented<'a>(
    headers: &'a HeaderMap,
    query: Option<&'a str>,
) -> Result<Presented<'a>, Unidentified> {
    if let Some(text) = bearer(headers) {
        return Ok(Presented { text: Cow::Borrowed(text), is_in_query: false });
    }
    if headers.get(header::AUTHORIZATION).is_some_and(|value| is_bearer(value.as_bytes())) {
        return Err(UNREADABLE);
    }
    let mut values = query.unwrap_or_default().split('&').filter_map(token_parameter);
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(TWICE),
        (Some(value), None) if !value.is_empty() => {
            let text = unescape(value).ok_or(INVALID)?;
            Ok(Presented { text, is_in_query: true })
        }
        _ => Err(MISSING),
    }
}

/// Whether the credentials of a request are a JWT, whosever and however good.
pub(crate) fn has_jwt(headers: &HeaderMap) -> bool {
    bearer(headers).is_some_and(looks_like_jwt)
}

/// Whether a part of a query is a token that is a JWT.
pub(crate) fn is_jwt_parameter(part: &str) -> bool {
    token_parameter(part).and_then(unescape).is_some_and(|text| looks_like_jwt(&text))
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

/// Whether credentials are of the scheme, readable or not (RFC 6750, 2.1).
fn is_bearer(value: &[u8]) -> bool {
    let scheme = value.split(|byte| matches!(byte, b' ' | b'\t')).next();
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
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
    use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
    use sidegate_model::snapshot::Snapshot;
    use sidegate_model::token::TokenId;
    use sidegate_plugins::Target;
    use tokio::sync::Semaphore;

    fn found(
        authorization: Option<&'static str>,
        query: Option<&str>,
    ) -> Result<String, Unidentified> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers
                .insert(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        presented(&headers, query).map(|shown| shown.text.into_owned())
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
            made_for: None,
            created_at: 0,
            updated_at: 0,
        });
        let snapshot = Snapshot { tokens: [token].into_iter().collect(), ..Snapshot::default() };
        Arc::new(Generation::new(&snapshot.with_app(AppId(1), app), vec![]))
    }

    fn shown(text: &str) -> Presented<'_> {
        Presented { text: text.into(), is_in_query: false }
    }

    fn mount() -> Arc<Mount> {
        let spec = PluginSpec::new(PluginId(1), "p", "file:///p");
        Arc::new(Mount {
            plugin: Arc::new(spec),
            slug: Slug::parse("p").unwrap(),
            endpoints: <_>::default(),
            target: Target::Unavailable,
            waiting: Arc::new(Semaphore::new(1)),
            limits: <_>::default(),
        })
    }

    fn refusal(app_is_active: Option<bool>, presented: &str, now: UnixMillis) -> Option<ErrorCode> {
        let generation = generation(app_is_active);
        let jwts = &Jwts::default();
        let freshness = &Freshness::own();
        let generation = &*generation;
        let by = Known { generation, freshness, jwts, newcomers: None, certificate: None };
        identify(&by, &mount(), &shown(presented), || now).err().map(|refused| refused.code)
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
            let jwts = &Jwts::default();
            let freshness = &freshness;
            let generation = &*generation;
            let by = Known { generation, freshness, jwts, newcomers: None, certificate: None };
            identify(&by, &mount(), &shown(presented), || 0).err().map(|refused| refused.code)
        };
        assert_eq!(refusal("t", false), None);
        assert_eq!(refusal("u", false), Some(ErrorCode::Unauthorized));
        for presented in ["t", "u"] {
            assert_eq!(refusal(presented, true), Some(ErrorCode::IdentityUnavailable));
        }
    }

    #[test]
    fn whoever_would_not_be_let_in_may_not_go_on_either() {
        let before = generation(Some(true));
        let token = before.tokens.get(&TokenHash::of("t")).unwrap().clone();
        let known = |token: &Token| KnownApp {
            identity: before.app(AppId(1)).unwrap().clone(),
            token: Arc::new(token.clone()),
            proof: Proof::Token,
        };
        let ending = |generation: &Generation, token: &Token, now| {
            ending(generation, None, &known(token), now)
        };
        let after = |app_is_active, now| ending(&generation(app_is_active), &token, now);
        assert_eq!(after(Some(true), 99), None);
        assert_eq!(after(Some(true), 100), Some(Ending::Expired));
        assert_eq!(after(Some(false), 99), Some(Ending::Inactive));
        assert_eq!(after(None, 99), Some(Ending::Inactive));
        let other = Token { id: TokenId(2), ..(*token).clone() };
        assert_eq!(ending(&generation(Some(true)), &other, 0), Some(Ending::Revoked));
        let gone = Token { hash: TokenHash::of("u"), ..(*token).clone() };
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
        assert_eq!(found(Some("Bearers t"), None), Err(MISSING));
    }

    #[test]
    fn a_bearer_that_cannot_be_read_is_a_wrong_token_and_not_none() {
        for value in ["Bearer", "bearer ", "Bearer   ", "Bearer\tt", "Bearer t\u{f6}"] {
            for query in [None, Some("token=t")] {
                assert_eq!(found(Some(value), query), Err(UNREADABLE), "{value:?}");
            }
        }
    }
}
