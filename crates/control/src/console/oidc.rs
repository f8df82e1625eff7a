//! Signing in by way of an OpenID Connect provider: the authorization code flow with PKCE. Reading order: `provider` (whom to
//! ask), `flow` (what has begun), `tokens` (the code for what it is worth), `id_token` (who it is), then this file. Knows no
//! request and no store.

pub(crate) mod flow;
pub(crate) mod id_token;
pub(crate) mod provider;
mod tokens;

use flow::{Flow, Spent};
use id_token::{Expected, Verified, verify};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provider::{Away, OidcProvider, Provider};
use sidegate_jwt::key_set::NotSigned;
use sidegate_jwt::metadata::Metadata;
use sidegate_jwt::reader::Claims;
use sidegate_model::UnixMillis;
use sidegate_model::issuer::check_address;
use sidegate_model::role::Role;
use sidegate_model::sealing::Keyring;
use sidegate_model::user::Identity;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a provider may take for all that it is asked in one go.
const TIME: Duration = Duration::from_secs(10);
/// Most sign-ins that wait for a provider at a time.
const ROOM: usize = 32;
/// Most groups that are looked at.
const MOST_GROUPS: usize = 1000;

/// All providers by which people sign in.
pub(crate) struct OidcSignIn {
    providers: Vec<Provider>,
    keys: Keyring,
    spent: Spent,
    room: Semaphore,
}

/// What a page needs that begins.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) url: String,
    /// What the page keeps until it is back.
    pub(crate) flow: String,
}

/// What a page brings back.
pub(crate) struct Answer {
    /// At which provider's address it came.
    pub(crate) provider: String,
    /// What the page kept.
    pub(crate) flow: String,
    pub(crate) code: String,
    pub(crate) state: String,
    /// Who says that they answer.
    pub(crate) issuer: Option<String>,
}

/// Somebody whom a provider vouches for, and what they may do here, if anything.
pub(crate) struct Somebody {
    pub(crate) identity: Identity,
    pub(crate) name: String,
    pub(crate) role: Option<Role>,
}

/// Why nobody is vouched for.
#[derive(Debug)]
pub(crate) enum NotVouched {
    /// There is no such provider.
    NoProvider,
    /// It cannot be told now; for the log.
    Unavailable(String),
    /// What was brought proves nothing; for the audit log.
    Refused(String),
}

impl From<&str> for NotVouched {
    fn from(why: &str) -> Self {
        Self::Refused(why.to_owned())
    }
}

impl From<Away> for NotVouched {
    fn from(away: Away) -> Self {
        Self::Unavailable(away.to_string())
    }
}

/// Where a provider sends people back to.
pub(crate) fn redirect_uri(origin: &str, provider: &str) -> String {
    format!("{origin}/console/sign-in/{provider}")
}

impl OidcSignIn {
    /// By these, with keys that every process of one control plane has.
    pub(crate) fn new(providers: Vec<OidcProvider>, keys: Keyring) -> Self {
        let providers = providers.into_iter().map(Provider::new).collect();
        Self { providers, keys, spent: Spent::default(), room: Semaphore::new(ROOM) }
    }

    fn provider(&self, name: &str) -> Result<&Provider, NotVouched> {
        let found = self.providers.iter().find(|provider| provider.settings.name == name);
        found.ok_or(NotVouched::NoProvider)
    }

