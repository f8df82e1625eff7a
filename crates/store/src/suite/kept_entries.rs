//! The promises about what operators see of what plugins keep, and of changes that are only planned. See the parent for
//! where they run.

use super::plugin;
use crate::{KeptFilter, Precondition, Store, StoreError};
use sidegate_model::kv::Kv as _;

pub(super) async fn what_a_plugin_keeps_is_listed_in_the_order_of_its_keys(store: &Store) {
    let view = store.view();
    let one = store.create_plugin(&plugin("one", None)).await.unwrap().value.id;
    let other = store.create_plugin(&plugin("other", None)).await.unwrap().value.id;
    for key in ["b", "a", "ab", "a\u{10ffff}x", "a\0", "Z"] {
        store.write(one, key, b"12345", None).await.unwrap();
    }
    store.write(one, "expired", b"1", Some(1)).await.unwrap();
    store.write(other, "ac", b"1", None).await.unwrap();
    let page = view.kept_entries(one, &KeptFilter::default(), 100, 10).await.unwrap();
    let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["Z", "a", "a\0", "ab", "a\u{10ffff}x", "b"]);
    assert!(page.entries.iter().all(|entry| entry.value_bytes == 5 && !page.has_more));
    assert_eq!((page.keys, page.bytes), (6, 30 + 1 + 1 + 2 + 2 + 6 + 1));
    let mut filter = KeptFilter { prefix: "a".to_owned(), after: String::new() };
    let mut seen = Vec::new();
    loop {
        let page = view.kept_entries(one, &filter, 2, 10).await.unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.key.clone()));
        match page.entries.last().filter(|_| page.has_more) {
            Some(last) => filter.after.clone_from(&last.key),
            None => break,
        }
    }
    assert_eq!(seen, ["a", "a\0", "ab", "a\u{10ffff}x"]);
    assert_eq!(view.kept_entry(one, "expired", 10).await.unwrap(), None);
    let (entry, value) = view.kept_entry(one, "a\0", 10).await.unwrap().unwrap();
    assert_eq!((entry.key.as_str(), value.as_slice()), ("a\0", &b"12345"[..]));
}

pub(super) async fn an_entry_that_is_removed_by_hand_is_in_the_audit_log_by_its_key(store: &Store) {
    let plugin = store.create_plugin(&plugin("p", None)).await.unwrap().value;
    store.write(plugin.id, "k", b"hunter2", None).await.unwrap();
    let revision = store.revision().await.unwrap();
    assert!(store.remove_kept_entry(&plugin, "k").await.unwrap());
    assert!(!store.remove_kept_entry(&plugin, "k").await.unwrap());
    assert_eq!(store.read(plugin.id, "k").await, Ok(None));
    assert_eq!(store.revision().await.unwrap(), revision, "it is no desired state");
    let entries = store.list_audit(&crate::AuditFilter::default(), None, 10).await.unwrap();
    let details: Vec<_> = entries.entries.iter().filter_map(|it| it.detail.clone()).collect();
    assert_eq!(details, ["its entry \"k\" was removed from its storage"]);
}

pub(super) async fn a_planned_change_is_refused_as_a_real_one_and_changes_nothing(store: &Store) {
    let one = store.create_plugin(&plugin("one", Some("a"))).await.unwrap().value;
    store.create_plugin(&plugin("two", Some("b"))).await.unwrap();
    let (revision, view) = (store.revision().await.unwrap(), store.view());
    let plan = async |name: &str, slug: &str, version: &Precondition| {
        let draft = plugin(name, Some(slug));
        let amend = |_: &_| Ok::<_, StoreError>(draft);
        view.plan_plugin(one.id, version, amend).await
    };
    let none = Precondition::None;
    plan("three", "c", &none).await.unwrap();
    for (name, slug) in [("two", "a"), ("one", "b")] {
        let refused = plan(name, slug, &none).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    }
    let refused = plan("one", "not a slug", &none).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid { .. }), "{refused}");
    assert_eq!(store.plugin(one.id).await.unwrap(), one);
    assert_eq!(store.revision().await.unwrap(), revision);
}
