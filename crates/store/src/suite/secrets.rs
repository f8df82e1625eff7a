//! The promises about secrets of plugins: how they are in the database. See the parent for where they run.

use super::plugin;
use crate::sql::params;
use crate::{Precondition, Store, StoreError};
use serde_json::{Map, Value, json};
use sidegate_model::plugin::{PluginDraft, PluginId};
use sidegate_model::secret::SettingPath;
use std::collections::{BTreeMap, BTreeSet};

fn draft(name: &str) -> PluginDraft {
    let mut draft = plugin(name, None);
    let config = json!({
        "api_key": "hunter1", "pin": 7, "db": {"dsn": "hunter2", "host": "h"}, "max_tokens": 5,
    });
    draft.config = config.as_object().unwrap().clone();
    draft.options.insert("env.MODE".to_owned(), "hunter3".to_owned());
    draft.options.insert("secret_settings".to_owned(), "pin".to_owned());
    draft
}

/// Configuration and options as the database has them.
async fn kept(store: &Store, id: PluginId) -> [Map<String, Value>; 2] {
    let mut tx = store.begin_read().await.unwrap();
    let sql = "SELECT config, options FROM plugins WHERE id = $1";
    let row = tx.first(sql, params![id.0]).await.unwrap().unwrap();
    let row = row.of("plugin");
    [row.json("config").unwrap(), row.json("options").unwrap()]
}

fn is_sealed(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("$sealed:"))
}

fn paths(texts: &[&str]) -> BTreeSet<SettingPath> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(super) async fn secrets_are_sealed_in_the_database_and_read_in_clear(store: &Store) {
    let created = store.create_plugin(&draft("p")).await.unwrap().value;
    assert_eq!(created.draft, draft("p"));
    assert_eq!(store.plugin(created.id).await.unwrap(), created);
    assert_eq!(
        store.load_snapshot().await.unwrap().plugins[&created.id].config,
        created.draft.config
    );
    let [config, options] = kept(store, created.id).await;
    for secret in [&config["api_key"], &config["pin"], &options["env.MODE"]] {
        assert!(is_sealed(secret), "{secret}");
    }
    assert_eq!(config["db"], json!({"dsn": "hunter2", "host": "h"}), "nobody called it a secret");
    assert_eq!((&config["max_tokens"], &options["secret_settings"]), (&json!(5), &json!("pin")));
}

pub(super) async fn what_does_not_change_stays_as_it_was_sealed(store: &Store) {
    let id = store.create_plugin(&draft("p")).await.unwrap().value.id;
    let [before, options] = kept(store, id).await;
    let same = store.update_plugin(id, &draft("p")).await.unwrap();
    assert_eq!(same.revision, 1, "equal content is no change");
    let mut changed = draft("p");
    changed.config["api_key"] = json!("hunter9");
    changed.config["db"]["host"] = json!("other");
    let changed = store.update_plugin(id, &changed).await.unwrap().value;
    let [after, options_after] = kept(store, id).await;
    assert_ne!(after["api_key"], before["api_key"]);
    assert_eq!((&after["pin"], &options_after), (&before["pin"], &options));
    assert_eq!(store.plugin(id).await.unwrap(), changed);
}

pub(super) async fn what_is_called_a_secret_later_is_sealed_and_no_change_of_an_operator(
    store: &Store,
) {
    let created = store.create_plugin(&draft("p")).await.unwrap().value;
    let called_so = BTreeMap::from([
        (created.id, paths(&["db.dsn", "nothing.there"])),
        (PluginId(99), paths(&["db.dsn"])),
    ]);
    let written = store.record_secret_settings(&called_so).await.unwrap();
    assert_eq!((written.value.len(), written.revision), (1, 2));
    let recorded = &written.value[0];
    assert_eq!(recorded.version(), created.version());
    assert_eq!(recorded.draft, created.draft);
    assert_eq!(recorded.secret_settings, paths(&["db.dsn", "nothing.there", "pin"]));
    let [config, _] = kept(store, created.id).await;
    assert!(is_sealed(&config["db"]["dsn"]));
    assert_eq!(config["db"]["host"], "h");
    let again = store.record_secret_settings(&called_so).await.unwrap();
    assert_eq!((again.value.len(), again.revision), (0, 2));
    // Nobody can take it back.
    let mut without = draft("p");
    without.options.remove("secret_settings");
    let after = store.update_plugin(created.id, &without).await.unwrap().value;
    assert_eq!(after.secret_settings, recorded.secret_settings);
    assert!(is_sealed(&kept(store, created.id).await[0]["pin"]));
}

pub(super) async fn a_secret_can_be_read_of_its_own_plugin_only(store: &Store) {
    let first = store.create_plugin(&draft("p")).await.unwrap().value.id;
    let second = store.create_plugin(&draft("q")).await.unwrap().value.id;
    let mut write = store.begin_write().await.unwrap();
    let sql =
        "UPDATE plugins SET config = (SELECT config FROM plugins WHERE id = $1) WHERE id = $2";
    write.tx.all(sql, params![first.0, second.0]).await.unwrap();
    write.aside(()).await.unwrap();
    let refused = store.plugin(second).await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { field: "config", .. }), "{refused}");
    assert!(store.plugin(first).await.is_ok());
    store.delete_plugin(first, &Precondition::None).await.unwrap();
}

pub(super) async fn nobody_can_call_so_many_settings_secrets_that_others_are_forgotten(
    store: &Store,
) {
    let mut many = plugin("p", None);
    many.config.insert("x".to_owned(), json!("hunter1"));
    let id = store.create_plugin(&many).await.unwrap().value.id;
    let mut refused = None;
    for round in 0..4 {
        let paths: Vec<_> = (0..200).map(|n| format!("a{round}.b{n}")).collect();
        many.options.insert("secret_settings".to_owned(), paths.join(","));
        refused = store.update_plugin(id, &many).await.err();
    }
    let refused = refused.unwrap();
    assert!(matches!(refused, StoreError::Invalid { .. }), "{refused}");
    assert!(refused.to_string().contains("options.secret_settings: "), "{refused}");
    let called_so = BTreeMap::from([(id, paths(&["x"]))]);
    store.record_secret_settings(&called_so).await.unwrap();
    assert!(is_sealed(&kept(store, id).await[0]["x"]));
}
