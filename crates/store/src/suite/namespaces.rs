//! Namespaces and the keys of their data. See the parent for all other promises.

use super::{app, keys, page, plugin, token};
use crate::{AppFilter, PluginFilter, Precondition, Store, StoreError, TokenFilter};
use serde_json::Value;
use sidegate_model::app::AppDraft;
use sidegate_model::audit::{AuditEntry, ThingKind};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::{Keyring, SEALED_PREFIX, SealingKey};

pub(super) fn named(name: &str) -> Namespace {
    Namespace::parse(name).unwrap()
}

pub(super) async fn made(store: &Store, name: &str) -> Namespace {
    store.create_namespace(&named(name), "").await.unwrap();
    named(name)
}

fn secret_plugin(name: &str, namespace: &Namespace) -> PluginDraft {
    let mut draft = PluginDraft { namespace: namespace.clone(), ..plugin(name, Some(name)) };
    draft.config.insert("api_key".to_owned(), "hunter2".into());
    draft.options.insert("env.MODE".to_owned(), "hunter3".to_owned());
    draft
}

pub(super) async fn a_namespace_is_made_with_a_key_of_its_own_and_goes_when_nothing_is_in_it(
    store: &Store,
) {
    let written = store.create_namespace(&named("berlin"), "edges in Berlin").await.unwrap();
    let berlin = written.value;
    assert_eq!((berlin.name.as_str(), written.revision), ("berlin", 1));
    assert_eq!(store.list_namespaces().await.unwrap(), std::slice::from_ref(&berlin));
    let own = store.data_keys(&berlin.name).await.unwrap();
    let global = store.data_keys(&Namespace::global()).await.unwrap();
    assert_ne!(own.current().id(), global.current().id());
    let again = store.create_namespace(&berlin.name, "").await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict { .. }), "{again}");
    assert!(store.create_namespace(&Namespace::global(), "").await.is_err());

    let inside = AppDraft { namespace: berlin.name.clone(), ..app("a") };
    let id = store.create_app(&inside).await.unwrap().value.id;
    let refused = store.delete_namespace(berlin.id, &Precondition::None).await.unwrap_err();
    assert!(refused.to_string().contains("app 1 (\"a\") is in the namespace"), "{refused}");
    store.delete_app(id, &Precondition::None).await.unwrap();
    let edge = store.create_edge(&super::edges::new_edge("b-1", "berlin")).await.unwrap();
    let refused = store.delete_namespace(berlin.id, &Precondition::None).await.unwrap_err();
    assert!(refused.to_string().contains("edge 1 (\"b-1\") is in the namespace"), "{refused}");
    store.delete_edge(edge.id, &Precondition::None).await.unwrap();
    store.delete_namespace(berlin.id, &Precondition::None).await.unwrap();
    assert_eq!(store.list_namespaces().await.unwrap(), []);
    let gone = store.delete_namespace(berlin.id, &Precondition::None).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone}");

    store.create_namespace(&berlin.name, "").await.unwrap();
    let anew = store.data_keys(&berlin.name).await.unwrap();
    assert_ne!(anew.current().id(), own.current().id(), "whoever had the old key has nothing");
}

pub(super) async fn names_and_slugs_are_unique_in_what_one_edge_sees(store: &Store) {
    let (berlin, oslo) = (made(store, "berlin").await, made(store, "oslo").await);
    let within = |namespace: &Namespace, name: &str, slug: &str| PluginDraft {
        namespace: namespace.clone(),
        ..plugin(name, Some(slug))
    };
    store.create_plugin(&within(&berlin, "p", "s")).await.unwrap();
    store.create_plugin(&within(&oslo, "p", "s")).await.unwrap();
    for (namespace, name, slug, told) in [
        (&berlin, "p", "other", "the name \"p\" is taken by plugin 1 of the namespace \"berlin\""),
        (&Namespace::global(), "p", "x", "taken by plugin 1 of the namespace \"berlin\""),
        (&Namespace::global(), "q", "s", "the slug \"s\" is taken by plugin 1 (\"p\") of the"),
    ] {
        let refused = store.create_plugin(&within(namespace, name, slug)).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Conflict { .. }), "{refused}");
        assert!(refused.to_string().contains(told), "{refused}");
    }
    store.create_plugin(&within(&Namespace::global(), "g", "g")).await.unwrap();
    let refused = store.create_plugin(&within(&oslo, "g", "h")).await.unwrap_err();
    assert!(refused.to_string().contains("of the global namespace, which every edge"), "{refused}");
    let id = store.plugin_by_name("g").await.unwrap().id;
    let refused = store.update_plugin(id, &within(&Namespace::global(), "g", "s")).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");

    let of = |namespace: &Namespace| AppDraft { namespace: namespace.clone(), ..app("a") };
    store.create_app(&of(&berlin)).await.unwrap();
    store.create_app(&of(&oslo)).await.unwrap();
    let refused = store.create_app(&of(&Namespace::global())).await.unwrap_err();
    assert!(refused.to_string().contains("app 1 of the namespace \"berlin\""), "{refused}");
}

