//! Which settings a schema calls secrets: those of `format: password`, `writeOnly` or `x-secret`.
//! Foreign schemas are walked within bounds and without a fetch.

use crate::secret::{MAX_STEPS, SettingPath};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// Most places of a schema that are looked at.
const MAX_VISITS: usize = 20_000;
/// Most secrets that are told.
const MAX_SECRETS: usize = 256;

/// Keywords whose schemas are of the same value.
const SAME: &[&str] = &["allOf", "anyOf", "oneOf", "if", "then", "else", "$ref", "not"];
/// Keywords whose schemas are of members or entries that are not named.
const EACH: &[&str] = &[
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// The settings that are secrets, those that are least deep first where there are too many.
pub(super) fn secrets_of(schema: &Value) -> BTreeSet<SettingPath> {
    let mut walk = Walk { root: schema, seen: HashSet::new(), waiting: VecDeque::new() };
    walk.add(schema, Vec::new());
    let mut found = BTreeSet::new();
    let mut visits = 0;
    while let Some((schema, steps)) = walk.waiting.pop_front() {
        visits += 1;
        if visits > MAX_VISITS || found.len() >= MAX_SECRETS {
            break;
        }
        let Value::Object(keywords) = schema else { continue };
        if is_secret(keywords) {
            found.extend(SettingPath::of(steps.iter().cloned()));
        }
        walk.below(keywords, &steps);
    }
    found
}

/// Schemas, each with the way from the top of the configuration to what it is about.
struct Walk<'a> {
    root: &'a Value,
    seen: HashSet<(*const Value, Vec<String>)>,
    waiting: VecDeque<(&'a Value, Vec<String>)>,
}

impl<'a> Walk<'a> {
    fn add(&mut self, schema: &'a Value, steps: Vec<String>) {
        let is_new = steps.len() <= MAX_STEPS && self.seen.insert((schema, steps.clone()));
        if is_new && self.waiting.len() < MAX_VISITS {
            self.waiting.push_back((schema, steps));
        }
    }

    fn below(&mut self, keywords: &'a Map<String, Value>, steps: &[String]) {
        for schema in SAME.iter().flat_map(|keyword| schemas(keywords.get(*keyword))) {
            let schema = match schema {
                Value::String(reference) => self.referred(reference),
                schema => Some(schema),
            };
            if let Some(schema) = schema {
                self.add(schema, steps.to_vec());
            }
        }
        let step = |name: &str| [steps, &[name.to_owned()]].concat();
        for (name, schema) in object(keywords, "properties") {
            self.add(schema, step(name));
        }
        for (_, schema) in object(keywords, "patternProperties") {
            self.add(schema, step("*"));
        }
        for schema in EACH.iter().flat_map(|keyword| schemas(keywords.get(*keyword))) {
            self.add(schema, step("*"));
        }
    }

    fn referred(&self, reference: &str) -> Option<&'a Value> {
        self.root.pointer(reference.strip_prefix('#')?)
    }
}

/// The schemas of a keyword that takes one or several.
fn schemas(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(schemas)) => schemas,
        Some(schema) => std::slice::from_ref(schema),
        None => &[],
    }
}

fn object<'a>(
    keywords: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    keywords.get(name).and_then(Value::as_object).into_iter().flatten()
}

fn is_secret(keywords: &Map<String, Value>) -> bool {
    let says = |name: &str| keywords.get(name) == Some(&Value::Bool(true));
    let is_password = keywords.get("format").and_then(Value::as_str) == Some("password");
    is_password || says("x-secret") || says("writeOnly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(schema: &Value) -> Vec<String> {
        secrets_of(schema).iter().map(SettingPath::to_string).collect()
    }

    #[test]
    fn a_secret_is_found_wherever_the_schema_says_it() {
        let schema = json!({
            "$defs": {"login": {"properties": {"pin": {"x-secret": true}, "name": {}}}},
            "properties": {
                "dsn": {"type": "string", "format": "password"},
                "cert": {"writeOnly": true},
                "login": {"$ref": "#/$defs/login"},
                "users": {"type": "array", "items": {"$ref": "#/$defs/login"}},
                "plain": {"type": "string", "x-secret": false},
                "a/b": {"oneOf": [{"format": "password"}, {"type": "null"}]},
            },
            "patternProperties": {"^x-": {"format": "password"}},
            "if": {"properties": {"mode": {}}},
            "then": {"properties": {"mode": {"x-secret": true}}},
        });
        let expected = ["/*", "/a~1b", "/cert", "/dsn", "/login/pin", "/mode", "/users/*/pin"];
        assert_eq!(found(&schema), expected);
        assert_eq!(found(&json!(true)), [""; 0]);
        assert_eq!(found(&json!({"x-secret": true})), [""; 0], "all of it is no setting");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({
            "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/a"}, "k": {"x-secret": true}},
            "allOf": [{"$ref": "#"}],
        });
        let found = found(&schema);
        assert!(found.contains(&"/k".to_owned()) && found.contains(&"/a/b/k".to_owned()));
        assert!(found.len() <= MAX_SECRETS + 1);
    }
}
