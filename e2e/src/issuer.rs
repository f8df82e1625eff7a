//! An issuer of JWTs: its metadata and keys over HTTP on this machine, and tokens that it signs. It can be slow, wrong or
//! away.

use crate::certificate::Certificate;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How an issuer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// As it should.
    Good,
    /// It takes questions and never answers.
    Silent,
    /// It ends every connection at once.
    Away,
    /// Its keys are followed by so many blanks.
    Long(usize),
    /// It sends everybody elsewhere.
    Redirect(String),
}

struct State {
    behaviour: Behaviour,
    /// Which are published, and the last of them signs.
    keys: Vec<(String, Arc<EcdsaKeyPair>)>,
    asked: u64,
}

/// A running issuer.
pub struct Issuer {
    addr: SocketAddr,
    /// Its certificate, where it is asked over TLS.
    tls: Option<TlsAcceptor>,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

fn key(id: &str) -> (String, Arc<EcdsaKeyPair>) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
    (id.to_owned(), Arc::new(key.expect("the system has randomness")))
}

/// No two tokens are the same.
static NUMBER: AtomicU64 = AtomicU64::new(0);

#[expect(clippy::disallowed_methods, reason = "the machine's clock is what the gateway goes by")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    /// Starts one with a key `k1`.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        Self::started(None).await
    }

    /// The same over TLS, at `localhost`, where it shows this certificate.
    ///
    /// # Panics
    /// When there is no free port, or the certificate is none.
    pub async fn start_tls(certificate: &Certificate) -> Self {
        Self::started(Some(certificate.acceptor())).await
    }

    async fn started(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a listener has an address");
        let keys = vec![key("k1")];
        let state = State { behaviour: Behaviour::Good, keys, asked: 0 };
        let state = Arc::new(Mutex::new(state));
        let server =
            tokio::spawn(serve(listener, url(addr, tls.as_ref()), tls.clone(), state.clone()));
        Self { addr, tls, state, server }
    }

    /// Its `iss`.
    pub fn url(&self) -> String {
        url(self.addr, self.tls.as_ref())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it answers so.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state().behaviour = behaviour;
    }

    /// It publishes one more key, with which it signs from now on.
    pub fn add_key(&self, id: &str) {
        self.state().keys.push(key(id));
    }

    /// It publishes this one no more.
    pub fn remove_key(&self, id: &str) {
        self.state().keys.retain(|(known, _)| known != id);
    }

    /// The last of its keys as a document has it.
    ///
    /// # Panics
    /// When it has none.
    pub fn jwk(&self) -> Value {
        jwk(self.state().keys.last().expect("it has a key"))
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> u64 {
        self.state().asked
    }

    /// It is gone, and its port refuses.
    ///
    /// # Panics
    /// Never.
    pub async fn stop(&mut self) {
        self.server.abort();
        // What it listens on is closed once the task is gone.
        let _ = (&mut self.server).await;
    }

    /// It is there again.
    ///
    /// # Panics
    /// When somebody else has its port.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.addr).await.expect("its port is free");
        self.server =
            tokio::spawn(serve(listener, self.url(), self.tls.clone(), self.state.clone()));
    }

    /// Begins a token of a client for an audience, which is good for a minute.
    ///
    /// # Panics
    /// When it has no key.
    pub fn token(&self, client: &str, audience: &str) -> JwtBuilder {
        let (id, key) = self.state().keys.last().cloned().expect("it has a key");
        let now = now();
        let head = json!({"alg": "ES256", "typ": "at+jwt", "kid": id});
        let claims = json!({
            "iss": self.url(), "aud": audience, "client_id": client, "sub": "user-1",
            "iat": now, "exp": now + 60, "jti": NUMBER.fetch_add(1, Ordering::Relaxed),
        });
        let members = |value: Value| value.as_object().cloned().unwrap_or_default();
        JwtBuilder { head: members(head), claims: members(claims), key }
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A JWT that is being made.
#[must_use = "a JWT is made by sign"]
pub struct JwtBuilder {
    head: Map<String, Value>,
    claims: Map<String, Value>,
    key: Arc<EcdsaKeyPair>,
}

impl JwtBuilder {
    /// Sets a claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Sets what the head says.
    pub fn head(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.head.insert(name.to_owned(), value.into());
        self
    }

    /// It ends so many seconds from now.
    pub fn expires_in(self, seconds: u64) -> Self {
        self.claim("exp", now() + seconds)
    }

    /// The text of it.
    ///
    /// # Panics
    /// Never.
    pub fn sign(self) -> String {
        let claims = Value::Object(self.claims.clone()).to_string();
        self.sign_text(&claims)
    }

    /// The same of another text than its claims.
    ///
    /// # Panics
    /// Never.
    pub fn sign_text(self, text: &str) -> String {
        let signed = format!("{}.{}", coded(Value::Object(self.head).to_string()), coded(text));
        let made = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a key signs");
        format!("{signed}.{}", coded(made))
    }

    /// The text of it, signed with the public key as if that were a shared secret.
    ///
    /// # Panics
    /// Never.
    pub fn sign_with_public_key(self) -> String {
        let [head, claims] =
            [self.head, self.claims].map(|it| coded(Value::Object(it).to_string()));
        let signed = format!("{head}.{claims}");
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.public_key().as_ref())
            .expect("any length will do");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", coded(mac.finalize().into_bytes()))
    }

    /// The text of it without a signature.
    pub fn unsigned(self) -> String {
        let [head, claims] =
            [self.head, self.claims].map(|it| coded(Value::Object(it).to_string()));
        format!("{head}.{claims}.")
    }
}

fn url(addr: SocketAddr, tls: Option<&TlsAcceptor>) -> String {
    match tls {
        None => format!("http://{addr}"),
        Some(_) => format!("https://localhost:{}", addr.port()),
    }
}

async fn serve(
    listener: TcpListener,
    url: String,
    tls: Option<TlsAcceptor>,
    state: Arc<Mutex<State>>,
) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let (url, tls, state) = (url.clone(), tls.clone(), state.clone());
        tokio::spawn(async move {
            match tls {
                None => answer(socket, &url, state).await,
                Some(tls) => {
                    if let Ok(socket) = tls.accept(socket).await {
                        answer(socket, &url, state).await;
                    }
                }
            }
        });
    }
}

/// One question, one answer. Whoever asks goes away as it likes.
async fn answer(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    url: &str,
    state: Arc<Mutex<State>>,
) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        match socket.read_buf(&mut asked).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
    let (behaviour, document) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked += 1;
        (state.behaviour.clone(), document(&path, url, &state.keys))
    };
    let said = match (behaviour, document) {
        (Behaviour::Away, _) => return,
        (Behaviour::Silent, _) => return std::future::pending().await,
        (Behaviour::Redirect(to), _) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
        }
        (_, None) => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        (behaviour, Some(document)) => {
            let blanks = if let Behaviour::Long(blanks) = behaviour { blanks } else { 0 };
            let body = format!("{document}{}", " ".repeat(blanks));
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        }
    };
    let _ = socket.write_all(said.as_bytes()).await;
    let _ = socket.shutdown().await;
}

fn jwk((id, key): &(String, Arc<EcdsaKeyPair>)) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (coded(&point[1..33]), coded(&point[33..]));
    json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y})
}

fn document(path: &str, issuer: &str, keys: &[(String, Arc<EcdsaKeyPair>)]) -> Option<Value> {
    match path {
        "/.well-known/openid-configuration" => {
            Some(json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}))
        }
        "/keys" => Some(json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()})),
        _ => None,
    }
}
