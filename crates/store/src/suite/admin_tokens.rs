//! The promises about admin tokens. See the parent for where they run.

use super::page;
use crate::{NewAdminToken, Page, Precondition, Store, StoreError};
use sidegate_model::admin_token::AdminTokenId;
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;

pub(super) fn admin_token(name: &str, role: Role) -> NewAdminToken {
    NewAdminToken {
        name: name.to_owned(),
        hash: TokenHash::of(name),
        hint: "sga_abcd".to_owned(),
        role,
        expires_at: Some(1_900_000_000_000),
    }
}

pub(super) async fn an_admin_token_is_saved_found_and_revoked(store: &Store) {
    let new = admin_token("jane", Role::Operator);
    let saved = store.create_admin_token(&new).await.unwrap();
    let expected = (&*new.name, new.hash, &*new.hint, new.role, new.expires_at, None);
    let told = (&*saved.name, saved.hash, &*saved.hint, saved.role, saved.expires_at);
    assert_eq!((told.0, told.1, told.2, told.3, told.4, saved.last_used_at), expected);
    assert_eq!(store.admin_token(saved.id).await.unwrap(), saved);
    assert_eq!(store.admin_token_by_name("jane").await.unwrap(), saved);
    assert_eq!(store.admin_token_by_hash(new.hash).await.unwrap(), Some(saved.clone()));
    assert_eq!(store.admin_token_by_hash(TokenHash::of("x")).await.unwrap(), None);
    let endless = NewAdminToken { expires_at: None, ..admin_token("joe", Role::Viewer) };
    let endless = store.create_admin_token(&endless).await.unwrap();
    let listed = store.list_admin_tokens(Page::default()).await.unwrap();
    assert_eq!((listed.items, listed.total), (vec![saved.clone(), endless.clone()], 2));
    assert_eq!(store.list_admin_tokens(page(2, 1)).await.unwrap().items, [endless]);

    let stale = Precondition::VersionIn(vec!["other".to_owned()]);
    let refused = store.revoke_admin_token(saved.id, &stale).await.unwrap_err();
    assert!(matches!(refused, StoreError::ChangedMeanwhile { .. }), "{refused}");
    let current = Precondition::VersionIn(vec![saved.version()]);
    assert_eq!(store.revoke_admin_token(saved.id, &current).await.unwrap(), saved);
    assert_eq!(store.admin_token_by_hash(new.hash).await.unwrap(), None);
    let gone = store.revoke_admin_token(saved.id, &Precondition::None).await.unwrap_err();
    assert_eq!(gone.to_string(), "admin token 1 does not exist");
    let gone = store.admin_token_by_name("jane").await.unwrap_err();
    assert_eq!(gone.to_string(), "admin token \"jane\" does not exist");
    assert_eq!(store.revision().await.unwrap(), 0, "they are no desired state");
}

pub(super) async fn names_and_hashes_of_admin_tokens_are_unique(store: &Store) {
    let first = admin_token("jane", Role::Viewer);
    store.create_admin_token(&first).await.unwrap();
    let same_name = NewAdminToken { hash: TokenHash::of("y"), ..first.clone() };
    let taken = store.create_admin_token(&same_name).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict { .. }));
    assert!(taken.to_string().contains("\"jane\" is taken by admin token 1"), "{taken}");
    let same_hash = NewAdminToken { name: "joe".to_owned(), ..first };
    let stored = store.create_admin_token(&same_hash).await.unwrap_err();
    assert!(stored.to_string().contains("stored already as admin token 1"), "{stored}");
    assert_eq!(store.list_admin_tokens(Page::default()).await.unwrap().total, 1);
}

pub(super) async fn an_invalid_admin_token_is_refused_with_every_problem(store: &Store) {
    let bad = NewAdminToken { hint: "x".repeat(40), ..admin_token("root", Role::Admin) };
    match store.create_admin_token(&bad).await.unwrap_err() {
        StoreError::Invalid { problems, .. } => {
            let fields: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap()).collect();
            assert_eq!(fields, ["name", "hint"]);
        }
        other => panic!("{other}"),
    }
}

pub(super) async fn the_last_use_of_an_admin_token_is_kept_and_only_the_latest_counts(
    store: &Store,
) {
    let id = store.create_admin_token(&admin_token("jane", Role::Viewer)).await.unwrap().id;
    for (time, kept) in [(500, 500), (400, 500), (600, 600)] {
        store.note_admin_token_uses(&[(id, time), (AdminTokenId(9), time)]).await.unwrap();
        assert_eq!(store.admin_token(id).await.unwrap().last_used_at, Some(kept));
    }
    let entries = store.list_audit(&crate::AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(entries.entries.len(), 1, "a use is no entry of the audit log");
}

pub(super) async fn an_admin_token_number_is_never_given_again(store: &Store) {
    let make = async || store.create_admin_token(&admin_token("a", Role::Viewer)).await.unwrap();
    let first = make().await.id;
    store.revoke_admin_token(first, &Precondition::None).await.unwrap();
    assert_eq!(make().await.id.0, first.0 + 1);
}
