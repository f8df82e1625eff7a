//! The promises that only a file can keep or break: who may read it, what is in it, what survives
//! and what is said when it cannot be used. Promises of every database are in the crate's suite.

use crate::support::{app, dsn, keys, plugin, tamper};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use sidegate_model::kv::{Kv as _, KvError};
use sidegate_model::plugin::PluginId;
use sidegate_model::token::NewToken;
use sidegate_store::{NewTokenRow, Page, Precondition, Store, StoreError, TokenFilter};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::task::JoinSet;

async fn add_token(store: &Store) -> NewToken {
    let app_id = match store.app_by_name("a").await {
        Ok(app) => app.id,
        Err(_) => store.create_app(&app("a")).await.unwrap().value.id,
    };
    let secret = NewToken::generate().unwrap();
    let row = NewTokenRow {
        app_id,
        name: "t".to_owned(),
        hash: secret.hash(),
        hint: secret.hint(),
        scopes: vec![],
        expires_at: None,
    };
    store.create_token(&row).await.unwrap();
    secret
}

async fn refusal(dsn: &str) -> String {
    let error = Store::open(dsn, &keys()).await.unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_new_file_and_its_folder_are_for_the_owner_only() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("not/yet/x.db");
    let store = Store::open(&dsn(&path), &keys()).await.unwrap();
    add_token(&store).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap).collect();
    assert!(files.len() >= 2, "the write-ahead log is in use");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let mut before = None;
    for _ in 0..3 {
        let store = Store::open(&dsn(&path), &keys()).await.unwrap();
        if let Some(before) = before {
            let apps = store
                .list_apps(&sidegate_store::AppFilter::default(), Page::default())
                .await
                .unwrap();
            let tokens = store.list_tokens(&TokenFilter::default(), Page::default()).await.unwrap();
            assert_eq!((store.revision().await.unwrap(), apps, tokens), before);
        }
        add_token(&store).await;
        before = Some((
            store.revision().await.unwrap(),
            store.list_apps(&sidegate_store::AppFilter::default(), Page::default()).await.unwrap(),
            store.list_tokens(&TokenFilter::default(), Page::default()).await.unwrap(),
        ));
        store.close().await;
        assert!(matches!(store.revision().await, Err(StoreError::Unavailable { .. })));
    }
}

#[tokio::test]
async fn what_was_answered_survives_without_a_close() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(&dsn(&path), &keys()).await.unwrap();
    let secret = add_token(&store).await;
    // What a crash at this moment leaves behind: the file and its log as they are.
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let after = Store::open(&dsn(&copy), &keys()).await.unwrap().load_snapshot().await.unwrap();
    assert_eq!(after.revision, 2);
    assert!(after.tokens.get(&secret.hash()).is_some());
}

#[tokio::test]
async fn what_plugins_keep_survives_a_restart_and_a_crash() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(&dsn(&path), &keys()).await.unwrap();
    let id = store.create_plugin(&plugin("p")).await.unwrap().value.id;
    store.write(id, "for ever", b"\0\xff", None).await.unwrap();
    store.write(id, "over already", b"1", Some(1)).await.unwrap();
    // What a crash at this moment leaves behind: the file and its log as they are.
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    store.close().await;
    assert!(matches!(store.read(id, "for ever").await, Err(KvError::Unavailable(_))));
    for path in [path, copy] {
        let store = Store::open(&dsn(&path), &keys()).await.unwrap();
        assert_eq!(store.read(id, "for ever").await, Ok(Some(b"\0\xff".to_vec())));
        assert_eq!(store.read(id, "over already").await, Ok(None));
    }
}

/// Writes 500 entries of a plugin at once; returns when the first is written, with the number of
/// those that are.
async fn flood(store: &Store, plugin: PluginId) -> (Arc<AtomicUsize>, JoinSet<()>) {
    let done = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..500 {
        let (store, done) = (store.clone(), done.clone());
        writers.spawn(async move {
            store.write(plugin, &writer.to_string(), &[0; 10_000], None).await.unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        });
    }
    while done.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    (done, writers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_write_does_not_wait_for_all_that_plugins_want_to_write() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&dsn(&folder.path().join("x.db")), &keys()).await.unwrap();
    let id = store.create_plugin(&plugin("p")).await.unwrap().value.id;
    let (done, writers) = flood(&store, id).await;
    store.create_app(&app("a")).await.unwrap();
    let before_it = done.load(Ordering::Relaxed);
    assert!(before_it < 400, "{before_it} of 500 entries were written first");
    writers.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_another_plugin_nor_expiry_waits_for_all_that_one_plugin_wants_to_write() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&dsn(&folder.path().join("x.db")), &keys()).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..17 {
        ids.push(store.create_plugin(&plugin(&format!("p{number}"))).await.unwrap().value.id);
    }
    let (done, writers) = flood(&store, ids[0]).await;
    store.write(ids[15], "k", b"1", None).await.unwrap();
    store.write(ids[16], "k", b"1", None).await.unwrap();
    store.remove_expired_entries(1, 1).await.unwrap();
    let before_them = done.load(Ordering::Relaxed);
    assert!(before_them < 400, "{before_them} of 500 entries were written first");
    writers.join_all().await;
}

