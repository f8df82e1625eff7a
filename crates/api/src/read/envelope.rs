//! From the bytes of a body to the members of an object, which stand in it alone or wrapped as
//! `{"data": {"type": …, "attributes": {…}}}`. Knows no fields.

use crate::error::Problem;
use serde_json::{Map, Value};

/// The members in a body, how the paths to them begin, and what is wrong around them.
#[derive(Debug, Clone, PartialEq)]
pub struct Members {
    /// The members themselves.
    pub members: Map<String, Value>,
    /// How the paths to them begin, for people.
    pub path: &'static str,
    /// What is wrong around them.
    pub wrong: Vec<Problem>,
}

/// Finds the members in a body that is about one `noun`, or about none in particular.
///
/// # Errors
/// What is wrong where there are no members.
pub fn members_of(body: &[u8], noun: &str) -> Result<Members, Vec<Problem>> {
    let refuse = |detail: String| Err(vec![Problem::of_request(detail)]);
    if body.iter().all(u8::is_ascii_whitespace) {
        return refuse("the body is empty: send a JSON object".to_owned());
    }
    let value: Value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => return refuse(format!("the body is not valid JSON: {error}")),
    };
    let Value::Object(mut document) = value else {
        return refuse("the body is not a JSON object".to_owned());
    };
    match document.remove("data") {
        None => Ok(Members { members: document, path: "", wrong: Vec::new() }),
        Some(data) => unwrapped(data, unknown(&document, &[], ""), noun),
    }
}

fn unwrapped(data: Value, mut wrong: Vec<Problem>, noun: &str) -> Result<Members, Vec<Problem>> {
    let Value::Object(mut data) = data else {
        wrong.push(Problem::at("data", "this is not a JSON object"));
        return Err(wrong);
    };
    wrong.extend(unknown(&data, &["type", "id", "attributes"], "data."));
    let is_noun = |given: &str| given.strip_suffix('s').unwrap_or(given) == noun;
    if data.get("type").is_some_and(|given| !given.as_str().is_some_and(is_noun)) {
        wrong.push(Problem::at("data.type", format!("this address takes {noun:?}")));
    }
    // Nothing is done by it, but what is no number of a thing is no mistake to pass over.
    if data.get("id").is_some_and(|given| !given.is_string()) {
        wrong.push(Problem::at("data.id", "this is not a text"));
    }
    match data.remove("attributes") {
        Some(Value::Object(members)) => Ok(Members { members, path: "data.attributes.", wrong }),
        _ => {
            wrong.push(Problem::at("data.attributes", "send a JSON object"));
            Err(wrong)
        }
    }
}

fn unknown(object: &Map<String, Value>, known: &[&str], path: &str) -> Vec<Problem> {
    let unknown = object.keys().filter(|key| !known.contains(&key.as_str()));
    unknown.map(|key| Problem::at(&format!("{path}{key}"), "this field is unknown here")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_around_the_members_is_told() {
        let body = br#"{"data": {"type": "token", "links": 1, "id": {}, "attributes": {"name": "a"}}, "x": 1}"#;
        let found = members_of(body, "app").unwrap();
        let fields: Vec<_> = found.wrong.iter().filter_map(|p| p.field.as_deref()).collect();
        assert_eq!(fields, ["x", "data.links", "data.type", "data.id"]);
        assert_eq!(found.members["name"], "a");
    }

    #[test]
    fn singular_and_plural_of_a_noun_are_taken() {
        for noun in ["app", "apps"] {
            let body = format!(r#"{{"data": {{"type": "{noun}", "attributes": {{}}}}}}"#);
            assert_eq!(members_of(body.as_bytes(), "app").unwrap().wrong, []);
        }
    }
}
