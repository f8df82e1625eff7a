//! References to secrets: `{"$env": "NAME"}`, `{"$file": "/path"}` and `{"$secret": "set"}`, which keeps what is
//! stored. Files, plans and what was applied hold references only; values are looked up when they are sent.

use serde_json::{Map, Value};
use std::io::Read as _;

/// Largest secret that is read from a file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// What stands in the place of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// The environment variable of this name, of the command that applies.
    Env(String),
    /// The file at this path, without the line break at its end.
    File(String),
    /// What is stored already.
    Kept,
}

/// The reference that a value is, if it is one.
///
/// # Errors
/// What is wrong with a value that was meant to be one.
pub(crate) fn reference(value: &Value) -> Result<Option<Reference>, String> {
    let Value::Object(members) = value else { return Ok(None) };
    if !["$env", "$file", "$secret"].iter().any(|mark| members.contains_key(*mark)) {
        return Ok(None);
    }
    let mut all = members.iter();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let found = match (all.next(), all.next()) {
        (Some((mark, value)), None) => match (mark.as_str(), text(value)) {
            ("$env", Some(name)) => Some(Reference::Env(name)),
            ("$file", Some(path)) => Some(Reference::File(path)),
            ("$secret", Some(word)) if word == "set" => Some(Reference::Kept),
            _ => None,
        },
        _ => None,
    };
    match found {
        Some(reference) => Ok(Some(reference)),
        None => Err("a reference is one of {\"$env\": \"NAME\"}, {\"$file\": \"/path\"} and {\"$secret\": \"set\"}, \
                     and nothing beside it"
            .to_owned()),
    }
}

/// Whether it is one, and a right one.
pub(crate) fn is_reference(value: &Value) -> bool {
    matches!(reference(value), Ok(Some(_)))
}

/// Whether it is `{"$secret": "set"}`, which the gateway shows in the place of a secret.
pub(crate) fn is_kept(value: &Value) -> bool {
    matches!(reference(value), Ok(Some(Reference::Kept)))
}

/// Whether there is anything in it that is looked up when it is sent.
pub(crate) fn is_looked_up(value: &Value) -> bool {
    match (reference(value), value) {
        (Ok(Some(reference)), _) => reference != Reference::Kept,
        (_, Value::Array(items)) => items.iter().any(is_looked_up),
        (_, Value::Object(members)) => members.values().any(is_looked_up),
        _ => false,
    }
}

/// Where references are looked up.
pub(crate) trait Sources {
    /// An environment variable.
    fn env(&self, name: &str) -> Option<String>;
}

/// Puts what references stand for in their place, but for those that keep what is stored.
pub(crate) fn resolve(
    value: &mut Value,
    path: &str,
    sources: &impl Sources,
    problems: &mut Vec<String>,
) {
    match reference(value) {
        Ok(Some(Reference::Kept)) => return,
        Ok(Some(reference)) => {
            match looked_up(&reference, sources) {
                Ok(text) => *value = Value::String(text),
                Err(problem) => problems.push(format!("{path}: {problem}")),
            }
            return;
        }
        _ => {}
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                resolve(item, &format!("{path}[{index}]"), sources, problems);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                resolve(member, &format!("{path}.{name}"), sources, problems);
            }
        }
        _ => {}
    }
}

fn looked_up(reference: &Reference, sources: &impl Sources) -> Result<String, String> {
    match reference {
        Reference::Env(name) => match sources.env(name) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(format!("the environment variable {name} is not set, or is empty")),
        },
        Reference::File(path) => {
            let told = |e: std::io::Error| format!("the file {path} cannot be read: {e}");
            let mut text = String::new();
            let file = std::fs::File::open(path).map_err(told)?;
            file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(told)?;
            if text.len() as u64 > MAX_BYTES {
                return Err(format!("the file {path} is larger than {MAX_BYTES} bytes"));
            }
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                return Err(format!("the file {path} is empty"));
            }
            Ok(text.to_owned())
        }
        Reference::Kept => Ok(String::new()),
    }
}

