//! The laws of hiding secrets and keeping what is hidden.

use super::SecretPlaces;
use super::hiding::*;
use super::restore::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("{value}") };
    members
}

fn shown(config: &Value) -> Value {
    let mut config = members(config.clone());
    hide_config(&mut config, &SecretPlaces::default());
    Value::Object(config)
}

fn taken(said: &Value, stored: &Value) -> Result<Value, Vec<String>> {
    let mut said = members(said.clone());
    restore_config(&mut said, &members(stored.clone()), &SecretPlaces::default())?;
    Ok(Value::Object(said))
}

#[test]
fn texts_and_numbers_under_a_key_that_names_a_secret_are_hidden_at_every_depth() {
    let config = json!({
        "slug": "s", "webhook_secret": "a", "ClientSecret": "b", "api-key": "c",
        "db": {"PASSWD": "d", "host": "h", "users": [{"password": "e", "name": "n"}]},
        "credentials": {"user": "f", "list": ["g", {"deep": "h"}]}, "PrivatePem": "i",
        "admin_password": 1234, "api_key": -1.5, "keys": [7, {"n": 8}], "login": {"passwd": 9},
    });
    let set = hidden();
    let expected = json!({
        "slug": "s", "webhook_secret": set, "ClientSecret": set, "api-key": set,
        "db": {"PASSWD": set, "host": "h", "users": [{"password": set, "name": "n"}]},
        "credentials": {"user": set, "list": [set, {"deep": set}]}, "PrivatePem": set,
        "admin_password": set, "api_key": set, "keys": [set, {"n": set}], "login": {"passwd": set},
    });
    assert_eq!(shown(&config), expected);
    assert_eq!(shown(&expected), expected, "what is hidden stays hidden once");
    assert_eq!(taken(&expected, &config), Ok(config));
}

#[test]
fn what_is_empty_or_a_measure_stays() {
    let config = json!({
        "token": "", "use_key": true, "secret": null, "max_tokens": 5, "maxTokens": 5,
        "token-ttl": 60, "KEY_SIZE": 2048, "tokenLimits": {"user": 5},
        "credentials": {"port": 5432, "retries": [1, 2]}, "workers": 4,
    });
    assert_eq!(shown(&config), config);
    let both = json!({"credentials": {"port": "5432", "pin": 1}});
    assert_eq!(shown(&both), json!({"credentials": {"port": hidden(), "pin": hidden()}}));
}

#[test]
fn what_is_stored_as_if_it_were_hidden_is_hidden_and_kept() {
    let stored = json!({
        "note": {"$secret": "hunter2", "more": 1}, "secret": {"$secret": {"a": "hunter3"}},
        "list": [{"$secret": "set"}], "a": hidden(),
    });
    let set = hidden();
    let seen = json!({"note": set, "secret": set, "list": [set], "a": set});
    assert_eq!(shown(&stored), seen);
    assert_eq!(taken(&seen, &stored), Ok(stored));
}

#[test]
fn a_secret_in_a_list_is_kept_only_where_nothing_else_can_be_meant() {
    let set = hidden();
    let stored = json!({
        "users": [{"n": "a", "password": "1"}, {"n": "b", "password": "2"}],
        "keys": ["3", "4"], "deep": [[{"n": 1, "token": "5", "key": "6"}], []],
    });
    let said = |users: Value| json!({ "users": users });
    let first = json!({"n": "a", "password": set});
    let second = json!({"n": "b", "password": set});
    for bad in [
        said(json!([second, first])),
        said(json!([{"n": "c", "password": set}, {"n": "b", "password": "9"}])),
        said(json!([{"n": "a", "password": set, "more": 1}, {"n": "b", "password": "9"}])),
        said(json!([{"password": set}, {"n": "b", "password": "9"}])),
        json!({"keys": [set, "9"]}),
        json!({"deep": [[{"n": 2, "token": set, "key": "9"}], []]}),
        json!({"deep": [[], [{"n": 1, "token": set, "key": set}]]}),
    ] {
        assert!(taken(&bad, &stored).is_err(), "{bad}");
    }
    for (good, expected) in [
        (json!([first, {"n": "x"}]), json!([{"n": "a", "password": "1"}, {"n": "x"}])),
        (
            json!([first, {"n": "b", "password": "9"}]),
            json!([{"n": "a", "password": "1"}, {"n": "b", "password": "9"}]),
        ),
    ] {
        assert_eq!(taken(&said(good), &stored), Ok(said(expected)));
    }
    let deep = json!({"deep": [[{"n": 1, "token": set, "key": "9"}], []]});
    let expected = json!({"deep": [[{"n": 1, "token": "5", "key": "9"}], []]});
    assert_eq!(taken(&deep, &stored), Ok(expected));
}

