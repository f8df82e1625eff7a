//! Secrets of a plugin as they are kept: each by itself in the place where it belongs, encrypted, so
//! that all else stays readable and a change of one leaves the others as they are.

use super::hiding::Hidden;
use super::places::SecretPlaces;
use crate::sealing::{CannotOpen, Keyring, SEALED_PREFIX};
use serde_json::{Map, Value};

/// Seals and opens for one thing, of which nothing else can be opened.
#[derive(Debug, Clone, Copy)]
pub struct Sealer<'a> {
    /// The keys.
    pub keys: &'a Keyring,
    /// The thing, in a word that never changes.
    pub context: &'a str,
}

/// Encrypts the secrets of a configuration. Those that `before` has in the same place are taken from there, as
/// long as the key is the current one: equal content stays equal.
///
/// ```
/// use sidegate_model::sealing::Keyring;
/// use sidegate_model::secret::{SecretPlaces, Sealer, open_config, seal_config};
/// use serde_json::{Map, json};
/// let keys = Keyring::single([7; 32]);
/// let sealer = Sealer { keys: &keys, context: "plugin 1" };
/// let clear = json!({"api_key": "hunter2", "region": "eu"}).as_object().unwrap().clone();
/// let sealed = seal_config(&clear, &Map::new(), &SecretPlaces::default(), sealer);
/// assert_eq!(sealed["region"], "eu");
/// assert!(sealed["api_key"].as_str().unwrap().starts_with("$sealed:"));
/// assert_eq!(open_config(&sealed, sealer), Ok(clear.clone()));
/// assert_eq!(seal_config(&clear, &sealed, &SecretPlaces::default(), sealer), sealed);
/// ```
pub fn seal_config(
    clear: &Map<String, Value>,
    before: &Map<String, Value>,
    places: &SecretPlaces,
    sealer: Sealer<'_>,
) -> Map<String, Value> {
    sealed_members(clear, Some(before), |key| Hidden::of_setting(key, places), sealer)
}

/// The same for options, of which the environment variables are secret.
pub fn seal_options(
    clear: &Map<String, Value>,
    before: &Map<String, Value>,
    sealer: Sealer<'_>,
) -> Map<String, Value> {
    sealed_members(clear, Some(before), Hidden::of_option, sealer)
}

/// Reads what [`seal_config`] made.
///
/// # Errors
/// Why a secret in it cannot be read.
pub fn open_config(
    sealed: &Map<String, Value>,
    sealer: Sealer<'_>,
) -> Result<Map<String, Value>, CannotOpen> {
    sealed.iter().map(|(key, member)| Ok((key.clone(), opened(member, sealer)?))).collect()
}

/// Reads what [`seal_options`] made.
///
/// # Errors
/// Why a secret in them cannot be read.
pub fn open_options(
    sealed: &Map<String, Value>,
    sealer: Sealer<'_>,
) -> Result<Map<String, Value>, CannotOpen> {
    open_config(sealed, sealer)
}

/// Every secret as it is sealed, in the order of what is around it.
pub fn sealed_texts(members: &Map<String, Value>) -> Vec<&str> {
    fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(members) => members.values().for_each(|member| collect(member, texts)),
            other => texts.extend(sealed_text(other)),
        }
    }
    let mut texts = Vec::new();
    members.values().for_each(|member| collect(member, &mut texts));
    texts
}

fn sealed_members<'h>(
    clear: &Map<String, Value>,
    before: Option<&Map<String, Value>>,
    hides: impl Fn(&str) -> Hidden<'h>,
    sealer: Sealer<'_>,
) -> Map<String, Value> {
    let member = |(key, member): (&String, &Value)| {
        let before = before.and_then(|before| before.get(key));
        (key.clone(), sealed(member, before, hides(key), sealer))
    };
    clear.iter().map(member).collect()
}

fn sealed(value: &Value, before: Option<&Value>, hides: Hidden<'_>, sealer: Sealer<'_>) -> Value {
    // What would read as sealed is sealed itself, whatever it is.
    if hides.hides(value) || sealed_text(value).is_some() {
        let kept = before.filter(|before| is_same(before, value, sealer)).cloned();
        return kept.unwrap_or_else(|| sealer.sealed(value));
    }
    match value {
        Value::Array(items) => {
            let before = |index| before.and_then(|before| before.get(index));
            let entry = |(index, item)| sealed(item, before(index), hides.entries(), sealer);
            Value::Array(items.iter().enumerate().map(entry).collect())
        }
        Value::Object(members) => {
            let before = before.and_then(Value::as_object);
            Value::Object(sealed_members(members, before, |key| hides.below(key), sealer))
        }
        other => other.clone(),
    }
}

fn sealed_text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| text.starts_with(SEALED_PREFIX))
}

/// Whether what was sealed before is this, and by the current key.
fn is_same(before: &Value, value: &Value, sealer: Sealer<'_>) -> bool {
    let text = sealed_text(before).filter(|text| sealer.keys.is_current(text));
    text.is_some_and(|text| sealer.open(text).is_ok_and(|before| before == *value))
}

