//! What differs between two states of a thing, field by field, by the names that the admin API has for them. Secrets are
//! never told, only that one became another.

use crate::audit::Audited;
use crate::secret::{SecretPlaces, hide_config, hide_options};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Members whose own members are told one by one.
const TOLD_WITHIN: [&str; 2] = ["config", "options"];

/// What becomes of a thing from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is new, or came back.
    Created,
    /// It became another.
    Changed,
    /// It is gone.
    Deleted,
    /// It was there when the history began.
    Found,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Created, Self::Changed, Self::Deleted, Self::Found];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Found => "found",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Of a thing that was there before or not, and is there after or not.
    pub const fn of(was_there: bool, is_there: bool) -> Self {
        match (was_there, is_there) {
            (false, _) => Self::Created,
            (true, false) => Self::Deleted,
            (true, true) => Self::Changed,
        }
    }
}
/// The name in what stands for a secret.
const SECRET: &str = "$secret";

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Its name, such as `command` or `config.url`.
    pub field: String,
    /// What it was, its secrets hidden; `null` where it was not there.
    pub before: Value,
    /// What it is, its secrets hidden; `null` where it is not there.
    pub after: Value,
    /// Whether a secret in it became another one, which is not told.
    pub secret_changes: bool,
    /// What it is, with `{"$secret": "changed"}` in the place of secrets that became another one.
    pub marked: Value,
}

/// Every field that differs; of a thing that is there on one side only all that are not empty.
pub fn fields<T: Audited>(before: Option<&T>, after: Option<&T>) -> Vec<FieldChange> {
    let places: Vec<_> =
        [before, after].into_iter().flatten().map(Audited::secret_places).collect();
    let [before, after] = [before, after].map(|thing| thing.map(Audited::content));
    let [hidden_before, hidden_after] = [&before, &after].map(|content| {
        let content = content.clone().unwrap_or_default();
        places.iter().fold(content, hidden)
    });
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let clear = Sides { before: &before, after: &after };
    let hidden = Sides { before: &hidden_before, after: &hidden_after };
    let mut changes = Vec::new();
    for name in clear.names() {
        match (clear.members(name), hidden.members(name)) {
            (Some(clear), Some(hidden)) if TOLD_WITHIN.contains(&name.as_str()) => {
                for member in clear.names() {
                    changes.extend(change(format!("{name}.{member}"), member, (&clear, &hidden)));
                }
            }
            _ => changes.extend(change(name.clone(), name, (&clear, &hidden))),
        }
    }
    changes
}

/// The same content with its secrets hidden.
fn hidden(mut content: Map<String, Value>, places: &SecretPlaces) -> Map<String, Value> {
    for (name, member) in &mut content {
        match (name.as_str(), member) {
            ("config" | "metadata", Value::Object(members)) => hide_config(members, places),
            ("options", Value::Object(members)) => hide_options(members),
            _ => {}
        }
    }
    content
}

/// What is before and what is after.
#[derive(Clone, Copy)]
struct Sides<'a> {
    before: &'a Map<String, Value>,
    after: &'a Map<String, Value>,
}

static NOTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);

impl<'a> Sides<'a> {
    fn names(&self) -> BTreeSet<&'a String> {
        self.before.keys().chain(self.after.keys()).collect()
    }

    fn of(&self, name: &str) -> (Value, Value) {
        let member = |members: &Map<String, Value>| members.get(name).cloned().unwrap_or_default();
        (member(self.before), member(self.after))
    }

    /// The members of an object that is there on one side at least, and nothing else on the other.
    fn members(&self, name: &str) -> Option<Self> {
        let member = |members: &'a Map<String, Value>| match members.get(name) {
            None => Some(&*NOTHING),
            Some(Value::Object(members)) => Some(members),
            Some(_) => None,
        };
        Some(Self { before: member(self.before)?, after: member(self.after)? })
    }
}

fn change(
    field: String,
    name: &str,
    (clear, hidden): (&Sides<'_>, &Sides<'_>),
) -> Option<FieldChange> {
    let (clear_before, clear_after) = clear.of(name);
    if clear_before == clear_after || (is_empty(&clear_before) && is_empty(&clear_after)) {
        return None;
    }
    let (before, after) = hidden.of(name);
    let secret_changes = secrets_differ((&clear_before, &clear_after), (&before, &after));
    let marked = marked((&clear_before, &clear_after), &after);
    Some(FieldChange { field, before, after, secret_changes, marked })
}

/// What is hidden of `clear.1`, with a mark of its own wherever it is not what it was.
fn marked(clear: (&Value, &Value), hidden: &Value) -> Value {
    if clear.0 == clear.1 || clear.0.is_null() {
        return hidden.clone();
    }
    if clear.1 != hidden && is_mark(hidden) {
        return json!({SECRET: "changed"});
    }
    let member = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    match (clear.0, clear.1, hidden) {
        (Value::Object(_), Value::Object(_), Value::Object(members)) => {
            let pair = |(name, hidden): (&String, &Value)| {
                let clear = (&member(clear.0, name), &member(clear.1, name));
                (name.clone(), marked(clear, hidden))
            };
            Value::Object(members.iter().map(pair).collect())
        }
        (Value::Array(before), Value::Array(after), Value::Array(hidden))
            if before.len() == after.len() && after.len() == hidden.len() =>
        {
            let items = before.iter().zip(after).zip(hidden);
            Value::Array(items.map(|(clear, hidden)| marked(clear, hidden)).collect())
        }
        _ => hidden.clone(),
    }
}

/// Whether it stands in the place of a secret.
fn is_mark(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1 && members.contains_key(SECRET))
}

