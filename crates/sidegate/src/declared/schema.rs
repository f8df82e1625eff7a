//! The JSON Schema of a file, made of the table of fields, for editors and other programs.

use super::fields::{API_VERSION, Field, Form, KIND, Kind};
use serde_json::{Map, Value, json};

/// The whole schema, draft 2020-12.
pub(crate) fn schema() -> Value {
    let mut properties = Map::from_iter([
        (
            "apiVersion".to_owned(),
            json!({"const": API_VERSION, "description": "The form of this file."}),
        ),
        ("kind".to_owned(), json!({"const": KIND, "description": "What this file is."})),
        (
            "owner".to_owned(),
            json!({
                "type": "string", "minLength": 1, "maxLength": 255,
                "description": "In whose name it is applied, unless --owner says so; one set of files has one owner.",
            }),
        ),
        ("namespace".to_owned(), namespace("The namespace of those things here that name none.")),
    ]);
    for kind in Kind::ALL {
        let list = json!({"type": ["array", "null"], "items": {"$ref": format!("#/$defs/{}", kind.noun())}});
        properties.insert(kind.plural().to_owned(), list);
    }
    let mut definitions: Map<_, _> =
        Kind::ALL.map(|kind| (kind.noun().to_owned(), thing(kind))).into_iter().collect();
    definitions.insert("reference".to_owned(), references());
    definitions.insert("setting".to_owned(), setting());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sidegate configuration file",
        "description": "What `sidegate export` writes, and `sidegate diff` and `sidegate apply` read.",
        "type": "object",
        "properties": properties,
        "required": ["apiVersion", "kind"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn namespace(description: &str) -> Value {
    json!({
        "type": "string", "maxLength": 63, "pattern": "^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$",
        "description": description,
    })
}

fn thing(kind: Kind) -> Value {
    let name = json!({
        "type": "string", "minLength": 1, "maxLength": 255,
        "description": "What it is called; unique, not digits only.",
    });
    let mut properties = Map::from_iter([("name".to_owned(), name)]);
    if kind.is_managed() {
        let own = namespace("Which edges get it; all of them where nothing is said.");
        properties.insert("namespace".to_owned(), own);
    }
    properties.extend(kind.fields().iter().map(|row| (row.name.to_owned(), field(row))));
    let required = kind.fields().iter().filter(|field| field.required).map(|field| field.name);
    let required: Vec<_> = ["name"].into_iter().chain(required).collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

fn field(field: &Field) -> Value {
    let mut schema = match field.form {
        Form::Text | Form::Duration => json!({"type": "string"}),
        Form::Flag => json!({"type": "boolean"}),
        Form::Count(most) => json!({"type": "integer", "minimum": 0, "maximum": most}),
        Form::Amount => json!({"type": "number", "minimum": 0}),
        Form::Texts | Form::Set => json!({"type": "array", "items": {"type": "string"}}),
        Form::Settings => json!({
            "type": "object", "properties": {"slug": false},
            "additionalProperties": {"$ref": "#/$defs/setting"},
        }),
        Form::Options => json!({
            "type": "object",
            "additionalProperties": {"anyOf": [
                {"type": ["string", "integer", "boolean"]}, {"$ref": "#/$defs/reference"},
            ]},
        }),
        Form::Data => json!({"type": "object"}),
    };
    schema["description"] = json!(field.what);
    if !field.required {
        schema["default"] = field.default();
    }
    schema
}

fn references() -> Value {
    let one = |mark: &str, value: Value| {
        json!({
            "type": "object", "properties": {mark: value}, "required": [mark],
            "additionalProperties": false,
        })
    };
    let text =
        |description: &str| json!({"type": "string", "minLength": 1, "description": description});
    json!({
        "description": "What stands in the place of a secret.",
        "oneOf": [
            one("$env", text("An environment variable of the command that applies.")),
            one("$file", text("A file where the command that applies runs; a line break at its end is left out.")),
            one("$secret", json!({"const": "set", "description": "Keeps what is stored."})),
        ],
    })
}

/// Any value, whose objects are references or have no member that marks one.
fn setting() -> Value {
    let is_mark = json!({"anyOf": [
        {"required": ["$env"]}, {"required": ["$file"]}, {"required": ["$secret"]},
    ]});
    json!({
        "if": {"allOf": [{"type": "object"}, is_mark]},
        "then": {"$ref": "#/$defs/reference"},
        "else": {
            "additionalProperties": {"$ref": "#/$defs/setting"},
            "items": {"$ref": "#/$defs/setting"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::sources::Source;
    use super::super::{document, yaml};
    use super::*;

    #[test]
    fn the_committed_schema_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config-file.schema.json");
        let fresh = format!("{:#}\n", schema());
        #[expect(clippy::disallowed_methods, reason = "who runs the test says so there")]
        let renews = std::env::var_os("SIDEGATE_RENEW").is_some();
        if renews {
            std::fs::write(path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == fresh,
            "docs/config-file.schema.json is stale; look at what changes for files, and renew it: \
             SIDEGATE_RENEW=1 cargo test -p sidegate the_committed_schema_is_fresh"
        );
    }

    /// The blocks of the pages that are whole files.
    fn examples() -> Vec<(String, String)> {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
        let mut examples = Vec::new();
        for page in ["config-as-code.md", "cli.md"] {
            let text = std::fs::read_to_string(format!("{docs}/{page}")).unwrap();
            let blocks = text.split("```").skip(1).step_by(2);
            let whole = blocks.filter_map(|block| block.split_once('\n'));
            let whole =
                whole.filter(|(_, text)| text.contains(API_VERSION) && !text.contains("$ "));
            examples.extend(whole.map(|(_, text)| (page.to_owned(), text.to_owned())));
        }
        examples
    }

    #[test]
    fn every_example_in_the_docs_fits_the_schema_and_is_read() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let examples = examples();
        assert!(examples.len() >= 2, "{examples:?}");
        for (page, text) in examples {
            for node in yaml::read(&text).unwrap() {
                let errors: Vec<_> =
                    validator.iter_errors(&node.value()).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{page}: {errors:?} in {text}");
            }
            document::read(&[Source { name: page, text }]).unwrap();
        }
    }

    #[test]
    fn schema_and_reader_agree_on_what_is_wrong() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let plugin = |more: &str| format!("plugins: [{{name: p, command: c{more}}}]");
        for (text, is_right) in [
            (plugin(""), true),
            (plugin(", options: {required: true, a: 1, env.X: {$env: X}}"), true),
            (plugin(", config: {a: [{b: {$file: /x}}], c: null}"), true),
            (plugin(", config: {a: [{b: {$file: /x, d: 1}}]}"), false),
            (plugin(", config: {slug: x}"), false),
            (plugin(", options: {a: [1]}"), false),
            (plugin(", is_active: yes"), false),
            (plugin(", namespace: A_B"), false),
            ("plugins: [{name: p}]".to_owned(), false),
            ("apps: [{name: a, owner_email: o, rate_limit: -1}]".to_owned(), false),
            ("apps: [{name: a, owner_email: o, metadata: {x: {$env: y}}}]".to_owned(), true),
            ("tokens: []".to_owned(), false),
            ("apps:".to_owned(), true),
        ] {
            let text = format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{text}\n");
            let fits = validator.is_valid(&yaml::read(&text).unwrap()[0].value());
            let is_read = document::read(&[Source { name: "f".to_owned(), text: text.clone() }]);
            assert_eq!((fits, is_read.is_ok()), (is_right, is_right), "{text} {is_read:?}");
        }
    }
}
