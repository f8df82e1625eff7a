//! Trust bundles, held against a literal reading of the encoding. Certificates are not read by that: it knows one.

use super::sync_manifest::{Field, fields};
use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_enrolment::TrustBundle;

/// An authority's certificate, which the seeds have.
pub const AUTHORITY: &[u8] = include_bytes!("authority.der");

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    AUTHORITY,
    b"berlin",
    b"\x08\x07",
    b"\x12",
    b"\x1a\x20",
    b"\x22",
    b"\x2a\x11https://a.b:8443",
    b"https://me:hunter2@a",
    b"\x0a\x06berlin",
    b"\x12\x24\x08\x01\x12\x20",
    b"KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK",
];

/// Keys by number.
pub type Keys = Vec<(u64, Vec<u8>)>;

/// What is read of one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Which bundle it is.
    pub version: u64,
    /// How many authorities there are.
    pub authorities: usize,
    /// Keys of signers.
    pub signers: Vec<Vec<u8>>,
    /// Keys of each namespace.
    pub data_keys: Vec<(String, Keys)>,
    /// Addresses.
    pub urls: Vec<String>,
}

/// The reader that is tried.
pub type Reader = fn(&[u8]) -> Option<Reading>;

/// The edge's.
pub fn ours(bytes: &[u8]) -> Option<Reading> {
    let bundle = TrustBundle::decode(bytes).ok()?;
    let keys = bundle.data_keys.iter().map(|(namespace, keys)| {
        let keys = keys.iter().map(|key| (key.number, key.bytes.to_vec())).collect();
        (namespace.as_str().to_owned(), keys)
    });
    Some(Reading {
        version: bundle.version,
        authorities: bundle.authorities.len(),
        signers: bundle.signers.iter().map(|key| key.as_bytes().to_vec()).collect(),
        data_keys: keys.collect(),
        urls: bundle.control_urls.iter().map(ToString::to_string).collect(),
    })
}

/// Tries the edge's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    match TrustBundle::decode(input) {
        Ok(bundle) => {
            let again = TrustBundle::decode(&bundle.encode());
            same("what was written again", &again.as_ref(), &Ok(&bundle))?;
            let shown = format!("{bundle:?}");
            ensure(!shown.contains("75, 75, 75"), || format!("a key is shown: {shown}"))?;
        }
        Err(told) => {
            let told = told.to_string();
            ensure(!told.contains("hunter2"), || format!("a password is told: {told}"))?;
            ensure(!told.contains("KKK"), || format!("a key is told: {told}"))?;
        }
    }
    check_with(ours, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let reading = read(input);
    if let Some(literal) = literal(input) {
        same("a trust bundle", &reading, &literal)?;
    }
    if let Some(reading) = &reading {
        let names: Vec<_> = reading.data_keys.iter().map(|(name, _)| name).collect();
        ensure(names.is_sorted_by(|a, b| a < b), || format!("out of order: {names:?}"))?;
        for (name, keys) in &reading.data_keys {
            let in_order = keys.is_sorted_by(|a, b| a.0 < b.0);
            ensure(in_order, || format!("keys of {name:?} out of order"))?;
        }
    }
    let outline = reading.map(|reading| (reading.signers.len(), reading.data_keys.len()));
    Ok(Outcome::of(&outline))
}

/// The plain meaning; `None` on the outside where this reader does not know, on the inside where it is none.
fn literal(bytes: &[u8]) -> Option<Option<Reading>> {
    let Some(fields) = fields(bytes)? else { return Some(None) };
    let mut reading = Reading::default();
    let mut is_fine = true;
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Number(version)) => reading.version = version,
            (2, Field::Bytes(AUTHORITY)) => reading.authorities += 1,
            (2, Field::Bytes(_)) => return None,
            (3, Field::Bytes(key)) => {
                is_fine &= key.len() == 32;
                reading.signers.push(key.to_vec());
            }
            (4, Field::Bytes(bytes)) => match keys(bytes)? {
                Some(keys) => reading.data_keys.push(keys),
                None => is_fine = false,
            },
            (5, Field::Bytes(url)) => reading.urls.push(plain_url(url)?),
            (1..=5, _) => is_fine = false,
            _ => {}
        }
    }
    is_fine &= (1..=8).contains(&reading.authorities) && (1..=16).contains(&reading.signers.len());
    is_fine &= reading.data_keys.len() <= 64 && reading.urls.len() <= 64;
    is_fine &= reading.data_keys.windows(2).all(|pair| pair[0].0 < pair[1].0);
    Some(is_fine.then_some(reading))
}

/// The keys of one namespace.
fn keys(bytes: &[u8]) -> Option<Option<(String, Keys)>> {
    let Some(fields) = fields(bytes)? else { return Some(None) };
    let (mut namespace, mut all, mut is_fine): (&[u8], _, _) = (&[], Vec::new(), true);
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Bytes(name)) => {
                is_fine &= std::str::from_utf8(name).is_ok();
                namespace = name;
            }
            (2, Field::Bytes(bytes)) => match key(bytes)? {
                Some(key) => all.push(key),
                None => is_fine = false,
            },
            (1 | 2, _) => is_fine = false,
            _ => {}
        }
    }
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let at_ends = namespace.first().is_none_or(inner) && namespace.last().is_none_or(inner);
    is_fine &= namespace.len() < 64 && at_ends;
    is_fine &= namespace.iter().all(|byte| inner(byte) || *byte == b'-');
    is_fine &= (1..=64).contains(&all.len()) && all.windows(2).all(|pair| pair[0].0 < pair[1].0);
    Some(is_fine.then(|| (String::from_utf8_lossy(namespace).into_owned(), all)))
}

fn key(bytes: &[u8]) -> Option<Option<(u64, Vec<u8>)>> {
    let Some(fields) = fields(bytes)? else { return Some(None) };
    let (mut number_of_key, mut key, mut is_fine): (_, &[u8], _) = (0, &[], true);
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Number(number)) => number_of_key = number,
            (2, Field::Bytes(bytes)) => key = bytes,
            (1 | 2, _) => is_fine = false,
            _ => {}
        }
    }
    is_fine &= key.len() == 32;
    Some(is_fine.then(|| (number_of_key, key.to_vec())))
}

/// An address that is read as it is written; others are not known here.
fn plain_url(url: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(url).ok()?;
    let (host, port) = text.strip_prefix("https://")?.split_once(':')?;
    let is_plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_lowercase());
    let is_port = (1..=4).contains(&port.len())
        && port.bytes().all(|b| b.is_ascii_digit())
        && !port.starts_with('0');
    (is_plain && is_port).then(|| text.to_owned())
}