#[test]
fn environment_variables_are_hidden_kept_and_never_taken_for_a_value() {
    let stored: BTreeMap<_, _> = [("env.MODE", "x"), ("env.EMPTY", ""), ("sha256", "ab")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let all = json!({"env.MODE": "x", "env.EMPTY": "", "sha256": "ab"});
    let mut options = members(all.clone());
    hide_options(&mut options);
    let expected = json!({"env.MODE": hidden(), "env.EMPTY": "", "sha256": "ab"});
    assert_eq!(Value::Object(options.clone()), expected);
    restore_options(&mut options, &stored).unwrap();
    assert_eq!(Value::Object(options), all);
    for bad in [json!({"env.OTHER": hidden()}), json!({"env.MODE": "…"})] {
        let name = members(bad.clone()).keys().next().unwrap().clone();
        let problems = restore_options(&mut members(bad), &stored).unwrap_err();
        assert!(problems[0].starts_with(&format!("options.{name}: ")), "{problems:?}");
    }
}

#[test]
fn what_stands_for_nothing_is_refused_with_its_path() {
    let stored = json!({
        "secret": "a", "name": "n", "users": [{"password": "b"}, {"password": "c"}],
        "token": "", "key": true, "key_size": 7, "db": {"passwd": "d"},
    });
    let set = hidden();
    for (said, path) in [
        (json!({"other_secret": set}), "config.other_secret: "),
        (json!({"name": set}), "config.name: "),
        (json!({"token": set}), "config.token: "),
        (json!({"key": set}), "config.key: "),
        (json!({"key_size": set}), "config.key_size: "),
        (json!({"db": {"password": set}}), "config.db.password: "),
        (json!({"db": [{"passwd": set}]}), "config.db[0].passwd: "),
        (json!({"users": [{"password": set}]}), "config.users[0].password: "),
        (json!({"users": [{}, {}, {"password": set}]}), "config.users[2].password: "),
        (json!({"secret": "…"}), "config.secret: "),
        (json!({"secret": " … "}), "config.secret: "),
        (json!({"secret": set.to_string()}), "config.secret: "),
        (json!({"new_secret": "…"}), "config.new_secret: "),
        (json!({"secret": {"$secret": "other"}}), "config.secret: "),
        (json!({"secret": {"$secret": "set", "more": 1}}), "config.secret: "),
        (json!({"name": {"$secret": "set"}}), "config.name: "),
    ] {
        let problems = taken(&said, &stored).unwrap_err();
        assert_eq!(problems.len(), 1, "{said}: {problems:?}");
        assert!(problems[0].starts_with(path), "{said}: {problems:?}");
    }
    let text = json!({"name": "…", "secret": "another"});
    assert_eq!(taken(&text, &stored), Ok(text), "people may write what they like elsewhere");
}

#[test]
fn people_see_three_dots() {
    let mut config = json!({"a": [hidden()], "b": {"c": hidden(), "d": 1}});
    for_people(&mut config);
    assert_eq!(config, json!({"a": ["…"], "b": {"c": "…", "d": 1}}));
}

fn any_config(key: &'static str) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[a-z…]{0,4}".prop_map(Value::String),
        any::<i32>().prop_map(|n| json!(n)),
        Just(Value::Null),
    ];
    let inner = leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[ab]|secret", inner, 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn what_was_shown_can_be_sent_back_and_keeps_everything(
        config in any_config("[ab]|secret|keys|key_size|\\$secret"),
    ) {
        prop_assert_eq!(taken(&shown(&config), &config), Ok(config));
    }

    #[test]
    fn nothing_that_is_hidden_is_ever_stored(
        said in any_config("[ab]|secret|keys|key_size"),
        stored in any_config("[ab]|secret|keys|key_size"),
    ) {
        if let Ok(taken) = taken(&shown(&said), &stored) {
            prop_assert!(!taken.to_string().contains(MARK), "{}", taken);
        }
    }
}
