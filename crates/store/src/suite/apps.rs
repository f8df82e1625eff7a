//! The promises about apps. See the parent for where they run.

use super::{app, page, saved_app, token};
use crate::{Page, Precondition, Store, StoreError, TokenFilter};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use sidegate_model::app::{AppDraft, AppId};

pub(super) async fn what_is_saved_is_what_is_read(store: &Store) {
    let saved = store.create_app(&app("billing")).await.unwrap().value;
    assert_eq!(AppDraft { ..as_draft(&saved) }, app("billing"));
    assert!(saved.created_at > 1_600_000_000_000, "{}", saved.created_at);
    assert_eq!(saved.created_at, saved.updated_at);
    assert_eq!(store.app(saved.id).await.unwrap(), saved);
    assert_eq!(store.app_by_name("billing").await.unwrap(), saved);

    let wanted = AppDraft { is_active: false, rate_limit: 0, metadata: Map::new(), ..app("paid") };
    let updated = store.update_app(saved.id, &wanted).await.unwrap().value;
    assert_eq!(as_draft(&updated), wanted);
    assert_eq!(updated.created_at, saved.created_at);
    assert_eq!(store.app(saved.id).await.unwrap(), updated);
}

pub(super) async fn any_text_and_json_survives(store: &Store) {
    let text = || any::<String>();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let metadata = prop::collection::btree_map(any::<String>(), value, 0..4);
    let strategy = ("[^\\u{0}]{0,64}", metadata, 0.0..1e300);
    let mut runner = TestRunner::deterministic();
    for round in 0..64 {
        let (description, metadata, monthly_budget) =
            strategy.new_tree(&mut runner).unwrap().current();
        let metadata = metadata.into_iter().collect();
        let draft =
            AppDraft { description, metadata, monthly_budget, ..app(&format!("app ü {round}")) };
        let saved = store.create_app(&draft).await.unwrap();
        assert_eq!(as_draft(&saved.value), draft);
        let again = store.update_app(saved.value.id, &draft).await.unwrap();
        assert_eq!(again.revision, saved.revision);
    }
}

pub(super) async fn a_text_that_one_database_cannot_keep_is_refused_by_all(store: &Store) {
    let draft = AppDraft { description: "a\u{0}b".to_owned(), ..app("a") };
    for refused in
        [store.create_app(&draft).await.map(drop), store.app_by_name("\u{0}").await.map(drop)]
    {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid { .. }), "{refused:?}");
        assert!(refused.to_string().contains("U+0000"), "{refused}");
    }
    assert_eq!(store.revision().await.unwrap(), 0);
}

pub(super) async fn app_names_are_unique(store: &Store) {
    let first = saved_app(store, "billing").await;
    let second = saved_app(store, "Billing").await;
    let refused = store.create_app(&app("billing")).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "app cannot be saved: the name \"billing\" is taken by app 1; choose another"
    );
    let refused = store.update_app(second, &app("billing")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { what: "app", .. }), "{refused}");
    store.delete_app(first, &Precondition::None).await.unwrap();
    store.update_app(second, &app("billing")).await.unwrap();
}

pub(super) async fn an_invalid_app_is_refused_with_every_problem(store: &Store) {
    let bad = AppDraft { owner_email: "x".into(), monthly_budget: f64::NAN, ..app("") };
    let id = saved_app(store, "good").await;
    for refused in [store.create_app(&bad).await, store.update_app(id, &bad).await] {
        match refused.unwrap_err() {
            StoreError::Invalid { what: "app", problems } => assert_eq!(problems.len(), 3),
            other => panic!("{other}"),
        }
    }
}

pub(super) async fn an_app_that_is_not_there_is_named(store: &Store) {
    let id = AppId(7);
    let refusals = [
        store.app(id).await.unwrap_err(),
        store.update_app(id, &app("x")).await.unwrap_err(),
        store.delete_app(id, &Precondition::None).await.unwrap_err(),
    ];
    for refused in refusals {
        assert_eq!(refused.to_string(), "app 7 does not exist");
        assert!(matches!(refused, StoreError::NotFound { what: "app", .. }));
    }
    let refused = store.app_by_name("x' OR '1'='1").await.unwrap_err();
    assert_eq!(refused.to_string(), "app \"x' OR '1'='1\" does not exist");
}

pub(super) async fn apps_are_listed_in_pages(store: &Store) {
    let empty = store.list_apps(&crate::AppFilter::default(), Page::default()).await.unwrap();
    assert_eq!((empty.items.len(), empty.total, empty.pages()), (0, 0, 0));
    for i in 0..7 {
        saved_app(store, &format!("app {i}")).await;
    }
    let mut seen = Vec::new();
    for number in 1..=4 {
        let listing = store.list_apps(&crate::AppFilter::default(), page(number, 3)).await.unwrap();
        assert_eq!((listing.total, listing.pages()), (7, 3));
        seen.extend(listing.items.into_iter().map(|app| app.id.0));
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(
        store.list_apps(&crate::AppFilter::default(), page(u32::MAX, 100)).await.unwrap().items,
        []
    );
}

pub(super) async fn deleting_an_app_deletes_and_returns_its_tokens(store: &Store) {
    let (doomed, other) = (saved_app(store, "doomed").await, saved_app(store, "other").await);
    let mut hashes = Vec::new();
    for text in ["a", "b", "c"] {
        hashes.push(store.create_token(&token(doomed, text)).await.unwrap().value.hash);
    }
    let kept = store.create_token(&token(other, "d")).await.unwrap().value;
    let mut deleted = store.delete_app(doomed, &Precondition::None).await.unwrap().value;
    deleted.token_hashes.sort_unstable();
    hashes.sort_unstable();
    assert_eq!((deleted.app.id, deleted.token_hashes), (doomed, hashes));
    assert_eq!(
        store.list_tokens(&TokenFilter::default(), Page::default()).await.unwrap().items,
        [kept]
    );
}

pub(super) async fn an_app_number_is_never_given_again(store: &Store) {
    let first = saved_app(store, "a").await;
    store.delete_app(first, &Precondition::None).await.unwrap();
    assert!(saved_app(store, "a").await > first);
}

fn as_draft(app: &sidegate_model::app::App) -> AppDraft {
    let app = app.clone();
    AppDraft {
        name: app.name,
        description: app.description,
        owner_email: app.owner_email,
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        rate_limit: app.rate_limit,
        metadata: app.metadata,
        namespace: app.namespace,
        max_staleness: app.max_staleness,
        managed_by: app.managed_by,
    }
}

#[test]
fn pages_count_from_one_and_have_a_bound() {
    for (number, size) in [(0, 1), (1, 0), (1, 101)] {
        assert!(Page::new(number, size).is_err());
    }
    let both = Page::new(0, 0).unwrap_err().to_string();
    assert!(both.contains("number") && both.contains("size"), "{both}");
    assert_eq!(json!([Page::default().number(), Page::default().size()]), json!([1, 20]));
}