fn opened(value: &Value, sealer: Sealer<'_>) -> Result<Value, CannotOpen> {
    if let Some(text) = sealed_text(value) {
        return sealer.open(text);
    }
    match value {
        Value::Array(items) => items.iter().map(|item| opened(item, sealer)).collect(),
        Value::Object(members) => Ok(Value::Object(open_config(members, sealer)?)),
        other => Ok(other.clone()),
    }
}

impl Sealer<'_> {
    fn sealed(self, value: &Value) -> Value {
        Value::String(self.keys.seal_text(self.context, &value.to_string()))
    }

    fn open(self, text: &str) -> Result<Value, CannotOpen> {
        let clear = self.keys.open_text(self.context, text)?;
        serde_json::from_str(&clear).map_err(|_| CannotOpen::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::SealingKey;
    use crate::secret::{hidden, hide_config};
    use proptest::prelude::*;
    use serde_json::json;

    fn ring(byte: u8) -> Keyring {
        Keyring::single([byte; 32])
    }

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    #[test]
    fn only_what_changed_is_sealed_anew() {
        let keys = ring(1);
        let sealer = Sealer { keys: &keys, context: "c" };
        let places = SecretPlaces::of(["urls.*".parse().unwrap()]);
        let clear = members(json!({
            "password": "a", "users": [{"pin_key": 1}, {"pin_key": 2}], "urls": ["b", "c"],
        }));
        let before = seal_config(&clear, &Map::new(), &places, sealer);
        let mut changed = clear.clone();
        changed["users"][1]["pin_key"] = json!(3);
        changed["urls"][0] = json!("d");
        let after = seal_config(&changed, &before, &places, sealer);
        assert_eq!(after["password"], before["password"]);
        assert_eq!(after["users"][0], before["users"][0]);
        assert_ne!(after["users"][1], before["users"][1]);
        assert_ne!(after["urls"][0], before["urls"][0]);
        assert_eq!(after["urls"][1], before["urls"][1]);
        assert_eq!(open_config(&after, sealer), Ok(changed));
    }

    #[test]
    fn what_a_replaced_key_sealed_is_sealed_anew_although_it_is_the_same() {
        let old = ring(1);
        let clear = members(json!({"password": "a"}));
        let sealer = Sealer { keys: &old, context: "c" };
        let places = SecretPlaces::default();
        let before = seal_config(&clear, &Map::new(), &places, sealer);
        let both = Keyring::new(SealingKey::new([2; 32]), [SealingKey::new([1; 32])]);
        let sealer = Sealer { keys: &both, context: "c" };
        let after = seal_config(&clear, &before, &places, sealer);
        assert_ne!(after, before);
        let new = ring(2);
        assert_eq!(open_config(&after, Sealer { keys: &new, context: "c" }), Ok(clear));
    }

    #[test]
    fn a_text_that_reads_as_sealed_is_kept_as_it_is() {
        let keys = ring(1);
        let sealer = Sealer { keys: &keys, context: "c" };
        let clear = members(json!({"note": "$sealed:x", "list": ["$sealed:"]}));
        let sealed = seal_config(&clear, &Map::new(), &SecretPlaces::default(), sealer);
        assert_eq!(open_config(&sealed, sealer), Ok(clear));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z$:]{0,8}".prop_map(Value::from),
            Just(json!({"$secret": "x"})),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let key = prop_oneof![
                Just("password".to_owned()),
                Just("max_keys".to_owned()),
                "[a-c]".prop_map(String::from)
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Where something is hidden.
    fn marks(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            value if *value == hidden() => found.push(path),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(i, item)| {
                    marks(item, format!("{path}/{i}"), found);
                });
            }
            Value::Object(members) => members.iter().for_each(|(key, member)| {
                marks(member, format!("{path}/{key}"), found);
            }),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn whatever_the_api_hides_is_sealed_and_all_of_it_is_read_again(
            value in json_value(), path in "[a-c*](\\.[a-c*]){0,2}",
        ) {
            let keys = ring(6);
            let sealer = Sealer { keys: &keys, context: "c" };
            let places = SecretPlaces::of([path.parse().unwrap()]);
            let clear = members(json!({"a": value, "b": 1}));
            let sealed = seal_config(&clear, &Map::new(), &places, sealer);
            prop_assert_eq!(&open_config(&sealed, sealer).unwrap(), &clear);
            prop_assert_eq!(&seal_config(&clear, &sealed, &places, sealer), &sealed);
            let mut shown = clear.clone();
            hide_config(&mut shown, &places);
            let mut hidden = Vec::new();
            marks(&Value::Object(shown), String::new(), &mut hidden);
            let sealed = Value::Object(sealed);
            for path in hidden {
                let text = sealed.pointer(&path).and_then(Value::as_str);
                prop_assert!(text.is_some_and(|t| t.starts_with(SEALED_PREFIX)), "{}", path);
            }
        }
    }
}
