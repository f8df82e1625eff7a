//! A copy is what it is a copy of, from each kind of database to each. See the parent for all other promises.

use super::admin_tokens::admin_token;
use super::edges::{new_edge, new_key};
use super::issuers::issuer;
use super::{app, keys, plugin, token};
use crate::{KeyPurpose, NewUser, Precondition, Store, StoreError, copy};
use sidegate_e2e::{Need, Postgres};
use sidegate_model::kv::Kv as _;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use std::collections::{BTreeMap, BTreeSet};

/// A store with something in every table, of which the last of each is gone again.
async fn fill(dsn: &str) {
    let store = Store::open(dsn, &keys()).await.unwrap();
    let id = store.create_app(&app("a")).await.unwrap().value.id;
    store.create_token(&token(id, "t")).await.unwrap();
    let mut secret = plugin("p", Some("s"));
    secret.config.insert("api_key".to_owned(), "hunter2".into());
    store.create_plugin(&secret).await.unwrap();
    for (key, value) in [("k", &b"v"[..]), ("\0", b""), ("\u{e4}", b"\xff\0")] {
        store.write(PluginId(1), key, value, None).await.unwrap();
    }
    store.create_issuer(&issuer("corp")).await.unwrap();
    store.create_edge(&new_edge("here", "berlin")).await.unwrap();
    store.fleet_keys_or(KeyPurpose::Signer, new_key).await.unwrap();
    store.create_admin_token(&admin_token("joe", Role::Viewer)).await.unwrap();
    store.create_user(&NewUser::new("jane", Role::Admin)).await.unwrap();
    let berlin = Namespace::parse("berlin").unwrap();
    store.create_namespace(&berlin, "edges in Berlin").await.unwrap();
    store.keep_applied("team", &[]).await.unwrap();
    store.keep_admin_settings(&BTreeMap::from([(PluginId(1), BTreeSet::new())])).await.unwrap();
    let gone = store.create_app(&app("gone")).await.unwrap().value.id;
    store.delete_app(gone, &Precondition::None).await.unwrap();
    let gone = store.create_plugin(&plugin("gone", None)).await.unwrap().value.id;
    store.delete_plugin(gone, &Precondition::None).await.unwrap();
    store.close().await;
}

async fn is_copied(from: &str, to: &str) {
    fill(from).await;
    let (source, target) = (Store::connect(from).await.unwrap(), Store::connect(to).await.unwrap());
    let copied = source.copy_to(&target).await.unwrap();
    assert!(copied.iter().all(|table| table.rows > 0), "{copied:?}");
    let again = source.copy_to(&target).await.unwrap_err();
    assert!(matches!(&again, StoreError::Conflict { .. }), "{again}");
    assert!(again.to_string().contains("name one that is empty"), "{again}");
    let (source, target) =
        (source.unlock(&keys()).await.unwrap(), target.unlock(&keys()).await.unwrap());
    assert_eq!(
        target.plugin(PluginId(1)).await.unwrap(),
        source.plugin(PluginId(1)).await.unwrap()
    );
    let (before, after) =
        (source.load_snapshot().await.unwrap(), target.load_snapshot().await.unwrap());
    assert_eq!((after.revision, &after.plugins), (before.revision, &before.plugins));
    assert!(after.tokens.get(&TokenHash::of("t")).is_some());
    for (key, value) in [("k", &b"v"[..]), ("\0", b""), ("\u{e4}", b"\xff\0")] {
        assert_eq!(target.read(PluginId(1), key).await.unwrap().as_deref(), Some(value), "{key:?}");
    }
    // What was numbered there is never numbered so here.
    assert_eq!(target.create_app(&app("new")).await.unwrap().value.id.0, 3);
    assert_eq!(target.create_plugin(&plugin("new", None)).await.unwrap().value.id.0, 3);
    assert_eq!(
        target.edge_by_name("here").await.unwrap(),
        source.edge_by_name("here").await.unwrap()
    );
    let keys = target.fleet_keys(KeyPurpose::Signer).await.unwrap();
    assert_eq!(keys, source.fleet_keys(KeyPurpose::Signer).await.unwrap());
    assert_eq!((source.lineage().await.unwrap(), target.lineage().await.unwrap()), (1, 2));
    target.write(PluginId(1), "more", b"1", None).await.unwrap();
    source.close().await;
    target.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_copied_to_a_server_and_back_to_a_file() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    is_copied(&file("a"), &server.schema()).await;
    is_copied(&server.schema(), &file("b")).await;
    is_copied(&server.schema(), &server.schema()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_copied_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("sqlite://{}/{name}.db", folder.path().display());
    is_copied(&file("a"), &file("b")).await;
}

#[tokio::test]
async fn no_column_of_any_table_is_left_out() {
    let store = Store::open("sqlite::memory:", &keys()).await.unwrap();
    let sql = "SELECT tables.name || '.' || columns.name AS name FROM sqlite_schema AS tables, \
         pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' AND \
         tables.name NOT LIKE '%sql%' AND tables.name <> 'revision'";
    let rows = store.begin_read().await.unwrap().all(sql, Vec::new()).await.unwrap();
    let is_copied = |name: &String| !copy::NOT_COPIED.iter().any(|table| name.starts_with(table));
    let there: BTreeSet<String> =
        rows.iter().map(|row| row.of("column").get("name").unwrap()).filter(is_copied).collect();
    assert_eq!(copy::columns().into_iter().collect::<BTreeSet<_>>(), there);
}
