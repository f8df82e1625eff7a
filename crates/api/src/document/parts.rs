//! What the documents consist of: each operation, answer and refusal, and the schemas that these name.

use crate::error::{ErrorBody, ErrorCode};
use crate::event_stream::{END_EVENT, EVENT_STREAM_TYPE, StreamEnd};
use crate::operation::{Answer, Body, Content, Operation, Query, Shape};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::map::Entry;
use serde_json::{Map, Value, json};

/// Texts in paths: what they are, and how long they may be.
const PATH_TEXTS: [(&str, &str, u32); 5] = [
    ("owner", "Whose files.", 100),
    ("key", "The key, percent-encoded.", 512),
    ("request", "The id of the open request, as the list of them has it.", 200),
    ("path", "The rest of the path, which may have slashes in it: the path of the file.", 1024),
    ("method", "What it is asked, as the page of the plugin calls it.", 128),
];

/// What is said of an operation that looks at no query.
const IGNORES_QUERY: &str =
    "Any query parameter is ignored: what watches a gateway may add some against caches.";

/// What is said of every stream of events.
const EVENTS: &str = "\
Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) until the reader goes away. Each \
has data of one line of JSON; `x-sidegate-events` says of which form, by the event's name, where `message` is an event \
without one. A comment comes every 15 seconds at the latest. An event `end` is the last one and says why: connect again. \
At most 64 streams are open at a time; one more is 503.";

/// Schemas that are collected while operations are described: what is sent may leave out what is
/// optional, what is answered has it.
pub(super) struct Parts {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Parts {
    pub(super) fn new() -> Self {
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

    pub(super) fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.answers.take_definitions(true);
        schemas.extend(self.requests.take_definitions(true));
        schemas
    }

    pub(super) fn operation<Id>(&mut self, name: &str, operation: &Operation<Id>) -> Value {
        let mut responses: Map<_, _> = operation
            .answers
            .iter()
            .map(|answer| (answer.status.to_string(), self.answer(answer)))
            .collect();
        for code in operation.refusal_codes() {
            let reference = json!({"$ref": format!("#/components/responses/{}", name_of(code))});
            match responses.entry(code.status().to_string()) {
                Entry::Vacant(free) => {
                    free.insert(reference);
                }
                Entry::Occupied(mut taken) => {
                    let together = self.together(taken.get(), code);
                    taken.insert(together);
                }
            }
        }
        let mut described = json!({
            "operationId": name,
            "summary": operation.summary,
            "tags": [operation.tag],
            "parameters": self.parameters(operation),
            "responses": responses,
        });
        if let Some(body) = operation.body {
            described["requestBody"] = self.body(body);
        }
        if operation.any_json {
            let json = json!({"application/json": {"schema": {"type": "object"}}});
            described["requestBody"] = json!({"required": false, "content": json});
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

    fn parameters<Id>(&mut self, operation: &Operation<Id>) -> Vec<Value> {
        let mut parameters = Vec::new();
        if operation.path.contains("{id}") {
            parameters.push(json!({
                "name": "id", "in": "path", "required": true, "description": "The number of the thing.",
                "schema": {"type": "integer", "format": "uint32", "minimum": 0},
            }));
        }
        for (name, description, longest) in PATH_TEXTS {
            if operation.path.contains(&format!("{{{name}}}")) {
                parameters.push(json!({
                    "name": name, "in": "path", "required": true, "description": description,
                    "schema": {"type": "string", "minLength": 1, "maxLength": longest},
                }));
            }
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
            Content::Bytes => {
                let bytes = json!({"type": "string", "format": "binary"});
                described["content"] = json!({"*/*": {"schema": bytes}});
            }
            Content::Events(events) => {
                let all = events.iter().copied().chain([(END_EVENT, Shape::of::<StreamEnd>())]);
                let all: Map<_, _> = all
                    .map(|(name, shape)| (name.to_owned(), shape.schema(&mut self.answers).into()))
                    .collect();
                // OpenAPI 3.1 has no words for what the events of a stream are.
                described["content"] = json!({EVENT_STREAM_TYPE: {
                    "schema": {"type": "string", "description": EVENTS},
                    "x-sidegate-events": all,
                }});
            }
            Content::Nothing => {}
        }
        let said = [
            (answer.versioned, "ETag"),
            (answer.change, "X-Sidegate-Applied"),
            (answer.located, "Location"),
            (answer.begins_session, "Set-Cookie"),
        ];
        for (_, header) in said.into_iter().filter(|(is_said, _)| *is_said) {
            described["headers"][header] = header_reference(header);
        }
        described
    }

    /// What is said of a status that stands for several codes.
    fn together(&mut self, said: &Value, code: ErrorCode) -> Value {
        let first = ErrorCode::ALL.into_iter().find(|first| {
            said["$ref"]
                .as_str()
                .is_some_and(|path| path.ends_with(&format!("/{}", name_of(*first))))
        });
        let mut together = match first {
            Some(first) => self.refusal(first).1,
            None => said.clone(),
        };
        let more = format!("`{}`: {}", name_of(code), code.meaning());
        let before = together["description"].as_str().unwrap_or_default();
        together["description"] = json!(format!("{before} {more}"));
        together
    }

    pub(super) fn refusal(&mut self, code: ErrorCode) -> (String, Value) {
        let schema = self.answers.subschema_for::<ErrorBody>().to_value();
        let mut described = json!({
            "description": format!("`{}`: {}", name_of(code), code.meaning()),
            "content": {"application/json": {"schema": schema}},
        });
        let header = match code {
            ErrorCode::Unavailable | ErrorCode::TooManyRequests => Some("Retry-After"),
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