#[tokio::test]
async fn a_tokens_text_is_never_in_the_file() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&dsn(&folder.path().join("x.db")), &keys()).await.unwrap();
    let secrets = [add_token(&store).await, add_token(&store).await];
    store.revoke_token(sidegate_model::token::TokenId(1), &Precondition::None).await.unwrap();
    let search = || {
        let mut seen_hash = false;
        for file in fs::read_dir(folder.path()).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
            for secret in &secrets {
                assert!(!has(&secret.reveal().as_bytes()[8..]));
                seen_hash |= has(&secret.hash().0);
            }
        }
        assert!(seen_hash, "the search finds what is stored");
    };
    search();
    store.close().await;
    search();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_wait_for_each_other() {
    let folder = TempDir::new().unwrap();
    let path = dsn(&folder.path().join("x.db"));
    let opening: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { Store::open(&path, &keys()).await })
        })
        .collect();
    let mut writing = Vec::new();
    for (i, store) in opening.into_iter().enumerate() {
        let store = store.await.unwrap().unwrap();
        writing.push(tokio::spawn(async move {
            for j in 0..10 {
                store.create_app(&app(&format!("{i}/{j}"))).await.unwrap();
            }
        }));
    }
    for writer in writing {
        writer.await.unwrap();
    }
    let store = Store::open(&path, &keys()).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 40);
    assert_eq!(
        store
            .list_apps(&sidegate_store::AppFilter::default(), Page::default())
            .await
            .unwrap()
            .total,
        40
    );
}

#[tokio::test]
async fn a_path_that_cannot_be_used_is_explained() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let rows = [
        (dsn(folder.path()), "it is a folder"),
        (dsn(&file.join("x.db")), "a part of its path is not a folder"),
        (format!("file:{}/none.db?mode=rw", folder.path().display()), "there is no such file"),
        ("sqlite:///dev/null".to_owned(), "not a regular file"),
    ];
    for (dsn, expected) in rows {
        let text = refusal(&dsn).await;
        assert!(text.contains(expected), "{dsn}: {text}");
        assert!(text.starts_with("cannot open the database /"), "{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made");
}

/// Modes of files hold for this thread and all that it starts from now on, even as root. What it
/// started before goes on as it was.
fn obey_modes_of_files() {
    let mut sets = capabilities(None).unwrap();
    sets.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    set_capabilities(None, sets).unwrap();
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_explained() {
    obey_modes_of_files();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    Store::open(&dsn(&path), &keys()).await.unwrap().close().await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let text = refusal(&dsn(&path)).await;
    assert!(text.contains("check the owner and the mode"), "{text}");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let text = refusal(&dsn(&path)).await;
    assert!(text.contains("folder"), "{text}");
    let text = refusal(&dsn(&folder.path().join("new.db"))).await;
    assert!(text.contains("permission denied"), "{text}");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_explained_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let garbage = vec![0x5a; 8192];
    fs::write(&path, &garbage).unwrap();
    let text = refusal(&dsn(&path)).await;
    assert!(text.contains("the file is not a database"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), garbage);

    let cut = folder.path().join("cut.db");
    let store = Store::open(&dsn(&cut), &keys()).await.unwrap();
    add_token(&store).await;
    store.close().await;
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let text = refusal(&dsn(&cut)).await;
    assert!(text.contains("restore it from a backup"), "{text}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    tamper(&path, "CREATE TABLE apps (id INTEGER); INSERT INTO apps VALUES (1);").await;
    let before = fs::read(&path).unwrap();
    let text = refusal(&dsn(&path)).await;
    assert!(text.contains("belongs to another program"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_the_version_named_that_it_needs() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    Store::open(&dsn(&path), &keys()).await.unwrap().close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
         execution_time) VALUES (999, '12.0.0: future', TRUE, x'00', 0)";
    tamper(&path, newer).await;
    let text = refusal(&dsn(&path)).await;
    assert!(text.contains("written by a newer Sidegate (its schema is 999, "), "{text}");
    assert!(text.contains("use Sidegate 12.0.0 or newer, or restore a backup"), "{text}");
}

#[tokio::test]
async fn a_value_written_by_somebody_else_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = Store::open(&dsn(&path), &keys()).await.unwrap();
    let id = store.create_app(&app("a")).await.unwrap().value.id;
    tamper(&path, "UPDATE apps SET rate_limit = -1").await;
    let expected = "app 1 is damaged in the database: field rate_limit cannot be read";
    assert_eq!(store.app(id).await.unwrap_err().to_string(), expected);
    assert_eq!(store.load_snapshot().await.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_explained_without_its_password() {
    for (dsn, expected) in [
        ("mysql://me:hunter2@db/x", "\"mysql\" is not supported: use sqlite:///"),
        ("postgres://me:hunter2@db", "it names no database: postgres://user:password@host"),
    ] {
        let error = Store::open(dsn, &keys()).await.unwrap_err();
        assert!(matches!(error, StoreError::Address { .. }));
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
