//! Manifests of a namespace, held against a literal reading of the encoding.

use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_sync::Manifest;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"plugin",
    b"apps",
    b"tokens",
    b"berlin",
    b"\x0a",
    b"\x12",
    b"\x1a",
    b"\x20",
    b"\x2a",
    b"\x3a",
    b"\x10\x01\x18\x07",
    b"\x22\x20",
    b"\x80\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
];

/// What is read of one: lineage, revision, and objects with digests and sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The namespace.
    pub namespace: String,
    /// Lineage and revision.
    pub position: (u64, u64),
    /// Kind, key, digest and size of each object.
    pub entries: Vec<(String, String, Vec<u8>, u64)>,
}

/// The reader that is tried.
pub type Reader = fn(&[u8]) -> Option<Reading>;

/// The edge's.
pub fn ours(bytes: &[u8]) -> Option<Reading> {
    let manifest = Manifest::decode(bytes).ok()?;
    let entries = manifest.entries().iter().map(|entry| {
        let (kind, key) = (entry.name.kind().to_owned(), entry.name.key().to_owned());
        (kind, key, entry.digest.as_bytes().to_vec(), entry.size)
    });
    Some(Reading {
        namespace: manifest.namespace().as_str().to_owned(),
        position: (manifest.position().lineage, manifest.position().revision),
        entries: entries.collect(),
    })
}

/// Tries the edge's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    if let Ok(manifest) = Manifest::decode(input) {
        let again = Manifest::decode(&manifest.encode());
        same("what was written again", &again.as_ref(), &Ok(&manifest))?;
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
        same("a manifest", &reading, &literal)?;
    }
    if let Some(reading) = &reading {
        let names: Vec<_> = reading.entries.iter().map(|(kind, key, ..)| (kind, key)).collect();
        ensure(names.is_sorted_by(|a, b| a < b), || format!("out of order: {names:?}"))?;
    }
    Ok(Outcome::of(&reading.map(|reading| (reading.position, reading.entries.len()))))
}

pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The plain meaning; `None` on the outside where this reader does not know, on the inside where it is none.
fn literal(bytes: &[u8]) -> Option<Option<Reading>> {
    let Some(fields) = fields(bytes)? else { return Some(None) };
    let mut reading = Reading { namespace: String::new(), position: (0, 0), entries: Vec::new() };
    let mut is_fine = true;
    let (mut parent, mut author): (&[u8], &[u8]) = (&[], &[]);
    let mut namespace: &[u8] = &[];
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Bytes(bytes)) => {
                is_fine &= std::str::from_utf8(bytes).is_ok();
                namespace = bytes;
            }
            (2, Field::Number(lineage)) => reading.position.0 = lineage,
            (3, Field::Number(revision)) => reading.position.1 = revision,
            (4, Field::Bytes(bytes)) => parent = bytes,
            (5, Field::Bytes(bytes)) => {
                is_fine &= std::str::from_utf8(bytes).is_ok();
                author = bytes;
            }
            (6, Field::Number(_)) => {}
            (7, Field::Bytes(bytes)) => match entry(bytes)? {
                Some(entry) => reading.entries.push(entry),
                None => is_fine = false,
            },
            (1..=7, _) => is_fine = false,
            _ => {}
        }
    }
    reading.namespace = String::from_utf8_lossy(namespace).into_owned();
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let ends = [namespace.first(), namespace.last()].into_iter().flatten();
    is_fine &= namespace.len() < 64
        && namespace.iter().all(|byte| inner(*byte) || *byte == b'-')
        && ends.into_iter().all(|byte| inner(*byte));
    is_fine &= matches!(parent.len(), 0 | 32) && author.len() <= 1024;
    let names: Vec<_> = reading.entries.iter().map(|(kind, key, ..)| (kind, key)).collect();
    is_fine &= names.windows(2).all(|pair| pair[0] < pair[1]);
    Some(is_fine.then_some(reading))
}

type Entry = (String, String, Vec<u8>, u64);

fn entry(bytes: &[u8]) -> Option<Option<Entry>> {
    let Some(fields) = fields(bytes)? else { return Some(None) };
    let (mut kind, mut key, mut digest): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut size, mut is_fine, mut features) = (0, true, Vec::new());
    for (number, field) in fields {
        match (number, field) {
            (1, Field::Bytes(bytes)) => {
                is_fine &= std::str::from_utf8(bytes).is_ok();
                kind = bytes;
            }
            (2, Field::Bytes(bytes)) => {
                is_fine &= std::str::from_utf8(bytes).is_ok();
                key = bytes;
            }
            (3, Field::Bytes(bytes)) => digest = bytes,
            (4, Field::Number(number)) => size = number,
            (5, Field::Bytes(bytes)) => {
                is_fine &= std::str::from_utf8(bytes).is_ok() && (1..=128).contains(&bytes.len());
                features.push(bytes);
            }
            (1..=5, _) => is_fine = false,
            _ => {}
        }
    }
    features.sort_unstable();
    features.dedup();
    let is_name = |text: &[u8]| {
        (1..=128).contains(&text.len()) && text.iter().all(|byte| (b'!'..=b'~').contains(byte))
    };
    is_fine &= is_name(kind) && is_name(key) && digest.len() == 32 && features.len() <= 64;
    is_fine &= size <= 32 * 1024 * 1024;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(is_fine.then(|| (text(kind), text(key), digest.to_vec(), size)))
}

pub(super) type Fields<'a> = Vec<(u64, Field<'a>)>;

/// Fields in their order; groups, which nobody writes any more, are not known here.
pub(super) fn fields(mut bytes: &[u8]) -> Option<Option<Fields<'_>>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let Some(key) = varint(&mut bytes) else { return Some(None) };
        let number = key >> 3;
        if number == 0 || key > u64::from(u32::MAX) {
            return Some(None);
        }
        let length = match key & 7 {
            0 => match varint(&mut bytes) {
                Some(value) => {
                    fields.push((number, Field::Number(value)));
                    continue;
                }
                None => return Some(None),
            },
            1 => Some(8),
            2 => varint(&mut bytes),
            3 | 4 => return None,
            5 => Some(4),
            _ => return Some(None),
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let Some((field, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
            return Some(None);
        };
        let is_bytes = key & 7 == 2;
        fields.push((number, if is_bytes { Field::Bytes(field) } else { Field::Other }));
        bytes = rest;
    }
    Some(Some(fields))
}

/// At most ten bytes, of which the last has one bit.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        if at == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}
