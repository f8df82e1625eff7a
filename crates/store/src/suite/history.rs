//! History: what is told of revisions, and going back. See the parent for all other promises.

use super::namespaces::{made, named};
use super::{app, page, plugin, saved_app, token};
use crate::sql::params;
use crate::{
    AppFilter, Difference, PluginFilter, Precondition, PublicChange, RevisionFilter, ScopeChange,
    Store, StoreError, ThingFilter, Versioned,
};
use serde_json::json;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::app::AppDraft;
use sidegate_model::audit::ThingKind;
use sidegate_model::clock::now_millis;
use sidegate_model::diff::ChangeKind;
use sidegate_model::endpoint::Method;
use sidegate_model::kv::Kv as _;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::public_endpoints::PublicEndpoints;
use std::collections::{BTreeMap, BTreeSet};

/// How differences are told in these tests.
fn told(differences: &[Difference]) -> Vec<String> {
    let name = |thing: &Option<Versioned>| thing.as_ref().map(|thing| thing.thing().name);
    let told = |difference: &Difference| match (name(&difference.before), name(&difference.after)) {
        (None, Some(name)) => format!("+{name}"),
        (Some(name), None) => format!("-{name}"),
        (Some(before), Some(after)) if before == after => format!("~{after}"),
        (before, after) => format!("~{}>{}", before.unwrap_or_default(), after.unwrap_or_default()),
    };
    differences.iter().map(told).collect()
}

pub(super) async fn every_revision_is_listed_with_its_author_and_what_it_changed(store: &Store) {
    let jane =
        AuditContext { actor: Actor { who: Who::Root, peer: None }, operation: "create_app" };
    let id = store.by(jane).create_app(&app("a")).await.unwrap().value.id;
    let token = store.create_token(&token(id, "t")).await.unwrap().value;
    store.revoke_token(token.id, &Precondition::None).await.unwrap();
    let berlin = made(store, "berlin").await;
    let draft = PluginDraft { namespace: berlin.clone(), ..plugin("p", None) };
    store.create_plugin(&draft).await.unwrap();

    let all = store.list_revisions(&RevisionFilter::default(), None, 100).await.unwrap();
    let numbers: Vec<_> = all.revisions.iter().map(|entry| entry.revision).collect();
    assert_eq!((numbers, all.next_before), (vec![5, 4, 3, 2, 1, 0], None));
    let [plugin, namespace, revoked, created, app, begin] = &*all.revisions else { panic!() };
    assert_eq!(app.author, Who::Root);
    assert_eq!((app.operation.as_str(), &*begin.operation), ("create_app", "begin_history"));
    assert_eq!((&*begin.namespaces, begin.total), (&[Namespace::global()][..], 0));
    assert_eq!(plugin.namespaces, std::slice::from_ref(&berlin));
    assert_eq!(namespace.changes[0].thing.name, "berlin");
    for (entry, change) in [(created, ChangeKind::Created), (revoked, ChangeKind::Deleted)] {
        assert_eq!((entry.changes.len(), entry.total), (1, 1));
        let told = &entry.changes[0];
        assert_eq!((told.change, told.hint.as_deref()), (change, Some("sgt_abcd")));
        assert_eq!((told.thing.id, &*told.thing.name), (token.id.0, "ci"));
    }
    assert_eq!(store.revision_entry(5).await.unwrap(), *plugin);
    let missing = store.revision_entry(6).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { .. }), "{missing}");

    let filter = RevisionFilter { namespace: Some(berlin), ..RevisionFilter::default() };
    let narrowed = store.list_revisions(&filter, None, 1).await.unwrap();
    assert_eq!((narrowed.revisions.len(), narrowed.next_before), (1, Some(5)));
    let rest = store.list_revisions(&filter, narrowed.next_before, 1).await.unwrap();
    assert_eq!((rest.revisions[0].revision, rest.next_before), (4, None));
    let filter = RevisionFilter { author: Some("root".to_owned()), ..RevisionFilter::default() };
    let of_root = store.list_revisions(&filter, None, 10).await.unwrap();
    assert_eq!(of_root.revisions, std::slice::from_ref(app));
}