/// Nothing to tell of one that comes or goes.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether two values differ in a place that is hidden.
fn secrets_differ(clear: (&Value, &Value), hidden: (&Value, &Value)) -> bool {
    if clear.0 == clear.1 {
        return false;
    }
    if hidden.0 == hidden.1 {
        return true;
    }
    match (clear, hidden) {
        ((Value::Object(a), Value::Object(b)), (Value::Object(c), Value::Object(d))) => {
            let names: BTreeSet<_> = a.keys().chain(b.keys()).collect();
            let of = |members: &Map<String, Value>, name: &String| {
                members.get(name).cloned().unwrap_or_default()
            };
            names.into_iter().any(|name| {
                secrets_differ((&of(a, name), &of(b, name)), (&of(c, name), &of(d, name)))
            })
        }
        ((Value::Array(a), Value::Array(b)), (Value::Array(c), Value::Array(d)))
            if a.len() == b.len() && c.len() == a.len() && d.len() == b.len() =>
        {
            let pairs = a.iter().zip(b).zip(c.iter().zip(d));
            pairs.into_iter().any(|(clear, hidden)| secrets_differ(clear, hidden))
        }
        // Only what stands in the place of a secret is not what it was.
        _ => clear != hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{Plugin, PluginDraft, PluginId};
    use proptest::prelude::*;

    fn plugin(config: &Value) -> Plugin {
        let mut draft = PluginDraft::new("p", "file:///p");
        draft.config = config.as_object().unwrap().clone();
        Plugin {
            id: PluginId(7),
            reloads: 0,
            draft,
            public_endpoints: None,
            secret_settings: <_>::default(),
            secrets_version: None,
            created_at: 1,
            updated_at: 1,
        }
    }

    fn told(before: &Value, after: &Value) -> Vec<(String, Value, Value, bool)> {
        let changes = fields(Some(&plugin(before)), Some(&plugin(after)));
        let told = |change: FieldChange| {
            (change.field, change.before, change.after, change.secret_changes)
        };
        changes.into_iter().map(told).collect()
    }

    #[test]
    fn fields_are_told_one_by_one_and_secrets_only_as_changed() {
        let secret = json!({"$secret": "set"});
        let before = json!({"url": "a", "api_key": "hunter2", "nested": {"n": 1, "token": "x"}});
        let after = json!({"url": "b", "api_key": "hunter3", "nested": {"n": 2, "token": "x"}});
        let row = |field: &str, before: Value, after: Value, secret: bool| {
            (field.to_owned(), before, after, secret)
        };
        assert_eq!(
            told(&before, &after),
            [
                row("config.api_key", secret.clone(), secret.clone(), true),
                row(
                    "config.nested",
                    json!({"n": 1, "token": secret}),
                    json!({"n": 2, "token": secret}),
                    false
                ),
                row("config.url", json!("a"), json!("b"), false),
            ]
        );
        let gone = told(&json!({"api_key": "hunter2"}), &json!({}));
        assert_eq!(gone, [row("config.api_key", secret, Value::Null, true)]);
    }

    #[test]
    fn a_secret_that_becomes_another_one_is_marked_where_it_is_and_no_other_one() {
        let marked = |before: &Value, after: &Value| {
            let changes = fields(Some(&plugin(before)), Some(&plugin(after)));
            changes.into_iter().map(|change| change.marked).collect::<Vec<_>>()
        };
        let (set, changed) = (json!({"$secret": "set"}), json!({"$secret": "changed"}));
        let (one, two) = (json!({"api_key": "1"}), json!({"api_key": "2"}));
        assert_eq!(marked(&one, &two), std::slice::from_ref(&changed));
        assert_eq!(marked(&json!({}), &two), std::slice::from_ref(&set));
        let nested =
            |token: &str, n: u8| json!({"x": {"l": [{"token": token, "password": "p", "n": n}]}});
        let expected = json!({"l": [{"token": changed, "password": set, "n": 2}]});
        assert_eq!(marked(&nested("1", 1), &nested("2", 2)), [expected]);
    }

    #[test]
    fn what_one_side_calls_a_secret_is_hidden_on_both() {
        let (before, mut after) = (plugin(&json!({"dsn": "a"})), plugin(&json!({"dsn": "b"})));
        after.secret_settings.insert("dsn".parse().unwrap());
        let changes = fields(Some(&before), Some(&after));
        let dsn = changes.iter().find(|change| change.field == "config.dsn").unwrap();
        assert_eq!((&dsn.before, dsn.secret_changes), (&json!({"$secret": "set"}), true));
        let new = fields(None, Some(&after));
        assert!(new.iter().all(|change| change.before.is_null()));
        assert!(new.iter().any(|change| change.field == "command"), "{new:?}");
        assert!(!new.iter().any(|change| change.field == "description"), "it is empty");
        assert_eq!(fields(Some(&after), Some(&after)), []);
    }

    proptest! {
        #[test]
        fn no_secret_is_ever_told(
            before in "[a-f]{8,12}", after in "[a-f]{8,12}", depth in 0_usize..4,
        ) {
            let nested = |text: &str| {
                (0..depth).fold(json!({"password": text}), |inner, _| json!({"x": [inner]}))
            };
            let changes = fields(Some(&plugin(&nested(&before))), Some(&plugin(&nested(&after))));
            let shown = format!("{changes:?}");
            prop_assert!(!shown.contains(&before) && !shown.contains(&after));
            prop_assert_eq!(changes.iter().any(|change| change.secret_changes), before != after);
        }
    }
}
