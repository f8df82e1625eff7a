//! What clients write into a JWT: a head and claims, as JSON. Held against a plain reading of the same objects, in which
//! each name stands once.
//!
//! An input is a head, a line break, and claims.

use crate::verdict::{Outcome, Verdict, same};
use serde_json::{Map, Value};
use sidegate_gateway::fuzzing::{Claims, Head};
use std::collections::BTreeSet;

/// Words that belong into such objects.
pub const WORDS: &[&[u8]] = &[
    b"{\"alg\":\"ES256\"}\n{}",
    b"\"alg\":\"none\",",
    b"\"kid\":\"a\",",
    b"\"typ\":\"at+jwt\",",
    b"\"crit\":[],",
    b"\"aud\":[\"a\",\"b\"],",
    b"\"aud\":\"a\",",
    b"\"exp\":1800000000,",
    b"\"exp\":1.5e9,",
    b"\"nbf\":-1,",
    b"\"scope\":\"a b\",",
    b"\"scp\":[\"a\"],",
    b"\"\\u0061lg\":\"x\",",
    b"\"sub\":\"u\",",
    b"null",
    b"\\\"",
    b"{\"a\":{\"alg\":1}}",
];

/// What is read of both.
#[derive(Debug, PartialEq)]
pub struct Reading {
    head: Option<(String, Option<String>, Option<String>)>,
    claims: Option<Said>,
}

/// What claims say.
#[derive(Debug, PartialEq)]
struct Said {
    subject: Option<String>,
    expiry: Option<Option<i64>>,
    audiences: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
}

/// The readers that are tried.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Of heads.
    pub head: fn(&[u8]) -> Option<Head>,
    /// Of claims.
    pub claims: fn(&[u8]) -> Option<Claims>,
}

/// Tries the gateway's.
///
/// # Errors
/// What they read otherwise.
pub fn check(input: &[u8]) -> Verdict {
    let (head, claims) =
        (|json: &[u8]| Head::read(json).ok(), |json: &[u8]| Claims::read(json).ok());
    check_with(Readers { head, claims }, input)
}

/// Tries readers.
///
/// # Errors
/// What they read otherwise.
pub fn check_with(readers: Readers, input: &[u8]) -> Verdict {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, claims) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let read = Reading {
        head: (readers.head)(head).map(|head| (head.algorithm, head.key_id, head.token_type)),
        claims: (readers.claims)(claims).map(|claims| Said {
            subject: claims.text("sub").map(str::to_owned),
            expiry: claims.time("exp").ok(),
            audiences: claims.audiences().ok(),
            scopes: claims.scopes().ok().map(|all| all.into_iter().map(str::to_owned).collect()),
        }),
    };
    let plain = Reading { head: plain_head(head), claims: plain_claims(claims) };
    same("what a JWT says", &read, &plain)?;
    let shape = (read.head.is_some(), read.claims.map(|said| said.audiences.is_some()));
    Ok(Outcome::of(&shape))
}

fn plain_head(json: &[u8]) -> Option<(String, Option<String>, Option<String>)> {
    let members = members(json)?;
    let text = |name: &str| match members.get(name) {
        None => Some(None),
        Some(value) => value.as_str().map(|text| Some(text.to_owned())),
    };
    let is_critical = members.contains_key("crit");
    let (algorithm, id, kind) = (text("alg")??, text("kid")?, text("typ")?);
    (!is_critical).then_some((algorithm, id, kind))
}

fn plain_claims(json: &[u8]) -> Option<Said> {
    let members = members(json)?;
    let list = |value: &Value| {
        let items = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
        items.collect::<Option<Vec<_>>>()
    };
    let audiences = match members.get("aud") {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(value) => list(value),
    };
    let scopes = match members.get("scope").or(members.get("scp")) {
        None => Some(Vec::new()),
        Some(Value::String(all)) => {
            Some(all.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect())
        }
        Some(value) => list(value),
    };
    let expiry = match members.get("exp") {
        None => Some(None),
        Some(value) => value
            .as_f64()
            .filter(|seconds| *seconds >= 0.0 && *seconds <= 253_402_300_799.0)
            .map(|seconds| Some((seconds * 1000.0).trunc() as i64)),
    };
    let subject = members.get("sub").and_then(Value::as_str).map(str::to_owned);
    Some(Said { subject, expiry, audiences, scopes })
}

/// The members of an object in which each name stands once: names are looked for in the text itself.
fn members(json: &[u8]) -> Option<Map<String, Value>> {
    let Value::Object(members) = serde_json::from_slice(json).ok()? else { return None };
    let (mut depth, mut at, mut names) = (0_u32, 0, BTreeSet::new());
    while at < json.len() {
        match json[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let begin = at;
                at += 1;
                while json[at] != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
                let follows = json[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                if depth == 1 && follows == Some(&b':') {
                    let name: String = serde_json::from_slice(&json[begin..=at]).ok()?;
                    if !names.insert(name) {
                        return None;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    Some(members)
}
