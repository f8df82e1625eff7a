//! Secrets among a plugin's settings: which they are, what is shown in their place, and how what was
//! shown is taken back as what is stored.
//!
//! It knows by which words people name secrets; it cannot know what a value means.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A key with one of these in it names a secret; compared in lower case.
const WORDS: &[&str] = &["secret", "token", "password", "passwd", "key", "credential", "private"];
/// What the name of an environment variable of a plugin begins with, among the options.
const ENVIRONMENT: &str = "env.";
/// The one member of what is shown in the place of a secret. No other value may have it.
const MARK: &str = "$secret";
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

/// Hides the secrets of a configuration: texts whose key, or that of an object around them, names a
/// secret. That nothing is set is no secret, and often the answer that is looked for.
pub fn hide_config(config: &mut Map<String, Value>) {
    for (key, member) in config {
        hide_below(member, names_secret(key));
    }
}

/// Hides the values of every environment variable among options.
pub fn hide_options(options: &mut Map<String, Value>) {
    for (name, value) in options {
        hide_below(value, is_environment(name));
    }
}

fn hide_below(value: &mut Value, is_secret: bool) {
    match value {
        Value::String(text) if is_secret && !text.is_empty() => *value = hidden(),
        Value::Array(items) => items.iter_mut().for_each(|item| hide_below(item, is_secret)),
        // What is hidden already stays as it is.
        Value::Object(members) if members.contains_key(MARK) => {}
        Value::Object(members) => {
            for (key, member) in members {
                hide_below(member, is_secret || names_secret(key));
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

/// Puts what is stored in the place of every hidden secret of a configuration that somebody sends.
///
/// # Errors
/// One text for each that stands for nothing, each beginning with its path.
pub fn restore_config(
    said: &mut Map<String, Value>,
    stored: &Map<String, Value>,
) -> Result<(), Vec<String>> {
    restore_members(said, stored, ("config", names_secret))
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
    restore_members(said, &stored, ("options", is_environment))
}

fn restore_members(
    said: &mut Map<String, Value>,
    stored: &Map<String, Value>,
    (field, is_secret): (&str, fn(&str) -> bool),
) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    for (key, member) in said {
        let stored = stored.get(key).map_or(Stored::Nothing, Stored::Value);
        restore(member, (format!("{field}.{key}"), stored, is_secret(key)), &mut problems);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// What is stored at the path of what was sent.
#[derive(Clone, Copy)]
enum Stored<'a> {
    Value(&'a Value),
    Nothing,
    /// Nobody can tell, because the list around it is not as long as the stored one.
    OtherLength,
}

impl<'a> Stored<'a> {
    fn member(self, key: &str) -> Self {
        match self {
            Self::Value(value) => value.get(key).map_or(Self::Nothing, Self::Value),
            other => other,
        }
    }

    fn item(self, index: usize, length: usize) -> Self {
        match self {
            Self::Value(Value::Array(items)) if items.len() == length => Self::Value(&items[index]),
            Self::Value(Value::Array(_)) => Self::OtherLength,
            Self::Value(_) => Self::Nothing,
            other => other,
        }
    }

    /// The secret that would be hidden here.
    fn secret(self, is_secret: bool) -> Option<&'a Value> {
        match self {
            Self::Value(value @ Value::String(text)) if is_secret && !text.is_empty() => {
                Some(value)
            }
            _ => None,
        }
    }
}

fn restore(
    said: &mut Value,
    (path, stored, is_secret): (String, Stored<'_>, bool),
    problems: &mut Vec<String>,
) {
    if reads_as_hidden(said, is_secret) {
        match stored.secret(is_secret) {
            Some(secret) if *said == hidden() => *said = secret.clone(),
            _ => problems.push(format!("{path}: {}", not_kept(said, stored))),
        }
        return;
    }
    match said {
        Value::Array(items) => {
            let length = items.len();
            for (index, item) in items.iter_mut().enumerate() {
                let place = (format!("{path}[{index}]"), stored.item(index, length), is_secret);
                restore(item, place, problems);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let is_secret = is_secret || names_secret(key);
                restore(member, (format!("{path}.{key}"), stored.member(key), is_secret), problems);
            }
        }
        _ => {}
    }
}

/// Whether a value is what stands in the place of a secret, in any of its forms.
fn reads_as_hidden(said: &Value, is_secret: bool) -> bool {
    match said {
        Value::Object(members) => members.contains_key(MARK),
        Value::String(text) if is_secret => {
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
        (_, Stored::OtherLength) => format!(
            "{shown} cannot be kept, because the list around it is not as long as the stored one: send the secret itself"
        ),
        _ => format!("{shown} keeps what is stored, but no secret is stored here: send one"),
    }
}

fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

fn is_environment(name: &str) -> bool {
    name.starts_with(ENVIRONMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    fn shown(config: &Value) -> Value {
        let mut config = members(config.clone());
        hide_config(&mut config);
        Value::Object(config)
    }

    fn taken(said: &Value, stored: &Value) -> Result<Value, Vec<String>> {
        let mut said = members(said.clone());
        restore_config(&mut said, &members(stored.clone()))?;
        Ok(Value::Object(said))
    }

    #[test]
    fn texts_under_a_key_that_names_a_secret_are_hidden_at_every_depth() {
        let config = json!({
            "slug": "s", "webhook_secret": "a", "ClientSecret": "b", "api-key": "c",
            "db": {"PASSWD": "d", "host": "h", "users": [{"password": "e", "name": "n"}]},
            "credentials": {"user": "f", "list": ["g", {"deep": "h"}]}, "PrivatePem": "i",
        });
        let set = hidden();
        let expected = json!({
            "slug": "s", "webhook_secret": set, "ClientSecret": set, "api-key": set,
            "db": {"PASSWD": set, "host": "h", "users": [{"password": set, "name": "n"}]},
            "credentials": {"user": set, "list": [set, {"deep": set}]}, "PrivatePem": set,
        });
        assert_eq!(shown(&config), expected);
        assert_eq!(shown(&expected), expected, "what is hidden stays hidden once");
        assert_eq!(taken(&expected, &config), Ok(config));
    }

    #[test]
    fn what_is_no_text_or_empty_stays() {
        let config = json!({"max_tokens": 5, "token": "", "use_key": true, "secret": null});
        assert_eq!(shown(&config), config);
    }

    #[test]
    fn environment_variables_are_hidden_kept_and_never_taken_for_a_value() {
        let stored: BTreeMap<_, _> = [("env.MODE", "x"), ("env.EMPTY", ""), ("sha256", "ab")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let all = json!({"env.MODE": "x", "env.EMPTY": "", "sha256": "ab"});
        let mut options = members(all.clone());
        hide_options(&mut options);
        let expected = json!({"env.MODE": hidden(), "env.EMPTY": "", "sha256": "ab"});
        assert_eq!(Value::Object(options.clone()), expected);
        restore_options(&mut options, &stored).unwrap();
        assert_eq!(Value::Object(options), all);
        for bad in [json!({"env.OTHER": hidden()}), json!({"env.MODE": "…"})] {
            let name = members(bad.clone()).keys().next().unwrap().clone();
            let problems = restore_options(&mut members(bad), &stored).unwrap_err();
            assert!(problems[0].starts_with(&format!("options.{name}: ")), "{problems:?}");
        }
    }

    #[test]
    fn what_stands_for_nothing_is_refused_with_its_path() {
        let stored = json!({
            "secret": "a", "name": "n", "users": [{"password": "b"}, {"password": "c"}],
            "token": "", "key": 7, "db": {"passwd": "d"},
        });
        let set = hidden();
        for (said, path) in [
            (json!({"other_secret": set}), "config.other_secret: "),
            (json!({"name": set}), "config.name: "),
            (json!({"token": set}), "config.token: "),
            (json!({"key": set}), "config.key: "),
            (json!({"db": {"password": set}}), "config.db.password: "),
            (json!({"db": [{"passwd": set}]}), "config.db[0].passwd: "),
            (json!({"users": [{"password": set}]}), "config.users[0].password: "),
            (json!({"users": [{}, {}, {"password": set}]}), "config.users[2].password: "),
            (json!({"secret": "…"}), "config.secret: "),
            (json!({"secret": " … "}), "config.secret: "),
            (json!({"secret": set.to_string()}), "config.secret: "),
            (json!({"new_secret": "…"}), "config.new_secret: "),
            (json!({"secret": {"$secret": "other"}}), "config.secret: "),
            (json!({"secret": {"$secret": "set", "more": 1}}), "config.secret: "),
            (json!({"name": {"$secret": "set"}}), "config.name: "),
        ] {
            let problems = taken(&said, &stored).unwrap_err();
            assert_eq!(problems.len(), 1, "{said}: {problems:?}");
            assert!(problems[0].starts_with(path), "{said}: {problems:?}");
        }
        let text = json!({"name": "…", "secret": "another"});
        assert_eq!(taken(&text, &stored), Ok(text), "people may write what they like elsewhere");
    }

    #[test]
    fn people_see_three_dots() {
        let mut config = json!({"a": [hidden()], "b": {"c": hidden(), "d": 1}});
        for_people(&mut config);
        assert_eq!(config, json!({"a": ["…"], "b": {"c": "…", "d": 1}}));
    }

    fn any_config() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            "[a-z…]{0,4}".prop_map(Value::String),
            any::<i32>().prop_map(|n| json!(n)),
            Just(Value::Null),
        ];
        let key = prop_oneof!["[ab]", Just("secret".to_owned()), Just("keys".to_owned())];
        let inner = leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(key.clone(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[ab]|secret", inner, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn what_was_shown_can_be_sent_back_and_keeps_everything(config in any_config()) {
            prop_assert_eq!(taken(&shown(&config), &config), Ok(config));
        }

        #[test]
        fn nothing_that_is_hidden_is_ever_stored(said in any_config(), stored in any_config()) {
            if let Ok(taken) = taken(&shown(&said), &stored) {
                prop_assert!(!taken.to_string().contains(MARK), "{}", taken);
            }
        }
    }
}
