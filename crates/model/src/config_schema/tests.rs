//! The laws of looking at a configuration with a schema.

use super::{ConfigSchema, MAX_SCHEMA_BYTES};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

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

/// Checks in turn that each takes a bounded time, and little memory, though it could take hours.
#[test]
fn what_costs_much_is_given_up_and_permitted() {
    let long = "a".repeat(500_000);
    let slow = json!({"pattern": "(?:a?){5000}$b"});
    let numbers: Vec<_> = (0..20_000).map(|n| json!({ "n": n })).collect();
    let others: Vec<_> = (20_000..40_000).map(|n| json!({ "n": n })).collect();
    let words: Vec<_> = (0..400).map(|n| format!("{}{n}", "x".repeat(500))).collect();
    let many: Map<_, _> = (0..5000)
        .map(|n| (format!("p{n}"), json!({"pattern": format!("(?:a?){{900}}{n}")})))
        .collect();
    let all: Map<_, _> = (0..5000).map(|n| (format!("p{n}"), json!("aaaa"))).collect();
    for (schema, value) in [
        (slow.clone(), json!(long)),
        (json!({"not": slow}), json!(long)),
        (
            json!({"patternProperties": {"(?:a?){900}$": {}}, "additionalProperties": false}),
            json!({ long: 1 }),
        ),
        (json!({"items": {"enum": numbers}}), json!(others)),
        (json!({"items": {"not": {"enum": numbers}}}), json!(others)),
        (json!({"properties": many}), json!(all)),
        (json!({"items": {"enum": words}}), json!(vec!["y".repeat(503); 20_000])),
        (json!({"items": {"type": vec!["strange"; 20_000]}}), json!(vec![1; 20_000])),
    ] {
        of(&schema, &value);
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        let mut defs = Map::new();
        for n in 0..60 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), json!({word: [next, next]}));
        }
        defs.insert("d60".to_owned(), json!({"type": "string"}));
        let schema = json!({"$ref": "#/$defs/d0", "$defs": defs});
        assert!(problems(&schema, &json!({})).len() <= 50);
    }
    let numbers: Vec<_> = (0..100_000).collect();
    assert_eq!(of(&json!({"uniqueItems": true}), &json!(numbers)), [""; 0]);
}

#[test]
fn what_is_not_understood_permits_everything_however_it_is_turned() {
    for strange in [
        json!({"pattern": "(?<=a)b"}),
        json!({"pattern": "(?:a?){5000}$b"}),
        json!({"pattern": "^\\p{L}+$"}),
        json!({"pattern": "\\Aa"}),
        json!({"format": "ipv4"}),
        json!({"contentEncoding": "base64"}),
        json!({"$ref": "https://example.com/x"}),
        json!({"$ref": "#anchor"}),
        json!({"$ref": "#/nowhere"}),
        json!({"$dynamicRef": "#x"}),
        json!({"type": "strange"}),
        json!({"type": 5}),
        json!({"enum": 5}),
        json!({"minLength": "1"}),
        json!({"allOf": 1}),
        json!({"oneOf": {}}),
        json!({"$ref": "#/properties/v"}),
        json!({"anyOf": [{"format": "ipv4"}, {"type": "null"}]}),
        json!({"if": {"format": "ipv4"}, "then": false}),
        json!(7),
    ] {
        for (schema, how) in [
            (strange.clone(), "alone"),
            (json!({ "not": strange }), "not"),
            (json!({"not": {"not": strange}}), "not not"),
            (json!({"oneOf": [strange, {"type": "string"}]}), "one of two"),
            (json!({"oneOf": [strange, {"type": "null"}]}), "one of others"),
            (json!({"anyOf": [strange, {"type": "null"}]}), "any"),
            (json!({"if": strange, "then": false}), "then"),
            (json!({"if": strange, "else": false}), "else"),
            (json!({"properties": {"x": {"not": strange}}}), "elsewhere"),
        ] {
            assert_eq!(of(&schema, &json!("192.0.2.1")), [""; 0], "{strange} {how}");
        }
        let certain = json!({"allOf": [strange, {"maxLength": 1}]});
        assert_eq!(of(&certain, &json!("ab")).len(), 1, "{strange}");
        let none = json!({"oneOf": [{"allOf": [strange, {"type": "null"}]}, {"type": "null"}]});
        assert_eq!(of(&none, &json!("ab")).len(), 1, "{strange}");
    }
    for strange in [
        json!({"contains": {"const": 1}}),
        json!({"dependentRequired": {"a": ["b"]}}),
        json!({"unevaluatedProperties": false}),
        json!({"patternProperties": {"(?=a)": false}}),
        json!({"patternProperties": {"(?=a)": {}}, "additionalProperties": false}),
        json!({"properties": {"a": {"format": "ipv4"}}}),
        json!({"required": [1]}),
        json!({"propertyNames": {"format": "ipv4"}}),
        json!({"items": {"format": "ipv4"}}),
        json!({"items": 5, "additionalProperties": 5}),
    ] {
        for value in [json!({"a": "x"}), json!(["x"])] {
            assert_eq!(of(&strange, &value), [""; 0], "{strange}");
            let other = json!({"oneOf": [strange, {"type": ["array", "object"]}]});
            assert!(of(&other, &value).len() <= 1);
        }
        let not = json!({"not": {"allOf": [strange, {"type": "object"}]}});
        let is_lists =
            strange.get("items").is_some_and(Value::is_object) || strange.get("contains").is_some();
        assert_eq!(of(&not, &json!({"a": "x"})).len(), usize::from(is_lists), "{strange}");
    }
}