/// Whether a value of a file can be what is there, where nobody can see through what is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    Same,
    /// It differs at most in secrets.
    Unknown,
    Different,
}

/// Compares a value of a file with what is shown of what there is.
pub(crate) fn compare(said: &Value, live: &Value) -> Likeness {
    match (reference(said), said, live) {
        (Ok(Some(Reference::Kept)), _, _) => {
            if is_kept(live) {
                Likeness::Same
            } else {
                Likeness::Different
            }
        }
        (Ok(Some(_)), _, _) => Likeness::Unknown,
        (_, Value::String(_) | Value::Number(_), _) if is_kept(live) => Likeness::Unknown,
        (_, Value::Array(said), Value::Array(live)) if said.len() == live.len() => {
            all(said.iter().zip(live))
        }
        (_, Value::Object(said), Value::Object(live)) if has_same_names(said, live) => {
            all(said.iter().map(|(name, value)| (value, &live[name])))
        }
        (_, Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Likeness::Same,
        _ if said == live => Likeness::Same,
        _ => Likeness::Different,
    }
}

fn has_same_names(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == b.len() && a.keys().all(|name| b.contains_key(name))
}

fn all<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Likeness {
    let mut likeness = Likeness::Same;
    for (said, live) in pairs {
        match compare(said, live) {
            Likeness::Different => return Likeness::Different,
            Likeness::Unknown => likeness = Likeness::Unknown,
            Likeness::Same => {}
        }
    }
    likeness
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Fixed;

    impl Sources for Fixed {
        fn env(&self, name: &str) -> Option<String> {
            (name == "A").then(|| "hunter2".to_owned())
        }
    }

    #[test]
    fn references_are_recognised_and_what_was_meant_to_be_one_is_told() {
        assert_eq!(reference(&json!({"$env": "A"})), Ok(Some(Reference::Env("A".into()))));
        assert_eq!(reference(&json!({"$secret": "set"})), Ok(Some(Reference::Kept)));
        assert_eq!(reference(&json!({"env": "A"})), Ok(None));
        for wrong in [
            json!({"$env": ""}),
            json!({"$env": 1}),
            json!({"$env": "A", "$file": "/b"}),
            json!({"$secret": "x"}),
            json!({"$file": "/b", "trim": true}),
        ] {
            assert!(reference(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_come_from_the_environment_and_files_and_what_is_missing_is_told_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, "p w\r\n").unwrap();
        let mut value =
            json!({"a": {"$env": "A"}, "l": [{"$file": path}], "k": {"$secret": "set"}});
        let mut problems = Vec::new();
        resolve(&mut value, "config", &Fixed, &mut problems);
        assert_eq!(problems, [""; 0]);
        assert_eq!(value, json!({"a": "hunter2", "l": ["p w"], "k": {"$secret": "set"}}));
        let mut value = json!({"a": {"$env": "B"}, "l": [{"$file": "/no/such"}]});
        resolve(&mut value, "config", &Fixed, &mut problems);
        assert!(problems[0].starts_with("config.a: the environment variable B is not set"));
        assert!(problems[1].starts_with("config.l[0]: the file /no/such cannot be read"));
    }

    #[test]
    fn what_is_hidden_cannot_be_compared_and_all_else_can() {
        let hidden = json!({"$secret": "set"});
        for (said, live, expected) in [
            (json!(1), json!(1.0), Likeness::Same),
            (json!("x"), hidden.clone(), Likeness::Unknown),
            (json!({"$env": "A"}), json!("x"), Likeness::Unknown),
            (hidden.clone(), hidden.clone(), Likeness::Same),
            (hidden.clone(), json!("x"), Likeness::Different),
            (json!([1, {"$env": "A"}]), json!([1, hidden]), Likeness::Unknown),
            (json!([2, {"$env": "A"}]), json!([1, hidden]), Likeness::Different),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), Likeness::Different),
        ] {
            assert_eq!(compare(&said, &live), expected, "{said} and {live}");
        }
    }
}
