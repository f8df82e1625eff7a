//! The OpenAPI 3.1 document of the admin API, made of the operations and of the schemas of the types.
//! Knows no particular operation.

use crate::error::{ErrorBody, ErrorCode};
use crate::operation::{Answer, Body, Content, Operation, Query};
use crate::operations::{OperationId, operations};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

const INTRODUCTION: &str = "\
What `sidegate plugin|app|token|routes` and the console use, and all that changes what the gateway does. \
Answers have `X-Request-ID` and `Cache-Control: no-store`. Any other path is 404 and any other method of a path \
405, both with the body of an error and only with a token; answers may get more members in later versions. A \
query parameter that an operation does not name is 400, but with the probes. Plain HTTP to a port that speaks TLS \
is 400 with the body of an error, whatever is asked and without a token, too. Each operation names in \
`x-sidegate-role` the role that its token must have: `viewer`, `operator` or `admin`, of which each may do all \
that the one before it may.";

/// What is said of an operation that looks at no query.
const IGNORES_QUERY: &str =
    "Any query parameter is ignored: what watches a gateway may add some against caches.";

/// The whole document.
pub fn document() -> Value {
    let mut parts = Parts::new();
    let mut paths = Map::new();
    let operations = operations();
    for operation in &operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        let method = operation.method.as_str().to_ascii_lowercase();
        let mut described = parts.operation(operation);
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
        "security": [{"admin_token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"admin_token": {"type": "http", "scheme": "bearer"}},
            "headers": headers(),
            "responses": refusals,
            "schemas": parts.schemas(),
        },
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
        "Retry-After": text("After how many seconds to try again."),
        "WWW-Authenticate": text("How to prove who asks."),
    })
}

/// Schemas that are collected while operations are described: what is sent may leave out what is
/// optional, what is answered has it.
struct Parts {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Parts {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            requests: settings().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }

    fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.answers.take_definitions(true);
        schemas.extend(self.requests.take_definitions(true));
        schemas
    }

    fn operation(&mut self, operation: &Operation<OperationId>) -> Value {
        let mut responses: Map<_, _> = operation
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), self.answer(answer)))
            .collect();
        for code in operation.refusal_codes() {
            let reference = json!({"$ref": format!("#/components/responses/{}", name_of(code))});
            responses.insert(code.status().to_string(), reference);
        }
        let mut described = json!({
            "operationId": operation.id.as_str(),
            "summary": operation.summary,
            "tags": [operation.tag],
            "parameters": self.parameters(operation),
            "responses": responses,
        });
        if let Some(body) = operation.body {
            described["requestBody"] = self.body(body);
        }
        if matches!(operation.query, Query::Ignored) {
            described["description"] = json!(IGNORES_QUERY);
        }
        if operation.token {
            let (role, note) = (operation.role, &operation.role_note);
            let more = note.as_ref().map(|note| format!(" {note}")).unwrap_or_default();
            described["x-sidegate-role"] = json!(role);
            described["description"] = json!(format!("Needs the role `{role}`.{more}"));
        } else {
            described["security"] = json!([]);
        }
        described
    }

    fn parameters(&mut self, operation: &Operation<OperationId>) -> Vec<Value> {
        let mut parameters = Vec::new();
        if operation.path.contains("{id}") {
            parameters.push(json!({
                "name": "id", "in": "path", "required": true, "description": "The number of the thing.",
                "schema": {"type": "integer", "format": "uint32", "minimum": 0},
            }));
        }
        if operation.path.contains("{owner}") {
            parameters.push(json!({
                "name": "owner", "in": "path", "required": true, "description": "Whose files.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 100},
            }));
        }
        if operation.conditional {
            parameters.push(json!({
                "name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "Versions, as ETag names them; the request is refused with 412 where the thing has none of them.",
            }));
        }
        let Query::Taken(shape) = operation.query else { return parameters };
        let query = {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.inline_subschemas = true;
                settings.meta_schema = None;
            });
            shape.schema(&mut settings.into_generator()).to_value()
        };
        for (name, schema) in query["properties"].as_object().into_iter().flatten() {
            let mut schema = without_null(schema);
            let description =
                schema.as_object_mut().and_then(|schema| schema.remove("description"));
            parameters.push(json!({
                "name": name, "in": "query", "required": false,
                "description": description, "schema": schema,
            }));
        }
        parameters
    }

    fn body(&mut self, body: Body) -> Value {
        let fields = body.fields.schema(&mut self.requests).to_value();
        let wrapped = |fields: &Value| {
            json!({
                "type": "object",
                "properties": {"data": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string", "enum": [body.noun, format!("{}s", body.noun)]},
                        "id": {"type": "string"},
                        "attributes": fields,
                    },
                    "required": ["attributes"],
                    "additionalProperties": false,
                }},
                "required": ["data"],
                "additionalProperties": false,
            })
        };
        let json = json!({"schema": {"anyOf": [fields, wrapped(&fields)]}});
        let mut content = Map::new();
        content.insert("application/json".to_owned(), json);
        if body.merges {
            let patch = self.patch_of(&fields);
            let json = json!({"schema": {"anyOf": [patch, wrapped(&patch)]}});
            content.insert("application/merge-patch+json".to_owned(), json);
        }
        json!({"required": true, "content": content})
    }

    /// The schema of a merge patch of these fields: null removes members of objects too.
    fn patch_of(&mut self, fields: &Value) -> Value {
        let name = fields["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let name = name.expect("fields have a schema of their own").to_owned();
        let patch_name = name.replace("Fields", "Patch");
        let mut schema = self.requests.definitions()[&name].clone();
        for member in schema["properties"].as_object_mut().into_iter().flatten() {
            if let Some(Value::Array(alternatives)) =
                member.1.pointer_mut("/additionalProperties/anyOf")
            {
                alternatives.push(json!({"type": "null"}));
            }
        }
        schema["description"] = json!(
            "A merge patch (RFC 7396). null gives an attribute the value it has when nothing is said."
        );
        self.requests.definitions_mut().insert(patch_name.clone(), schema);
        json!({"$ref": format!("#/components/schemas/{patch_name}")})
    }

    fn answer(&mut self, answer: &Answer) -> Value {
        let mut described = json!({"description": answer.meaning});
        match answer.content {
            Content::Json(shape) => {
                let schema = shape.schema(&mut self.answers).to_value();
                described["content"] = json!({"application/json": {"schema": schema}});
            }
            Content::Text(media_type) => {
                described["content"] = json!({media_type: {"schema": {"type": "string"}}});
            }
            Content::Nothing => {}
        }
        let said = [
            (answer.versioned, "ETag"),
            (answer.change, "X-Sidegate-Applied"),
            (answer.located, "Location"),
        ];
        for (_, header) in said.into_iter().filter(|(is_said, _)| *is_said) {
            described["headers"][header] = header_reference(header);
        }
        described
    }

    fn refusal(&mut self, code: ErrorCode) -> (String, Value) {
        let schema = self.answers.subschema_for::<ErrorBody>().to_value();
        let mut described = json!({
            "description": format!("`{}`: {}", name_of(code), code.meaning()),
            "content": {"application/json": {"schema": schema}},
        });
        let header = match code {
            ErrorCode::Unavailable => Some("Retry-After"),
            ErrorCode::Unauthorized => Some("WWW-Authenticate"),
            _ => None,
        };
        if let Some(header) = header {
            described["headers"][header] = header_reference(header);
        }
        (name_of(code), described)
    }
}

fn header_reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

fn name_of(code: ErrorCode) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|name| name.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// A parameter is there or not; it is never null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(Value::Array(names)) = schema.get_mut("type") {
        names.retain(|name| name != "null");
        if let [name] = &names[..] {
            schema["type"] = name.clone();
        }
    }
    if let Some(Value::Array(alternatives)) = schema.get_mut("anyOf") {
        alternatives.retain(|alternative| alternative["type"] != "null");
        if let [Value::Object(only)] = &alternatives[..] {
            let only = only.clone();
            let whole = schema.as_object_mut().expect("it has members");
            whole.remove("anyOf");
            for (name, value) in only {
                whole.entry(name).or_insert(value);
            }
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may have any form: the words of operators and plugins, and the document itself.
    const FREE: [&str; 5] = ["config", "metadata", "fields", "schema", "OpenApiDocument"];

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
        let document = document();
        walk(&document, &document);
    }

    #[test]
    fn the_committed_document_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let fresh = format!("{:#}\n", document());
        #[expect(clippy::disallowed_methods, reason = "who runs the test says so there")]
        let renews = std::env::var_os("SIDEGATE_RENEW").is_some();
        if renews {
            std::fs::write(path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == fresh,
            "docs/openapi.json is stale; look at what changes for clients, and renew it: \
             SIDEGATE_RENEW=1 cargo test -p sidegate-api the_committed_document_is_fresh"
        );
    }
}
