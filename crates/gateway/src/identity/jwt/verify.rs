//! From a JWT and the keys of its issuer to what is known of its caller. What plugin it is for is asked elsewhere, for
//! one JWT can be for several.

use bytes::Bytes;
use sidegate_jwt::key_set::{Key, KeySet, NotSigned};
use sidegate_jwt::reader::{Claims, Head, Malformed, Parts};
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::issuer::{Algorithm, Issuer, IssuerId};
use sidegate_model::last_use::LastUse;
use sidegate_model::plugin::PluginId;
use sidegate_model::scope;
use sidegate_model::token::{Token, TokenHash, TokenId};
use sidegate_plugins::KnownIssuer;
use sidegate_transport::codec::encode_facts;
use std::sync::Arc;

/// A JWT that was found good. What may change since is compared each time.
#[derive(Debug)]
pub(crate) struct VerifiedJwt {
    /// What it allows, as if it were a token of the gateway's own; without a number.
    pub(crate) token: Arc<Token>,
    /// Whose it is.
    pub(crate) issuer: IssuerId,
    /// The name of that one.
    pub(crate) issuer_name: String,
    issuer_url: String,
    iss: String,
    plugin: Option<PluginId>,
    /// Which of the issuer's clients has it.
    pub(crate) client: String,
    /// Whom it is for.
    pub(crate) audiences: Vec<String>,
    /// What plugins are told of it.
    pub(crate) facts: Bytes,
    issuer_updated_at: UnixMillis,
    key: Key,
    not_before: UnixMillis,
}

/// Why a JWT is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is wrong, whatever time it is and whatever keys there are.
    Wrong(Malformed),
    /// Its time is over.
    Expired,
    /// It names a key that is not known, or none fits.
    UnknownKey,
    /// A key of the issuer has signed it, which is a plugin here and had another name when it was asked for its keys.
    OtherName,
}

impl From<Malformed> for Unfit {
    fn from(why: Malformed) -> Self {
        Self::Wrong(why)
    }
}

impl From<NotSigned> for Unfit {
    fn from(not: NotSigned) -> Self {
        match not {
            NotSigned::Wrong(why) => Self::Wrong(why),
            NotSigned::UnknownKey => Self::UnknownKey,
        }
    }
}

/// A JWT that was read, and of which nothing is believed yet.
pub(crate) struct Unverified<'a> {
    /// Its parts.
    pub(crate) parts: Parts<'a>,
    /// Its head.
    pub(crate) head: Head,
    /// Its claims.
    pub(crate) claims: Claims,
    /// By which it is found again.
    pub(crate) hash: TokenHash,
}

impl Unverified<'_> {
    /// Verifies it against the keys of the issuer that it names.
    ///
    /// # Errors
    /// [`Unfit`]; what its times say is for [`VerifiedJwt::is_due`].
    pub(crate) fn verify(self, known: &KnownIssuer, keys: &KeySet) -> Result<VerifiedJwt, Unfit> {
        let draft = &known.issuer.draft;
        let algorithm = Algorithm::parse(&self.head.algorithm)
            .filter(|algorithm| draft.algorithms.contains(algorithm))
            .ok_or("its alg is none of those that are taken of this issuer")?;
        self.check_type(&known.issuer)?;
        let key = keys.signer(algorithm, &self.head, &self.parts)?.clone();
        if !keys.are_of(self.claims.text("iss").unwrap_or_default()) {
            return Err(Unfit::OtherName);
        }
        self.accept(known, key)
    }

    /// That it says it is an access token.
    fn check_type(&self, issuer: &Issuer) -> Result<(), Malformed> {
        let own = self.head.token_type.as_deref().unwrap_or(PLAIN);
        let is_own = |known: &String| plain_type(known).eq_ignore_ascii_case(plain_type(own));
        if !issuer.draft.token_types.iter().any(is_own) {
            return Err("its typ is none of those that are taken of this issuer");
        }
        let is_plain = plain_type(own).eq_ignore_ascii_case(PLAIN);
        match is_plain && OF_ID_TOKENS.iter().any(|name| self.claims.has(name)) {
            true => Err("it is an ID token"),
            false => Ok(()),
        }
    }

    /// What its claims come to, now that they are believed.
    fn accept(self, known: &KnownIssuer, key: Key) -> Result<VerifiedJwt, Unfit> {
        let (Issuer { id, draft, updated_at, .. }, claims) = (&*known.issuer, &self.claims);
        let leeway = i64::try_from(draft.leeway).unwrap_or(0);
        let expires_at = claims.time("exp")?.ok_or("it has no exp")?.saturating_add(leeway);
        let begins = [claims.time("nbf")?, claims.time("iat")?].into_iter().flatten().max();
        let name = draft.client_claims.iter().find(|name| claims.has(name));
        let name = name.ok_or("none of the claims is there that name its client")?;
        let client = claims.text(name).ok_or("the claim that names its client is no text")?;
        let app = match known.app(client) {
            Some(app) => app,
            None if known.takes_newcomer(client) => OF_NEWCOMER,
            None => return Err("its client speaks for no app that is here".into()),
        };
        let subject = claims.text("sub").unwrap_or_default();
        let iss = claims.text("iss").ok_or("it has no iss")?;
        let facts = [("jwt_issuer", iss), ("jwt_client", client)];
        let subject = (!subject.is_empty()).then_some(("jwt_subject", subject));
        let facts = encode_facts(facts.into_iter().chain(subject));
        let scopes = scopes(claims, &draft.scopes)?;
        Ok(VerifiedJwt {
            token: Arc::new(stand_in(self.hash, app, scopes, expires_at)),
            issuer: *id,
            issuer_name: draft.name.clone(),
            issuer_url: draft.url.clone(),
            iss: iss.to_owned(),
            plugin: known.plugin.as_ref().map(|plugin| plugin.id),
            client: client.to_owned(),
            audiences: claims.audiences()?,
            facts,
            issuer_updated_at: *updated_at,
            key,
            not_before: begins.map_or(i64::MIN, |begins| begins.saturating_sub(leeway)),
        })
    }
}

