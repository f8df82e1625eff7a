//! A gateway with one plugin that takes JWTs of one issuer, and JWTs of every kind.

use crate::identity::jwt::identify::Jwts;
use crate::identity::jwt::keys::{KeyState, KeyTable, Source};
use crate::identity::unidentified::Unidentified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sidegate_jwt::key_set::KeySet;
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::plugin::{PluginId, PluginOptions, PluginSpec, Slug};
use sidegate_model::snapshot::Snapshot;
use sidegate_plugins::{Generation, Mount, Target};
use sidegate_wire::ErrorCode;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub(super) const ISSUER: &str = "https://id.example";
pub(super) const NOW: i64 = 1_800_000_000_000;
pub(super) const SECOND: i64 = NOW / 1000;

pub(super) fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Keys of all kinds; making those of RSA takes a while.
pub(super) struct Keys {
    pub(super) ec: EcdsaKeyPair,
    pub(super) other_ec: EcdsaKeyPair,
    pub(super) ed: Ed25519KeyPair,
    pub(super) rsa: RsaKeyPair,
}

pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    other_ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    ed: Ed25519KeyPair::generate().unwrap(),
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
});

pub(super) fn ec_jwk(key: &EcdsaKeyPair, id: &str) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (coded(&point[1..33]), coded(&point[33..]));
    json!({"kty": "EC", "crv": "P-256", "kid": id, "x": x, "y": y, "use": "sig"})
}

pub(super) fn rsa_jwk(id: &str) -> Value {
    // A sequence of two integers, of which the first has 257 bytes and a leading zero.
    let key = KEYS.rsa.public_key().as_ref();
    let (n, e) = (&key[9..265], &key[267..]);
    json!({"kty": "RSA", "kid": id, "n": coded(n), "e": coded(e)})
}

pub(super) fn jwks() -> Value {
    let ed = coded(KEYS.ed.public_key().as_ref());
    json!({"keys": [
        ec_jwk(&KEYS.ec, "ec"),
        rsa_jwk("rsa"),
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": ed},
        {"kty": "oct", "kid": "shared", "k": coded("secret")},
        {"kty": "EC", "crv": "P-256", "kid": "cut", "x": "AA", "y": "AA"},
        "no key at all",
    ]})
}

pub(super) fn sign(algorithm: &str, signed: &str) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |how| {
        let mut made = vec![0; KEYS.rsa.public_modulus_len()];
        KEYS.rsa.sign(how, &random, signed.as_bytes(), &mut made).unwrap();
        made
    };
    match algorithm {
        "ES256" => KEYS.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
        "EdDSA" => KEYS.ed.sign(signed.as_bytes()).as_ref().to_vec(),
        "RS256" => rsa(&RSA_PKCS1_SHA256),
        "PS256" => rsa(&RSA_PSS_SHA256),
        other => panic!("{other}"),
    }
}

/// A JWT out of its parts.
pub(super) fn jwt(head: &Value, claims: &Value, algorithm: &str) -> String {
    let signed = format!("{}.{}", coded(head.to_string()), coded(claims.to_string()));
    format!("{signed}.{}", coded(sign(algorithm, &signed)))
}

pub(super) fn head(algorithm: &str, id: &str) -> Value {
    json!({"alg": algorithm, "kid": id, "typ": "at+jwt"})
}

pub(super) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "https://gw/plugins/p", "client_id": "svc", "sub": "user-1",
        "exp": SECOND + 60, "iat": SECOND, "scope": "a.read b.write",
    })
}

/// These claims with another one, or without it where that is null.
pub(super) fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

pub(super) fn good(claims: &Value) -> String {
    jwt(&head("ES256", "ec"), claims, "ES256")
}

/// A gateway with one plugin, `p`, that takes JWTs of one issuer, which has keys.
pub(super) struct Gateway {
    pub(super) jwts: Jwts,
    /// A plugin that takes JWTs of the issuer.
    pub(super) takes: Arc<Mount>,
    pub(super) generation: Arc<Generation>,
    pub(super) snapshot: Snapshot,
}

