//! Which JWTs are taken, and every way to come in with another one.

mod scene;

use super::keys::KeyTable;
use crate::identity::authenticate::{KnownApp, Proof, ending};
use crate::identity::unidentified::Awaited;
use aws_lc_rs::rand::SystemRandom;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use scene::{
    Gateway, ISSUER, KEYS, NOW, SECOND, app, claims, coded, draft, ec_jwk, good, head, jwks, jwt,
    mount, rsa_jwk, sign, with,
};
use serde_json::{Value, json};
use sidegate_jwt::key_set::KeySet;
use sidegate_model::app::{App, AppId};
use sidegate_model::issuer::{IssuerDraft, IssuerId};
use sidegate_plugins::{Ending, Mount};
use sidegate_wire::ErrorCode;
use std::sync::{Arc, LazyLock};
use tokio::time::Instant;

#[test]
fn a_jwt_of_every_algorithm_that_is_taken_speaks_for_the_app_of_its_client() {
    let all = sidegate_model::issuer::Algorithm::ALL.to_vec();
    let gateway = Gateway::with(IssuerDraft { algorithms: all, ..draft() });
    for (algorithm, id) in [("ES256", "ec"), ("RS256", "rsa"), ("PS256", "rsa"), ("EdDSA", "ed")] {
        let text = jwt(&head(algorithm, id), &claims(), algorithm);
        assert_eq!(gateway.asked(&text), Ok(1), "{algorithm}");
        let mut without_id = head(algorithm, id);
        without_id.as_object_mut().unwrap().remove("kid");
        assert_eq!(gateway.asked(&jwt(&without_id, &claims(), algorithm)), Ok(1), "{algorithm}");
    }
    let text = jwt(&head("ES256", "ec"), &claims(), "ES256");
    let takes = mount("p", &[("issuers", "corp")]);
    let known = gateway.jwts.identify((&gateway.generation, &takes), None, &text, NOW).unwrap();
    assert_eq!(known.token.scopes, ["a.read", "b.write"]);
    assert_eq!(known.token.expires_at, Some(NOW + 90_000), "with what clocks may differ");
    let facts = String::from_utf8_lossy(&known.facts).into_owned();
    for fact in ["jwt_issuer", ISSUER, "jwt_client", "svc", "jwt_subject", "user-1"] {
        assert!(facts.contains(fact), "{facts}");
    }
}

#[test]
fn no_algorithm_is_taken_for_another() {
    let gateway = Gateway::new();
    let signed =
        |head: &Value| format!("{}.{}", coded(head.to_string()), coded(claims().to_string()));
    for algorithm in ["none", "None", "NONE", "nOnE", "HS256", "ES512", "", "es256"] {
        let none = format!("{}.{}", signed(&head(algorithm, "ec")), coded("x"));
        assert_eq!(
            gateway.refused(&none),
            "its alg is none of those that are taken of this issuer"
        );
    }
    // The public key as a shared secret.
    for id in ["ec", "rsa"] {
        let text = signed(&head("HS256", id));
        let secret = if id == "rsa" { rsa_jwk("rsa").to_string() } else { jwks().to_string() };
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let made = aws_lc_rs::hmac::sign(&key, text.as_bytes());
        let internal = gateway.refused(&format!("{text}.{}", coded(made.as_ref())));
        assert_eq!(internal, "its alg is none of those that are taken of this issuer");
    }
    // A key of one kind for a signature of another, and an algorithm that this issuer does not have.
    for (said, id, made) in
        [("ES256", "rsa", "RS256"), ("RS256", "ec", "ES256"), ("EdDSA", "ec", "ES256")]
    {
        assert_eq!(
            gateway.refused(&jwt(&head(said, id), &claims(), made)),
            "its issuer has no key of this kid"
        );
    }
    let pss = jwt(&head("PS256", "rsa"), &claims(), "PS256");
    assert_eq!(gateway.refused(&pss), "its alg is none of those that are taken of this issuer");
    let swapped = jwt(&head("RS256", "rsa"), &claims(), "PS256");
    assert_eq!(gateway.refused(&swapped), "no key of the issuer has made its signature");
    // A shared secret in the document is no key.
    assert_eq!(
        gateway.refused(&jwt(&head("ES256", "shared"), &claims(), "ES256")),
        "its issuer has no key of this kid"
    );
}

