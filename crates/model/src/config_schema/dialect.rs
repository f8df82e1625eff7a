//! The drafts of JSON Schema, and what a keyword means in which.

use serde_json::Value;

/// The draft that a schema is written in, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    Draft4,
    Draft6,
    Draft7,
    Draft2019,
    Draft2020,
    /// It does not say. Each keyword means what it does where it exists.
    Unsaid,
}

impl Dialect {
    /// Reads what a schema says of itself.
    ///
    /// # Errors
    /// Why nothing can be held against it.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        if any_below(schema, &mut |members| members.get("$schema").is_some_and(Value::is_string)) {
            return Err("parts of it name a \"$schema\" of their own".to_owned());
        }
        let name = match schema.get("$schema") {
            None => return Ok(Self::Unsaid),
            Some(Value::String(name)) => name,
            Some(_) => return Err("its \"$schema\" is no text".to_owned()),
        };
        let plain = name.trim_end_matches('#');
        let plain = plain.strip_prefix("http://").or(plain.strip_prefix("https://"));
        match plain.and_then(|plain| plain.strip_prefix("json-schema.org/")) {
            Some("draft-04/schema") => Ok(Self::Draft4),
            Some("draft-06/schema") => Ok(Self::Draft6),
            Some("draft-07/schema") => Ok(Self::Draft7),
            Some("draft/2019-09/schema") => Ok(Self::Draft2019),
            Some("draft/2020-12/schema") => Ok(Self::Draft2020),
            Some("schema") => Ok(Self::Unsaid),
            _ => Err(format!("its \"$schema\" {name:?} is unknown")),
        }
    }

    /// Whether keywords beside `$ref` count; `None` where that depends on what was meant.
    pub(super) fn reads_beside_ref(self) -> Option<bool> {
        match self {
            Self::Unsaid => None,
            known => Some(known >= Self::Draft2019),
        }
    }

    /// Whether this draft has a keyword.
    pub(super) fn has(self, word: &str) -> bool {
        let since = match word {
            "const" | "contains" | "propertyNames" => Self::Draft6,
            "if" => Self::Draft7,
            "dependentRequired"
            | "dependentSchemas"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "$recursiveRef" => Self::Draft2019,
            "prefixItems" | "$dynamicRef" => Self::Draft2020,
            _ => Self::Draft4,
        };
        self >= since
    }

    /// Whether a list of schemas can be the value of `items`.
    pub(super) fn has_lists_of_items(self) -> bool {
        self != Self::Draft2020
    }

    /// Whether `exclusiveMinimum` and its like can say how the other limit is meant.
    pub(super) fn has_exclusive_flags(self) -> bool {
        matches!(self, Self::Draft4 | Self::Unsaid)
    }
}

/// Whether references may mean something else in a part of a schema than in the whole.
pub(super) fn has_resources(schema: &Value) -> bool {
    let is_text = |value: Option<&Value>| value.is_some_and(Value::is_string);
    any_below(schema, &mut |members| is_text(members.get("$id")) || is_text(members.get("id")))
}

/// Whether any object below a value is of a kind. It nests no deeper than what was read as JSON can.
fn any_below(
    value: &Value,
    is_kind: &mut dyn FnMut(&serde_json::Map<String, Value>) -> bool,
) -> bool {
    let mut any_of =
        |value: &Value| value.as_object().is_some_and(&mut *is_kind) || any_below(value, is_kind);
    match value {
        Value::Array(items) => items.iter().any(any_of),
        Value::Object(members) => members.values().any(&mut any_of),
        _ => false,
    }
}