pub(super) async fn revisions_are_filtered_by_what_was_done_to_which_thing_and_when(store: &Store) {
    let by = |operation| {
        store.by(AuditContext { actor: Actor { who: Who::Root, peer: None }, operation })
    };
    let id = by("create_app").create_app(&app("a")).await.unwrap().value.id;
    by("create_plugin").create_plugin(&plugin("a", None)).await.unwrap();
    let changed = AppDraft { description: "other".to_owned(), ..app("a") };
    by("change_app").update_app(id, &changed).await.unwrap();
    by("roll_back").roll_back(1, &Namespace::global()).await.unwrap();
    let entry = store.revision_entry(4).await.unwrap();
    assert_eq!((entry.back_to, entry.total), (Some(1), 2));

    let of = |thing| RevisionFilter { thing, ..RevisionFilter::default() };
    let any = ThingFilter::default;
    let operation = |name: &str| RevisionFilter { operation: Some(name.to_owned()), ..of(any()) };
    let (app, plugin) = (Some(ThingKind::App), Some(ThingKind::Plugin));
    let named = |name: &str| Some(name.to_owned());
    let soon = now_millis() + 60_000;
    for (filter, expected) in [
        (of(any()), &[4, 3, 2, 1, 0][..]),
        (operation("change_app"), &[3]),
        (operation("change"), &[]),
        (of(ThingFilter { kind: app, ..any() }), &[4, 3, 1]),
        (of(ThingFilter { kind: plugin, ..any() }), &[4, 2]),
        (of(ThingFilter { id: Some(1), ..any() }), &[4, 3, 2, 1]),
        (of(ThingFilter { id: Some(2), ..any() }), &[]),
        (of(ThingFilter { name: named("a"), kind: plugin, id: None }), &[4, 2]),
        (of(ThingFilter { name: named("A"), ..any() }), &[]),
        (RevisionFilter { until: Some(soon), ..operation("create_app") }, &[1]),
        (RevisionFilter { since: Some(soon), ..of(any()) }, &[]),
        (RevisionFilter { until: Some(1), ..of(any()) }, &[]),
    ] {
        let page = store.list_revisions(&filter, None, 100).await.unwrap();
        let found: Vec<_> = page.revisions.iter().map(|entry| entry.revision).collect();
        assert_eq!((&found[..], page.next_before), (expected, None), "{filter:?}");
    }
}

pub(super) async fn a_diff_tells_what_differs_and_a_rollback_undoes_it(store: &Store) {
    let global = Namespace::global();
    let mut draft = plugin("p", Some("p"));
    draft.config.insert("api_key".to_owned(), json!("hunter2"));
    let id = store.create_plugin(&draft).await.unwrap().value.id;
    let app_id = saved_app(store, "a").await;
    store.write(id, "k", b"v", None).await.unwrap();
    let before = (store.plugin(id).await.unwrap(), store.app(app_id).await.unwrap());
    draft.command.push('2');
    draft.config.insert("api_key".to_owned(), json!("hunter3"));
    store.update_plugin(id, &draft).await.unwrap();
    let changed = AppDraft { description: "other".to_owned(), ..app("a") };
    let newest = store.update_app(app_id, &changed).await.unwrap().revision;

    let differences = store.diff(2, newest, Some(&global)).await.unwrap();
    assert_eq!(told(&differences), ["~p", "~a"]);
    assert_eq!(told(&store.diff(newest, newest, None).await.unwrap()), [""; 0]);
    assert_eq!(told(&store.diff(0, 2, None).await.unwrap()), ["+p", "+a"]);
    assert_eq!(told(&store.diff(2, 0, None).await.unwrap()), ["-p", "-a"]);
    let planned = store.plan_rollback(2, &global).await.unwrap();
    assert_eq!(told(&planned), ["~p", "~a"]);
    assert_eq!(store.revision().await.unwrap(), newest, "a plan changes nothing");

    let written = store.roll_back(2, &global).await.unwrap();
    assert_eq!((written.revision, told(&written.value.differences)), (newest + 1, told(&planned)));
    let after = (store.plugin(id).await.unwrap(), store.app(app_id).await.unwrap());
    assert_eq!(after.0.draft, before.0.draft);
    assert_eq!(after.1.clone().into_draft(), before.1.clone().into_draft());
    assert_ne!(after.0.version(), before.0.version(), "it is another state of it");
    assert_eq!(store.read(id, "k").await.unwrap().unwrap(), b"v"[..], "what it keeps stays");
    assert_eq!(told(&store.diff(2, newest + 1, None).await.unwrap()), [""; 0]);
    let audited = store.list_audit(&<_>::default(), None, 2).await.unwrap().entries;
    assert!(
        audited.iter().all(|entry| entry.detail.as_deref() == Some("rolled back to revision 2"))
    );
    for beyond in
        [store.diff(0, 99, None).await.map(drop), store.roll_back(99, &global).await.map(drop)]
    {
        assert!(matches!(&beyond, Err(StoreError::NotFound { .. })), "{beyond:?}");
    }
}

