//! The OpenAPI document of the admin API, held against every answer that a story gets from it: a
//! status, a member or a header that the document does not name fails the story, whatever it is about.
//!
//! The document lets answers gain members in later versions; here it is closed, since it describes this one.

use http::{HeaderMap, StatusCode};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use sidegate_api::document::{document, edge_document};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The document, with every object closed.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = document();
    close(&mut document["components"]);
    close(&mut document["paths"]);
    document
});

/// Validators of answers that were seen before, by method, path and status.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Which answer of the admin API this is.
pub(crate) struct Asked<'a> {
    /// The method that was asked with.
    pub(crate) method: &'a str,
    /// The path, with its query.
    pub(crate) path: &'a str,
}

/// Checks an answer of the admin API.
///
/// # Panics
/// When the document does not describe it so.
pub(crate) fn check(asked: &Asked<'_>, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let Asked { method, path } = asked;
    let shown = || format!("{method} {path}: {status} {}", String::from_utf8_lossy(body));
    let code = status.as_u16().to_string();
    let described = described(asked, &code);
    let described = described.unwrap_or_else(|| panic!("not in docs/openapi.json: {}", shown()));
    for name in described["headers"].as_object().into_iter().flat_map(serde_json::Map::keys) {
        assert!(headers.contains_key(name.as_str()), "no {name}: {}", shown());
    }
    let Some(content) = described["content"].as_object() else {
        assert!(body.is_empty(), "docs/openapi.json knows no body: {}", shown());
        return;
    };
    let given = headers.get("content-type").and_then(|value| value.to_str().ok());
    if content.contains_key("*/*") {
        return;
    }
    let schema = given.and_then(|given| content.get(given));
    let schema = schema.unwrap_or_else(|| panic!("content type {given:?}: {}", shown()));
    if *method == "HEAD" || given != Some("application/json") {
        return;
    }
    let json: Value =
        serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", shown()));
    let validator = validator(format!("{method} {} {code}", template(path)), &schema["schema"]);
    let problems: Vec<_> = validator
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "against docs/openapi.json: {problems:#?}\n{}", shown());
    if !status.is_success() && !json["code"].is_null() {
        assert_eq!(headers["x-request-id"], json["request_id"].as_str().unwrap_or_default());
    }
}

/// Checks what an edge tells on its own machine.
///
/// # Panics
/// When the document of edges does not describe it so.
pub fn check_edge(path: &str, status: StatusCode, body: &Value) {
    let mut document = edge_document();
    close(&mut document);
    let code = status.as_u16().to_string();
    let described = &document["paths"][path]["get"]["responses"][&code];
    let schema = &described["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "not in docs/openapi-edge.json: {path}: {status} {body}");
    let schema = json!({"allOf": [schema], "components": document["components"]});
    let validator = jsonschema::options().with_draft(Draft::Draft202012).build(&schema);
    let validator = validator.expect("docs/openapi-edge.json holds schemas");
    let problems: Vec<_> = validator
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "against docs/openapi-edge.json: {problems:#?}\n{body}");
}

/// What the document says of such an answer.
fn described(asked: &Asked<'_>, code: &str) -> Option<&'static Value> {
    let document: &'static Value = &DOCUMENT;
    let method = if asked.method == "HEAD" { "GET" } else { asked.method };
    let path = &document["paths"][template(asked.path)];
    let refusals = &document["components"]["responses"];
    let name = match (path.is_object(), &path[method.to_lowercase()], code) {
        (true, operation @ Value::Object(_), _) => {
            let response = operation["responses"].get(code)?;
            match response["$ref"].as_str() {
                None => return Some(response),
                Some(reference) => reference.rsplit('/').next()?,
            }
        }
        (_, _, "401") => "unauthorized",
        (true, _, "405") => "method_not_allowed",
        (false, _, "404") => "not_found",
        _ => return None,
    };
    refusals.get(name)
}

/// The path of the document that an address has.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<_> = path.split('/').collect();
    let fits = |known: &&String| {
        let known: Vec<_> = known.split('/').collect();
        let fits = |(known, given): (&&str, &&str)| known.starts_with('{') || known == given;
        let goes_on = known.last() == Some(&"{path}") && segments.len() > known.len();
        (known.len() == segments.len() || goes_on) && known.iter().zip(&segments).all(fits)
    };
    let known = DOCUMENT["paths"].as_object().into_iter().flat_map(serde_json::Map::keys);
    known.filter(fits).min().cloned().unwrap_or_else(|| path.to_owned())
}

fn validator(name: String, schema: &Value) -> Arc<Validator> {
    let mut known = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let schema = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        Arc::new(options.build(&schema).expect("docs/openapi.json holds schemas"))
    };
    known.entry(name).or_insert_with(make).clone()
}

/// Lets objects have no members but those that are named.
fn close(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let is_object = members.get("properties").is_some_and(Value::is_object);
            if is_object && members.get("type") == Some(&json!("object")) {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> std::thread::Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().expect("a header"));
        headers.insert("x-request-id", "r".parse().expect("a header"));
        let (body, status) = (body.to_string(), StatusCode::from_u16(status).expect("a status"));
        let asked = Asked { method: "GET", path: "/api/v1/logging?x=1" };
        std::panic::catch_unwind(|| check(&asked, status, &headers, body.as_bytes()))
    }

    #[test]
    fn what_the_document_does_not_name_fails() {
        let shown = |attributes: Value| json!({"data": {"type": "logging", "id": "1", "attributes": attributes}});
        let right = shown(json!({"level": "info"}));
        assert!(answer(200, &right).is_ok());
        assert!(answer(201, &right).is_err(), "a status");
        assert!(answer(200, &shown(json!({"level": "info", "more": 1}))).is_err(), "a member");
        assert!(answer(200, &shown(json!({}))).is_err(), "a missing member");
        assert!(answer(200, &shown(json!({"level": 1}))).is_err(), "another type");
        let entry = json!({"title": "t", "code": "not_found", "detail": "d"});
        let refusal =
            json!({"error": "d", "code": "not_found", "request_id": "r", "errors": [entry]});
        assert!(answer(404, &refusal).is_ok());
        assert!(answer(404, &json!({"errors": [entry]})).is_err(), "half of a refusal");
    }
}