#[test]
fn only_the_keys_of_the_issuer_count_and_nothing_that_a_head_says_of_keys() {
    let gateway = Gateway::new();
    let text =
        format!("{}.{}", coded(head("ES256", "ec").to_string()), coded(claims().to_string()));
    let random = SystemRandom::new();
    let foreign = KEYS.other_ec.sign(&random, text.as_bytes()).unwrap();
    assert_eq!(
        gateway.refused(&format!("{text}.{}", coded(foreign.as_ref()))),
        "no key of the issuer has made its signature"
    );
    for id in ["", "../../etc/passwd", "' OR 1=1 --", "http://127.0.0.1/", "ec\u{0}", "EC", "cut"] {
        let refused = gateway.refused(&jwt(&head("ES256", id), &claims(), "ES256"));
        assert_eq!(refused, "its issuer has no key of this kid", "{id}");
    }
    for name in ["jku", "x5u", "jwk", "x5c"] {
        let mut head = head("ES256", "mine");
        head[name] = match name {
            "jwk" => ec_jwk(&KEYS.other_ec, "mine"),
            "x5c" => json!(["AAAA"]),
            _ => json!("https://evil.example/keys"),
        };
        let text = format!("{}.{}", coded(head.to_string()), coded(claims().to_string()));
        let made = KEYS.other_ec.sign(&random, text.as_bytes()).unwrap();
        let refused = gateway.refused(&format!("{text}.{}", coded(made.as_ref())));
        assert_eq!(refused, "its issuer has no key of this kid", "{name}");
    }
    let mut critical = head("ES256", "ec");
    critical["crit"] = json!(["b64"]);
    let internal = gateway.refused(&jwt(&critical, &claims(), "ES256"));
    assert_eq!(internal, "its head has crit, of which nothing is understood");
}

#[test]
fn a_signature_that_is_none_or_of_other_words_is_refused() {
    let gateway = Gateway::new();
    let text = good(&claims());
    let (signed, made) = text.rsplit_once('.').unwrap();
    let made = URL_SAFE_NO_PAD.decode(made).unwrap();
    let zeros = [0_u8; 64];
    let der = [&[0x30, 0x44, 0x02, 0x20][..], &made[..32], &[0x02, 0x20], &made[32..]].concat();
    for bytes in [&made[..63], &[&made[..], &[0]].concat(), &zeros, &der, &made[..1]] {
        let refused = gateway.refused(&format!("{signed}.{}", coded(bytes)));
        assert_eq!(refused, "no key of the issuer has made its signature");
    }
    let (head, _) = signed.split_once('.').unwrap();
    let other = coded(with("client_id", json!("svc2")).to_string());
    let refused = gateway.refused(&format!("{head}.{other}.{}", coded(&made)));
    assert_eq!(refused, "no key of the issuer has made its signature");
    for text in ["a.b.c", "..", "a..b", ".a.b", "a.b.", "e30.e30.!", "e30=.e30.AA"] {
        assert!(!gateway.refused(text).is_empty(), "{text}");
    }
}

#[test]
fn a_jwt_counts_within_its_time_and_for_those_it_is_meant_for() {
    let gateway = Gateway::new();
    let exp = |at: i64| gateway.asked(&good(&with("exp", json!(at)))).err().map(|it| it.public);
    assert_eq!(exp(SECOND - 29), None, "clocks may differ by half a minute");
    assert_eq!(exp(SECOND - 30), Some("the token has expired"));
    let refused = |name, value| gateway.refused(&good(&with(name, value)));
    assert_eq!(refused("exp", Value::Null), "it has no exp");
    for wrong in [json!("1900000000"), json!(-1), json!(1e300), json!([1])] {
        assert_eq!(refused("exp", wrong), "exp, nbf and iat are numbers of seconds");
    }
    for name in ["nbf", "iat"] {
        assert_eq!(gateway.asked(&good(&with(name, json!(SECOND + 30)))), Ok(1));
        assert_eq!(refused(name, json!(SECOND + 31)), "its nbf or iat is in the future");
    }
    for aud in
        [json!("https://gw/plugins/q"), json!("https://gw/plugins/{slug}"), json!([]), Value::Null]
    {
        assert_eq!(refused("aud", aud), "its aud is nothing that stands for this plugin");
    }
    assert_eq!(gateway.asked(&good(&with("aud", json!(["x", "https://gw/plugins/p"])))), Ok(1));
    assert_eq!(refused("aud", json!([1])), "aud is a text or a list of texts");
    for iss in ["https://id.example/", "https://ID.example", "https://evil.example", ""] {
        assert_eq!(refused("iss", json!(iss)), "its iss is no issuer that this plugin takes");
    }
    assert_eq!(refused("iss", Value::Null), "it has no iss");
}

