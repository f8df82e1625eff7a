//! The OpenAPI 3.1 document of the admin API, made of the operations and of the schemas of the types.
//! Knows no particular operation.

mod parts;

use crate::edge_status::edge_operations;
use crate::error::ErrorCode;
use crate::examples::example;
use crate::operation::{Answer, Operation};
use crate::operations::{OperationId, operations};
use crate::session::{BACKGROUND_HEADER, CONSOLE_COOKIE, SESSION_KEY_HEADER};
use parts::Parts;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

const INTRODUCTION: &str = "\
What `sidegate plugin|app|token|routes` and the console use, and all that changes what the gateway does. \
Answers have `X-Request-ID` and `Cache-Control: no-store`. Any other path is 404 and any other method of a path \
405, both with the body of an error and only with a token or session; answers may get more members in later versions. A \
query parameter that an operation does not name is 400, but with the probes. Plain HTTP to a port that speaks TLS \
is 400 with the body of an error, whatever is asked and without a token, too. Each operation names in \
`x-sidegate-role` the role that its token must have: `viewer`, `operator` or `admin`, of which each may do all \
that the one before it may.";

const EDGE_INTRODUCTION: &str = "\
What an edge (`sidegate serve --role edge`) tells on its admin address, which is this machine only unless ADMIN_HOST says \
otherwise: how it is doing, to read only and without a token. It takes no orders and tells no configuration and no secret; the \
admin API is at its control plane and has a document of its own. Any other path is 404 and any other method 405, both with the \
body of an error; answers may get more members in later versions.";
const SESSION: &str = "\
What `sign_in` gives to a browser. It counts where `Sec-Fetch-Site` is `same-origin` and `Origin`, if there is one, is \
the address itself; every request but GET must declare `application/json` or `application/merge-patch+json`, also \
without a body. A token in the `Authorization` header comes first. It counts with its key only.";
const SESSION_KEY: &str = "\
`key` of the answer of `sign_in`, which each request of the session shows beside the cookie: browsers send the cookie to \
other ports of the same host too, and this only where a page says so.";

/// The whole document.
pub fn document() -> Value {
    let mut parts = Parts::new();
    let mut paths = Map::new();
    let operations = operations();
    for operation in &operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        let method = operation.method.as_str().to_ascii_lowercase();
        let mut described = parts.operation(operation.id.as_str(), operation);
        if let Some(example) = example(operation.id) {
            described["requestBody"]["content"]["application/json"]["example"] = example;
        }
        if let Some(links) = links_from(operation, &operations) {
            described["responses"]["201"]["links"] = links;
        }
        path[method] = described;
    }
    let refusals: Map<_, _> = ErrorCode::ALL.into_iter().map(|code| parts.refusal(code)).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sidegate admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "security": [{"admin_token": []}, {"console_session": [], "console_session_key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "admin_token": {"type": "http", "scheme": "bearer"},
                "console_session": {
                    "type": "apiKey", "in": "cookie", "name": CONSOLE_COOKIE,
                    "description": format!("{SESSION} {}", background()),
                },
                "console_session_key": {
                    "type": "apiKey", "in": "header", "name": told_name(SESSION_KEY_HEADER),
                    "description": SESSION_KEY,
                },
            },
            "headers": headers(),
            "responses": refusals,
            "schemas": parts.schemas(),
        },
    })
}

/// What is said of requests that nobody's action made.
fn background() -> String {
    let name = told_name(BACKGROUND_HEADER);
    format!(
        "A request with `{name}` is one that a page made by itself: it keeps no session from ending unused."
    )
}

/// A header's name as people write it.
fn told_name(name: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// The document of what an edge tells on its own machine.
pub fn edge_document() -> Value {
    let mut parts = Parts::new();
    let mut paths = Map::new();
    let mut refused = BTreeSet::new();
    for operation in edge_operations() {
        let described = parts.operation(operation.id, &operation);
        refused.extend(operation.refusal_codes());
        paths.insert(operation.path.to_owned(), json!({"get": described}));
    }
    let refusals: Map<_, _> = refused.into_iter().map(|code| parts.refusal(code)).collect();
    let mut headers = headers();
    headers.as_object_mut().expect("it has members").retain(|name, _| name == "Retry-After");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sidegate edge status",
            "version": env!("CARGO_PKG_VERSION"),
            "description": EDGE_INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://localhost:8080"}],
        "security": [],
        "paths": paths,
        "components": {"headers": headers, "responses": refusals, "schemas": parts.schemas()},
    })
}

