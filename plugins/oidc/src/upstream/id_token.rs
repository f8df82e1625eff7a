//! An ID token of another provider as proof of who somebody is there.

use jsonwebtoken::jwk::{JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use crate::secret_text;
use crate::settings::upstream::Upstream;

/// Nothing else counts, whatever a token says.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::ES256, Algorithm::PS256, Algorithm::ES384, Algorithm::EdDSA];
const LEEWAY_SECONDS: u64 = 60;
const MOST_BYTES: usize = 16 * 1024;

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    iat: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The subject of a token that was made for this sign-in.
pub(super) fn subject(
    token: &str,
    keys: &JwkSet,
    (upstream, nonce): (&Upstream, &str),
) -> Result<String, String> {
    let wrong = |what: &str| format!("its ID token {what}");
    if token.len() > MOST_BYTES {
        return Err(wrong("is too long"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| wrong("is none"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(wrong("is signed in a way that is not taken"));
    }
    if header.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("jwt")) {
        return Err(wrong("is another kind of token"));
    }
    let mut candidates = keys.keys.iter().filter(|key| {
        let is_named = header.kid.is_none() || key.common.key_id == header.kid;
        let usage = key.common.public_key_use.as_ref();
        is_named && usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
    });
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_issuer(&[&upstream.issuer]);
    validation.set_audience(&[&upstream.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
    let claims = candidates.find_map(|key| {
        let decoding = DecodingKey::from_jwk(key).ok()?;
        Some(jsonwebtoken::decode::<Claims>(token, &decoding, &validation).ok()?.claims)
    });
    let claims = claims.ok_or_else(|| {
        wrong("was signed by nobody of theirs, is for another client or issuer, or has expired")
    })?;
    let is_for_us_alone = match &claims.aud {
        Audience::One(one) => *one == upstream.client_id,
        Audience::Several(all) => *all == [upstream.client_id.clone()],
    };
    if !is_for_us_alone || claims.azp.is_some_and(|azp| azp != upstream.client_id) {
        return Err(wrong("is for others, too"));
    }
    if !secret_text::same(claims.nonce.as_deref().unwrap_or_default(), nonce) {
        return Err(wrong("has the nonce of another sign-in"));
    }
    if claims.iat > crate::clock::now() + LEEWAY_SECONDS {
        return Err(wrong("is of the future"));
    }
    match claims.sub.is_empty() || claims.sub.len() > 255 {
        true => Err(wrong("has no sub")),
        false => Ok(claims.sub),
    }
}
