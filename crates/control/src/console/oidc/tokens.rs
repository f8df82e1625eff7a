//! What a provider gives for a code, and what it tells of whoever has the access token. It is asked where its metadata say, by
//! the same rules as for its keys.

use super::provider::Provider;
use super::{NotVouched, form, missing};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use sidegate_jwt::fetch::{Question, ask};
use sidegate_jwt::metadata::Metadata;
use sidegate_jwt::reader::Claims;

/// What is read of an answer.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

/// Gives a code for tokens, with the address that it was sent to and the verifier of who began.
pub(super) async fn exchange(
    provider: &Provider,
    metadata: &Metadata,
    code: &str,
    (redirect_uri, verifier): (&str, &str),
) -> Result<Tokens, NotVouched> {
    let settings = &provider.settings;
    let address = metadata.token_endpoint.as_deref().ok_or_else(|| missing("token_endpoint"))?;
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let mut authorization = None;
    match &settings.client_secret {
        Some(secret) if takes_basic(metadata) => {
            authorization = Some(basic(&settings.client_id, secret));
        }
        Some(secret) => {
            fields.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret)]);
        }
        None => fields.push(("client_id", &settings.client_id)),
    }
    let form = Some(form(&fields));
    let allow_private = settings.allow_private;
    let asked = ask(&Question { address, allow_private, form, authorization }).await;
    let (status, body) = asked.map_err(|error| NotVouched::Unavailable(error.to_string()))?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|_| {
            NotVouched::from("what the provider gave for the code has no ID token and access token")
        });
    }
    let refusal = serde_json::from_slice::<Refusal>(&body).map(|refusal| refusal.error);
    match refusal.as_deref() {
        // What a browser brought is worth nothing; whatever else is wrong is so for everybody.
        Ok("invalid_grant") => Err("the provider does not take the code (invalid_grant)".into()),
        other => {
            let known = other.unwrap_or("no reason");
            let known: String = known.chars().filter(char::is_ascii_graphic).take(64).collect();
            Err(NotVouched::Unavailable(format!("its token endpoint answers {status}: {known}")))
        }
    }
}

/// What a client that says nothing else does (OpenID Connect Discovery, section 3).
fn takes_basic(metadata: &Metadata) -> bool {
    let methods = metadata.token_endpoint_auth_methods_supported.as_deref();
    methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
}

/// Both are written as in a form before (RFC 6749, section 2.3.1).
fn basic(id: &str, secret: &str) -> HeaderValue {
    let pair = form(&[("", id), ("", secret)]);
    let (id, secret) = pair.split_once('&').expect("it has two fields");
    let pair = format!("{}:{}", &id[1..], &secret[1..]);
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
        .expect("letters and digits form a header value");
    value.set_sensitive(true);
    value
}

/// What is told of whoever has an access token.
pub(super) async fn userinfo(
    provider: &Provider,
    address: &str,
    access_token: &str,
) -> Result<Claims, NotVouched> {
    let value = HeaderValue::from_str(&format!("Bearer {access_token}"));
    let mut value = value.map_err(|_| NotVouched::from("the access token is no text"))?;
    value.set_sensitive(true);
    let allow_private = provider.settings.allow_private;
    let question = Question { address, allow_private, form: None, authorization: Some(value) };
    let (status, body) =
        ask(&question).await.map_err(|error| NotVouched::Unavailable(error.to_string()))?;
    if status != StatusCode::OK {
        return Err(NotVouched::Unavailable(format!("its userinfo answers {status}")));
    }
    Claims::read(&body).map_err(|_| "what userinfo tells is no JSON object".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_proves_itself_as_the_standard_writes_it() {
        let value = basic("a:b", "s %+");
        let coded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(coded).unwrap(), b"a%3Ab:s%20%25%2B");
        assert!(value.is_sensitive());
    }
}