#[test]
fn what_is_no_access_token_or_of_nobody_is_refused() {
    let gateway = Gateway::new();
    let typed =
        |typ: Value| jwt(&json!({"alg": "ES256", "kid": "ec", "typ": typ}), &claims(), "ES256");
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+JWT"] {
        assert_eq!(gateway.asked(&typed(json!(typ))), Ok(1), "{typ}");
    }
    for typ in ["JWT", "jwt", "id+jwt", "logout+jwt", "application/", ""] {
        let told = "its typ is none of those that are taken of this issuer";
        assert_eq!(gateway.refused(&typed(json!(typ))), told, "{typ}");
    }
    let without = jwt(&json!({"alg": "ES256", "kid": "ec"}), &claims(), "ES256");
    assert!(gateway.refused(&without).starts_with("its typ"));
    let plain = Gateway::with(IssuerDraft { token_types: vec!["JWT".to_owned()], ..draft() });
    assert_eq!(plain.asked(&without), Ok(1));
    for name in ["nonce", "at_hash", "c_hash"] {
        let id_token = jwt(&json!({"alg": "ES256", "kid": "ec"}), &with(name, json!("x")), "ES256");
        assert_eq!(plain.refused(&id_token), "it is an ID token");
    }
    let refused = |name, value| gateway.refused(&good(&with(name, value)));
    assert_eq!(refused("client_id", json!("other")), "its client speaks for no app that is here");
    assert_eq!(refused("client_id", json!(["svc"])), "the claim that names its client is no text");
    assert!(refused("client_id", Value::Null).starts_with("none of the claims is there"));
    let mut by_azp = with("client_id", Value::Null);
    by_azp["azp"] = json!("svc");
    assert_eq!(gateway.asked(&good(&by_azp)), Ok(1));
    by_azp["client_id"] = json!("other");
    assert!(gateway.refused(&good(&by_azp)).starts_with("its client speaks for no app"));
}

#[test]
fn a_name_that_stands_twice_is_refused_wherever_it_stands() {
    let gateway = Gateway::new();
    let signed = |head: &str, claims: &str| {
        let signed = format!("{}.{}", coded(head), coded(claims));
        format!("{signed}.{}", coded(sign("ES256", &signed)))
    };
    let (head, claims) = (head("ES256", "ec").to_string(), claims().to_string());
    let twice = claims.replacen('{', "{\"client_id\":\"root\",", 1);
    assert!(gateway.refused(&signed(&head, &twice)).starts_with("its claims are no JSON object"));
    let twice = head.replacen('{', "{\"alg\":\"none\",", 1);
    assert!(gateway.refused(&signed(&twice, &claims)).starts_with("its head is no JSON object"));
    for broken in ["", "[]", "null", "{", "{}{}", "\"x\"", &"[".repeat(3000)] {
        assert!(!gateway.refused(&signed(&head, broken)).is_empty());
    }
}

#[test]
fn what_is_too_long_is_not_even_looked_at() {
    let gateway = Gateway::new();
    let long = good(&with("pad", json!("x".repeat(6500))));
    assert_eq!(gateway.refused(&long), "it is longer than 8 KiB");
    assert_eq!(gateway.asked(&good(&with("pad", json!("x".repeat(5000))))), Ok(1));
    assert_eq!(gateway.jwts.remembered_count(), 1);
}

