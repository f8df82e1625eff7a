//! Attacks by what a token says, each tried in the same way.

use super::Scene;
use serde_json::{Value, json};
use sidegate_e2e::{Issuer, JwtBuilder};

/// An attack by a token; each is tried at a plugin that takes JWTs of one issuer, beside a token that is good.
pub(super) struct ByToken {
    pub(super) id: &'static str,
    pub(super) attack: &'static str,
    pub(super) status: u16,
    /// What is presented, by one who can have tokens of another issuer.
    pub(super) token: fn(&Scene, &Issuer) -> String,
}

/// A good token, to be spoiled.
pub(super) fn good(scene: &Scene) -> JwtBuilder {
    scene.token()
}

/// What another issuer signs in the name of the first.
pub(super) fn foreign(scene: &Scene, other: &Issuer) -> JwtBuilder {
    other.token("svc", "https://gw.example/plugins/r").claim("iss", scene.issuer.url())
}

const fn by_token(
    id: &'static str,
    attack: &'static str,
    token: fn(&Scene, &Issuer) -> String,
) -> ByToken {
    ByToken { id, attack, status: 401, token }
}

pub(super) const BY_TOKENS: [ByToken; 53] = [
    by_token(
        "J-01",
        "algorithm confusion: the public key as a shared secret (`HS256`)",
        |scene, _| good(scene).head("alg", "HS256").sign_with_public_key(),
    ),
    by_token("J-02", "`HS256` in the words of an algorithm that is taken", |scene, _| {
        good(scene).sign_with_public_key()
    }),
    by_token("J-03", "`alg: none`, without a signature", |scene, _| {
        good(scene).head("alg", "none").unsigned()
    }),
    by_token("J-04", "`alg: NoNe`, with a signature", |scene, _| {
        good(scene).head("alg", "NoNe").sign()
    }),
    by_token("J-05", "an algorithm that is taken, without a signature", |scene, _| {
        good(scene).unsigned()
    }),
    by_token(
        "J-06",
        "an algorithm of another kind of key (`RS256` with a key for `ES256`)",
        |scene, _| good(scene).head("alg", "RS256").sign(),
    ),
    by_token("J-07", "`kid` injection: a path", |scene, _| {
        good(scene).head("kid", "../../../../dev/null").sign()
    }),
    by_token("J-08", "`kid` injection: SQL", |scene, _| {
        good(scene).head("kid", "k1' OR '1'='1").sign()
    }),
    by_token("J-09", "`kid` injection: an address", |scene, other| {
        foreign(scene, other).head("kid", format!("{}/keys", other.url())).sign()
    }),
    by_token("J-10", "`kid` that is no text", |scene, _| {
        good(scene).head("kid", json!(["k1"])).sign()
    }),
    by_token(
        "J-11",
        "the key of another issuer, with the `kid` of the right one",
        |scene, other| foreign(scene, other).sign(),
    ),
    by_token("J-12", "an issuer that nobody trusts", |_, other| {
        other.token("svc", "https://gw.example/plugins/r").sign()
    }),
    by_token("J-13", "the name of an issuer that only looks like the right one", |scene, _| {
        good(scene).claim("iss", format!("{}/", scene.issuer.url())).sign()
    }),
    by_token("J-14", "a key in the token itself (`jwk`)", |scene, other| {
        foreign(scene, other).head("jwk", other.jwk()).sign()
    }),
    by_token("J-15", "keys at an address that the token names (`jku`)", |scene, other| {
        foreign(scene, other).head("jku", format!("{}/keys", other.url())).sign()
    }),
    by_token("J-16", "certificates at an address that the token names (`x5u`)", |scene, other| {
        foreign(scene, other).head("x5u", format!("{}/keys", other.url())).sign()
    }),
    by_token("J-17", "certificates in the token itself (`x5c`)", |scene, other| {
        foreign(scene, other).head("x5c", json!(["MIIB"])).sign()
    }),
    by_token("J-18", "a head with `crit`", |scene, _| {
        good(scene).head("crit", json!(["b64"])).head("b64", false).sign()
    }),
    by_token("J-19", "for another plugin", |scene, _| {
        good(scene).claim("aud", "https://gw.example/plugins/other").sign()
    }),
    by_token("J-20", "for a plugin whose slug only begins so", |scene, _| {
        good(scene)
            .claim(
                "aud",
                json!(["https://gw.example/plugins/r2", "https://gw.example/plugins/r/x"]),
            )
            .sign()
    }),
    by_token("J-21", "for nobody", |scene, _| good(scene).claim("aud", json!([])).sign()),
    by_token("J-22", "expired", |scene, _| good(scene).claim("exp", 1_000).sign()),
    by_token("J-23", "without an end, or one that is no number", |scene, _| {
        good(scene).claim("exp", "9999999999").sign()
    }),
    by_token("J-24", "not yet valid (`nbf`)", |scene, _| {
        good(scene).claim("nbf", 4_000_000_000_u64).sign()
    }),
    by_token("J-25", "issued in the future (`iat`)", |scene, _| {
        good(scene).claim("iat", 4_000_000_000_u64).sign()
    }),
    by_token("J-26", "an ID token, or any token that does not say `at+jwt`", |scene, _| {
        good(scene).head("typ", "JWT").claim("nonce", "n").sign()
    }),
    by_token("J-27", "of a client that speaks for no app", |scene, _| {
        good(scene).claim("client_id", "other").sign()
    }),
    by_token("J-28", "a nested JWT (`cty: JWT`)", |scene, _| {
        let inner = good(scene).sign();
        good(scene).head("cty", "JWT").sign_text(&inner)
    }),
    by_token("J-29", "an encrypted JWT, of five parts", |scene, _| {
        let token = good(scene).sign();
        format!("{token}.AAAA.AAAA")
    }),
    by_token("J-30", "a claim that stands twice", |scene, _| {
        let url = scene.issuer.url();
        good(scene).sign_text(&format!(
            r#"{{"iss":"{url}","aud":"https://gw.example/plugins/r","client_id":"other","client_id":"svc","exp":4000000000}}"#
        ))
    }),
    by_token("J-31", "more than 8 KiB", |scene, _| {
        good(scene).claim("pad", "x".repeat(9_000)).sign()
    }),
    ByToken {
        id: "J-32",
        attack: "more than a head may have (64 KiB)",
        status: 431,
        token: |scene, _| good(scene).claim("pad", "x".repeat(70_000)).sign(),
    },
    by_token("J-44", "`aud` that stands twice", |scene, _| {
        claimed(
            scene,
            r#""aud":"https://gw.example/plugins/other","aud":"https://gw.example/plugins/r","client_id":"svc","exp":4000000000"#,
        )
    }),
    by_token(
        "J-45",
        "a claim that stands twice, once by other letters (`client_\\u0069d`)",
        |scene, _| {
            claimed(
                scene,
                r#""aud":"https://gw.example/plugins/r","client_id":"other","client_\u0069d":"svc","exp":4000000000"#,
            )
        },
    ),
    by_token("J-46", "an `exp` beyond all times (`1e300`)", |scene, _| {
        good(scene).claim("exp", 1e300).sign()
    }),
    by_token("J-47", "an `exp` that is no number to most (`1e999`)", |scene, _| {
        claimed(scene, r#""aud":"https://gw.example/plugins/r","client_id":"svc","exp":1e999"#)
    }),
    by_token("J-48", "a negative `nbf`", |scene, _| good(scene).claim("nbf", -1).sign()),
    by_token("J-49", "an `exp` that is past, as a broken number with an exponent", |scene, _| {
        claimed(
            scene,
            r#""aud":"https://gw.example/plugins/r","client_id":"svc","exp":1.7000000005e9"#,
        )
    }),
    by_token("J-50", "a good token with padding (`=`)", |scene, _| {
        format!("{}==", good(scene).sign())
    }),
    by_token(
        "J-51",
        "a good token whose last bits, which count for nothing, are others",
        |scene, _| {
            let mut token = good(scene).sign();
            // A signature of 64 bytes leaves four bits of its last letter, which is A, Q, g or w.
            let last = token.pop().unwrap();
            token.push(char::from(u8::try_from(last).unwrap() + 1));
            token
        },
    ),
    by_token("J-52", "a good token in the letters of another base64 (`+`, `/`)", |scene, _| {
        loop {
            let token = good(scene).sign();
            let other = token.replace('-', "+").replace('_', "/");
            if other != token {
                return other;
            }
        }
    }),
    by_token("J-53", "a good token with a blank in it", |scene, _| {
        good(scene).sign().replacen('.', ". ", 1)
    }),
    by_token(
        "J-54",
        "a client that only looks like the right one (`svc` and a letter of no width)",
        |scene, _| good(scene).claim("client_id", "svc\u{200b}").sign(),
    ),
    by_token("J-55", "a client in other case", |scene, _| {
        good(scene).claim("client_id", "SVC").sign()
    }),
    by_token("J-56", "a client that is a list, beside one that is a text", |scene, _| {
        good(scene).claim("client_id", json!(["svc"])).claim("azp", "svc").sign()
    }),
    by_token("J-57", "a client that is `null`, beside one that is a text", |scene, _| {
        good(scene).claim("client_id", Value::Null).claim("azp", "svc").sign()
    }),
    by_token("J-58", "an `iss` that is a list", |scene, _| {
        good(scene).claim("iss", json!([scene.issuer.url()])).sign()
    }),
    by_token("J-59", "an `aud` in the words of the setting (`{slug}`)", |scene, _| {
        good(scene).claim("aud", "https://gw.example/plugins/{slug}").sign()
    }),
    by_token("J-60", "an `aud` that is right, beside one that is no text", |scene, _| {
        good(scene).claim("aud", json!(["https://gw.example/plugins/r", 1])).sign()
    }),
    by_token("J-61", "an algorithm in other case (`es256`)", |scene, _| {
        good(scene).head("alg", "es256").sign()
    }),
    by_token("J-62", "more after the claims", |scene, _| {
        let url = scene.issuer.url();
        good(scene).sign_text(&format!(
            r#"{{"iss":"{url}","aud":"https://gw.example/plugins/r","client_id":"svc","exp":4000000000}}{{}}"#
        ))
    }),
    by_token("J-63", "claims that nest without end", |scene, _| {
        let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
        claimed(
            scene,
            &format!(
                r#""aud":"https://gw.example/plugins/r","client_id":"svc","exp":4000000000,"x":{deep}"#
            ),
        )
    }),
    by_token("J-64", "`b64: false` without `crit`, with claims as they are", |scene, _| {
        let token = good(scene).head("b64", false).sign();
        let parts: Vec<_> = token.split('.').collect();
        format!("{}.{{\"client_id\":\"svc\"}}.{}", parts[0], parts[2])
    }),
];

/// Claims of the issuer in these very letters, which no library would write.
fn claimed(scene: &Scene, rest: &str) -> String {
    good(scene).sign_text(&format!(r#"{{"iss":"{}",{rest}}}"#, scene.issuer.url()))
}
