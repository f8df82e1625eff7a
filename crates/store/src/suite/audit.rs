//! The promises about the audit log. See the parent for where they run.

use super::admin_tokens::admin_token;
use super::{app, plugin, saved_app, token};
use crate::sql::params;
use crate::{
    AuditFilter, AuditPage, NewEnd, Page, Precondition, PublicChange, Refusal, Rotation,
    ScopeChange, Store,
};
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::admin_token::AdminTokenId;
use sidegate_model::app::AppId;
use sidegate_model::audit::{AuditEntry, Outcome, ThingKind};
use sidegate_model::endpoint::Method::Get;
use sidegate_model::kv::Kv as _;
use sidegate_model::plugin::PluginId;
use sidegate_model::public_endpoints::PublicEndpoints;
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tokio::task::JoinSet;

fn context(operation: &'static str) -> AuditContext {
    let who = Who::AdminToken { id: AdminTokenId(7), name: "jane".to_owned() };
    AuditContext { actor: Actor { who, peer: Some(peer(1)) }, operation }
}

fn peer(last: u16) -> IpAddr {
    IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last])
}

pub(super) async fn all(store: &Store) -> Vec<AuditEntry> {
    listed(store, &AuditFilter::default(), None, 100).await.entries
}

async fn listed(store: &Store, filter: &AuditFilter, before: Option<u64>, size: u32) -> AuditPage {
    store.list_audit(filter, before, size).await.unwrap()
}

/// What is new since an entry, oldest first, in short.
async fn news(store: &Store, seen: &mut u64) -> Vec<String> {
    let mut new: Vec<_> =
        all(store).await.into_iter().take_while(|entry| entry.id > *seen).collect();
    new.reverse();
    *seen = new.last().map_or(*seen, |entry| entry.id);
    let told = |entry: &AuditEntry| {
        let thing = entry.thing.as_ref().unwrap();
        let sign = match (entry.before, entry.after) {
            (None, Some(_)) => "+",
            (Some(_), None) => "-",
            (Some(_), Some(_)) => "~",
            (None, None) => "?",
        };
        assert_eq!((entry.outcome, entry.times), (Outcome::Done, 1));
        let (kind, id, name) = (thing.kind.as_str(), thing.id, &thing.name);
        format!("{sign}{kind} {id} {name} {:?}", entry.fields)
    };
    new.iter().map(told).collect()
}

/// Performs each kind of write there is, one after the other.
pub(super) async fn every_change_has_an_entry_of_who_did_what_to_which_thing(store: &Store) {
    let by = |operation| store.by(context(operation));
    let (none, mut seen) = (Precondition::None, 0);
    let mut expect = async |revision: Option<u64>, expected: &[&str]| {
        let last = all(store).await.remove(0);
        assert_eq!(last.revision, revision);
        assert_eq!(last.who, Some(context("").actor.who));
        assert_eq!(last.peer, Some(peer(1)));
        assert_eq!(news(store, &mut seen).await, expected);
        last
    };

    by("create_app").create_app(&app("a")).await.unwrap();
    let last = expect(Some(1), &["+app 1 a []"]).await;
    assert_eq!(last.operation, "create_app");
    by("change_app").update_app(AppId(1), &app("b")).await.unwrap();
    expect(Some(2), &["~app 1 b [\"name\"]"]).await;

    by("create_token").create_token(&token(AppId(1), "x")).await.unwrap();
    expect(Some(3), &["+token 1 ci []"]).await;
    let id = sidegate_model::token::TokenId(1);
    let (hash, hint) = (TokenHash::of("y"), "sgt_abcd".to_owned());
    let rotation = Rotation { hash, hint, end: NewEnd::LikeTheOld, overlap: 5 };
    by("rotate_token").rotate_token(id, &rotation, &none).await.unwrap();
    let rotated = ["+token 2 ci []", "~token 1 ci [\"expires_at\", \"replaced_by\"]"];
    expect(Some(4), &rotated).await;
    let id = sidegate_model::token::TokenId(2);
    by("revoke_token").revoke_token(id, &none).await.unwrap();
    expect(Some(5), &["-token 2 ci []", "~token 1 ci [\"replaced_by\"]"]).await;

    let id = PluginId(1);
    by("create_plugin").create_plugin(&plugin("p", Some("p"))).await.unwrap();
    expect(Some(6), &["+plugin 1 p []"]).await;
    by("change_plugin").update_plugin(id, &plugin("p", Some("q"))).await.unwrap();
    expect(Some(7), &["~plugin 1 p [\"config.slug\"]"]).await;
    let grant = ScopeChange::Grant(BTreeSet::from(["kv.readwrite".to_owned()]));
    by("grant").change_scopes(id, &grant, &none).await.unwrap();
    expect(Some(8), &["~plugin 1 p [\"service_scopes\"]"]).await;
    let approve: PublicEndpoints = [(Get, "/a")].into_iter().collect();
    let change = PublicChange { approve: approve.clone(), ..PublicChange::default() };
    by("public").change_public_endpoints(id, &change, &none).await.unwrap();
    expect(Some(9), &["~plugin 1 p [\"public_endpoints\"]"]).await;
    by("reload").bump_reload(id, &none).await.unwrap();
    expect(Some(10), &["~plugin 1 p [\"reloads\"]"]).await;

    let mut write = store.begin_write().await.unwrap();
    let forget = "UPDATE plugins SET public_endpoints = NULL WHERE id = $1";
    write.tx.all(forget, params![1_i64]).await.unwrap();
    write.aside(()).await.unwrap();
    let offered = BTreeMap::from([(id, approve)]);
    by("record").record_public_endpoints(&offered).await.unwrap();
    expect(Some(11), &["~plugin 1 p [\"public_endpoints\"]"]).await;
    by("delete_plugin").delete_plugin(id, &none).await.unwrap();
    expect(Some(12), &["-plugin 1 p []"]).await;

    by("delete_app").delete_app(AppId(1), &none).await.unwrap();
    let last = expect(Some(13), &["-app 1 b []"]).await;
    assert_eq!(last.detail.as_deref(), Some("with its tokens: 1"));

    by("create_admin_token").create_admin_token(&admin_token("joe", Role::Viewer)).await.unwrap();
    let last = expect(None, &["+admin-token 1 joe []"]).await;
    assert_eq!(last.detail.as_deref(), Some("with the role viewer"));
    by("revoke_admin_token").revoke_admin_token(AdminTokenId(1), &none).await.unwrap();
    expect(None, &["-admin-token 1 joe []"]).await;
    assert_eq!(store.revision().await.unwrap(), 13, "each revision had its entry");
}