#[test]
fn scopes_are_read_in_every_form_and_only_those_count_that_the_issuer_may_give() {
    let scopes_of = |gateway: &Gateway, claims: &Value| {
        let takes = mount("p", &[("issuers", "corp")]);
        let known = gateway.jwts.identify((&gateway.generation, &takes), None, &good(claims), NOW);
        known.map(|known| known.token.scopes.clone())
    };
    let gateway = Gateway::new();
    assert_eq!(scopes_of(&gateway, &with("scope", json!("a  b a"))).unwrap(), ["a", "b"]);
    let mut claims = with("scope", Value::Null);
    assert_eq!(scopes_of(&gateway, &claims).unwrap(), [""; 0]);
    claims["scp"] = json!(["a", "b", "no\"quote"]);
    assert_eq!(scopes_of(&gateway, &claims).unwrap(), ["a", "b"]);
    claims["scope"] = json!("c");
    assert_eq!(scopes_of(&gateway, &claims).unwrap(), ["c"]);
    assert!(scopes_of(&gateway, &with("scope", json!(7))).is_err());
    let many: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert!(scopes_of(&gateway, &with("scope", json!(many.join(" ")))).is_err());
    let bounded = Gateway::with(IssuerDraft { scopes: vec!["a.read".to_owned()], ..draft() });
    assert_eq!(scopes_of(&bounded, &self::claims()).unwrap(), ["a.read"]);
}

#[test]
fn a_plugin_takes_jwts_only_of_issuers_that_it_names() {
    let gateway = Gateway::new();
    let text = good(&claims());
    assert_eq!(gateway.asked(&text), Ok(1), "remembered from now on");
    for options in [&[][..], &[("issuers", "lab")], &[("issuers", "")]] {
        assert!(gateway.at(&mount("p", options), &text, NOW).is_err(), "{options:?}");
    }
    let elsewhere = mount("q", &[("issuers", "corp")]);
    let refused = gateway.at(&elsewhere, &text, NOW).unwrap_err();
    assert_eq!(refused.internal, "its aud is nothing that stands for this plugin");
}

#[test]
fn what_is_remembered_counts_no_longer_than_what_it_stands_on() {
    let mut gateway = Gateway::new();
    let text = good(&claims());
    assert_eq!(gateway.asked(&text), Ok(1));
    assert_eq!(gateway.jwts.remembered_count(), 1);
    let takes = mount("p", &[("issuers", "corp")]);
    let late = gateway.at(&takes, &text, NOW + 90_000).unwrap_err();
    assert_eq!(late.public, "the token has expired");
    // Its key is gone, and comes back, where its issuer is asked for keys again and where it is another one.
    let others = json!({"keys": [rsa_jwk("rsa")]});
    let fetch = |gateway: &Gateway, keys: &Value| {
        let keys = KeySet::read(keys.to_string().as_bytes(), Instant::now()).unwrap();
        gateway.state().keys.store(Some(Arc::new(keys)));
    };
    for replace in [fetch, Gateway::publish_keys] {
        replace(&gateway, &others);
        assert_eq!(gateway.refused(&text), "its issuer has no key of this kid");
        replace(&gateway, &jwks());
        assert_eq!(gateway.asked(&text), Ok(1));
        assert_eq!(gateway.asked(&text), Ok(1), "by what is remembered");
    }
    // Its client speaks for another app, for none, and the issuer is gone.
    gateway.snapshot = gateway.snapshot.clone().with_app(AppId(2), Some(app(2, "shop")));
    let clients = [("svc".to_owned(), "shop".to_owned())].into();
    gateway.change(IssuerDraft { clients, ..draft() });
    gateway.publish_keys(&jwks());
    assert_eq!(gateway.asked(&text), Ok(2));
    gateway.change(IssuerDraft { clients: <_>::default(), ..draft() });
    assert!(gateway.refused(&text).starts_with("its client speaks for no app"));
    gateway.change(IssuerDraft { is_active: false, ..draft() });
    assert_eq!(gateway.refused(&text), "its iss is no issuer that this plugin takes");
}

