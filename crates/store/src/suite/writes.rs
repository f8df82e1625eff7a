//! The promises about revisions, transactions and snapshots. See the parent for where they run.

use super::{app, page, plugin, saved_app, token};
use crate::sql::params;
use crate::{Page, PluginFilter, Precondition, Store, StoreError, TokenFilter};
use sidegate_model::plugin::PluginDraft;
use sidegate_model::token::TokenHash;
use tokio::task::JoinSet;

pub(super) async fn every_write_grows_the_revision_by_one(store: &Store) {
    assert_eq!(store.revision().await.unwrap(), 0);
    let app_id = saved_app(store, "a").await;
    let token_id = store.create_token(&token(app_id, "x")).await.unwrap().value.id;
    let id = store.create_plugin(&plugin("p", Some("p"))).await.unwrap().value.id;
    assert_eq!(store.revision().await.unwrap(), 3);
    let revisions = [
        store.update_app(app_id, &app("b")).await.unwrap().revision,
        store.update_plugin(id, &plugin("q", Some("p"))).await.unwrap().revision,
        store.bump_reload(id, &Precondition::None).await.unwrap().revision,
        store.revoke_token(token_id, &Precondition::None).await.unwrap().revision,
        store.delete_app(app_id, &Precondition::None).await.unwrap().revision,
        store.delete_plugin(id, &Precondition::None).await.unwrap().revision,
    ];
    assert_eq!(revisions, [4, 5, 6, 7, 8, 9]);
    assert_eq!(store.revision().await.unwrap(), 9);
}

pub(super) async fn a_write_that_changes_nothing_keeps_the_revision(store: &Store) {
    let saved_app = store.create_app(&app("a")).await.unwrap();
    let saved_plugin = store.create_plugin(&plugin("p", None)).await.unwrap();
    let before = store.revision().await.unwrap();
    let same_app = store.update_app(saved_app.value.id, &app("a")).await.unwrap();
    let same_plugin = store.update_plugin(saved_plugin.value.id, &plugin("p", None)).await.unwrap();
    assert_eq!((same_app.value, same_app.revision), (saved_app.value, before));
    assert_eq!((same_plugin.value, same_plugin.revision), (saved_plugin.value, before));
    assert_eq!(store.revision().await.unwrap(), before);
}

pub(super) async fn a_refused_write_changes_nothing(store: &Store) {
    let app_id = saved_app(store, "a").await;
    store.create_plugin(&plugin("p", Some("p"))).await.unwrap();
    let before = store.revision().await.unwrap();
    store.create_app(&app("a")).await.unwrap_err();
    store.create_plugin(&plugin("q", Some("p"))).await.unwrap_err();
    store.delete_app(sidegate_model::app::AppId(99), &Precondition::None).await.unwrap_err();
    store.update_app(app_id, &app("")).await.unwrap_err();
    assert_eq!(store.revision().await.unwrap(), before);
    assert_eq!(
        store.list_apps(&crate::AppFilter::default(), Page::default()).await.unwrap().total,
        1
    );
}

pub(super) async fn an_abandoned_write_changes_nothing(store: &Store) {
    let kept = saved_app(store, "a").await;
    let mut write = store.begin_write().await.unwrap();
    write.tx.all("DELETE FROM apps WHERE id = $1", params![kept.0]).await.unwrap();
    drop(write);
    assert_eq!(store.app(kept).await.unwrap().id, kept);
    assert_eq!(saved_app(store, "b").await.0, 2, "the next writer is not held up");
    assert_eq!(store.revision().await.unwrap(), 2);
}

pub(super) async fn parallel_writers_lose_nothing_and_the_revision_strictly_grows(store: &Store) {
    let app_id = saved_app(store, "a").await;
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let store = store.clone();
        writers.spawn(async move {
            let mut revisions = Vec::new();
            for i in 0..10 {
                let new = token(app_id, &format!("{writer}/{i}"));
                let written = store.create_token(&new).await.unwrap();
                assert!(store.revision().await.unwrap() >= written.revision);
                assert_eq!(store.token(written.value.id).await.unwrap(), written.value);
                revisions.push(written.revision);
            }
            assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
            revisions
        });
    }
    let mut revisions = writers.join_all().await.concat();
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=161).collect::<Vec<_>>(), "each write has a revision of its own");
    let of_app = TokenFilter { app: Some(app_id), ..TokenFilter::default() };
    assert_eq!(store.list_tokens(&of_app, page(1, 1)).await.unwrap().total, 160);
}