pub(super) async fn a_host_is_one_plugins_in_what_one_edge_sees(store: &Store) {
    let (berlin, oslo) = (made(store, "berlin").await, made(store, "oslo").await);
    let with = |namespace: &Namespace, name: &str, host: &str| PluginDraft {
        namespace: namespace.clone(),
        options: [("host".to_owned(), host.to_owned())].into(),
        ..plugin(name, Some(name))
    };
    let first = store.create_plugin(&with(&berlin, "a", "id.example")).await.unwrap().value;
    store.create_plugin(&with(&oslo, "b", "id.example")).await.unwrap();
    for (namespace, told) in [
        (&berlin, "the host id.example is that of plugin 1 (\"a\")"),
        (&Namespace::global(), "of the namespace \"berlin\"; choose another"),
    ] {
        let refused = store.create_plugin(&with(namespace, "c", "ID.example.")).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Conflict { .. }), "{refused}");
        assert!(refused.to_string().contains(told), "{refused}");
    }
    store.update_plugin(first.id, &with(&berlin, "a", "Id.Example")).await.unwrap();
    let other = store.create_plugin(&with(&berlin, "c", "other.example")).await.unwrap().value;
    let refused = store.update_plugin(other.id, &with(&berlin, "c", "id.example")).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    store.delete_plugin(first.id, &Precondition::None).await.unwrap();
    store.update_plugin(other.id, &with(&berlin, "c", "id.example")).await.unwrap();
}

pub(super) async fn a_thing_stays_in_its_namespace_and_needs_one_that_is_there(store: &Store) {
    let berlin = named("berlin");
    let inside = AppDraft { namespace: berlin.clone(), ..app("a") };
    let refused = store.create_app(&inside).await.unwrap_err().to_string();
    assert!(refused.contains("sidegate namespace create berlin"), "{refused}");
    made(store, "berlin").await;
    let saved = store.create_app(&inside).await.unwrap().value;
    assert_eq!(saved.namespace, berlin);
    let refused = store.update_app(saved.id, &app("a")).await.unwrap_err();
    assert!(refused.to_string().contains("\"berlin\" for life"), "{refused}");
    let changed = AppDraft { max_staleness: Some(3_600_000), managed_by: "git".into(), ..inside };
    let changed = store.update_app(saved.id, &changed).await.unwrap().value;
    assert_eq!((changed.max_staleness, &*changed.managed_by), (Some(3_600_000), "git"));
}

pub(super) async fn lists_are_narrowed_by_namespace_and_by_who_looks_after_a_thing(store: &Store) {
    let berlin = made(store, "berlin").await;
    for (name, namespace) in [("a", &Namespace::global()), ("b", &berlin)] {
        let (namespace, managed_by) = (namespace.clone(), format!("git {name}"));
        let draft =
            AppDraft { namespace: namespace.clone(), managed_by: managed_by.clone(), ..app(name) };
        let id = store.create_app(&draft).await.unwrap().value.id;
        store.create_token(&token(id, name)).await.unwrap();
        let draft = PluginDraft { namespace, managed_by, ..plugin(name, None) };
        store.create_plugin(&draft).await.unwrap();
    }
    for (namespace, managed_by, expected) in [
        (None, None, 2),
        (Some(berlin.clone()), None, 1),
        (Some(Namespace::global()), None, 1),
        (Some(berlin.clone()), Some("git a".to_owned()), 0),
        (None, Some("git a".to_owned()), 1),
    ] {
        let apps =
            AppFilter { namespace: namespace.clone(), managed_by: managed_by.clone(), name: None };
        assert_eq!(store.list_apps(&apps, page(1, 10)).await.unwrap().total, expected);
        let plugins = PluginFilter { namespace, managed_by, ..<_>::default() };
        assert_eq!(store.list_plugins(&plugins, page(1, 10)).await.unwrap().total, expected);
    }
    let filter = TokenFilter { namespace: Some(berlin), ..<_>::default() };
    let tokens = store.list_tokens(&filter, page(1, 10)).await.unwrap();
    assert_eq!(tokens.items.len(), 1);
}