/// What can be done with the new thing that an operation makes.
fn links_from(making: &Operation<OperationId>, all: &[Operation<OperationId>]) -> Option<Value> {
    let makes_one = |answer: &Answer| answer.status == 201 && answer.located;
    making.answers.iter().any(makes_one).then_some(())?;
    let with_it = format!("{}/{{id}}", making.path);
    let links = all.iter().filter(|operation| operation.path.starts_with(&with_it));
    let link = |operation: &Operation<OperationId>| {
        let name = operation.id.as_str();
        let new = json!({"id": "$response.body#/data/id"});
        (name.to_owned(), json!({"operationId": name, "parameters": new}))
    };
    let links: Map<_, _> = links.map(link).collect();
    (!links.is_empty()).then_some(Value::Object(links))
}

/// What is said of headers once.
fn headers() -> Value {
    let text =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "ETag": text("The version of the thing: another one for every other content."),
        "Location": text("Where the new thing is."),
        "X-Sidegate-Applied": {
            "description": "Whether the change was live when it was answered.",
            "schema": {"type": "string", "enum": ["true", "false"]},
        },
        "Set-Cookie": text("The cookie of the session: Secure, HttpOnly, SameSite=Strict."),
        "Retry-After": text("After how many seconds to try again."),
        "WWW-Authenticate": text("How to prove who asks."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may have any form: the words of operators and plugins, and the document itself.
    const FREE: [&str; 8] = [
        "config",
        "config_schema",
        "manifest",
        "metadata",
        "fields",
        "schema",
        "props",
        "OpenApiDocument",
    ];

    fn free_forms(value: &Value, name: &str, found: &mut Vec<String>) {
        let kinds = &value["type"];
        let is_object =
            kinds == "object" || kinds.as_array().is_some_and(|k| k.contains(&json!("object")));
        let names_members =
            value["properties"].is_object() || value["additionalProperties"].is_object();
        if is_object
            && (value["additionalProperties"] == true || !names_members)
            && !FREE.contains(&name)
        {
            found.push(name.to_owned());
        }
        match value {
            Value::Object(members) => {
                for (name, schema) in value["properties"].as_object().into_iter().flatten() {
                    let is_free = *schema == true || schema.as_object().is_some_and(Map::is_empty);
                    if is_free && !FREE.contains(&name.as_str()) {
                        found.push(name.clone());
                    }
                }
                members.iter().for_each(|(name, value)| free_forms(value, name, found));
            }
            Value::Array(items) => items.iter().for_each(|item| free_forms(item, name, found)),
            _ => {}
        }
    }

    #[test]
    fn nothing_has_any_form_but_what_belongs_to_operators_and_plugins() {
        let mut found = Vec::new();
        free_forms(&document()["components"]["schemas"], "", &mut found);
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(document: &Value, value: &Value) {
            if let Some(reference) = value["$ref"].as_str() {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            match value {
                Value::Object(members) => members.values().for_each(|value| walk(document, value)),
                Value::Array(items) => items.iter().for_each(|value| walk(document, value)),
                _ => {}
            }
        }
        for document in [document(), edge_document()] {
            walk(&document, &document);
        }
    }

    #[test]
    fn the_committed_document_is_fresh() {
        is_fresh("openapi.json", &document());
    }

    #[test]
    fn the_committed_document_of_edges_is_fresh() {
        is_fresh("openapi-edge.json", &edge_document());
    }

    fn is_fresh(name: &str, document: &Value) {
        let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        let fresh = format!("{document:#}\n");
        #[expect(clippy::disallowed_methods, reason = "who runs the test says so there")]
        let renews = std::env::var_os("SIDEGATE_RENEW").is_some();
        if renews {
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == fresh,
            "docs/{name} is stale; look at what changes for clients, and renew it: \
             SIDEGATE_RENEW=1 cargo test -p sidegate-api the_committed_document"
        );
    }
}
