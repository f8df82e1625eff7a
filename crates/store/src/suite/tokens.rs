//! The promises about tokens. See the parent for where they run.

use super::{page, saved_app, token};
use crate::{NewTokenRow, Page, Precondition, Store, StoreError, TokenFilter};
use sidegate_model::app::AppId;
use sidegate_model::token::{NewToken, TokenHash, TokenId};

pub(super) async fn a_token_is_saved_by_its_hash(store: &Store) {
    let app_id = saved_app(store, "a").await;
    let secret = NewToken::generate().unwrap();
    let row = NewTokenRow {
        app_id,
        name: String::new(),
        hash: secret.hash(),
        hint: secret.hint(),
        scopes: vec![],
        expires_at: None,
    };
    let saved = store.create_token(&row).await.unwrap().value;
    assert_eq!(saved.hash, TokenHash::of(secret.reveal()));
    assert_eq!((saved.expires_at, saved.scopes.len()), (None, 0));
    assert!(saved.created_at > 1_600_000_000_000);

    let full = store.create_token(&token(app_id, "b")).await.unwrap().value;
    assert_eq!(full.scopes, ["files.read", "files.write"]);
    assert_eq!(full.expires_at, Some(1_900_000_000_000));
    assert_eq!(store.token(full.id).await.unwrap(), full);
    let snapshot = store.load_snapshot().await.unwrap();
    assert_eq!(**snapshot.tokens.get(&secret.hash()).unwrap(), saved);
}

pub(super) async fn a_token_needs_its_app(store: &Store) {
    let refused = store.create_token(&token(AppId(3), "x")).await.unwrap_err();
    assert_eq!(refused.to_string(), "app 3 does not exist");
}

pub(super) async fn the_same_token_is_not_saved_twice(store: &Store) {
    let app_id = saved_app(store, "a").await;
    store.create_token(&token(app_id, "x")).await.unwrap();
    let refused = store.create_token(&token(app_id, "x")).await.unwrap_err();
    assert!(refused.to_string().contains("already as token 1"), "{refused}");
}

pub(super) async fn an_invalid_token_is_refused_with_every_problem(store: &Store) {
    let app_id = saved_app(store, "a").await;
    let bad = NewTokenRow {
        name: "x".repeat(256),
        hint: "sgt_the_whole_secret".into(),
        scopes: vec!["two words".into(), String::new()],
        ..token(app_id, "x")
    };
    match store.create_token(&bad).await.unwrap_err() {
        StoreError::Invalid { what: "token", problems } => {
            assert_eq!(problems.len(), 4);
            assert!(!problems.concat().contains("whole_secret"));
        }
        other => panic!("{other}"),
    }
    let many = NewTokenRow { scopes: vec!["s".to_owned(); 65], ..token(app_id, "x") };
    assert!(matches!(store.create_token(&many).await, Err(StoreError::Invalid { .. })));
}

pub(super) async fn tokens_are_listed_by_app_and_name(store: &Store) {
    let (a, b) = (saved_app(store, "a").await, saved_app(store, "b").await);
    for i in 0..5 {
        let app_id = if i % 2 == 0 { a } else { b };
        let name = if i < 2 { "ci" } else { "Ci" }.to_owned();
        let row = NewTokenRow { name, ..token(app_id, &i.to_string()) };
        store.create_token(&row).await.unwrap();
    }
    let all = store.list_tokens(&TokenFilter::default(), page(2, 2)).await.unwrap();
    assert_eq!(all.total, 5);
    assert_eq!(all.items.iter().map(|t| t.id.0).collect::<Vec<_>>(), [3, 4]);
    let of = |app: Option<AppId>, name: Option<&str>| TokenFilter {
        app,
        name: name.map(Into::into),
        ..TokenFilter::default()
    };
    let of_a = store.list_tokens(&of(Some(a), None), Page::default()).await.unwrap();
    assert_eq!(of_a.total, 3);
    assert!(of_a.items.iter().all(|t| t.app_id == a));
    let of_nobody = store.list_tokens(&of(Some(AppId(99)), None), Page::default()).await.unwrap();
    assert_eq!((of_nobody.items.len(), of_nobody.total), (0, 0));
    for (filter, count) in
        [(of(None, Some("ci")), 2), (of(Some(a), Some("ci")), 1), (of(None, Some("c%")), 0)]
    {
        let named = store.list_tokens(&filter, Page::default()).await.unwrap();
        assert_eq!((named.total, named.items.len()), (count, count as usize), "{filter:?}");
    }
}

pub(super) async fn a_revoked_token_is_gone(store: &Store) {
    let app_id = saved_app(store, "a").await;
    let saved = store.create_token(&token(app_id, "x")).await.unwrap().value;
    assert_eq!(store.revoke_token(saved.id, &Precondition::None).await.unwrap().value, saved);
    for refused in [
        store.token(saved.id).await.map(drop),
        store.revoke_token(saved.id, &Precondition::None).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), "token 1 does not exist");
    }
    assert!(store.load_snapshot().await.unwrap().tokens.is_empty());
    let next = store.create_token(&token(app_id, "x")).await.unwrap().value.id;
    assert_eq!(next, TokenId(2), "a token's number is never given again");
}
