//! An ID token as proof of who somebody is: signed by a key of its issuer, for this client, of this sign-in, now. Access tokens
//! and tokens of other clients prove nothing here.

use super::provider::OidcProvider;
use sidegate_jwt::key_set::{KeySet, NotSigned};
use sidegate_jwt::reader::{Claims, MAX_BYTES, Malformed, Parts};
use sidegate_model::UnixMillis;
use sidegate_model::issuer::Algorithm;
use subtle::ConstantTimeEq;

/// How far clocks may be apart.
const LEEWAY: UnixMillis = 60_000;
/// Longest `sub`, in bytes: OpenID Connect Core, section 2.
const MOST_SUBJECT: usize = 255;

/// What of a provider and a sign-in is compared.
pub(crate) struct Expected<'a> {
    pub(crate) provider: &'a OidcProvider,
    pub(crate) nonce: &'a str,
    pub(crate) now: UnixMillis,
}

/// Who somebody is and what is said of them, by a token that was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) subject: String,
    pub(crate) claims: Claims,
}

/// Verifies an ID token.
///
/// # Errors
/// Why it proves nothing; [`NotSigned::UnknownKey`] where another look at the keys may help.
pub(crate) fn verify(
    text: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
) -> Result<Verified, NotSigned> {
    let wrong = NotSigned::Wrong;
    if text.len() > MAX_BYTES {
        return Err(wrong("the ID token is longer than 8 KiB"));
    }
    let parts = Parts::of(text).ok_or(wrong("the ID token has not three parts"))?;
    let head = parts.head().map_err(wrong)?;
    let algorithm = Algorithm::parse(&head.algorithm)
        .filter(|algorithm| expected.provider.algorithms.contains(algorithm))
        .ok_or(wrong("the alg of the ID token is none of those that are taken"))?;
    if head.token_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("jwt")) {
        return Err(wrong("the typ of the token is none of an ID token"));
    }
    keys.signer(algorithm, &head, &parts)?;
    let claims = parts.claims().map_err(wrong)?;
    check(&claims, expected).map_err(wrong)?;
    let subject = claims.text("sub").filter(|sub| (1..=MOST_SUBJECT).contains(&sub.len()));
    let subject = subject.ok_or(wrong("the ID token has no sub that is one"))?.to_owned();
    Ok(Verified { subject, claims })
}

