//! The promises about tokens over time. See the parent for where they run.

use super::{saved_app, token};
use crate::{NewEnd, NewTokenRow, Page, Precondition, Rotation, Store, StoreError, TokenFilter};
use sidegate_model::UnixMillis;
use sidegate_model::app::AppDraft;
use sidegate_model::clock::now_millis;
use sidegate_model::namespace::Namespace;
use sidegate_model::token::{Token, TokenHash, TokenId};

const HOUR: UnixMillis = 3_600_000;

fn rotation(text: &str, end: NewEnd, overlap: UnixMillis) -> Rotation {
    Rotation { hash: TokenHash::of(text), hint: "sgt_new1".to_owned(), end, overlap }
}

async fn saved(store: &Store, text: &str, expires_at: Option<UnixMillis>) -> Token {
    let apps = store.list_apps(&crate::AppFilter::default(), Page::default()).await.unwrap();
    let app_id = match apps.items.first() {
        Some(app) => app.id,
        None => saved_app(store, "a").await,
    };
    let row = NewTokenRow { expires_at, name: text.to_owned(), ..token(app_id, text) };
    store.create_token(&row).await.unwrap().value
}

pub(super) async fn a_use_is_kept_without_a_new_revision_and_only_the_latest_counts(store: &Store) {
    let (one, two) = (saved(store, "one", None).await, saved(store, "two", None).await);
    assert_eq!(one.last_used.time(), None);
    let (revision, version) = (store.revision().await.unwrap(), one.version());
    let uses = [(one.id, 500), (TokenId(99), 500), (two.id, 700)];
    store.note_token_uses(&uses).await.unwrap();
    store.note_token_uses(&[(one.id, 400), (two.id, 800)]).await.unwrap();
    store.note_token_uses(&[]).await.unwrap();
    for (id, time) in [(one.id, 500), (two.id, 800)] {
        assert_eq!(store.token(id).await.unwrap().last_used.time(), Some(time));
    }
    let snapshot = store.load_snapshot().await.unwrap();
    let loaded = &snapshot.tokens[&one.hash];
    assert_eq!((loaded.last_used.time(), loaded.last_used.collect()), (Some(500), None));
    assert_eq!(
        (snapshot.revision, store.token(one.id).await.unwrap().version()),
        (revision, version)
    );
}

pub(super) async fn an_edge_says_nothing_of_tokens_that_it_does_not_serve(store: &Store) {
    let mut tokens = Vec::new();
    for of in ["", "berlin", "oslo"] {
        let namespace = Namespace::parse(of).unwrap();
        if !namespace.is_global() {
            store.create_namespace(&namespace, "").await.unwrap();
        }
        let draft = AppDraft { namespace, ..AppDraft::new(&format!("a{of}"), "o@example.com") };
        let app = store.create_app(&draft).await.unwrap().value.id;
        tokens.push(store.create_token(&token(app, &format!("t{of}"))).await.unwrap().value.id);
    }
    let (revision, head) = (store.revision().await.unwrap(), store.stored_head().await.unwrap());
    let of = |name| Namespace::parse(name).unwrap();
    let last_uses = async || {
        let mut times = Vec::new();
        for id in &tokens {
            times.push(store.token(*id).await.unwrap().last_used.time());
        }
        times
    };
    let all_at = |time| {
        let known = tokens.iter().map(|id| (*id, time));
        known.chain([(TokenId(99), time)]).collect::<Vec<_>>()
    };
    store.note_token_uses_of(&of("berlin"), &all_at(500)).await.unwrap();
    assert_eq!(last_uses().await, [Some(500), Some(500), None]);
    store.note_token_uses_of(&of(""), &all_at(700)).await.unwrap();
    assert_eq!(last_uses().await, [Some(700), Some(500), None]);
    store.note_token_uses_of(&of("berlin"), &all_at(600)).await.unwrap();
    assert_eq!(last_uses().await, [Some(700), Some(600), None], "only the latest counts");
    assert_eq!(
        (store.revision().await.unwrap(), store.stored_head().await.unwrap()),
        (revision, head)
    );
}

pub(super) async fn a_rotated_token_has_a_successor_like_it_and_ends_after_the_overlap(
    store: &Store,
) {
    let begun = now_millis();
    let old = saved(store, "old", Some(begun + 100 * HOUR)).await;
    store.note_token_uses(&[(old.id, begun)]).await.unwrap();
    let revision = store.revision().await.unwrap();
    let rotation = rotation("new", NewEnd::LikeTheOld, HOUR);
    let rotated = store.rotate_token(old.id, &rotation, &Precondition::None).await.unwrap();
    assert_eq!(rotated.revision, revision + 1, "both at once");
    let (new, now_old) = (rotated.value.new, rotated.value.old);
    assert_eq!((new.app_id, &new.name, &new.scopes), (old.app_id, &old.name, &old.scopes));
    assert_eq!((new.hash, new.hint.as_str()), (TokenHash::of("new"), "sgt_new1"));
    let life = |token: &Token| token.expires_at.unwrap() - token.created_at;
    assert_eq!(life(&new), life(&old));
    assert_eq!((new.last_used.time(), new.replaced_by), (None, None));
    assert_eq!(now_old.replaced_by, Some(new.id));
    assert_eq!(now_old.expires_at, Some(new.created_at + HOUR));
    assert_eq!((now_old.hash, now_old.created_at), (old.hash, old.created_at));
    assert_eq!(now_old.last_used.time(), Some(begun));
    assert_ne!(now_old.version(), old.version(), "its end is content");
    assert_eq!(store.token(old.id).await.unwrap(), now_old);
    assert_eq!(store.load_snapshot().await.unwrap().tokens.len(), 2);
}

