//! The promises about plugins. See the parent for where they run.

use super::{page, plugin};
use crate::{Page, PluginFilter, Precondition, Store, StoreError};
use serde_json::json;
use sidegate_model::plugin::{PluginDraft, PluginId};

pub(super) async fn a_plugin_is_saved_and_read(store: &Store) {
    let saved = store.create_plugin(&plugin("echo", Some("e"))).await.unwrap().value;
    assert_eq!((saved.draft.clone(), saved.reloads), (plugin("echo", Some("e")), 0));
    assert_eq!(store.plugin(saved.id).await.unwrap(), saved);
    assert_eq!(store.plugin_by_name("echo").await.unwrap(), saved);

    let wanted = PluginDraft { is_active: false, ..plugin("echo 2", None) };
    let updated = store.update_plugin(saved.id, &wanted).await.unwrap().value;
    assert_eq!((updated.id, updated.draft.clone()), (saved.id, wanted));
    assert_eq!(store.delete_plugin(saved.id, &Precondition::None).await.unwrap().value, updated);
    let refused = store.plugin(saved.id).await.unwrap_err();
    assert_eq!(refused.to_string(), "plugin 1 does not exist");
}

pub(super) async fn plugin_names_are_unique(store: &Store) {
    store.create_plugin(&plugin("echo", Some("a"))).await.unwrap();
    let refused = store.create_plugin(&plugin("echo", Some("b"))).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "plugin cannot be saved: the name \"echo\" is taken by plugin 1; choose another"
    );
}

pub(super) async fn a_slug_conflict_names_the_slug_and_its_holder(store: &Store) {
    let holder = PluginDraft { is_active: false, ..plugin("holder", Some("files")) };
    store.create_plugin(&holder).await.unwrap();
    let expected = "plugin cannot be saved: the slug \"files\" is taken by plugin 1 (\"holder\"); \
                    choose another";
    let refused = store.create_plugin(&plugin("other", Some("files"))).await.unwrap_err();
    assert_eq!(refused.to_string(), expected);
    let other = store.create_plugin(&plugin("other", Some("o"))).await.unwrap().value.id;
    let refused = store.update_plugin(other, &plugin("other", Some("files"))).await.unwrap_err();
    assert_eq!(refused.to_string(), expected);
}

pub(super) async fn a_plugin_may_keep_change_and_free_its_slug(store: &Store) {
    let id = store.create_plugin(&plugin("a", Some("s"))).await.unwrap().value.id;
    store.create_plugin(&plugin("no slug", None)).await.unwrap();
    store.create_plugin(&plugin("no slug either", Some(""))).await.unwrap();
    store.update_plugin(id, &plugin("renamed", Some("s"))).await.unwrap();
    store.update_plugin(id, &plugin("renamed", Some("t"))).await.unwrap();
    store.create_plugin(&plugin("b", Some("s"))).await.unwrap();
    store.update_plugin(id, &plugin("renamed", None)).await.unwrap();
    store.create_plugin(&plugin("c", Some("t"))).await.unwrap();
}

pub(super) async fn an_invalid_plugin_is_refused_with_every_problem(store: &Store) {
    let mut bad = plugin("", Some("Not A Slug"));
    bad.command = "relative/path".into();
    bad.options.insert("nonsense".into(), "1".into());
    match store.create_plugin(&bad).await.unwrap_err() {
        StoreError::Invalid { what: "plugin", problems } => assert_eq!(problems.len(), 4),
        other => panic!("{other}"),
    }
    bad = plugin("a", None);
    bad.config.insert("slug".into(), json!(7));
    assert!(matches!(store.create_plugin(&bad).await, Err(StoreError::Invalid { .. })));
}

pub(super) async fn a_reload_counts_and_changes_nothing_else(store: &Store) {
    let saved = store.create_plugin(&plugin("a", Some("a"))).await.unwrap();
    let reloaded = store.bump_reload(saved.value.id, &Precondition::None).await.unwrap();
    assert_eq!(reloaded.value.reloads, 1);
    assert_eq!(reloaded.value.draft, saved.value.draft);
    assert_eq!(reloaded.revision, saved.revision + 1);
    let updated = store.update_plugin(saved.value.id, &plugin("b", None)).await.unwrap();
    assert_eq!(updated.value.reloads, 1);
    let refused = store.bump_reload(PluginId(9), &Precondition::None).await.unwrap_err();
    assert_eq!(refused.to_string(), "plugin 9 does not exist");
}

pub(super) async fn plugins_are_filtered_and_paged(store: &Store) {
    let hooks = [("auth", vec![]), ("custom_endpoint", vec!["auth"]), ("custom-endpoint", vec![])];
    for (i, (primary, others)) in hooks.into_iter().enumerate() {
        let mut draft = plugin(&format!("p{i}"), None);
        draft.is_active = i != 0;
        draft.hook_type = primary.to_owned();
        draft.hook_types = others.into_iter().map(str::to_owned).collect();
        store.create_plugin(&draft).await.unwrap();
    }
    let rows = [
        (None, None, vec![1, 2, 3]),
        (Some(true), None, vec![2, 3]),
        (Some(false), None, vec![1]),
        (None, Some("auth"), vec![1, 2]),
        (Some(true), Some("auth"), vec![2]),
        (None, Some("custom_endpoint"), vec![2]),
        (None, Some("aut"), vec![]),
        (None, Some("%"), vec![]),
        (None, Some(r#"\" OR 1"#), vec![]),
    ];
    for (is_active, hook_type, expected) in rows {
        let hook_type = hook_type.map(str::to_owned);
        let filter = PluginFilter { is_active, hook_type, ..PluginFilter::default() };
        let found = store.list_plugins(&filter, Page::default()).await.unwrap();
        let ids: Vec<_> = found.items.iter().map(|p| p.id.0).collect();
        assert_eq!((ids, found.total), (expected.clone(), expected.len() as u64), "{filter:?}");
    }
    let second = store.list_plugins(&PluginFilter::default(), page(2, 2)).await.unwrap();
    assert_eq!((second.items.len(), second.total), (1, 3));
}

pub(super) async fn a_plugin_number_is_never_given_again(store: &Store) {
    let first = store.create_plugin(&plugin("a", None)).await.unwrap().value.id;
    store.delete_plugin(first, &Precondition::None).await.unwrap();
    assert!(store.create_plugin(&plugin("a", None)).await.unwrap().value.id > first);
}
