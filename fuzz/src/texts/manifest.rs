//! What plugins say of themselves, as JSON.

use crate::verdict::{Outcome, Verdict, ensure, same};
use serde_json::Value;
use sidegate_plugins::host::fuzzing::{Wishes, read_manifest};

/// Words that belong into it.
pub const WORDS: &[&[u8]] = &[
    br#"{"capabilities":{"hooks":["custom_endpoint"]}}"#,
    br#""permissions":{"services":["kv.readwrite"]}"#,
    br#""capabilities""#,
    br#""hooks""#,
    br#""services""#,
    b"null",
    b"[]",
    b"{}",
    b"[",
    b"]",
    b",",
    br#""a""#,
    br#""\u001b""#,
    br#""\u202e""#,
    br#""a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","#,
    b"1e999",
    b"\xff",
];

/// The reader that is tried.
pub type Reader = fn(&str) -> Wishes;

/// Tries the gateway's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(read_manifest, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let wishes = read(&text);
    for list in [&wishes.hooks, &wishes.scopes] {
        ensure(list.len() <= 64, || format!("{} entries are kept", list.len()))?;
        let name = |entry: &String| {
            (1..=128).contains(&entry.len()) && entry.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        ensure(list.iter().all(name), || format!("something that is no name: {list:?}"))?;
        let twice = list.iter().enumerate().any(|(at, entry)| list[..at].contains(entry));
        ensure(!twice, || format!("an entry twice: {list:?}"))?;
    }
    // Of what is named twice one reader takes the first and another the last; it is left out here.
    let names = ["capabilities", "hooks", "permissions", "services"];
    let once = names.iter().all(|name| text.matches(name).count() < 2);
    let plain = once && !text.contains("\\u");
    if let (true, Ok(Value::Object(document))) = (plain, serde_json::from_str(&text)) {
        let document = Value::Object(document);
        let hooks = listed(&document, "capabilities", "hooks");
        let scopes = listed(&document, "permissions", "services");
        let both = hooks.zip(scopes);
        same("that it can be read", &wishes.is_readable, &both.is_some())?;
        let (hooks, scopes) = both.unwrap_or_default();
        same("hooks", &wishes.hooks, &hooks)?;
        same("wishes", &wishes.scopes, &scopes)?;
    }
    Ok(Outcome::of(&(wishes.is_readable, wishes.hooks.len(), wishes.scopes.len())))
}

/// A list within an object; `None` where something else is there.
fn listed(document: &Value, outer: &str, inner: &str) -> Option<Vec<String>> {
    let list = match document.get(outer) {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(Value::Object(object)) => object.get(inner),
        // A list of an object's values is read as the object, as the library does it.
        Some(Value::Array(values)) if values.len() < 2 => values.first(),
        Some(_) => return None,
    };
    let entries = match list {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return None,
    };
    let mut kept = Vec::new();
    for entry in entries {
        if kept.len() == 64 {
            break;
        }
        let entry = entry.as_str()?.to_owned();
        let sound = (1..=128).contains(&entry.len())
            && entry.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if sound && !kept.contains(&entry) {
            kept.push(entry);
        }
    }
    Some(kept)
}