pub(super) async fn an_overlap_prolongs_nothing_and_a_new_end_is_what_is_said(store: &Store) {
    let now = now_millis();
    let brief = saved(store, "brief", Some(now + HOUR)).await;
    let endless = saved(store, "endless", None).await;
    let third = saved(store, "third", Some(now + HOUR)).await;
    let rotate = async |token: &Token, text: &str, end, overlap| {
        let rotation = rotation(text, end, overlap);
        store.rotate_token(token.id, &rotation, &Precondition::None).await.unwrap().value
    };
    let rotated = rotate(&brief, "a", NewEnd::At(None), 100 * HOUR).await;
    assert_eq!(rotated.old.expires_at, brief.expires_at);
    assert_eq!(rotated.new.expires_at, None);
    let rotated = rotate(&endless, "b", NewEnd::LikeTheOld, 0).await;
    assert_eq!(rotated.new.expires_at, None);
    assert!(rotated.old.is_expired(rotated.new.created_at), "at once");
    let end = Some(now + 7 * HOUR);
    let rotated = rotate(&third, "c", NewEnd::At(end), UnixMillis::MAX).await;
    assert_eq!((rotated.new.expires_at, rotated.old.expires_at), (end, third.expires_at));
}

pub(super) async fn what_has_ended_or_a_successor_is_not_rotated(store: &Store) {
    let ended = saved(store, "ended", Some(1)).await;
    let old = saved(store, "old", None).await;
    let precondition = Precondition::VersionIn(vec![old.version()]);
    let rotate = async |id, text: &str, precondition: &Precondition| {
        store.rotate_token(id, &rotation(text, NewEnd::LikeTheOld, HOUR), precondition).await
    };
    let new = rotate(old.id, "new", &precondition).await.unwrap().value.new;
    let revision = store.revision().await.unwrap();
    let refused = rotate(old.id, "x", &precondition).await.unwrap_err();
    assert!(matches!(refused, StoreError::ChangedMeanwhile { .. }), "{refused}");
    let none = Precondition::None;
    let refused = rotate(old.id, "x", &none).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("replaced by token {} already", new.id)), "{refused}");
    let refused = rotate(ended.id, "x", &none).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert!(refused.to_string().contains("has expired; make a new one"), "{refused}");
    let refused = rotate(TokenId(99), "x", &none).await.unwrap_err().to_string();
    assert_eq!(refused, "token 99 does not exist");
    assert_eq!(store.revision().await.unwrap(), revision);
    rotate(new.id, "x", &none).await.unwrap();
    // Of one whose successor was revoked another one can be made.
    store.revoke_token(new.id, &none).await.unwrap();
    rotate(old.id, "y", &none).await.unwrap();
}

pub(super) async fn tokens_are_listed_by_their_end_and_their_last_use(store: &Store) {
    for (name, end) in [("a", Some(100)), ("b", Some(200)), ("c", None)] {
        saved(store, name, end).await;
    }
    let made = store.token(TokenId(1)).await.unwrap().created_at;
    store.note_token_uses(&[(TokenId(1), made + 5000), (TokenId(2), made + 9000)]).await.unwrap();
    let all = TokenFilter::default();
    let after = |time| TokenFilter { ends_after: Some(time), ..TokenFilter::default() };
    let before = |time| TokenFilter { ends_before: Some(time), ..TokenFilter::default() };
    let unused = |time| TokenFilter { unused_since: Some(time), ..TokenFilter::default() };
    for (filter, names) in [
        (all, "abc"),
        (after(99), "abc"),
        (after(100), "bc"),
        (after(UnixMillis::MAX), "c"),
        (before(100), ""),
        (before(101), "a"),
        (before(UnixMillis::MAX), "ab"),
        (TokenFilter { ends_before: Some(201), ..after(100) }, "b"),
        (unused(made), ""),
        (unused(made + 8000), "ac"),
        (TokenFilter { ends_after: Some(150), ..unused(made + 8000) }, "c"),
        (unused(made + 9001), "abc"),
    ] {
        let listed = store.list_tokens(&filter, Page::default()).await.unwrap();
        let found: String = listed.items.iter().map(|token| token.name.as_str()).collect();
        assert_eq!((found.as_str(), listed.total), (names, names.len() as u64), "{filter:?}");
    }
}