pub(super) async fn root_and_the_program_itself_are_told_apart_from_all_others(store: &Store) {
    saved_app(store, "by nobody else").await;
    let by_itself = all(store).await.remove(0);
    assert_eq!((by_itself.who, by_itself.peer), (Some(Who::System), None));
    let root = Actor { who: Who::Root, peer: None };
    let root = store.by(AuditContext { actor: root, operation: "x" });
    saved_app(&root, "by root").await;
    assert_eq!(all(store).await.remove(0).who, Some(Who::Root));
}

pub(super) async fn what_changes_nothing_or_is_refused_has_no_entry(store: &Store) {
    let id = saved_app(store, "a").await;
    store.create_plugin(&plugin("p", None)).await.unwrap();
    store.update_app(id, &app("a")).await.unwrap();
    store.update_plugin(PluginId(1), &plugin("p", None)).await.unwrap();
    store.create_app(&app("a")).await.unwrap_err();
    store.delete_app(AppId(9), &Precondition::None).await.unwrap_err();
    store.record_public_endpoints(&BTreeMap::new()).await.unwrap();
    store.note_token_uses(&[]).await.unwrap();
    store.write(PluginId(1), "k", b"v", None).await.unwrap();
    assert_eq!(all(store).await.len(), 2);
}

pub(super) async fn a_change_without_its_entry_is_no_change(store: &Store) {
    let mut write = store.begin_write().await.unwrap();
    write.tx.all("DROP TABLE audit", params![]).await.unwrap();
    write.aside(()).await.unwrap();
    store.create_app(&app("a")).await.unwrap_err();
    store.create_plugin(&plugin("p", None)).await.unwrap_err();
    store.create_admin_token(&admin_token("joe", Role::Viewer)).await.unwrap_err();
    assert_eq!(
        store.list_apps(&crate::AppFilter::default(), Page::default()).await.unwrap().total,
        0
    );
    assert_eq!(store.list_admin_tokens(Page::default()).await.unwrap().total, 0);
    let snapshot = store.load_snapshot().await.unwrap();
    assert!(snapshot.revision == 0 && snapshot.registered.is_empty());
}

pub(super) async fn no_secret_is_in_an_entry(store: &Store) {
    let mut secret = plugin("p", None);
    secret.config.insert("api_key".to_owned(), "hunter1".into());
    secret.options.insert("env.MODE".to_owned(), "hunter2".to_owned());
    let id = store.create_plugin(&secret).await.unwrap().value.id;
    let mut other = secret.clone();
    other.config.insert("api_key".to_owned(), "hunter3".into());
    other.options.insert("env.MODE".to_owned(), "hunter4".to_owned());
    store.update_plugin(id, &other).await.unwrap();
    let entries = all(store).await;
    assert_eq!(entries[0].fields, ["config.api_key", "options.env.MODE"]);
    assert_eq!(entries[0].before, entries[0].after, "not even in a digest");
    assert_eq!(entries[0].before, entries[1].after);
    assert!(!format!("{entries:?}").contains("hunter"));
}

