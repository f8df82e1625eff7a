//! An issuer of JWTs: keys over HTTP on this machine, and as many JWTs of a client as are wanted, signed before anybody measures.

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// The client that JWTs are of.
pub(crate) const CLIENT: &str = "bench-client";
/// Whom they are for.
pub(crate) const AUDIENCE: &str = "https://gw.example/plugins/bench";
/// Long enough for any run: the year 2100.
const EXPIRES_AT: u64 = 4_102_444_800;

/// How a JWT is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Es256,
    Rs256,
}

/// The issuer. Its keys are served until the program ends.
pub(crate) struct Issuer {
    addr: SocketAddr,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
    signed: u64,
}

impl Issuer {
    /// Starts one with a key of each kind.
    ///
    /// # Errors
    /// When there is no free port or no randomness.
    pub(crate) fn start() -> Result<Self> {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).ok();
        let (ec, rsa) = ec.zip(rsa).context("randomness of the system")?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let keys = keys(&ec, &rsa).to_string();
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || serve(&listener, &keys))?;
        Ok(Self { addr, ec, rsa, signed: 0 })
    }

    /// What is to be registered of it, for an app of this name.
    pub(crate) fn registered(&self, app: &str) -> Value {
        json!({
            "name": "bench", "url": self.url(), "jwks_uri": format!("{}/keys", self.url()),
            "audiences": [AUDIENCE], "clients": {CLIENT: app}, "allow_private": true,
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A JWT that no other one is equal to.
    ///
    /// # Errors
    /// When signing fails.
    pub(crate) fn token(&mut self, algorithm: Algorithm) -> Result<String> {
        self.signed += 1;
        let (name, id) = match algorithm {
            Algorithm::Es256 => ("ES256", "ec"),
            Algorithm::Rs256 => ("RS256", "rsa"),
        };
        let head = json!({"alg": name, "typ": "at+jwt", "kid": id});
        let claims = json!({
            "iss": self.url(), "aud": AUDIENCE, "client_id": CLIENT, "sub": "user-1",
            "iat": 1_700_000_000, "exp": EXPIRES_AT, "scope": "read write", "jti": format!("{:016x}", self.signed),
        });
        let told = format!("{}.{}", coded(head.to_string()), coded(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match algorithm {
            Algorithm::Es256 => {
                let made = self.ec.sign(&random, told.as_bytes());
                made.ok().context("an ES256 signature")?.as_ref().to_vec()
            }
            Algorithm::Rs256 => {
                let mut made = vec![0; self.rsa.public_modulus_len()];
                let signed = self.rsa.sign(&RSA_PKCS1_SHA256, &random, told.as_bytes(), &mut made);
                signed.ok().context("an RS256 signature")?;
                made
            }
        };
        Ok(format!("{told}.{}", coded(signature)))
    }

    /// The signature of a JWT, ready to be verified again and again, as the gateway does it.
    ///
    /// # Errors
    /// When signing fails.
    pub(crate) fn signature(&mut self, algorithm: Algorithm) -> Result<Signature> {
        let token = self.token(algorithm)?;
        let (signed, made) = token.rsplit_once('.').context("a JWT has parts")?;
        let key = match algorithm {
            Algorithm::Es256 => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.ec.public_key())
            }
            Algorithm::Rs256 => {
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.rsa.public_key())
            }
        };
        let key = key.ok().context("the issuer's own key can be read")?;
        let made = URL_SAFE_NO_PAD.decode(made)?;
        Ok(Signature { key, signed: signed.to_owned(), made })
    }
}

/// A signature, and what it is verified by.
pub(crate) struct Signature {
    key: ParsedPublicKey,
    signed: String,
    made: Vec<u8>,
}

impl Signature {
    /// Verifies it once.
    ///
    /// # Errors
    /// When it is wrong.
    pub(crate) fn verify(&self) -> Result<()> {
        let verified = self.key.verify_sig(self.signed.as_bytes(), &self.made);
        verified.ok().context("a signature of the issuer's own is good")
    }
}

fn coded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn keys(ec: &EcdsaKeyPair, rsa: &RsaKeyPair) -> Value {
    let point = ec.public_key().as_ref();
    let (x, y) = (coded(&point[1..33]), coded(&point[33..]));
    // A sequence of two integers, of which the first has 257 bytes and a leading zero.
    let key = rsa.public_key().as_ref();
    let (n, e) = (coded(&key[9..265]), coded(&key[267..]));
    json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "ec", "x": x, "y": y, "use": "sig"},
        {"kty": "RSA", "kid": "rsa", "n": n, "e": e, "use": "sig"},
    ]})
}

/// Answers everybody with the keys.
fn serve(listener: &TcpListener, keys: &str) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{keys}", keys.len());
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        // A client that says nothing holds up nobody for long.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut asked = [0; 4096];
        if stream.read(&mut asked).is_ok_and(|read| read > 0) {
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}