pub(super) async fn new_keys_seal_everything_anew_and_the_old_ones_are_still_read(store: &Store) {
    let berlin = made(store, "berlin").await;
    let id = store.create_plugin(&secret_plugin("p", &berlin)).await.unwrap().value.id;
    let elsewhere = store.create_plugin(&secret_plugin("g", &Namespace::global())).await.unwrap();
    let plain = PluginDraft { namespace: berlin.clone(), ..plugin("plain", None) };
    store.create_plugin(&plain).await.unwrap();
    let (_, before) = store.sealed_specs().await.unwrap();
    let shown = store.plugin(id).await.unwrap();
    let old = store.data_keys(&berlin).await.unwrap();

    let written = store.rotate_data_keys(std::slice::from_ref(&berlin)).await.unwrap();
    assert_eq!((written.value, written.revision), (vec![id], 5));
    let (revision, after) = store.sealed_specs().await.unwrap();
    assert_eq!(revision, 5);
    assert_ne!(after[&id].config["api_key"], before[&id].config["api_key"]);
    let other = elsewhere.value.id;
    assert_eq!(after[&other], before[&other], "another namespace keeps what it has");
    let new = store.data_keys(&berlin).await.unwrap();
    assert_ne!(new.current().id(), old.current().id());
    assert!(new.get(old.current().id()).is_some());
    assert_eq!(store.plugin(id).await.unwrap().draft.config["api_key"], "hunter2");
    let sealed = after[&id].config["api_key"].as_str().unwrap();
    assert!(old.open_text(&format!("plugin {id}"), sealed).is_err(), "the old key reads nothing");
    let again = store.plugin(id).await.unwrap();
    assert!(shown.secrets_version.is_some());
    assert_eq!(again.secrets_version, shown.secrets_version, "no secret became another one");
    let entries = super::audit::all(store).await;
    let of_plugin = |entry: &&AuditEntry| {
        entry
            .thing
            .as_ref()
            .is_some_and(|thing| thing.kind == ThingKind::Plugin && thing.id == id.0)
    };
    let [sealed, made] = &*entries.iter().filter(of_plugin).collect::<Vec<_>>() else {
        panic!("two entries: {entries:?}")
    };
    assert!(made.after.is_some());
    assert_eq!((sealed.before, sealed.after), (made.after, made.after), "nothing of it changed");
    let refused = store.rotate_data_keys(&[named("nowhere")]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid { .. }), "{refused}");
}

pub(super) async fn what_an_edge_gets_is_sealed_and_its_key_opens_it(store: &Store) {
    let berlin = made(store, "berlin").await;
    let id = store.create_plugin(&secret_plugin("p", &berlin)).await.unwrap().value.id;
    let ring = store.data_keys(&berlin).await.unwrap();
    let alone = Keyring::new(SealingKey::new(*ring.current().bytes()), []);
    let specs = store.sealed_specs_within(&berlin).await.unwrap();
    let spec = &specs[&id];
    let (snapshot, sealed) = store.load_snapshot_with_sealed().await.unwrap();
    assert_eq!((snapshot.revision, sealed.len()), (2, 1));
    assert_eq!(*sealed[&id], *spec);
    assert_eq!(snapshot.plugins[&id].config["api_key"], "hunter2");
    assert_eq!(store.sealed_specs().await.unwrap(), (2, sealed));
    assert_eq!(spec.namespace, berlin);
    assert!(!format!("{spec:?}").contains("hunter"));
    let sealed = spec.config["api_key"].as_str().unwrap();
    assert!(sealed.starts_with(SEALED_PREFIX));
    let opened = alone.open_text(&format!("plugin {id}"), sealed).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&opened).unwrap(), "hunter2");
    let env = spec.options.texts();
    assert!(env["env.MODE"].starts_with(SEALED_PREFIX), "{env:?}");
}

pub(super) async fn a_key_that_another_process_made_is_known_here(store: &Store) {
    // The clone of a connection would share what it knows; a view of the same database does not.
    let berlin = made(store, "berlin").await;
    let id = store.create_plugin(&secret_plugin("p", &berlin)).await.unwrap().value.id;
    let other = store.as_another_process(&keys()).await;
    store.rotate_data_keys(std::slice::from_ref(&berlin)).await.unwrap();
    assert_eq!(other.plugin(id).await.unwrap().draft.config["api_key"], "hunter2");
    let mut changed = secret_plugin("p", &berlin);
    changed.config.insert("api_key".to_owned(), "hunter4".into());
    other.update_plugin(id, &changed).await.unwrap();
    let (_, sealed) = store.sealed_specs().await.unwrap();
    let sealed = sealed[&id].config["api_key"].as_str().unwrap();
    let ring = store.data_keys(&berlin).await.unwrap();
    assert!(ring.is_current(sealed), "it seals with the newest key, too");
}