pub(super) async fn a_slug_wanted_by_many_is_given_once(store: &Store) {
    let mut writers = JoinSet::new();
    for i in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            store.create_plugin(&plugin(&format!("p{i}"), Some("wanted"))).await
        });
    }
    let (winners, losers): (Vec<_>, Vec<_>) =
        writers.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((winners.len(), losers.len()), (1, 7));
    for loser in losers {
        assert!(matches!(loser, Err(StoreError::Conflict { what: "plugin", .. })));
    }
    assert_eq!(store.revision().await.unwrap(), 1);
}

pub(super) async fn a_snapshot_holds_active_plugins_all_apps_and_all_tokens(store: &Store) {
    let empty = store.load_snapshot().await.unwrap();
    assert!(empty.plugins.is_empty() && empty.apps.is_empty() && empty.tokens.is_empty());
    let running = store.create_plugin(&plugin("on", Some("on"))).await.unwrap().value;
    let off = PluginDraft { is_active: false, ..plugin("off", Some("off")) };
    let off = store.create_plugin(&off).await.unwrap().value;
    let mut inactive = app("inactive");
    inactive.is_active = false;
    let app = store.create_app(&inactive).await.unwrap().value;
    let token = store.create_token(&token(app.id, "x")).await.unwrap();

    let snapshot = store.load_snapshot().await.unwrap();
    assert_eq!(snapshot.revision, token.revision);
    assert_eq!(snapshot.plugins.len(), 1);
    assert_eq!(*snapshot.plugins[&running.id], running.spec());
    let all = [&running, &off].map(|plugin| (plugin.id, plugin.created_at));
    assert_eq!(*snapshot.registered, all.into(), "inactive ones too");
    assert_eq!(snapshot.plugins[&running.id].slug.as_ref().unwrap().as_str(), "on");
    assert_eq!((snapshot.apps.len(), &*snapshot.apps[&app.id]), (1, &app));
    assert_eq!(snapshot.tokens.len(), 1);
    assert_eq!(**snapshot.tokens.get(&TokenHash::of("x")).unwrap(), token.value);
}

/// Each write adds one app, so in every moment there are as many apps as the revision says.
pub(super) async fn every_snapshot_is_of_one_moment(store: &Store) {
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for i in 0..100 {
            saved_app(&writer, &format!("app {i}")).await;
        }
    });
    let mut last = 0;
    while last < 100 {
        let snapshot = store.load_snapshot().await.unwrap();
        assert_eq!(snapshot.apps.len() as u64, snapshot.revision);
        assert!(snapshot.revision >= last);
        last = snapshot.revision;
        let listing = store.list_apps(&crate::AppFilter::default(), Page::default()).await.unwrap();
        assert_eq!(listing.items.len() as u64, listing.total.min(20));
    }
    writing.await.unwrap();
    assert_eq!(store.list_plugins(&PluginFilter::default(), page(1, 1)).await.unwrap().total, 0);
}

pub(super) async fn ten_thousand_tokens_load(store: &Store) {
    let app_id = saved_app(store, "a").await;
    let mut write = store.begin_write().await.unwrap();
    for i in 0..10_000 {
        let sql = "INSERT INTO tokens (app_id, name, hash, hint, scopes, expires_at, created_at) \
             VALUES ($1, '', $2, 'sgt_', '[\"a\"]', NULL, 0)";
        let hash = TokenHash::of(&i.to_string()).0;
        write.tx.all(sql, params![app_id.0, hash]).await.unwrap();
    }
    write.aside(()).await.unwrap();
    let snapshot = store.load_snapshot().await.unwrap();
    assert_eq!(snapshot.tokens.len(), 10_000);
    assert!(snapshot.tokens.get(&TokenHash::of("9999")).is_some());
    let last = store.list_tokens(&TokenFilter::default(), page(100, 100)).await.unwrap();
    assert_eq!((last.items.len(), last.total), (100, 10_000));
}