pub(super) fn draft() -> IssuerDraft {
    let clients = [("svc".to_owned(), "billing".to_owned())].into();
    let audiences = vec!["https://gw/plugins/{slug}".to_owned()];
    IssuerDraft { audiences, clients, ..IssuerDraft::new("corp", ISSUER) }
}

pub(super) fn app(id: u32, name: &str) -> App {
    let AppDraft { description, owner_email, monthly_budget, metadata, namespace, .. } =
        AppDraft::new(name, "o@example.com");
    App {
        id: AppId(id),
        name: name.to_owned(),
        description,
        owner_email,
        is_active: true,
        monthly_budget,
        rate_limit: 0,
        metadata,
        namespace,
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 0,
        updated_at: 0,
    }
}

pub(super) fn mount(slug: &str, options: &[(&str, &str)]) -> Arc<Mount> {
    let raw = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = PluginOptions::read(&raw.collect()).0;
    let spec = PluginSpec { options, ..PluginSpec::new(PluginId(1), slug, "file:///p") };
    Arc::new(Mount {
        plugin: Arc::new(spec),
        slug: Slug::parse(slug).unwrap(),
        endpoints: <_>::default(),
        target: Target::Unavailable,
        waiting: Arc::new(Semaphore::new(1)),
        limits: <_>::default(),
    })
}

impl Gateway {
    pub(super) fn with(draft: IssuerDraft) -> Self {
        let issuer = Issuer { id: IssuerId(1), draft, created_at: 0, updated_at: 1 };
        let snapshot = Snapshot::default()
            .with_app(AppId(1), Some(app(1, "billing")))
            .with_issuer(IssuerId(1), Some(issuer));
        let generation = Arc::new(Generation::new(&snapshot, vec![]));
        let takes = mount("p", &[("issuers", "corp")]);
        let gateway = Self { jwts: Jwts::default(), takes, generation, snapshot };
        gateway.publish_keys(&jwks());
        gateway
    }

    pub(super) fn new() -> Self {
        Self::with(draft())
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.snapshot.issuers[&IssuerId(1)]
    }

    pub(super) fn state(&self) -> Arc<KeyState> {
        self.jwts.keys.of(self.generation.issuers.get(IssuerId(1)).unwrap()).unwrap()
    }

    /// The issuer has these keys from now on.
    pub(super) fn publish_keys(&self, document: &Value) {
        let state = KeyState::new(Source::of(self.issuer(), None));
        let keys = KeySet::read(document.to_string().as_bytes(), Instant::now()).unwrap();
        state.keys.store(Some(Arc::new(keys)));
        state.looks.send_modify(|look| {
            (look.finished, look.is_good, look.asked_at) = (1, true, Some(Instant::now()));
        });
        self.jwts.keys.set(KeyTable::from([(IssuerId(1), Arc::new(state))]));
    }

    /// The issuer is changed.
    pub(super) fn change(&mut self, draft: IssuerDraft) {
        let issuer = Issuer { draft, updated_at: 2, ..self.issuer().clone() };
        self.snapshot = self.snapshot.clone().with_issuer(IssuerId(1), Some(issuer));
        self.generation = Arc::new(Generation::new(&self.snapshot, vec![]));
    }

    pub(super) fn at(&self, mount: &Arc<Mount>, text: &str, now: i64) -> Result<u32, Unidentified> {
        let known = self.jwts.identify((&self.generation, mount), None, text, now)?;
        Ok(known.token.app_id.0)
    }

    pub(super) fn asked(&self, text: &str) -> Result<u32, Unidentified> {
        self.at(&self.takes, text, NOW)
    }

    /// Why a JWT is refused with 401, in words for operators.
    pub(super) fn refused(&self, text: &str) -> &'static str {
        let refused = self.asked(text).unwrap_err();
        assert_eq!(refused.code, ErrorCode::Unauthorized, "{}", refused.internal);
        assert_eq!(refused.challenge, Some("invalid_token"));
        refused.internal
    }
}