#[test]
fn each_draft_is_read_as_it_is_meant() {
    let draft = |uri: &str, schema: &Value, config: Value| {
        let mut schema = schema.clone();
        schema["$schema"] = json!(uri);
        problems(&schema, &config).len()
    };
    let old = "http://json-schema.org/draft-07/schema#";
    let new = "https://json-schema.org/draft/2020-12/schema";
    let four = "http://json-schema.org/draft-04/schema#";
    // Beside a reference.
    let beside = json!({
        "definitions": {"port": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/port", "maximum": 1}},
    });
    assert_eq!(draft(old, &beside, json!({"a": 2})), 0);
    assert_eq!(draft(new, &beside, json!({"a": 2})), 1);
    assert_eq!(problems(&beside, &json!({"a": 2})), [""; 0], "nobody says which is meant");
    assert_eq!(draft(old, &beside, json!({"a": "x"})), 1);
    assert_eq!(draft(new, &beside, json!({"a": "x"})), 1);
    // Keywords that came later.
    let only = json!({"properties": {"a": {"const": 1}}, "if": true, "then": false});
    assert_eq!(draft(four, &only, json!({"a": 2})), 0);
    assert_eq!(draft(new, &only, json!({"a": 2})), 2);
    // Lists of schemas for lists.
    let lists = json!({"properties": {"a": {"items": [{"type": "null"}]}}});
    let tuples = json!({"properties": {"a": {"prefixItems": [{"type": "null"}]}}});
    assert_eq!(
        (draft(old, &lists, json!({"a": [1]})), draft(new, &lists, json!({"a": [1]}))),
        (1, 0)
    );
    assert_eq!(
        (draft(old, &tuples, json!({"a": [1]})), draft(new, &tuples, json!({"a": [1]}))),
        (0, 1)
    );
    // Limits that do not belong to a range.
    let strict = json!({"properties": {"a": {"minimum": 1, "exclusiveMinimum": true}}});
    assert_eq!(
        (draft(four, &strict, json!({"a": 1})), draft(new, &strict, json!({"a": 1}))),
        (1, 0)
    );
    let whole = json!({"properties": {"a": {"type": "integer"}}});
    assert_eq!(
        (draft(four, &whole, json!({"a": 1.0})), draft(four, &whole, json!({"a": 1.5}))),
        (0, 1)
    );
}

#[test]
fn nothing_is_held_against_a_schema_of_an_unknown_kind_or_across_its_resources() {
    for (uri, is_used) in [
        (json!("http://json-schema.org/draft-07/schema"), true),
        (json!("http://json-schema.org/schema#"), true),
        (json!("https://json-schema.org/draft-07/schema#"), true),
        (json!("http://json-schema.org/draft-03/schema#"), false),
        (json!("https://example.com/own"), false),
        (json!(7), false),
    ] {
        let json = json!({"$schema": uri, "required": ["a"]});
        let schema = ConfigSchema::parse(&json.to_string()).unwrap().unwrap();
        assert_eq!(schema.why_unused().is_none(), is_used, "{uri}");
        assert_eq!(schema.problems(&Map::new()).len(), usize::from(is_used), "{uri}");
    }
    let mixed = json!({"required": ["a"], "properties": {"a": {"$schema": "https://example.com"}}});
    assert_eq!(problems(&mixed, &json!({})), [""; 0]);
    let parts = json!({
        "$id": "https://example.com/whole",
        "definitions": {"a": {"type": "null"}},
        "properties": {"v": {
            "$id": "https://example.com/part",
            "definitions": {"a": {"type": "string"}},
            "allOf": [{"$ref": "#/definitions/a"}],
        }},
    });
    assert_eq!(problems(&parts, &json!({"v": "text"})), [""; 0]);
}

#[test]
fn large_numbers_are_compared_exactly() {
    let limit = 9_007_199_254_740_993_u64;
    assert_eq!(of(&json!({ "exclusiveMaximum": limit }), &json!(limit - 1)), [""; 0]);
    assert_eq!(of(&json!({ "const": limit }), &json!(limit - 1)).len(), 1);
    assert_eq!(of(&json!({"uniqueItems": true}), &json!([limit, limit - 1])), [""; 0]);
    assert_eq!(of(&json!({ "multipleOf": 2 }), &json!(limit)).len(), 1);
    assert_eq!(of(&json!({ "multipleOf": 2 }), &json!(1.5)).len(), 1);
    assert_eq!(of(&json!({ "multipleOf": 0.1 }), &json!(0.25)), [""; 0]);
    assert_eq!(of(&json!({ "minimum": -1e300 }), &json!(-1e301)).len(), 1);
    assert_eq!(of(&json!({ "minLength": 2.0 }), &json!("a")).len(), 1);
}

#[test]
fn patterns_are_held_only_against_texts_that_all_engines_read_alike() {
    for (pattern, text, refused) in [
        ("^[a-z]+$", "abc1", true),
        ("^[a-z]+$", "abc\n", false),
        ("^\\w+$", "ab-", true),
        ("^\\w+$", "äb", false),
        ("^[^/]+$", "ä/", true),
        ("[]a]", "b", false),
        ("(?i)^A$", "b", true),
    ] {
        assert_eq!(
            of(&json!({ "pattern": pattern }), &json!(text)).len(),
            usize::from(refused),
            "{pattern}"
        );
    }
}

#[test]
fn a_setting_that_fits_a_form_as_a_text_only_fits_no_second_form_for_certain() {
    let either = json!({"oneOf": [
        {"properties": {"port": {"type": "integer"}}},
        {"properties": {"port": {"type": "string"}}},
    ]});
    for port in [json!(80), json!("80")] {
        assert_eq!(problems(&either, &json!({ "port": port })), [""; 0]);
    }
    let name = json!({"definitions": {"name": {"type": "string"}}, "properties": {"name": {"$ref": "#/definitions/name"}}});
    assert_eq!(problems(&name, &json!({"name": 5})), [""; 0]);
}

#[test]
fn old_problems_stay_old_however_many_they_are_and_no_text_is_long() {
    let schema = json!({"additionalProperties": {"enum": ["x".repeat(5000)]}});
    let schema = ConfigSchema::parse(&schema.to_string()).unwrap().unwrap();
    let config = |from: usize| -> Map<_, _> {
        (from..80).map(|n| (format!("k{n:02}"), json!("y"))).collect()
    };
    assert_eq!(schema.new_problems(&config(0), &config(1)), [""; 0]);
    let told = schema.problems(&config(0));
    assert_eq!(told.len(), 50);
    assert!(told.iter().all(|problem| problem.len() < 300), "{}", told[0].len());
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