pub(super) async fn going_back_brings_what_was_deleted_back_and_removes_what_is_new(store: &Store) {
    let global = Namespace::global();
    let kept = store.create_plugin(&plugin("kept", Some("k"))).await.unwrap().value.id;
    let app_id = saved_app(store, "a").await;
    let token_of = token(app_id, "revoked");
    let revoked = store.create_token(&token_of).await.unwrap().value;
    let then = store.revision().await.unwrap();
    store.delete_plugin(kept, &Precondition::None).await.unwrap();
    store.delete_app(app_id, &Precondition::None).await.unwrap();
    let new_app = saved_app(store, "new").await;
    store.create_token(&token(new_app, "t")).await.unwrap();
    let new_plugin = store.create_plugin(&plugin("new", Some("n"))).await.unwrap().value.id;
    let elsewhere = AppDraft { namespace: made(store, "berlin").await, ..app("b") };
    store.create_app(&elsewhere).await.unwrap();

    let written = store.roll_back(then, &global).await.unwrap().value;
    let mut all = told(&written.differences);
    all.sort();
    assert_eq!(all, ["+a", "+kept", "-new", "-new"]);
    assert_eq!(written.token_hashes.len(), 1, "tokens of an app go with it");
    assert_eq!(store.plugin(kept).await.unwrap().draft, plugin("kept", Some("k")));
    assert_eq!(store.app(app_id).await.unwrap().name, "a");
    assert!(store.plugin(new_plugin).await.is_err() && store.app(new_app).await.is_err());
    assert!(store.token(revoked.id).await.is_err(), "a revoked token stays revoked");
    let filter = AppFilter { namespace: Some(named("berlin")), ..<_>::default() };
    assert_eq!(store.list_apps(&filter, page(1, 9)).await.unwrap().total, 1, "others stay");
    let next = store.create_plugin(&plugin("next", None)).await.unwrap().value.id;
    assert!(next > new_plugin, "no number is given again");
}

pub(super) async fn going_back_brings_no_right_back_that_was_taken_away(store: &Store) {
    let offered: PublicEndpoints = [(Method::Get, "/hello")].into_iter().collect();
    let scopes = || BTreeSet::from(["kv.readwrite".to_owned()]);
    let mut ids = Vec::new();
    for name in ["stays", "comes-back"] {
        let id = store.create_plugin(&plugin(name, None)).await.unwrap().value.id;
        let change = PublicChange {
            approve: offered.clone(),
            revoke: PublicEndpoints::default(),
            undecided: PublicEndpoints::default(),
        };
        store.change_public_endpoints(id, &change, &Precondition::None).await.unwrap();
        let grant = ScopeChange::Grant(scopes());
        let written = store.change_scopes(id, &grant, &Precondition::None).await.unwrap();
        assert_eq!(written.value.draft.service_scopes, scopes());
        assert_eq!(written.value.public_endpoints, Some(offered.clone()));
        ids.push(id);
    }
    let app_id = saved_app(store, "a").await;
    let revoked = store.create_token(&token(app_id, "t")).await.unwrap().value;
    let then = store.revision().await.unwrap();

    let [stays, comes_back] = [ids[0], ids[1]];
    let nothing = PublicEndpoints::default;
    let change = PublicChange { approve: nothing(), revoke: offered.clone(), undecided: nothing() };
    store.change_public_endpoints(stays, &change, &Precondition::None).await.unwrap();
    store.change_scopes(stays, &ScopeChange::RevokeAll, &Precondition::None).await.unwrap();
    store
        .update_plugin(stays, &PluginDraft { description: "d".into(), ..plugin("stays", None) })
        .await
        .unwrap();
    store.delete_plugin(comes_back, &Precondition::None).await.unwrap();
    store.revoke_token(revoked.id, &Precondition::None).await.unwrap();

    store.roll_back(then, &Namespace::global()).await.unwrap();
    for id in ids {
        let plugin = store.plugin(id).await.unwrap();
        assert_ne!(plugin.draft.description, "d", "it was gone back to");
        assert_eq!(plugin.draft.service_scopes, BTreeSet::new(), "{}", plugin.draft.name);
        assert_eq!(plugin.public_endpoints, Some(nothing()), "{}", plugin.draft.name);
    }
    assert!(store.token(revoked.id).await.is_err(), "a revoked token stays revoked");
    assert!(store.load_snapshot().await.unwrap().tokens.get(&revoked.hash).is_none());
}