    /// Begins at a provider.
    pub(crate) async fn begin(
        &self,
        name: &str,
        origin: &str,
        now: UnixMillis,
    ) -> Result<Begun, NotVouched> {
        let provider = self.provider(name)?;
        let metadata = self.within_time(async { Ok(provider.metadata().await?) }).await?;
        let settings = &provider.settings;
        let endpoint = metadata.authorization_endpoint.as_deref();
        let endpoint = endpoint.ok_or_else(|| missing("authorization_endpoint"))?;
        // Browsers go there; what it has of a query stays.
        let place = endpoint.split_once('?').map_or(endpoint, |(place, _)| place);
        check_address(place, settings.allow_private).map_err(NotVouched::Unavailable)?;
        let flow = Flow::begin(name, now)
            .map_err(|error| NotVouched::Unavailable(format!("no randomness: {error}")))?;
        let scopes = settings.scopes.iter().map(String::as_str);
        let scopes: Vec<_> = ["openid"].into_iter().chain(scopes).collect();
        let query = form(&[
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", &redirect_uri(origin, name)),
            ("scope", &scopes.join(" ")),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &flow.challenge()),
            ("code_challenge_method", "S256"),
        ]);
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{endpoint}{mark}{query}");
        Ok(Begun { url, flow: flow.seal(&self.keys) })
    }

    /// Finishes: who came back, and what they may do.
    pub(crate) async fn finish(
        &self,
        answer: &Answer,
        origin: &str,
        now: UnixMillis,
    ) -> Result<Somebody, NotVouched> {
        let provider = self.provider(&answer.provider)?;
        let flow = Flow::open(&answer.flow, &answer.state, &self.keys, now);
        let flow = flow.ok_or("the answer is of no sign-in that this browser began a while ago")?;
        if flow.provider != answer.provider {
            return Err("the answer came at the address of another provider".into());
        }
        // Whatever comes of it.
        if !self.spent.spend(&flow, now) {
            return Err("the answer was used before".into());
        }
        let finishing = self.exchanged(provider, (&flow, answer), origin, now);
        self.within_time(finishing).await
    }

    async fn exchanged(
        &self,
        provider: &Provider,
        (flow, answer): (&Flow, &Answer),
        origin: &str,
        now: UnixMillis,
    ) -> Result<Somebody, NotVouched> {
        let metadata = provider.metadata().await?;
        check_issuer(&metadata, answer.issuer.as_deref())?;
        let uri = redirect_uri(origin, &provider.settings.name);
        let tokens =
            tokens::exchange(provider, &metadata, &answer.code, (&uri, &flow.verifier)).await?;
        let expected = Expected { provider: &provider.settings, nonce: &flow.nonce, now };
        let keys = provider.keys(&metadata.jwks_uri, false).await?;
        let verified = match verify(&tokens.id_token, &keys, &expected) {
            Err(NotSigned::UnknownKey) => {
                let keys = provider.keys(&metadata.jwks_uri, true).await?;
                verify(&tokens.id_token, &keys, &expected)
            }
            verified => verified,
        };
        let verified = verified.map_err(|not| match not {
            NotSigned::Wrong(why) => why.into(),
            NotSigned::UnknownKey => NotVouched::from("no key of the provider signed the ID token"),
        })?;
        let groups = groups_of(provider, &metadata, &verified, &tokens.access_token).await?;
        let Verified { subject, claims } = verified;
        let settings = &provider.settings;
        Ok(Somebody {
            name: local_name(&claims, &subject, &settings.name),
            role: settings.role(&groups),
            identity: Identity { issuer: settings.issuer.clone(), subject },
        })
    }

    async fn within_time<T>(
        &self,
        asking: impl Future<Output = Result<T, NotVouched>>,
    ) -> Result<T, NotVouched> {
        let place = self.room.try_acquire();
        let _place = place.map_err(|_| NotVouched::Unavailable("too many sign in".to_owned()))?;
        let late = |_| NotVouched::Unavailable("it does not answer within 10 s".to_owned());
        timeout(TIME, asking).await.map_err(late)?
    }
}

fn missing(what: &str) -> NotVouched {
    NotVouched::Unavailable(format!("its metadata have no {what}"))
}

/// That the answer is of whom was asked (RFC 9207): another one could lead a browser here with a code of its own.
fn check_issuer(metadata: &Metadata, issuer: Option<&str>) -> Result<(), NotVouched> {
    match issuer {
        Some(issuer) if issuer == metadata.issuer => Ok(()),
        Some(_) => Err("the iss of the answer is another one's".into()),
        None if metadata.authorization_response_iss_parameter_supported => {
            Err("the answer has no iss, which this provider promises".into())
        }
        // Each provider has an address of its own for its answers.
        None => Ok(()),
    }
}

