//! Taking what was shown back as what is stored. It refuses where it could take one for another.

use super::hiding::{HIDDEN_TEXT, Hidden, MARK, hidden, hide_below};
use super::places::SecretPlaces;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Puts what is stored in the place of every hidden secret of a configuration that somebody sends;
/// `places` are those of what is stored.
///
/// # Errors
/// One text for each that stands for nothing, each beginning with its path.
pub fn restore_config(
    said: &mut Map<String, Value>,
    stored: &Map<String, Value>,
    places: &SecretPlaces,
) -> Result<(), Vec<String>> {
    restore_members(said, stored, "config", |key| Hidden::of_setting(key, places))
}

/// The same for options.
///
/// # Errors
/// As [`restore_config`].
pub fn restore_options(
    said: &mut Map<String, Value>,
    stored: &BTreeMap<String, String>,
) -> Result<(), Vec<String>> {
    let stored = stored.iter().map(|(name, text)| (name.clone(), json!(text))).collect();
    restore_members(said, &stored, "options", Hidden::of_option)
}

fn restore_members<'h>(
    said: &mut Map<String, Value>,
    stored: &Map<String, Value>,
    field: &str,
    hides: impl Fn(&str) -> Hidden<'h>,
) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    for (key, member) in said {
        let stored = stored.get(key).map_or(Stored::Nothing, Stored::Value);
        let counterpart = Counterpart { path: format!("{field}.{key}"), stored, hides: hides(key) };
        restore(member, counterpart, &mut problems);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What is stored at the path of what was sent.
#[derive(Clone, Copy)]
enum Stored<'a> {
    Value(&'a Value),
    Nothing,
    /// Nobody can tell, because of the list around it.
    List(Unlike),
}

/// Why nobody can tell what an entry of a list stands for.
#[derive(Clone, Copy)]
enum Unlike {
    /// The list is not as long as the stored one.
    Length,
    /// The stored entry at its place is another one, which may have been moved or removed.
    Entry,
    /// Several stored entries look the same, and the list is not as it was.
    Twin,
}

impl<'a> Stored<'a> {
    fn member(self, key: &str) -> Self {
        match self {
            Self::Value(value) => value.get(key).map_or(Self::Nothing, Self::Value),
            other => other,
        }
    }

    /// What is stored for each entry of a list that was sent.
    fn items(self, said: &[Value], hides: Hidden<'_>) -> Vec<Self> {
        let items = match self {
            Self::Value(Value::Array(items)) if items.len() == said.len() => items,
            Self::Value(Value::Array(_)) => return vec![Self::List(Unlike::Length); said.len()],
            Self::Value(_) => return vec![Self::Nothing; said.len()],
            other => return vec![other; said.len()],
        };
        let mut shown = items.clone();
        shown.iter_mut().for_each(|item| hide_below(item, hides));
        if shown == said {
            return items.iter().map(Self::Value).collect();
        }
        let mut times = BTreeMap::<String, usize>::new();
        for item in &shown {
            *times.entry(item.to_string()).or_default() += 1;
        }
        let stored = |((said, shown), item)| match times.get(&Value::to_string(shown)) {
            _ if !is_shown_as(said, shown) => Self::List(Unlike::Entry),
            Some(2..) => Self::List(Unlike::Twin),
            _ => Self::Value(item),
        };
        said.iter().zip(&shown).zip(items).map(stored).collect()
    }

    /// What would be hidden here.
    fn secret(self, hides: Hidden<'_>) -> Option<&'a Value> {
        match self {
            Self::Value(value) if hides.hides(value) => Some(value),
            _ => None,
        }
    }
}

/// Whether something is what was shown, but for other secrets in the place of those that are hidden.
fn is_shown_as(said: &Value, shown: &Value) -> bool {
    match (said, shown) {
        (_, Value::Object(members)) if members.contains_key(MARK) => true,
        (Value::Array(said), Value::Array(shown)) => {
            said.len() == shown.len() && said.iter().zip(shown).all(|(a, b)| is_shown_as(a, b))
        }
        (Value::Object(said), Value::Object(shown)) => {
            let is_same = |(key, said)| shown.get(key).is_some_and(|b| is_shown_as(said, b));
            said.len() == shown.len() && said.iter().all(is_same)
        }
        _ => said == shown,
    }
}

/// What is known of the place at which a value was sent.
struct Counterpart<'a> {
    /// Where it is, in words for whoever sent it.
    path: String,
    stored: Stored<'a>,
    /// What is hidden there.
    hides: Hidden<'a>,
}

fn restore(said: &mut Value, counterpart: Counterpart<'_>, problems: &mut Vec<String>) {
    let Counterpart { path, stored, hides } = counterpart;
    if reads_as_hidden(said, hides) {
        match stored.secret(hides) {
            Some(secret) if *said == hidden() => *said = secret.clone(),
            _ => problems.push(format!("{path}: {}", not_kept(said, stored))),
        }
        return;
    }
    match said {
        Value::Array(items) if keeps_something(items, hides.entries()) => {
            let hides = hides.entries();
            let stored = stored.items(items, hides);
            for (index, (item, stored)) in items.iter_mut().zip(stored).enumerate() {
                let path = format!("{path}[{index}]");
                restore(item, Counterpart { path, stored, hides }, problems);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let (path, stored) = (format!("{path}.{key}"), stored.member(key));
                let hides = hides.below(key);
                restore(member, Counterpart { path, stored, hides }, problems);
            }
        }
        _ => {}
    }
}

/// Whether anything below stands in the place of a secret.
fn keeps_something(items: &[Value], hides: Hidden<'_>) -> bool {
    items.iter().any(|item| {
        reads_as_hidden(item, hides)
            || match item {
                Value::Array(items) => keeps_something(items, hides.entries()),
                Value::Object(members) => members.iter().any(|(key, member)| {
                    keeps_something(std::slice::from_ref(member), hides.below(key))
                }),
                _ => false,
            }
    })
}

/// Whether a value is what stands in the place of a secret, in any of its forms.
fn reads_as_hidden(said: &Value, hides: Hidden<'_>) -> bool {
    match said {
        Value::Object(members) => members.contains_key(MARK),
        Value::String(text) if hides.texts => {
            let text = text.trim();
            text == HIDDEN_TEXT || serde_json::from_str::<Value>(text).is_ok_and(|v| v == hidden())
        }
        _ => false,
    }
}

fn not_kept(said: &Value, stored: Stored<'_>) -> String {
    let shown = hidden();
    match (said, stored) {
        (Value::String(_), _) => format!(
            "this is what is shown in the place of a secret: send the secret itself, or {shown} as JSON to keep what is stored"
        ),
        (said, _) if *said != shown => {
            format!("only {shown} may have a member {MARK:?}; it keeps what is stored")
        }
        (_, Stored::List(unlike)) => {
            let why = match unlike {
                Unlike::Length => "the list around it is not as long as the stored one",
                Unlike::Entry => "the stored entry at this place of the list is another one",
                Unlike::Twin => "several entries of the stored list look like this one",
            };
            format!("{shown} cannot be kept, because {why}: send the secret itself")
        }
        _ => format!("{shown} keeps what is stored, but no secret is stored here: send one"),
    }
}
