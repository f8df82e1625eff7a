//! Issuers of JWTs. See the parent for all other promises.

use super::namespaces::made;
use super::page;
use crate::{IssuerFilter, Precondition, Store, StoreError};
use sidegate_model::issuer::{IssuerDraft, IssuerId};

/// A complete draft.
pub(super) fn issuer(name: &str) -> IssuerDraft {
    let audiences = vec!["https://gw.example/plugins/{slug}".to_owned()];
    let clients = [("svc".to_owned(), "billing".to_owned())].into();
    IssuerDraft { audiences, clients, ..IssuerDraft::new(name, "https://id.example") }
}

pub(super) async fn an_issuer_is_found_as_it_was_written_until_it_is_deleted(store: &Store) {
    let written = store.create_issuer(&issuer("corp")).await.unwrap();
    let saved = written.value;
    assert_eq!((saved.id, written.revision, &saved.draft), (IssuerId(1), 1, &issuer("corp")));
    assert_eq!(store.issuer(saved.id).await.unwrap(), saved);
    let mut changed = saved.draft.clone();
    changed.clients.insert("other".to_owned(), "shop".to_owned());
    let amend = |_: &_| Ok::<_, StoreError>(changed.clone());
    let after = store.amend_issuer(saved.id, &Precondition::None, amend).await.unwrap();
    assert_eq!((after.revision, &after.value.draft), (2, &changed));
    assert!(after.value.updated_at > saved.updated_at);
    let again = store.amend_issuer(saved.id, &Precondition::None, amend).await.unwrap();
    assert_eq!((again.revision, again.value), (2, after.value.clone()));
    let snapshot = store.load_snapshot().await.unwrap();
    assert_eq!(*snapshot.issuers[&saved.id], after.value);
    let named = |name: &str| IssuerFilter { name: Some(name.to_owned()), ..<_>::default() };
    for (name, total) in [("corp", 1), ("other", 0)] {
        assert_eq!(store.list_issuers(&named(name), page(1, 10)).await.unwrap().total, total);
    }
    store.delete_issuer(saved.id, &Precondition::None).await.unwrap();
    assert!(matches!(store.issuer(saved.id).await, Err(StoreError::NotFound { .. })));
    assert!(store.load_snapshot().await.unwrap().issuers.is_empty());
}

pub(super) async fn no_two_issuers_that_one_edge_sees_have_one_name(store: &Store) {
    let berlin = made(store, "berlin").await;
    let there = |name: &str| IssuerDraft { namespace: berlin.clone(), ..issuer(name) };
    store.create_issuer(&issuer("corp")).await.unwrap();
    for draft in [issuer("corp"), there("corp")] {
        let refused = store.create_issuer(&draft).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { what: "issuer", .. }), "{refused}");
    }
    store.create_issuer(&there("lab")).await.unwrap();
    let refused = store.create_issuer(&IssuerDraft::new("x", "https://x")).await.unwrap_err();
    assert!(refused.to_string().contains("audiences"), "{refused}");
}

pub(super) async fn issuers_are_gone_back_to_like_everything_else(store: &Store) {
    let first = store.create_issuer(&issuer("a")).await.unwrap();
    let amend = |name: &'static str| move |_: &_| Ok::<_, StoreError>(issuer(name));
    let none = &Precondition::None;
    store.amend_issuer(first.value.id, none, amend("b")).await.unwrap();
    store.create_issuer(&issuer("a")).await.unwrap();
    let global = sidegate_model::namespace::Namespace::global();
    let back = store.roll_back(first.revision, &global).await.unwrap();
    assert_eq!(back.value.differences.len(), 2);
    assert_eq!(store.diff(3, 4, None).await.unwrap(), back.value.differences);
    let issuers = store.load_snapshot().await.unwrap().issuers;
    assert_eq!(issuers.len(), 1);
    assert_eq!(issuers[&first.value.id].draft, first.value.draft);
}