/// Stands for the app that a client does not have yet.
const OF_NEWCOMER: AppId = AppId(0);
/// What a JWT is where it does not say.
const PLAIN: &str = "JWT";
/// Claims that ID tokens have and access tokens have not. Where the `typ` tells them apart they are not looked at.
const OF_ID_TOKENS: [&str; 3] = ["nonce", "at_hash", "c_hash"];

/// A media type without what may be left out of it.
fn plain_type(text: &str) -> &str {
    const PREFIX: &str = "application/";
    match text.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => text,
    }
}

/// The scopes that count, each once.
fn scopes(claims: &Claims, allowed: &[String]) -> Result<Vec<String>, Malformed> {
    let mut scopes = Vec::<String>::new();
    for scope in claims.scopes()? {
        let is_allowed = allowed.is_empty() || allowed.iter().any(|allowed| allowed == scope);
        let counts = is_allowed && scope::check(scope).is_ok();
        if counts && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    match scopes.len() > scope::MAX_SCOPES {
        true => Err("it carries more scopes than a token can"),
        false => Ok(scopes),
    }
}

/// What stands in for a token of the gateway's own, without a number.
pub(crate) fn stand_in(
    hash: TokenHash,
    app_id: AppId,
    scopes: Vec<String>,
    expires_at: i64,
) -> Token {
    Token {
        id: TokenId(0),
        app_id,
        name: String::new(),
        hash,
        hint: String::new(),
        scopes,
        expires_at: Some(expires_at),
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: LastUse::default(),
    }
}

impl VerifiedJwt {
    /// Whether it would be found good again, but for its times: its issuer is what it was, its key still one of that
    /// one's, and its client speaks for the same app.
    pub(crate) fn stands(&self, known: &KnownIssuer, keys: &KeySet) -> bool {
        let is_same = known.issuer.updated_at == self.issuer_updated_at;
        is_same && self.stands_by(known) && keys.are_of(&self.iss) && keys.has(&self.key)
    }

    /// Whether it still speaks for the same: an issuer that is changed otherwise ends nothing that has begun.
    pub(crate) fn stands_by(&self, known: &KnownIssuer) -> bool {
        known.issuer.id == self.issuer
            && known.issuer.draft.url == self.issuer_url
            && known.plugin.as_ref().map(|plugin| plugin.id) == self.plugin
            && known.app(&self.client) == Some(self.token.app_id)
    }

    /// Whether its client speaks for no app yet.
    pub(crate) fn is_of_newcomer(&self) -> bool {
        self.token.app_id == OF_NEWCOMER
    }

    /// The `iss` that it has.
    pub(crate) fn iss(&self) -> &str {
        &self.iss
    }

    /// That it counts now.
    ///
    /// # Errors
    /// [`Unfit`] before its time and after it.
    pub(crate) fn is_due(&self, now: UnixMillis) -> Result<(), Unfit> {
        if self.token.is_expired(now) {
            return Err(Unfit::Expired);
        }
        match now < self.not_before {
            true => Err(Unfit::Wrong("its nbf or iat is in the future")),
            false => Ok(()),
        }
    }
}
