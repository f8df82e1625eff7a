//! The laws of looking at a configuration with a schema.

use super::{ConfigSchema, MAX_SCHEMA_BYTES};
use proptest::prelude::*;
use serde_json::{Value, json};

fn problems(schema: &Value, config: &Value) -> Vec<String> {
    let schema = ConfigSchema::parse(&schema.to_string()).unwrap();
    schema.map(|schema| schema.problems(config.as_object().unwrap())).unwrap_or_default()
}

/// The problems of the one setting `v`.
fn of(schema: &Value, value: &Value) -> Vec<String> {
    problems(&json!({"properties": {"v": schema}}), &json!({ "v": value }))
}

#[test]
fn each_keyword_refuses_what_breaks_it_and_permits_the_rest() {
    for (schema, good, bad, said) in [
        (json!({"type": "integer"}), json!(5.0), json!(5.5), "this is no integer"),
        (json!({"type": ["boolean", "null"]}), json!(true), json!(5), "this is no boolean or null"),
        (json!({"type": "array"}), json!([]), json!({}), "this is no array"),
        (json!({"enum": ["a", 2]}), json!(2.0), json!("b"), "use one of \"a\", 2"),
        (json!({"const": [1]}), json!([1]), json!([2]), "use [1]"),
        (json!({"minimum": 1}), json!(1), json!(0), "use at least 1"),
        (json!({"minimum": 1, "exclusiveMinimum": true}), json!(2), json!(1), "use more than 1"),
        (json!({"exclusiveMaximum": 3}), json!(2), json!(3), "use less than 3"),
        (json!({"maximum": 3, "exclusiveMaximum": true}), json!(2), json!(3), "use less than 3"),
        (json!({"multipleOf": 5}), json!(10), json!(11), "use a multiple of 5"),
        (json!({"minLength": 2}), json!("äö"), json!("ä"), "use at least 2 characters"),
        (json!({"maxLength": 1}), json!("ä"), json!("ab"), "use at most 1 characters"),
        (json!({"pattern": "^a+$"}), json!("aa"), json!("ab"), "does not match ^a+$"),
        (json!({"minItems": 1}), json!([1]), json!([]), "use at least 1 items"),
        (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1.0]), "has the same item twice"),
        (json!({"required": ["a"]}), json!({"a": 1}), json!({}), "a is missing"),
        (json!({"maxProperties": 0}), json!({}), json!({"a": 1}), "use at most 0 members"),
        (json!({"not": {"type": "null"}}), json!(1), json!(null), "has a form that is not allowed"),
        (
            json!({"anyOf": [{"const": 1}, {"const": 2}]}),
            json!(2),
            json!(3),
            "fits none of the allowed forms",
        ),
        (
            json!({"oneOf": [{"minimum": 1}, {"minimum": 5}]}),
            json!(2),
            json!(6),
            "fits more than one of the allowed forms",
        ),
        (json!({"allOf": [{"minimum": 1}]}), json!(1), json!(0), "use at least 1"),
        (
            json!({"if": {"minimum": 5}, "then": {"maximum": 6}, "else": {"minimum": 2}}),
            json!(6),
            json!(7),
            "use at most 6",
        ),
        (json!(false), json!({"never": 1}), json!(1), "there is no such setting"),
    ] {
        if schema != json!(false) {
            assert_eq!(of(&schema, &good), [""; 0], "{schema} permits {good}");
        }
        assert_eq!(of(&schema, &bad), [format!("config.v: {said}")], "{schema} refuses {bad}");
    }
}