#[test]
fn what_cannot_be_decided_is_503_and_never_a_refusal() {
    let gateway = Gateway::new();
    let text = good(&claims());
    let undecided = |text: &str| {
        let refused = gateway.asked(text).unwrap_err();
        assert_eq!(refused.code, ErrorCode::IdentityUnavailable, "{}", refused.internal);
        refused.awaits
    };
    let look = |is_good, asked_at| {
        let state = gateway.state();
        state.looks.send_modify(|look| (look.is_good, look.asked_at) = (is_good, asked_at));
        state
    };
    // A key that is not known, before anybody has asked for it, and after that was in vain.
    let unknown = jwt(&head("ES256", "new"), &claims(), "ES256");
    look(true, None);
    assert_eq!(undecided(&unknown), Some(Awaited::Keys(IssuerId(1))));
    look(false, Some(Instant::now()));
    assert_eq!(undecided(&unknown), None);
    look(true, Some(Instant::now()));
    assert_eq!(gateway.refused(&unknown), "its issuer has no key of this kid");
    // No keys at all.
    look(false, Some(Instant::now())).keys.store(None);
    assert_eq!(undecided(&text), None);
    look(false, None);
    assert_eq!(undecided(&text), Some(Awaited::Keys(IssuerId(1))));
    gateway.jwts.keys.set(KeyTable::new());
    assert_eq!(undecided(&text), Some(Awaited::Keys(IssuerId(1))));
}

#[tokio::test(start_paused = true)]
async fn keys_of_an_issuer_that_is_away_are_good_for_a_while_and_no_longer() {
    let gateway = Gateway::with(IssuerDraft { keys_max_age: 60_000, ..draft() });
    let text = good(&claims());
    assert_eq!(gateway.asked(&text), Ok(1));
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(gateway.asked(&text), Ok(1));
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(gateway.asked(&text).unwrap_err().code, ErrorCode::IdentityUnavailable);
}

#[test]
fn what_is_open_ends_with_what_its_jwt_stands_on() {
    let mut gateway = Gateway::new();
    let takes = mount("p", &[("issuers", "corp")]);
    let known =
        gateway.jwts.identify((&gateway.generation, &takes), None, &good(&claims()), NOW).unwrap();
    let shown = KnownApp {
        identity: gateway.generation.app(AppId(1)).unwrap().clone(),
        token: known.token.clone(),
        proof: Proof::Jwt(known),
    };
    let end = |gateway: &Gateway, mount: &Mount, now| {
        ending(&gateway.generation, Some(mount), &shown, now)
    };
    assert_eq!(end(&gateway, &takes, NOW), None);
    assert_eq!(end(&gateway, &takes, NOW + 90_000), Some(Ending::Expired));
    assert_eq!(end(&gateway, &mount("p", &[]), NOW), Some(Ending::Revoked));
    // A change that is none to this caller.
    gateway.change(IssuerDraft { leeway: 0, ..draft() });
    assert_eq!(end(&gateway, &takes, NOW), None);
    gateway.snapshot = gateway
        .snapshot
        .clone()
        .with_app(AppId(1), Some(App { is_active: false, ..app(1, "billing") }));
    gateway.change(draft());
    assert_eq!(end(&gateway, &takes, NOW), Some(Ending::Inactive));
    gateway.change(IssuerDraft { clients: <_>::default(), ..draft() });
    assert_eq!(end(&gateway, &takes, NOW), Some(Ending::Revoked));
}

proptest! {
    #[test]
    fn nothing_that_is_changed_in_a_jwt_is_taken(at in any::<prop::sample::Index>(), by in 1..=255_u8) {
        static GATEWAY: LazyLock<(Gateway, String)> =
            LazyLock::new(|| (Gateway::new(), good(&claims())));
        let (gateway, text) = &*GATEWAY;
        // It is remembered, and another one with the same signature is not it.
        prop_assert_eq!(gateway.asked(text), Ok(1));
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = (bytes[at] ^ by) & 0x7f;
        if let Ok(changed) = String::from_utf8(bytes) && changed != *text {
            prop_assert!(gateway.asked(&changed).is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in "[A-Za-z0-9_.-]{0,80}|\\PC{0,40}") {
        let gateway = Gateway::new();
        prop_assert!(gateway.asked(&text).is_err());
    }
}
