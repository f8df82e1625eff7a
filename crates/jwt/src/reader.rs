//! What a JWT says, as far as anything of it is read: three parts, a head and claims. It trusts nothing of it, and
//! nothing in it leads anywhere: no address, no key and no certificate of a head is looked at.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Longest JWT that is read, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// Why a text is no JWT, in words for an operator. Holds nothing of the text.
pub type Malformed = &'static str;

/// Whether a text could be a JWT; no token of the gateway's own could.
pub fn looks_like_jwt(text: &str) -> bool {
    memchr::memchr_iter(b'.', text.as_bytes()).take(3).count() == 2
}

/// The parts of a JWT, as they were sent.
#[derive(Debug)]
pub struct Parts<'a> {
    head: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Head and claims, which the signature is of.
    pub signed: &'a str,
}

impl<'a> Parts<'a> {
    /// Of a text that has three of them, none empty.
    pub fn of(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let is_one = |part: &str| !part.is_empty() && !part.contains('.');
        let are = [head, claims, signature].into_iter().all(is_one);
        are.then_some(Self { head, claims, signature, signed })
    }

    /// What the head says.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn head(&self) -> Result<Head, Malformed> {
        Head::read(&decoded(self.head)?)
    }

    /// What the claims say.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn claims(&self) -> Result<Claims, Malformed> {
        Claims::read(&decoded(self.claims)?)
    }

    /// The bytes of the signature.
    ///
    /// # Errors
    /// That it is no base64url.
    pub fn signature(&self) -> Result<Vec<u8>, Malformed> {
        decoded(self.signature)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| "a part of it is no base64url")
}

/// What counts of the head of a JWT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How it is signed, in its own word.
    pub algorithm: String,
    /// Which key it says it was signed with.
    pub key_id: Option<String>,
    /// What it says it is.
    pub token_type: Option<String>,
}

impl Head {
    /// Reads a head.
    ///
    /// # Errors
    /// What is wrong with it. One with `crit` is always: nothing that is critical is known here.
    pub fn read(json: &[u8]) -> Result<Self, Malformed> {
        let members =
            Members::read(json).ok_or("its head is no JSON object with each name once")?;
        if members.contains_key("crit") {
            return Err("its head has crit, of which nothing is understood");
        }
        let text = |name| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err("alg, kid and typ of its head are texts"),
        };
        let algorithm = text("alg")?.ok_or("its head has no alg")?;
        Ok(Self { algorithm, key_id: text("kid")?, token_type: text("typ")? })
    }
}

/// The claims of a JWT.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads claims.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(json: &[u8]) -> Result<Self, Malformed> {
        let members = Members::read(json);
        members.map(Self).ok_or("its claims are no JSON object with each name once")
    }

    /// A claim that is a text; `None` where it is not there or none.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim, whatever it is.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether there is a claim of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim that is a time, in Unix milliseconds.
    ///
    /// # Errors
    /// For a claim that is there and no time.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Malformed> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let seconds = value.as_f64().filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
        let seconds = seconds.ok_or("exp, nbf and iat are numbers of seconds")?;
        // It is within bounds that fit.
        Ok(Some((seconds * 1000.0) as i64))
    }

    /// Whom it is for.
    ///
    /// # Errors
    /// Where that is neither a text nor a list of texts.
    pub fn audiences(&self) -> Result<Vec<String>, Malformed> {
        const WRONG: Malformed = "aud is a text or a list of texts";
        match self.0.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(all)) => {
                all.iter().map(|one| one.as_str().map(str::to_owned).ok_or(WRONG)).collect()
            }
            Some(_) => Err(WRONG),
        }
    }

    /// What it allows: `scope`, or else `scp`, as one text or as a list.
    ///
    /// # Errors
    /// Where that is neither.
    pub fn scopes(&self) -> Result<Vec<&str>, Malformed> {
        const WRONG: Malformed = "scope and scp are texts or lists of texts";
        match self.0.get("scope").or_else(|| self.0.get("scp")) {
            None => Ok(Vec::new()),
            Some(Value::String(all)) => Ok(all.split(' ').filter(|it| !it.is_empty()).collect()),
            Some(Value::Array(all)) => all.iter().map(|one| one.as_str().ok_or(WRONG)).collect(),
            Some(_) => Err(WRONG),
        }
    }
}

/// The year 9999: no moment after it is written anywhere.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// The members of a JSON object. Two of one name are none: readers differ in which of them counts.
struct Members(Map<String, Value>);

impl Members {
    fn read(json: &[u8]) -> Option<Map<String, Value>> {
        serde_json::from_slice(json).ok().map(|Self(members)| members)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Members(members))
    }
}
