//! What the audit log says of things, and what it must never say.

use super::*;
use crate::admin_token::{AdminToken, AdminTokenId};
use crate::app::{App, AppId};
use crate::plugin::{Plugin, PluginDraft, PluginId};
use crate::role::Role;
use crate::token::{Token, TokenHash, TokenId};
use proptest::prelude::*;
use serde_json::{Value, json};

fn plugin(config: &Value) -> Plugin {
    let mut draft = PluginDraft::new("p", "file:///p");
    let Value::Object(config) = config else { unreachable!("{config} is an object") };
    draft.config = config.clone();
    draft.options.insert("env.MODE".to_owned(), "hunter1".to_owned());
    draft.options.insert("max_body".to_owned(), "1KiB".to_owned());
    Plugin {
        id: PluginId(7),
        reloads: 0,
        draft,
        public_endpoints: None,
        secret_settings: <_>::default(),
        secrets_version: None,
        created_at: 1,
        updated_at: 1,
    }
}

#[test]
fn a_change_names_the_thing_and_what_of_it_is_different() {
    let before = plugin(&json!({"url": "a", "gone": 1, "limits": {"n": 1}}));
    let mut after = plugin(&json!({"url": "b", "limits": {"n": 1}}));
    after.draft.name = "q".to_owned();
    after.reloads = 1;
    let change = Change::changed(&before, &after);
    let thing = Thing { kind: ThingKind::Plugin, id: 7, name: "q".to_owned() };
    assert_eq!(change.thing, thing);
    assert_eq!(change.fields, ["config.gone", "config.url", "name", "reloads"]);
    assert_ne!(change.before, change.after);
    assert_eq!(Change::created(&before).after, change.before);
    assert_eq!(Change::deleted(&after).before, change.after);
    let created = Change::created(&before);
    assert_eq!((created.before, created.fields), (None, vec![]));
}

#[test]
fn a_secret_that_changes_is_named_and_leaves_the_digest_as_it_was() {
    let before = plugin(&json!({"api_key": "hunter2", "nested": {"password": "hunter3"}}));
    let mut after = plugin(&json!({"api_key": "other", "nested": {"password": "others"}}));
    after.draft.options.insert("env.MODE".to_owned(), "another".to_owned());
    let change = Change::changed(&before, &after);
    assert_eq!(change.before, change.after, "it tells nothing of secrets");
    assert_eq!(change.fields, ["config.api_key", "config.nested", "options.env.MODE"]);
    assert!(!format!("{change:?}").contains("hunter"));
}

#[test]
fn when_and_how_often_a_thing_was_used_is_no_content() {
    let token = Token {
        id: TokenId(1),
        app_id: AppId(2),
        name: "ci".to_owned(),
        hash: TokenHash::of("a"),
        hint: "sgt_abcd".to_owned(),
        scopes: vec![],
        expires_at: None,
        created_at: 1,
        updated_at: 1,
        replaced_by: None,
        last_used: crate::last_use::LastUse::default(),
    };
    let later = Token { hash: TokenHash::of("b"), updated_at: 9, ..token.clone() };
    later.last_used.touch(120_000);
    assert_eq!(Change::created(&token).after, Change::created(&later).after);
    let ended = Token { expires_at: Some(5), ..token.clone() };
    assert_eq!(Change::changed(&token, &ended).fields, ["expires_at"]);

    let admin = AdminToken {
        id: AdminTokenId(1),
        name: "jane".to_owned(),
        hash: TokenHash::of("a"),
        hint: "sga_abcd".to_owned(),
        role: Role::Viewer,
        expires_at: None,
        last_used_at: None,
        created_at: 1,
    };
    let used = AdminToken { last_used_at: Some(9), ..admin.clone() };
    assert_eq!(Change::created(&admin).after, Change::created(&used).after);
    let stronger = AdminToken { role: Role::Admin, ..admin.clone() };
    assert_ne!(Change::created(&admin).after, Change::created(&stronger).after);
}

#[test]
fn secrets_in_the_metadata_of_apps_are_no_part_of_a_digest_either() {
    let app = |metadata: Value| App {
        id: AppId(1),
        name: "a".to_owned(),
        description: String::new(),
        owner_email: "a@b".to_owned(),
        is_active: true,
        monthly_budget: 0.5,
        rate_limit: 0,
        metadata: metadata.as_object().unwrap().clone(),
        namespace: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 1,
        updated_at: 1,
    };
    let (one, other) = (app(json!({"api_key": "hunter2"})), app(json!({"api_key": "other"})));
    let change = Change::changed(&one, &other);
    assert_eq!((change.before, &change.fields[..]), (change.after, &["metadata".to_owned()][..]));
}

#[test]
fn names_of_what_changed_and_other_texts_are_bounded() {
    let many: serde_json::Map<_, _> = (0..300).map(|n| (format!("k{n}"), json!(n))).collect();
    let long = "x".repeat(5000);
    let change =
        Change::changed(&plugin(&json!({(long.clone()): 1})), &plugin(&Value::Object(many)));
    assert_eq!(change.fields.len(), 101);
    assert_eq!(change.fields[100], "and 201 more");
    assert!(change.fields.iter().all(|name| name.len() < 120));
    assert_eq!(change.detail(&long).detail.unwrap().len(), MAX_DETAIL);
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in ThingKind::ALL {
        assert_eq!(ThingKind::parse(kind.as_str()), Some(kind));
    }
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
    }
}

fn any_config() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-c:,{}\"]{0,2}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map("[a-c:,{}\"]{0,2}", value, 0..4)
        .prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn digests_are_equal_exactly_where_contents_without_secrets_are(
        one in any_config(), other in any_config()
    ) {
        let digest = |config: &serde_json::Map<String, Value>| {
            Change::created(&plugin(&Value::Object(config.clone()))).after
        };
        prop_assert_eq!(digest(&one) == digest(&other), one == other);
        let backwards: serde_json::Map<_, _> = one.clone().into_iter().rev().collect();
        prop_assert_eq!(digest(&one), digest(&backwards));
        let change = Change::changed(
            &plugin(&Value::Object(one.clone())), &plugin(&Value::Object(other.clone())),
        );
        prop_assert_eq!(change.fields.is_empty(), one == other);
    }

    #[test]
    fn no_secret_changes_a_digest(secret in "[ -~]{1,20}", other in "[ -~]{1,20}") {
        let of = |secret: &str| {
            let mut plugin = plugin(&json!({"client_secret": secret, "list": [{"token": secret}]}));
            plugin.draft.options.insert("env.ANY".to_owned(), secret.to_owned());
            plugin
        };
        let change = Change::changed(&of(&secret), &of(&other));
        prop_assert_eq!(change.before, change.after);
        prop_assert_eq!(change.fields.is_empty(), secret == other);
    }
}