#[test]
fn paths_lead_into_lists_objects_and_references() {
    let schema = json!({
        "definitions": {"port": {"type": "integer", "maximum": 9}},
        "properties": {
            "list": {"items": {"$ref": "#/definitions/port"}},
            "pair": {"items": [{"type": "string"}, {"type": "null"}], "additionalItems": false},
            "db": {"properties": {"port": {"$ref": "#/definitions/port"}}, "additionalProperties": false},
        },
        "patternProperties": {"^x-": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    });
    let config = json!({
        "list": [1, 10, "a"], "pair": ["a", 1, 2], "db": {"port": 10, "other": 1},
        "x-1": [], "more": {},
    });
    let mut said = problems(&schema, &config);
    said.sort();
    let expected = [
        "config.db.other: there is no such setting",
        "config.db.port: use at most 9",
        "config.list[1]: use at most 9",
        "config.list[2]: this is no integer",
        "config.pair[1]: this is no null",
        "config.pair[2]: this is not allowed here",
        "config.x-1: this is no integer",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_setting_and_its_text_are_the_same_because_a_plugin_gets_the_text() {
    assert_eq!(of(&json!({"type": "integer"}), &json!("8080")), [""; 0]);
    assert_eq!(of(&json!({"type": "boolean"}), &json!("true")), [""; 0]);
    assert_eq!(of(&json!({"type": "array"}), &json!("[1]")), [""; 0]);
    assert_eq!(of(&json!({"type": "string"}), &json!(5)), [""; 0]);
    assert_eq!(of(&json!({"maximum": 9}), &json!("10")), [""; 0], "as a text it has no size");
    let both = json!({"type": "integer", "maximum": 9});
    assert_eq!(of(&both, &json!("10")), ["config.v: this is no integer"]);
    let deep = json!({"properties": {"n": {"type": "integer"}}});
    assert_eq!(of(&deep, &json!({"n": "1"})), ["config.v.n: this is no integer"]);
}

#[test]
fn the_slug_is_the_gateways_unless_the_schema_knows_it() {
    let closed = json!({"additionalProperties": false, "properties": {"a": {}}});
    assert_eq!(problems(&closed, &json!({"slug": "s", "a": 1})), [""; 0]);
    let knows = json!({"properties": {"slug": {"const": "x"}}});
    assert_eq!(problems(&knows, &json!({"slug": "s"})), ["config.slug: use \"x\""]);
}

#[test]
fn what_was_so_already_is_no_new_problem() {
    let schema = json!({"required": ["a"], "properties": {"b": {"type": "integer"}}});
    let schema = ConfigSchema::parse(&schema.to_string()).unwrap().unwrap();
    let config = |value: Value| value.as_object().unwrap().clone();
    let before = config(json!({"b": "x"}));
    assert_eq!(schema.new_problems(&before, &config(json!({"b": "x", "c": 1}))), [""; 0]);
    let after = config(json!({"a": 1, "b": []}));
    assert_eq!(
        schema.new_problems(&config(json!({"a": 1})), &after),
        ["config.b: this is no integer"]
    );
}

#[test]
fn a_schema_that_loops_or_explodes_is_looked_at_for_a_bounded_time() {
    let loops = json!({"$ref": "#"});
    assert_eq!(problems(&loops, &json!({"a": 1})), [""; 0]);
    let twice = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]});
    assert_eq!(problems(&twice, &json!({"a": 1})), [""; 0]);
    let strange =
        json!({"$ref": "https://example.com/x", "type": 5, "pattern": "(?<=a)b", "items": 7});
    assert_eq!(of(&strange, &json!("x")), [""; 0]);
}

#[test]
fn what_is_no_schema_is_told_and_an_empty_one_says_nothing() {
    for nothing in ["", " ", "{}", "true", "null"] {
        assert_eq!(ConfigSchema::parse(nothing), Ok(None), "{nothing:?}");
    }
    for bad in ["[]", "7", "{", "\"x\""] {
        assert!(ConfigSchema::parse(bad).is_err(), "{bad}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_SCHEMA_BYTES));
    assert!(ConfigSchema::parse(&large).unwrap_err().contains("bytes"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        Just("type"),
        Just("properties"),
        Just("items"),
        Just("$ref"),
        Just("not"),
        Just("enum"),
        Just("allOf"),
        Just("pattern"),
        Just("required"),
        Just("minimum"),
        Just("if"),
        Just("a"),
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(|n| json!(n)),
        "[a-c#/(*]{0,4}|string|integer|#|#/a".prop_map(Value::String),
        Just(Value::Null),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((words.clone(), inner), 0..4).prop_map(|members| {
                members.into_iter().map(|(word, value)| (word.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_schema_and_no_configuration_break_the_look(schema in any_json(), value in any_json()) {
        if let Ok(Some(schema)) = ConfigSchema::parse(&schema.to_string()) {
            let config = json!({ "a": value });
            for problem in schema.problems(config.as_object().unwrap()) {
                prop_assert!(problem.starts_with("config"), "{}", problem);
            }
        }
    }
}
