//! What of secrets is in a file, and which keys open it.

use crate::support::{app, dsn, keys, plugin, tamper};
use sidegate_model::plugin::{PluginDraft, PluginId};
use sidegate_model::sealing::{Keyring, SealingKey};
use sidegate_store::{Store, StoreError};
use std::path::Path;
use tempfile::TempDir;

const SECRET: &str = "hunter2-of-the-webhook";

fn with_secret() -> PluginDraft {
    let mut draft = plugin("p");
    draft.config.insert("webhook_secret".to_owned(), SECRET.into());
    draft.options.insert("env.MODE".to_owned(), SECRET.to_owned());
    draft
}

async fn new_file(folder: &TempDir) -> String {
    let dsn = dsn(&folder.path().join("x.db"));
    let store = Store::open(&dsn, &keys()).await.unwrap();
    store.create_plugin(&with_secret()).await.unwrap();
    store.close().await;
    dsn
}

fn is_in_a_file(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

async fn is_read(dsn: &str, keys: &Keyring) {
    let store = Store::open(dsn, keys).await.unwrap();
    assert_eq!(store.plugin(PluginId(1)).await.unwrap().draft, with_secret());
    store.close().await;
}

#[tokio::test]
async fn a_secret_is_in_no_file_also_while_it_is_in_use() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&dsn(&folder.path().join("x.db")), &keys()).await.unwrap();
    let id = store.create_plugin(&with_secret()).await.unwrap().value.id;
    assert!(!is_in_a_file(folder.path(), SECRET));
    let mut other = with_secret();
    other.description = "something else".to_owned();
    store.update_plugin(id, &other).await.unwrap();
    store.close().await;
    assert!(!is_in_a_file(folder.path(), SECRET));
    assert!(is_in_a_file(folder.path(), "something else"), "the search finds what is there");
}

#[tokio::test]
async fn what_was_there_in_clear_is_sealed_when_the_file_is_opened_and_nothing_is_left_of_it() {
    let folder = TempDir::new().unwrap();
    let dsn = new_file(&folder).await;
    let clear = format!(
        "UPDATE plugins SET config = '{{\"webhook_secret\":\"{SECRET}\"}}', options = '{{\"env.MODE\":\"{SECRET}\"}}'"
    );
    tamper(&folder.path().join("x.db"), sqlx::AssertSqlSafe(clear)).await;
    assert!(is_in_a_file(folder.path(), SECRET));
    let store = Store::open(&dsn, &keys()).await.unwrap();
    assert!(!is_in_a_file(folder.path(), SECRET));
    assert_eq!(store.revision().await.unwrap(), 1, "it is no change of content");
    store.close().await;
    is_read(&dsn, &keys()).await;
}

#[tokio::test]
async fn what_a_reader_kept_in_the_file_is_removed_when_it_is_opened_next() {
    let folder = TempDir::new().unwrap();
    let dsn = new_file(&folder).await;
    let path = folder.path().join("x.db");
    // A file that was to be written anew when the process ended.
    tamper(
        &path,
        "CREATE TABLE scraps (text TEXT); INSERT INTO scraps VALUES ('left-behind');
        DROP TABLE scraps; PRAGMA user_version = 1",
    )
    .await;
    assert!(is_in_a_file(folder.path(), "left-behind"));
    let store = Store::open(&dsn, &keys()).await.unwrap();
    assert!(!is_in_a_file(folder.path(), "left-behind"));
    store.close().await;
}

#[tokio::test]
async fn another_key_is_refused_by_its_name_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let dsn = new_file(&folder).await;
    let other = Keyring::single([8; 32]);
    let refused = Store::open(&dsn, &other).await.unwrap_err();
    assert!(matches!(refused, StoreError::Keys { .. }), "{refused:?}");
    let missing = keys().current().id().to_string();
    assert!(refused.to_string().contains(&missing), "{refused}");
    assert!(Store::connect(&dsn).await.unwrap().has_keys());
    is_read(&dsn, &keys()).await;
}

#[tokio::test]
async fn a_key_is_replaced_by_one_start_with_both() {
    let folder = TempDir::new().unwrap();
    let dsn = new_file(&folder).await;
    let new = || SealingKey::new([9; 32]);
    is_read(&dsn, &Keyring::new(new(), [SealingKey::new([7; 32])])).await;
    is_read(&dsn, &Keyring::new(new(), [])).await;
    let refused = Store::open(&dsn, &keys()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Keys { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_that_open_a_new_file_at_once_have_the_same_keys() {
    let folder = TempDir::new().unwrap();
    let path = dsn(&folder.path().join("x.db"));
    let opening = (0..4).map(|_| {
        let path = path.clone();
        tokio::spawn(async move { Store::open(&path, &keys()).await.unwrap() })
    });
    let mut stores = Vec::new();
    for store in opening.collect::<Vec<_>>() {
        stores.push(store.await.unwrap());
    }
    let id = stores[0].create_plugin(&with_secret()).await.unwrap().value.id;
    for store in &stores {
        assert_eq!(store.plugin(id).await.unwrap().draft, with_secret());
    }
    stores[1].create_app(&app("a")).await.unwrap();
}
