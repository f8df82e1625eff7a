//! A value held against the schema of a request: what does not fit is told and taken away, so that
//! the rest can be read. Knows the few words of JSON Schema that requests are described with.

use crate::error::Problem;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// Longest piece of what was sent that is repeated in a problem, in characters.
const SHOWN: usize = 100;

/// A value without what is wrong with it.
pub(super) struct Checked {
    pub(super) value: Value,
    pub(super) wrong: Vec<Problem>,
}

/// Takes away what does not fit.
pub(super) fn checked(value: Value, schema: &Value) -> Checked {
    let mut wrong = Vec::new();
    let value = fitting(value, schema, "", &mut wrong);
    Checked { value: value.unwrap_or(Value::Null), wrong }
}

/// As much of a value as fits; nothing where none of it does.
fn fitting(value: Value, schema: &Value, path: &str, wrong: &mut Vec<Problem>) -> Option<Value> {
    match (value, kind_of(schema)) {
        (Value::Null, _) if permits_null(schema) => Some(Value::Null),
        (value, Kind::Anything) => Some(value),
        (value, Kind::OneOf(alternatives)) => {
            let fits = |schema: &&Value| {
                let mut wrong = Vec::new();
                fitting(value.clone(), schema, path, &mut wrong);
                wrong.is_empty()
            };
            if alternatives.iter().any(fits) {
                return Some(value);
            }
            wrong.push(Problem::at(path, expected(&value, schema)));
            None
        }
        (Value::Object(members), Kind::Object) => {
            Some(Value::Object(fitting_members(members, schema, path, wrong)))
        }
        (Value::Array(items), Kind::List) => {
            let item = |(index, value): (usize, Value)| {
                fitting(value, &schema["items"], &format!("{path}[{index}]"), wrong)
            };
            Some(items.into_iter().enumerate().filter_map(item).collect())
        }
        (value, Kind::Simple) if fits_simply(&value, schema) => Some(value),
        (value, _) => {
            wrong.push(Problem::at(path, expected(&value, schema)));
            None
        }
    }
}

fn fitting_members(
    members: Map<String, Value>,
    schema: &Value,
    path: &str,
    wrong: &mut Vec<Problem>,
) -> Map<String, Value> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| !members.contains_key(*name)) {
        wrong.push(Problem::at(&format!("{prefix}{name}"), "this must be said"));
    }
    let mut fit = Map::new();
    for (name, value) in members {
        let path = format!("{prefix}{name}");
        let own = schema["properties"].get(&name).or_else(|| schema.get("additionalProperties"));
        match own {
            Some(Value::Bool(false)) => {
                wrong.push(Problem::at(&path, "this field is unknown here"));
            }
            Some(own) => fit.extend(fitting(value, own, &path, wrong).map(|value| (name, value))),
            None => drop(fit.insert(name, value)),
        }
    }
    fit
}

/// What a schema is about.
enum Kind<'a> {
    Anything,
    Object,
    List,
    /// A text, a number, a truth value or a word.
    Simple,
    OneOf(Vec<&'a Value>),
}

fn kind_of(schema: &Value) -> Kind<'_> {
    for word in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[word].as_array() {
            return Kind::OneOf(alternatives.iter().collect());
        }
    }
    match type_of(schema) {
        Some("object") => Kind::Object,
        Some("array") => Kind::List,
        Some(_) => Kind::Simple,
        None if schema.get("const").is_some() || schema.get("enum").is_some() => Kind::Simple,
        None => Kind::Anything,
    }
}

/// The one type of a value, beside null.
pub(super) fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn permits_null(schema: &Value) -> bool {
    let of_type = match &schema["type"] {
        Value::String(name) => name == "null",
        Value::Array(names) => names.iter().any(|name| name == "null"),
        _ => false,
    };
    let alternatives = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
    of_type || alternatives.into_iter().flatten().any(permits_null)
}

fn fits_simply(value: &Value, schema: &Value) -> bool {
    let is_word = match (&schema["const"], &schema["enum"]) {
        (Value::Null, Value::Array(words)) => words.contains(value),
        (Value::Null, _) => true,
        (word, _) => word == value,
    };
    let is_type = match type_of(schema) {
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => is_whole_number(value, schema),
        Some("null") => value.is_null(),
        _ => true,
    };
    is_word && is_type
}

fn is_whole_number(value: &Value, schema: &Value) -> bool {
    let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    number.is_some_and(|number| range(schema).contains(&number))
}

/// From where to where a whole number goes.
fn range(schema: &Value) -> RangeInclusive<i128> {
    match schema["format"].as_str() {
        Some("uint32") => 0..=u32::MAX.into(),
        Some("uint64") => 0..=u64::MAX.into(),
        _ => i64::MIN.into()..=i64::MAX.into(),
    }
}

/// What is wrong with a value, and what would be right.
pub(super) fn expected(value: &Value, schema: &Value) -> String {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let own = [schema].into_iter().chain(alternatives).find_map(|own| own["x-expected"].as_str());
    if let Some(words) = own {
        return words.to_owned();
    }
    let given = given(value);
    let words = words_of(schema);
    if !words.is_empty() {
        return format!("{given} is not one of {}", words.join(", "));
    }
    match type_of(schema) {
        Some("string") => format!("{given} is not a text: write it in quotes"),
        Some("boolean") => format!("{given} is neither true nor false"),
        Some("number") => format!("{given} is not a number"),
        Some("integer") => {
            let (least, most) = range(schema).into_inner();
            format!("{given} is not a whole number from {least} to {most}")
        }
        Some("array") => format!("{given} is not a list"),
        Some("object") => format!("{given} is not an object"),
        _ => format!("{given} is not what belongs here"),
    }
}

/// The words that a schema permits, where it permits words only.
fn words_of(schema: &Value) -> Vec<&str> {
    let alternatives = ["anyOf", "oneOf"].map(|word| schema[word].as_array());
    let mut words: Vec<_> =
        alternatives.into_iter().flatten().flatten().flat_map(words_of).collect();
    words.extend(schema["const"].as_str());
    words.extend(schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
    words
}

/// What was sent, where it is short; a list or an object is not repeated.
fn given(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => "this".to_owned(),
        simple => {
            let text = simple.to_string();
            if text.chars().count() <= SHOWN { text } else { "this".to_owned() }
        }
    }
}