pub(super) async fn entries_are_filtered(store: &Store) {
    for name in ["a", "b"] {
        saved_app(store, name).await;
    }
    let jane = store.by(context("create_plugin"));
    jane.create_plugin(&plugin("p", None)).await.unwrap();
    store.note_refusals(&[refusal(5, 2)]).await.unwrap();
    let made = store.app(AppId(2)).await.unwrap().created_at;
    let any = AuditFilter::default;
    let actor = |name: &str| AuditFilter { actor: Some(name.to_owned()), ..any() };
    for (filter, expected) in [
        (any(), &[4, 3, 2, 1][..]),
        (actor("jane"), &[3]),
        (actor("system"), &[2, 1]),
        (actor("jan"), &[]),
        (AuditFilter { kind: Some(ThingKind::App), ..any() }, &[2, 1]),
        (AuditFilter { thing_id: Some(1), ..any() }, &[3, 1]),
        (AuditFilter { kind: Some(ThingKind::App), thing_id: Some(1), ..any() }, &[1]),
        (AuditFilter { thing_name: Some("b".to_owned()), ..any() }, &[2]),
        (AuditFilter { thing_name: Some("B".to_owned()), ..any() }, &[]),
        (AuditFilter { operation: Some("create_plugin".to_owned()), ..any() }, &[3]),
        (AuditFilter { operation: Some("sign_in".to_owned()), ..any() }, &[4]),
        (AuditFilter { outcome: Some(Outcome::Refused), ..any() }, &[4]),
        (AuditFilter { outcome: Some(Outcome::Done), ..any() }, &[3, 2, 1]),
        (AuditFilter { until: Some(6), ..any() }, &[4]),
        (AuditFilter { until: Some(5), ..any() }, &[]),
        (AuditFilter { since: Some(6), until: Some(made + 60_000), ..any() }, &[3, 2, 1]),
        (AuditFilter { since: Some(made + 60_000), ..any() }, &[]),
    ] {
        let page = listed(store, &filter, None, 100).await;
        let ids: Vec<_> = page.entries.iter().map(|entry| entry.id).collect();
        assert_eq!((&ids[..], page.next_before), (expected, None), "{filter:?}");
    }
}

pub(super) async fn pages_stay_as_they_are_while_entries_are_added(store: &Store) {
    for number in 0..7 {
        saved_app(store, &format!("a{number}")).await;
    }
    let filter = AuditFilter::default();
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = listed(store, &filter, before, 3).await;
        assert!(page.entries.len() <= 3);
        assert_eq!(listed(store, &filter, before, 3).await, page, "the same again");
        seen.extend(page.entries.iter().map(|entry| entry.id));
        saved_app(store, &format!("late {}", seen.len())).await;
        before = page.next_before;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(listed(store, &filter, Some(1), 3).await.entries, []);
    assert_eq!(listed(store, &filter, None, 0).await.entries.len(), 1);
}

fn refusal(at: i64, times: u64) -> Refusal {
    Refusal {
        at,
        who: None,
        peer: Some(peer(2)),
        operation: "sign_in",
        detail: "no such token".to_owned(),
        times,
        entry: None,
    }
}

pub(super) async fn refusals_are_added_and_the_same_again_is_counted(store: &Store) {
    let who = Some(context("").actor.who);
    let known = Refusal { who: who.clone(), peer: None, ..refusal(6, 1) };
    let entries = store.note_refusals(&[refusal(5, 2), known.clone()]).await.unwrap();
    assert_eq!(entries, [1, 2]);
    let more = Refusal { entry: Some(1), ..refusal(9, 40) };
    let unknown_entry = Refusal { entry: Some(99), ..known };
    assert_eq!(store.note_refusals(&[more, unknown_entry]).await.unwrap(), [1, 3]);
    let entries = all(store).await;
    let [third, second, first] = &entries[..] else { panic!("three entries") };
    let expected = (5, None, Some(peer(2)), 42);
    assert_eq!((first.at, first.who.clone(), first.peer, first.times), expected);
    assert_eq!((first.outcome, &*first.operation), (Outcome::Refused, "sign_in"));
    assert_eq!(first.detail.as_deref(), Some("no such token"));
    assert_eq!((&second.who, second.peer, second.thing.clone()), (&who, None, None));
    assert_eq!((third.at, &third.who), (6, &who));
    assert_eq!(store.revision().await.unwrap(), 0);
}

pub(super) async fn old_entries_are_removed_in_bounded_steps(store: &Store) {
    for at in [1, 2, 3, 4, 5] {
        store.note_refusals(&[refusal(at, 1)]).await.unwrap();
    }
    saved_app(store, "a").await;
    assert_eq!(store.remove_audit_before(5, 3).await.unwrap(), 3);
    assert_eq!(store.remove_audit_before(5, 3).await.unwrap(), 1);
    assert_eq!(store.remove_audit_before(5, 3).await.unwrap(), 0);
    let ids: Vec<_> = all(store).await.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [6, 5], "what is newer stays");
}

pub(super) async fn a_revision_has_its_entries_whoever_writes_at_the_same_time(store: &Store) {
    let mut writers = JoinSet::new();
    for number in 0..8 {
        let store = store.by(context("create_app"));
        writers.spawn(async move {
            for turn in 0..5 {
                saved_app(&store, &format!("{number}/{turn}")).await;
            }
        });
    }
    writers.join_all().await;
    let entries = all(store).await;
    let mut revisions: Vec<_> = entries.iter().map(|entry| entry.revision.unwrap()).collect();
    assert!(revisions.is_sorted_by(|a, b| a > b), "in the order of the entries");
    revisions.reverse();
    assert_eq!(revisions, (1..=40).collect::<Vec<u64>>());
}