/// That signed claims are of this sign-in.
fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), Malformed> {
    let Expected { provider, nonce, now } = *expected;
    if claims.text("iss") != Some(&provider.issuer) {
        return Err("the iss of the ID token is another one's");
    }
    // With others in it, one of them could have got it, and would come in with it here.
    if claims.audiences()? != [provider.client_id.as_str()] {
        return Err("the ID token is for another client");
    }
    if claims.has("azp") && claims.text("azp") != Some(&provider.client_id) {
        return Err("the ID token was given to another client");
    }
    let given = claims.text("nonce").unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err("the nonce of the ID token is that of another sign-in");
    }
    let expires_at = claims.time("exp")?.ok_or("the ID token has no exp")?;
    if now >= expires_at.saturating_add(LEEWAY) {
        return Err("the ID token has expired");
    }
    let begins = [claims.time("nbf")?, claims.time("iat")?].into_iter().flatten().max();
    let begins = begins.ok_or("the ID token has no iat")?;
    match now < begins.saturating_sub(LEEWAY) {
        true => Err("the iat or nbf of the ID token is in the future"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::provider::tests::corp;
    use super::*;
    use aws_lc_rs::hmac;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};
    use std::sync::LazyLock;
    use tokio::time::Instant;

    const NOW: UnixMillis = 1_800_000_000_000;
    static KEY: LazyLock<EcdsaKeyPair> =
        LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

    fn coded(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn claims() -> Value {
        let now = NOW / 1000;
        json!({
            "iss": "https://id.example", "aud": "console", "sub": "u1", "nonce": "n", "iat": now,
            "exp": now + 60, "groups": ["ops"],
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }

    fn signed(head: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", coded(head.to_string()), coded(claims.to_string()));
        let signature = KEY.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", coded(signature))
    }

    fn head() -> Value {
        json!({"alg": "ES256", "kid": "k"})
    }

    fn point() -> &'static [u8] {
        KEY.public_key().as_ref()
    }

    fn outcome(text: &str) -> Result<String, NotSigned> {
        let (x, y) = (coded(&point()[1..33]), coded(&point()[33..]));
        let jwk = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y}]});
        let keys = KeySet::read(jwk.to_string().as_bytes(), Instant::now()).unwrap();
        let provider = corp();
        let expected = Expected { provider: &provider, nonce: "n", now: NOW };
        verify(text, &keys, &expected).map(|verified| verified.subject)
    }

    #[test]
    fn an_id_token_of_this_sign_in_says_who_it_is() {
        assert_eq!(outcome(&signed(&head(), &claims())), Ok("u1".to_owned()));
        let typed = json!({"alg": "ES256", "kid": "k", "typ": "JWT"});
        assert_eq!(outcome(&signed(&typed, &with("azp", json!("console")))), Ok("u1".to_owned()));
        assert_eq!(
            outcome(&signed(&head(), &with("aud", json!(["console"])))),
            Ok("u1".to_owned())
        );
    }

    #[test]
    fn every_other_token_says_nothing() {
        let past = NOW / 1000 - 61;
        for (name, value) in [
            ("iss", json!("https://id.example/")),
            ("iss", Value::Null),
            ("aud", json!("another")),
            ("aud", json!(["console", "another"])),
            ("aud", json!([])),
            ("aud", Value::Null),
            ("azp", json!("another")),
            ("azp", json!(1)),
            ("nonce", json!("m")),
            ("nonce", json!("")),
            ("nonce", Value::Null),
            ("exp", json!(past)),
            ("exp", Value::Null),
            ("iat", json!(NOW / 1000 + 61)),
            ("iat", Value::Null),
            ("nbf", json!(NOW / 1000 + 61)),
            ("sub", json!("")),
            ("sub", json!("x".repeat(256))),
            ("sub", Value::Null),
        ] {
            let refused = outcome(&signed(&head(), &with(name, value.clone()))).unwrap_err();
            assert!(matches!(refused, NotSigned::Wrong(_)), "{name} {value}: {refused:?}");
        }
    }

    #[test]
    fn no_algorithm_but_those_of_the_list_counts_and_no_key_is_a_secret() {
        let none = format!("{}.{}.", coded(r#"{"alg":"none"}"#), coded(claims().to_string()));
        assert!(outcome(&none).is_err());
        let none = json!({"alg": "none", "kid": "k"});
        assert!(outcome(&signed(&none, &claims())).is_err());
        let head_of_hmac = coded(json!({"alg": "HS256", "kid": "k"}).to_string());
        let text = format!("{head_of_hmac}.{}", coded(claims().to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, point()), text.as_bytes());
        assert!(outcome(&format!("{text}.{}", coded(tag))).is_err());
        for head in [
            json!({"alg": "RS256", "kid": "k"}),
            json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"}),
            json!({"alg": "ES256", "kid": "k", "crit": ["b64"]}),
        ] {
            assert!(outcome(&signed(&head, &claims())).is_err(), "{head}");
        }
        let unknown = json!({"alg": "ES256", "kid": "another"});
        assert_eq!(outcome(&signed(&unknown, &claims())), Err(NotSigned::UnknownKey));
        let mut forged = signed(&head(), &claims());
        let other = signed(&head(), &with("sub", json!("u2")));
        forged.replace_range(..forged.rfind('.').unwrap(), other.rsplit_once('.').unwrap().0);
        assert!(outcome(&forged).is_err());
    }
}