pub(super) async fn going_back_to_what_is_there_changes_nothing(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let berlin = made(store, "berlin").await;
    let newest = store.bump_reload(id, &Precondition::None).await.unwrap().revision;
    for (revision, namespace) in
        [(1, Namespace::global()), (newest, Namespace::global()), (0, berlin)]
    {
        let written = store.roll_back(revision, &namespace).await.unwrap();
        assert_eq!(written.value.differences, []);
        assert_eq!(written.revision, newest, "no revision without a change");
    }
    assert_eq!(store.plugin(id).await.unwrap().reloads, 1, "a reload is nothing to go back to");
}

pub(super) async fn going_back_is_refused_by_name_where_somebody_has_the_name_now(store: &Store) {
    let berlin = made(store, "berlin").await;
    let id = store.create_plugin(&plugin("p", Some("s"))).await.unwrap();
    let then = id.revision;
    store.delete_plugin(id.value.id, &Precondition::None).await.unwrap();
    let taker = PluginDraft { namespace: berlin, ..plugin("other", Some("s")) };
    let newest = store.create_plugin(&taker).await.unwrap().revision;
    let global = Namespace::global();
    for refused in [
        store.plan_rollback(then, &global).await.map(drop),
        store.roll_back(then, &global).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
        assert!(refused.to_string().contains("the slug \"s\" is taken by plugin 2"), "{refused}");
    }
    assert_eq!(store.revision().await.unwrap(), newest);
}

pub(super) async fn names_that_were_exchanged_are_exchanged_back(store: &Store) {
    let one = store.create_plugin(&plugin("one", Some("1"))).await.unwrap().value.id;
    let two = store.create_plugin(&plugin("two", Some("2"))).await.unwrap();
    let (two, then) = (two.value.id, two.revision);
    store.update_plugin(one, &plugin("between", None)).await.unwrap();
    store.update_plugin(two, &plugin("one", Some("1"))).await.unwrap();
    store.update_plugin(one, &plugin("two", Some("2"))).await.unwrap();
    let written = store.roll_back(then, &Namespace::global()).await.unwrap();
    assert_eq!(told(&written.value.differences), ["~two>one", "~one>two"]);
    assert_eq!(store.plugin(one).await.unwrap().draft, plugin("one", Some("1")));
    assert_eq!(store.plugin(two).await.unwrap().draft, plugin("two", Some("2")));
}

async fn stored_contents(store: &Store) -> String {
    let sql = "SELECT content FROM versions WHERE content IS NOT NULL ORDER BY id";
    let rows = store.begin_read().await.unwrap().all(sql, params![]).await.unwrap();
    rows.iter().map(|row| row.of("version").get::<String>("content").unwrap()).collect()
}

