//! Apps that are made for clients on first sight, and those that were before there were marks. See the parent for all other
//! promises.

use super::app;
use super::issuers::issuer;
use crate::sql::{Tx, params};
use crate::{AppFilter, Precondition, Store, StoreError};
use sidegate_model::actor::AuditContext;
use sidegate_model::app::{App, AppDraft, MadeFor};
use sidegate_model::issuer::IssuerId;
use sidegate_model::namespace::Namespace;

const SQLITE: &str = include_str!("../../migrations/sqlite/0016_apps_of_clients.sql");
const POSTGRES: &str = include_str!("../../migrations/postgres/0016_apps_of_clients.sql");

fn mark(client: &str) -> MadeFor {
    MadeFor { issuer: IssuerId(1), client: client.to_owned() }
}

fn system(store: &Store) -> Store {
    store.by(AuditContext::system("create_app_on_first_sight"))
}

/// Which client each app was made for, by name.
async fn marks(store: &Store) -> Vec<(String, Option<String>)> {
    let apps = store.list_apps(&AppFilter::default(), super::page(1, 100)).await.unwrap().items;
    apps.into_iter().map(|app| (app.name, app.made_for.map(|mark| mark.client))).collect()
}

pub(super) async fn for_whom_an_app_was_made_is_kept_whatever_becomes_of_it(store: &Store) {
    store.create_issuer(&issuer("corp")).await.unwrap();
    let made = system(store).create_app_for(&app("corp/a"), &mark("a")).await.unwrap();
    let (id, revision) = (made.value.id, made.revision);
    assert_eq!(made.value.made_for, Some(mark("a")));
    let again = store.create_app_for(&app("other"), &mark("a")).await.unwrap_err();
    assert!(again.to_string().contains("client \"a\" of issuer 1"), "{again}");
    let renamed: App = store.update_app(id, &app("x")).await.unwrap().value;
    assert_eq!((&*renamed.name, &renamed.made_for), ("x", &Some(mark("a"))));
    let snapshot = store.load_snapshot().await.unwrap();
    assert!(snapshot.apps.iter().any(|app| app.made_for == Some(mark("a"))));
    store.delete_app(id, &Precondition::None).await.unwrap();
    store.create_app_for(&app("new"), &mark("a")).await.unwrap();
    store.roll_back(revision, &Namespace::global()).await.unwrap();
    assert_eq!(marks(store).await, [("corp/a".to_owned(), Some("a".to_owned()))]);
    let plain = store.create_app(&AppDraft { name: "corp/b".into(), ..app("b") }).await.unwrap();
    assert_eq!(plain.value.made_for, None, "a person made it");
}

/// Takes the marks away, as if there never were any, and does as the step of the schema does.
async fn step_16(store: &Store) {
    let mut write = store.begin_write().await.unwrap();
    let (step, forget) = match &write.tx {
        Tx::Sqlite(_) => (
            SQLITE,
            "UPDATE versions SET content = json_remove(content, '$.made_for') WHERE kind = 'app'",
        ),
        Tx::Postgres(_) => (
            POSTGRES,
            "UPDATE versions SET content = (content::jsonb - 'made_for')::text WHERE kind = 'app'",
        ),
    };
    let unmark = "UPDATE apps SET made_for_issuer = NULL, made_for_client = NULL";
    let updates = step.split(";\n").filter(|it| it.contains("UPDATE ") && it.contains("FROM"));
    let updates: Vec<_> = updates.collect();
    assert_eq!(updates.len(), 2);
    for statement in [unmark, forget].into_iter().chain(updates) {
        write.tx.all(statement, params![]).await.unwrap();
    }
    write.tx.commit().await.unwrap();
}

pub(super) async fn apps_that_were_made_before_there_were_marks_get_them(store: &Store) {
    store.create_issuer(&issuer("corp")).await.unwrap();
    let of_client = |client: &'static str| app(client);
    for name in ["corp/a", "corp/a/b", "corp/of-the-log", "corp/of-the-history", "gone/c"] {
        system(store).create_app(&of_client(name)).await.unwrap();
    }
    let deleted = system(store).create_app(&of_client("corp/deleted")).await.unwrap();
    let revision = deleted.revision;
    for name in ["corp/own", "corp", "corpus/a"] {
        store.create_app(&of_client(name)).await.unwrap();
    }
    let renamed = system(store).create_app(&of_client("corp/renamed")).await.unwrap().value.id;
    store.update_app(renamed, &of_client("renamed")).await.unwrap();
    store.delete_app(deleted.value.id, &Precondition::None).await.unwrap();
    let mut write = store.begin_write().await.unwrap();
    for forgotten in [
        "DELETE FROM audit WHERE thing_name = 'corp/of-the-history'",
        "DELETE FROM revisions WHERE revision IN \
         (SELECT revision FROM versions WHERE name = 'corp/of-the-log')",
    ] {
        write.tx.all(forgotten, params![]).await.unwrap();
    }
    write.tx.commit().await.unwrap();
    step_16(store).await;
    let some = |name: &str, client: Option<&str>| (name.to_owned(), client.map(str::to_owned));
    let expected = [
        some("corp/a", Some("a")),
        some("corp/a/b", Some("a/b")),
        some("corp/of-the-log", Some("of-the-log")),
        some("corp/of-the-history", Some("of-the-history")),
        some("gone/c", None),
        some("corp/own", None),
        some("corp", None),
        some("corpus/a", None),
        some("renamed", None),
    ];
    assert_eq!(marks(store).await, expected);
    let back: Result<_, StoreError> = store.roll_back(revision, &Namespace::global()).await;
    back.unwrap();
    let deleted = store.app(deleted.value.id).await.unwrap();
    assert_eq!(deleted.made_for, Some(mark("deleted")), "it comes back as what it was");
}