/// In which groups somebody is: by the ID token, or else by what the provider tells of whoever has the access token.
async fn groups_of(
    provider: &Provider,
    metadata: &Metadata,
    verified: &Verified,
    access_token: &str,
) -> Result<Vec<String>, NotVouched> {
    let name = &provider.settings.groups_claim;
    if verified.claims.has(name) {
        return Ok(texts(&verified.claims, name));
    }
    let Some(endpoint) = &metadata.userinfo_endpoint else { return Ok(Vec::new()) };
    let told = tokens::userinfo(provider, endpoint, access_token).await?;
    if told.text("sub") != Some(&verified.subject) {
        return Err("what userinfo tells is of somebody else".into());
    }
    Ok(texts(&told, name))
}

fn texts(claims: &Claims, name: &str) -> Vec<String> {
    use serde_json::Value;
    match claims.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            let texts = all.iter().filter_map(Value::as_str).map(str::to_owned);
            texts.take(MOST_GROUPS).collect()
        }
        _ => Vec::new(),
    }
}

/// What somebody is called here: by the name that they have at the provider, which chooses it, and behind the `@` whose word
/// it is. It decides nothing.
fn local_name(claims: &Claims, subject: &str, provider: &str) -> String {
    let named = claims.text("preferred_username").or_else(|| claims.text("email"));
    let own = named.unwrap_or(subject).split('@').next().unwrap_or_default();
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || "._+-".contains(c) => c,
        _ => '-',
    };
    let room = 63_usize.saturating_sub(provider.len());
    let own: String = own.chars().take(room).map(plain).collect();
    let own = if own.is_empty() { "user" } else { &own };
    format!("{own}@{provider}")
}

/// Fields of a form, or of a query.
pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let coded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> =
        fields.iter().map(|&(name, value)| format!("{name}={}", coded(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::user::check_name;

    fn claims(json: &str) -> Claims {
        Claims::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn whoever_comes_has_a_name_that_is_nobody_elses_and_can_be_one() {
        let name = |json, subject| local_name(&claims(json), subject, "corp");
        assert_eq!(name(r#"{"preferred_username":"Ann.B"}"#, "1"), "ann.b@corp");
        assert_eq!(name(r#"{"email":"ann@example.com"}"#, "1"), "ann@corp");
        assert_eq!(name(r#"{"preferred_username":"root"}"#, "1"), "root@corp");
        assert_eq!(name(r#"{"preferred_username":"jane@other"}"#, "1"), "jane@corp");
        assert_eq!(name("{}", "auth0|5f7"), "auth0-5f7@corp");
        assert_eq!(name(r#"{"preferred_username":""}"#, "1"), "user@corp");
        let long = format!(r#"{{"preferred_username":"{}"}}"#, "ä/".repeat(90));
        for odd in [&*long, r#"{"preferred_username":"12"}"#, r#"{"email":"@"}"#] {
            assert_eq!(check_name(&name(odd, "1")), Ok(()), "{odd}");
        }
    }

    #[test]
    fn groups_are_texts_or_one_text_and_nothing_else() {
        let of = |json| texts(&claims(json), "groups");
        assert_eq!(of(r#"{"groups":["a",1,"b",null]}"#), ["a", "b"]);
        assert_eq!(of(r#"{"groups":"a b"}"#), ["a b"]);
        assert!(of(r#"{"groups":{"a":true}}"#).is_empty() && of("{}").is_empty());
    }

    #[test]
    fn an_answer_of_another_provider_is_not_taken() {
        let metadata = |promised| Metadata {
            issuer: "https://id.example".to_owned(),
            jwks_uri: String::new(),
            authorization_endpoint: None,
            token_endpoint: None,
            userinfo_endpoint: None,
            token_endpoint_auth_methods_supported: None,
            authorization_response_iss_parameter_supported: promised,
        };
        for promised in [true, false] {
            assert!(check_issuer(&metadata(promised), Some("https://id.example")).is_ok());
            assert!(check_issuer(&metadata(promised), Some("https://evil.example")).is_err());
            assert!(check_issuer(&metadata(promised), Some("")).is_err());
            assert_eq!(check_issuer(&metadata(promised), None).is_ok(), !promised);
        }
    }

    #[test]
    fn a_form_says_what_it_is_given() {
        assert_eq!(
            form(&[("a", "x y&b=c"), ("u", "https://a/ä")]),
            "a=x%20y%26b%3Dc&u=https%3A%2F%2Fa%2F%C3%A4"
        );
    }
}
