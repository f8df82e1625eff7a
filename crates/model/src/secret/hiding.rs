//! Which settings are secrets, and what is shown in their place.

use super::places::{Place, SLUG, SecretPlaces};
use serde_json::{Map, Value, json};

/// A key with one of these in it names a secret; compared in lower case.
const WORDS: &[&str] = &["secret", "token", "password", "passwd", "key", "credential", "private"];
/// A number whose key has one of these words counts or measures something.
const MEASURES: &[&str] = &[
    "age", "bits", "budget", "bytes", "count", "days", "hours", "interval", "len", "length",
    "limit", "limits", "max", "maximum", "min", "minimum", "minutes", "ms", "per", "port",
    "retries", "rounds", "seconds", "secs", "size", "timeout", "total", "ttl", "version", "window",
];
/// What the name of an environment variable of a plugin begins with, among the options.
const ENVIRONMENT: &str = "env.";
/// The one member of what is shown in the place of a secret. No other value may have it.
pub(super) const MARK: &str = "$secret";
/// What people see in the place of a secret.
pub const HIDDEN_TEXT: &str = "…";

/// What is shown in the place of a secret: no text, so that nobody can take it for one.
///
/// ```
/// assert_eq!(sidegate_model::secret::hidden().to_string(), r#"{"$secret":"set"}"#);
/// ```
pub fn hidden() -> Value {
    json!({ MARK: "set" })
}

/// Hides the secrets of a configuration: texts and numbers whose key, or that of an object around
/// them, names a secret, and those that are at one of the `places`. That nothing is set is no secret, and often the
/// answer that is looked for.
pub fn hide_config(config: &mut Map<String, Value>, places: &SecretPlaces) {
    for (key, member) in config {
        hide_below(member, Hidden::of_setting(key, places));
    }
}

/// Hides the values of every environment variable among options.
pub fn hide_options(options: &mut Map<String, Value>) {
    for (name, value) in options {
        hide_below(value, Hidden::of_option(name));
    }
}

/// What is hidden somewhere.
#[derive(Clone, Copy)]
pub(super) struct Hidden<'a> {
    pub(super) texts: bool,
    numbers: bool,
    /// Whatever it is called.
    declared: bool,
    place: Option<&'a Place>,
}

impl<'a> Hidden<'a> {
    /// What is hidden of a setting at the top of a configuration.
    pub(super) fn of_setting(key: &str, places: &'a SecretPlaces) -> Self {
        // Everybody who asks the plugin something knows where it is mounted.
        let place = (key != SLUG).then(|| places.root());
        Self { texts: false, numbers: false, declared: false, place }.below(key)
    }

    /// The same for what has a key here. A number can be what a secret is, and how many or how long:
    /// `max_tokens` is worth nothing to a thief, and much to whoever looks for it.
    pub(super) fn below(self, key: &str) -> Self {
        let is_secret = names_secret(key);
        let numbers = (self.numbers || is_secret) && !names_measure(key);
        let here = Self { texts: self.texts || is_secret, numbers, ..self };
        here.at(self.place.and_then(|place| place.member(key)))
    }

    /// The same for the entries of a list that is here.
    pub(super) fn entries(self) -> Self {
        self.at(self.place.and_then(Place::entry))
    }

    fn at(self, place: Option<&'a Place>) -> Self {
        let declared = self.declared || place.is_some_and(Place::is_secret);
        Self { texts: self.texts || declared, numbers: self.numbers || declared, declared, place }
    }

    pub(super) fn of_option(name: &str) -> Self {
        let is_variable = name.starts_with(ENVIRONMENT);
        Self { texts: is_variable, numbers: is_variable, declared: false, place: None }
    }

    pub(super) fn hides(self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.texts && !text.is_empty(),
            Value::Number(_) => self.numbers,
            // It is stored so although nobody may send it, and cannot be told from what is hidden.
            Value::Object(members) => members.contains_key(MARK),
            _ => false,
        }
    }
}

pub(super) fn hide_below(value: &mut Value, hides: Hidden<'_>) {
    if hides.hides(value) {
        *value = hidden();
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| hide_below(item, hides.entries())),
        Value::Object(members) => {
            for (key, member) in members {
                hide_below(member, hides.below(key));
            }
        }
        _ => {}
    }
}

/// Puts what people see in the place of every secret that is hidden.
pub fn for_people(value: &mut Value) {
    match value {
        Value::Object(members) if members.contains_key(MARK) => *value = json!(HIDDEN_TEXT),
        Value::Object(members) => members.values_mut().for_each(for_people),
        Value::Array(items) => items.iter_mut().for_each(for_people),
        _ => {}
    }
}

fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

/// Whether one of the words of a key says that a number counts or measures something.
fn names_measure(key: &str) -> bool {
    let is_end = |(before, after): (char, char)| {
        !after.is_alphanumeric() || (before.is_lowercase() && after.is_uppercase())
    };
    let mut word = String::new();
    let mut before = ' ';
    for after in key.chars().chain([' ']) {
        if is_end((before, after)) {
            if MEASURES.contains(&&*word) {
                return true;
            }
            word.clear();
        }
        if after.is_alphanumeric() {
            word.extend(after.to_lowercase());
        }
        before = after;
    }
    false
}
