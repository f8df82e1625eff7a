//! What is to be done to one thing, and what of it becomes different: words for people, values without secrets.

use super::document::Key;
use super::fields::{Form, Kind};
use super::names::inner;
use super::secrets::{Likeness, compare, is_kept, is_looked_up, is_reference};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sidegate_model::secret::{SecretPlaces, hidden, hide_config, hide_options};

/// What is done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Create,
    Change,
    /// Nothing is known to be different, but secrets are sent that cannot be compared.
    Send,
    Delete,
}

/// What becomes of a field, or of a member of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FieldChange {
    /// Where it is, as in `config.db.host`.
    pub(crate) path: String,
    /// What it is now; absent where it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    /// What it becomes; absent where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
    /// Whether it is a secret, or comes from elsewhere, and nobody can tell whether it is another one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) uncompared: bool,
}

/// What is to be done to a thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Its number, where it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The version that it must still have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<FieldChange>,
    /// What is sent, with references in the place of secrets.
    #[serde(skip)]
    pub(crate) body: Map<String, Value>,
}

impl Step {
    pub(crate) fn key(&self) -> Key {
        Key { kind: self.kind, namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

/// What is found while what there is is compared with what shall be.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    pub(crate) fields: Vec<FieldChange>,
    /// Paths of secrets that shall be kept where none is stored.
    pub(crate) missing: Vec<String>,
}

impl Comparison {
    /// Of one field. `before` is what there is.
    pub(crate) fn add(
        &mut self,
        path: &str,
        form: Form,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        let inner_of = |value: Option<&'_ Value>| {
            value.is_none_or(|value| inner(value).is_some() || *value == json!({}))
        };
        let is_deeper = form.is_merged()
            && inner_of(before)
            && inner_of(after)
            && [before, after].into_iter().flatten().any(|value| inner(value).is_some());
        if is_deeper {
            let members = |value: Option<&Value>| {
                value.and_then(Value::as_object).cloned().unwrap_or_default()
            };
            let (before, after) = (members(before), members(after));
            let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                self.add(&format!("{path}.{name}"), form, before.get(name), after.get(name));
            }
            return;
        }
        self.leaf(path, form, before, after);
    }

    fn leaf(&mut self, path: &str, form: Form, before: Option<&Value>, after: Option<&Value>) {
        if let Some(after) = after.filter(|_| form.takes_references()) {
            self.find_missing(path, before, after);
        }
        let likeness = match (before, after) {
            (Some(before), Some(after)) => compare(after, before),
            (None, None) => Likeness::Same,
            _ => Likeness::Different,
        };
        if likeness == Likeness::Same {
            return;
        }
        let shown = |value: &Value| shown(path, form, value);
        self.fields.push(FieldChange {
            path: path.to_owned(),
            before: before.map(shown),
            after: after.map(shown).map(|shown| {
                if before.is_some_and(is_kept) && !is_reference(&shown) { hidden() } else { shown }
            }),
            uncompared: likeness == Likeness::Unknown,
        });
    }

    fn find_missing(&mut self, path: &str, before: Option<&Value>, after: &Value) {
        if is_kept(after) {
            if !before.is_some_and(is_kept) {
                self.missing.push(path.to_owned());
            }
            return;
        }
        match after {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let before = before.and_then(|before| before.get(index));
                    self.find_missing(&format!("{path}[{index}]"), before, item);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    let before = before.and_then(|before| before.get(name));
                    self.find_missing(&format!("{path}.{name}"), before, member);
                }
            }
            _ => {}
        }
    }
}

/// A value for people: what names itself a secret is hidden, references are shown.
fn shown(path: &str, form: Form, value: &Value) -> Value {
    if is_reference(value) {
        return value.clone();
    }
    if is_looked_up(value) {
        return match value {
            Value::Array(items) => items.iter().map(|item| shown(path, form, item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| {
                    (name.clone(), shown(&format!("{path}.{name}"), form, member))
                })
                .collect::<Map<_, _>>()
                .into(),
            _ => value.clone(),
        };
    }
    let steps: Vec<_> = path.split('.').skip(1).collect();
    match form {
        Form::Options => {
            let name = path.split_once('.').map_or(path, |(_, name)| name);
            let mut options = Map::from_iter([(name.to_owned(), value.clone())]);
            hide_options(&mut options);
            options.remove(name).unwrap_or_default()
        }
        Form::Settings if !steps.is_empty() => {
            let around = |value, name: &&str| json!({ *name: value });
            let nested = steps.iter().rev().fold(value.clone(), around);
            let mut nested = nested.as_object().cloned().unwrap_or_default();
            hide_config(&mut nested, &SecretPlaces::default());
            let nested = Value::Object(nested);
            let found = steps.iter().try_fold(&nested, |value, step| value.get(*step));
            // A secret around it hides all of it.
            found.cloned().unwrap_or_else(hidden)
        }
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(form: Form, before: &Value, after: &Value) -> (Value, Vec<String>) {
        let mut comparison = Comparison::default();
        comparison.add("config", form, Some(before), Some(after));
        (serde_json::to_value(comparison.fields).unwrap(), comparison.missing)
    }

    #[test]
    fn differences_are_told_member_by_member_and_without_secrets() {
        let before = json!({"a": 1, "api_key": {"$secret": "set"}, "db": {"host": "h", "gone": 2}, "s": [1, 2]});
        let after = json!({
            "a": 1, "api_key": "hunter2", "db": {"host": "i", "token": "hunter3"},
            "s": [1], "w": {"$env": "W"}, "password": {"$file": "/p"},
        });
        let (fields, missing) = compared(Form::Settings, &before, &after);
        assert_eq!(missing, [""; 0]);
        let secret = json!({"$secret": "set"});
        let expected = json!([
            {"path": "config.api_key", "before": secret, "after": secret, "uncompared": true},
            {"path": "config.db.gone", "before": 2},
            {"path": "config.db.host", "before": "h", "after": "i"},
            {"path": "config.db.token", "after": secret},
            {"path": "config.password", "after": {"$file": "/p"}},
            {"path": "config.s", "before": [1, 2], "after": [1]},
            {"path": "config.w", "after": {"$env": "W"}},
        ]);
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_secret_that_shall_be_kept_and_is_not_stored_is_found_by_name() {
        let secret = json!({"$secret": "set"});
        let before = json!({"a": secret, "b": "clear", "l": [secret]});
        let after = json!({"a": secret, "b": secret, "c": {"d": secret}, "l": [secret, secret]});
        let (_, missing) = compared(Form::Settings, &before, &after);
        assert_eq!(missing, ["config.b", "config.c.d", "config.l[1]"]);
    }
}