pub(super) async fn a_setting_that_turns_out_to_be_a_secret_is_sealed_in_the_history_too(
    store: &Store,
) {
    let mut draft = plugin("p", None);
    draft.config.insert("dsn".to_owned(), json!("hunter2"));
    draft.config.insert("other".to_owned(), json!("hunter3"));
    let id = store.create_plugin(&draft).await.unwrap().value.id;
    draft.config.insert("dsn".to_owned(), json!("hunter4"));
    store.update_plugin(id, &draft).await.unwrap();
    assert!(stored_contents(store).await.contains("hunter2"), "nobody called it a secret");
    let called_so = BTreeMap::from([(id, BTreeSet::from(["dsn".parse().unwrap()]))]);
    store.record_secret_settings(&called_so).await.unwrap();
    let contents = stored_contents(store).await;
    assert!(!contents.contains("hunter2") && !contents.contains("hunter4"), "{contents}");
    draft.options.insert("secret_settings".to_owned(), "other".to_owned());
    store.update_plugin(id, &draft).await.unwrap();
    assert!(!stored_contents(store).await.contains("hunter"));
    let [difference] = &*store.diff(1, 2, None).await.unwrap() else { panic!() };
    let Some(Versioned::Plugin(before)) = &difference.before else { panic!() };
    assert_eq!(before.draft.config["dsn"], "hunter2");
    store.roll_back(1, &Namespace::global()).await.unwrap();
    let now = store.plugin(id).await.unwrap();
    assert_eq!(now.draft.config["dsn"], "hunter2");
    assert!(now.secret_settings.contains(&"dsn".parse().unwrap()), "once a secret, always one");
}

pub(super) async fn a_sweep_leaves_every_kept_revision_to_be_gone_back_to(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let gone = store.create_plugin(&plugin("gone", None)).await.unwrap().value.id;
    store.delete_plugin(gone, &Precondition::None).await.unwrap();
    let app_id = saved_app(store, "a").await;
    let quiet = made(store, "quiet").await;
    for n in 0..110 {
        let draft = PluginDraft { description: format!("n {n}"), ..plugin("p", None) };
        store.update_plugin(id, &draft).await.unwrap();
    }
    let newest = store.revision().await.unwrap();
    let later = now_millis() + 60_000;
    assert_eq!(store.sweep_history(now_millis() - 60_000, 1000).await.unwrap(), 0, "all is new");
    // A few at a time.
    while store.sweep_history(later, 7).await.unwrap() == 7 {}
    let oldest = newest - 99;
    let missing = store.diff(oldest - 1, newest, Some(&Namespace::global())).await.unwrap_err();
    assert!(missing.to_string().contains(&format!("is {oldest}")), "{missing}");
    assert!(store.revision_entry(oldest - 1).await.is_err());
    store.revision_entry(oldest).await.unwrap();
    assert_eq!(
        told(&store.diff(oldest, newest, Some(&Namespace::global())).await.unwrap()),
        ["~p"]
    );
    store.roll_back(oldest, &Namespace::global()).await.unwrap();
    let now = store.plugin(id).await.unwrap();
    assert_eq!(now.draft.description, format!("n {}", 109 - 99));
    assert_eq!(store.app(app_id).await.unwrap().name, "a", "what did not change is still there");
    assert!(store.plugin(gone).await.is_err(), "what was deleted does not come back");
    assert!(store.heads().await.unwrap().contains_key(&quiet), "a quiet namespace keeps its head");
    store.roll_back(oldest, &quiet).await.unwrap();
}

pub(super) async fn the_head_of_a_namespace_is_where_something_in_it_last_changed(store: &Store) {
    let global = Namespace::global();
    assert_eq!(store.heads().await.unwrap(), BTreeMap::from([(global.clone(), 0)]));
    let berlin = made(store, "berlin").await;
    let oslo = made(store, "oslo").await;
    let inside = AppDraft { namespace: berlin.clone(), ..app("a") };
    let id = store.create_app(&inside).await.unwrap().value.id;
    store.create_plugin(&plugin("p", None)).await.unwrap();
    let written = store.create_token(&token(id, "t")).await.unwrap();
    let heads = BTreeMap::from([(global.clone(), 4), (berlin.clone(), 5), (oslo.clone(), 2)]);
    assert_eq!((store.heads().await.unwrap(), written.revision), (heads, 5));
    store.rotate_data_keys(&[global.clone(), oslo.clone()]).await.unwrap();
    let heads = BTreeMap::from([(global, 6), (berlin, 5), (oslo, 6)]);
    assert_eq!(store.heads().await.unwrap(), heads);
    assert_eq!(store.list_plugins(&PluginFilter::default(), page(1, 1)).await.unwrap().total, 1);
}
