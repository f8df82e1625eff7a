//! What a disk that fails for a moment may do: refuse what was asked in that moment, and nothing
//! after it.
//!
//! A database that cannot write ends the transaction by itself, and the ROLLBACK that follows fails
//! for it. A trigger that rolls back does the same at will.

use crate::support::{app, dsn, keys, plugin, tamper};
use sidegate_e2e::{Need, ReadOnly};
use sidegate_model::kv::{Kv as _, KvError};
use sidegate_store::{Store, StoreError};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The name, or the key, at which the transaction ends before its ROLLBACK.
const FAILS: &str = "fails";

const TRIGGERS: &str = "
    CREATE TRIGGER app_fails BEFORE INSERT ON apps WHEN NEW.name = 'fails'
    BEGIN SELECT RAISE(ROLLBACK, 'disk I/O error'); END;
    CREATE TRIGGER revision_fails BEFORE UPDATE ON revision
    WHEN EXISTS (SELECT 1 FROM apps WHERE name = 'fails late')
    BEGIN SELECT RAISE(ROLLBACK, 'disk I/O error'); END;
    CREATE TRIGGER entry_fails BEFORE INSERT ON plugin_kv WHEN NEW.key = 'fails'
    BEGIN SELECT RAISE(ROLLBACK, 'disk I/O error'); END;
    CREATE TRIGGER expiry_fails BEFORE DELETE ON plugin_kv WHEN OLD.key = 'expiry fails'
    BEGIN SELECT RAISE(ROLLBACK, 'disk I/O error'); END;";

async fn failing_store(folder: &Path) -> (Store, PathBuf) {
    let path = folder.join("x.db");
    let store = Store::open(&dsn(&path), &keys()).await.unwrap();
    tamper(&path, TRIGGERS).await;
    (store, path)
}

#[tokio::test]
async fn a_write_whose_rollback_fails_is_refused_and_the_next_one_succeeds() {
    let folder = TempDir::new().unwrap();
    let (store, path) = failing_store(folder.path()).await;
    let id = store.create_plugin(&plugin("p")).await.unwrap().value.id;
    let other = store.create_plugin(&plugin("other")).await.unwrap().value.id;
    store.write(other, "expiry fails", b"1", Some(1)).await.unwrap();
    for round in 0..3 {
        for name in [FAILS, "fails late"] {
            let refused = store.create_app(&app(name)).await.unwrap_err();
            assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
            store.create_app(&app(&format!("{name} {round}"))).await.unwrap();
        }
        let refused = store.write(id, FAILS, b"1", None).await;
        assert!(matches!(refused, Err(KvError::Unavailable(_))), "{refused:?}");
        let key = format!("after {round}");
        assert_eq!(store.write(id, &key, b"1", None).await, Ok(true));
        store.remove_expired_entries(2, 10).await.unwrap_err();
        assert_eq!(store.delete(id, &key).await, Ok(true));
    }
    assert_eq!(store.revision().await.unwrap(), 8, "what was refused was not counted");
    store.close().await;
    let again = Store::open(&dsn(&path), &keys()).await.unwrap();
    assert_eq!(again.revision().await.unwrap(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_wait_behind_a_failed_rollback_are_not_refused_for_it() {
    let folder = TempDir::new().unwrap();
    let (store, _) = failing_store(folder.path()).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (store, fails) = (store.clone(), number % 4 == 0);
        writers.spawn(async move {
            let name = if fails { FAILS.to_owned() } else { format!("app {number}") };
            (fails, store.create_app(&app(&name)).await.is_err())
        });
    }
    for (fails, refused) in writers.join_all().await {
        assert_eq!(fails, refused);
    }
    assert_eq!(store.revision().await.unwrap(), 30);
}

#[tokio::test]
async fn a_connection_opened_while_the_disk_was_read_only_does_not_stay_read_only() {
    let folder = TempDir::new().unwrap();
    let (store, _) = failing_store(folder.path()).await;
    store.create_app(&app("before")).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 1, "readers have a connection of their own");
    let Some(covered) = Need::Mount.or_skip(ReadOnly::over(folder.path())) else { return };
    // The connection that was there could still write; the next one cannot.
    store.create_app(&app(FAILS)).await.unwrap_err();
    for _ in 0..2 {
        let refused = store.create_app(&app("meanwhile")).await.unwrap_err().to_string();
        assert!(refused.contains("read-only"), "{refused}");
        assert_eq!(store.app_by_name("before").await.unwrap().name, "before");
    }
    drop(covered);
    store.create_app(&app("after")).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 2);
}
