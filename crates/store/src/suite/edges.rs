//! The promises about edges. See the parent for where they run.

use super::page;
use crate::{
    AuditFilter, EdgeFilter, EdgeReport, JoinRefusal, NewEdge, NewFleetKey, Page, Precondition,
    Store, StoreError,
};
use sidegate_model::audit::ThingKind;
use sidegate_model::clock::now_millis;
use sidegate_model::edge::{Edge, EdgeId, EdgeState, JoinToken};
use sidegate_model::namespace::Namespace;
use sidegate_model::sha256::Sha256;
use std::time::Duration;

const SECRET: Sha256 = Sha256([3; 32]);
const KEY: Sha256 = Sha256([4; 32]);
/// Long enough for a task to come as far as it gets.
const A_WHILE: Duration = Duration::from_millis(100);

fn join_token(id: &str, expires_at: i64) -> JoinToken {
    JoinToken { id: id.to_owned(), secret_hash: SECRET, expires_at }
}

pub(super) fn new_edge(name: &str, namespace: &str) -> NewEdge {
    let namespace = Namespace::parse(namespace).unwrap();
    let join_token = join_token(&format!("t-{name}"), now_millis() + 60_000);
    NewEdge { name: name.to_owned(), namespace, join_token }
}

pub(super) fn new_key() -> NewFleetKey {
    NewFleetKey { public: vec![1, 2], secret: b"hunter2".to_vec() }
}

async fn joined(store: &Store, name: &str, namespace: &str) -> Edge {
    store.create_edge(&new_edge(name, namespace)).await.unwrap();
    store.redeem_join_token(&format!("t-{name}"), &SECRET, &KEY).await.unwrap().unwrap()
}

pub(super) async fn an_edge_is_saved_found_listed_and_forgotten(store: &Store) {
    let saved = store.create_edge(&new_edge("berlin-1", "berlin")).await.unwrap();
    assert_eq!((saved.namespace.as_str(), saved.joined, saved.revoked_at), ("berlin", None, None));
    assert_eq!(store.edge(saved.id).await.unwrap(), saved);
    assert_eq!(store.edge_by_name("berlin-1").await.unwrap(), saved);
    assert_eq!(store.all_edges().await.unwrap(), std::slice::from_ref(&saved));
    let taken = store.create_edge(&new_edge("berlin-1", "")).await.unwrap_err();
    assert!(taken.to_string().contains("\"berlin-1\" is taken by edge 1"), "{taken}");
    for bad in ["", "Berlin", "a/b", "7"] {
        let refused = store.create_edge(&new_edge(bad, "")).await.unwrap_err();
        assert!(matches!(refused, StoreError::Invalid { .. }), "{bad}: {refused}");
    }
    let other = store.create_edge(&new_edge("other", "")).await.unwrap();
    let listed = store.list_edges(&EdgeFilter::default(), page(2, 1)).await.unwrap();
    assert_eq!((listed.total, listed.items[0].0.clone()), (2, other));
    store.note_edges_seen(&[("berlin-1".into(), 500, "1.0".into())]).await.unwrap();
    let seen = store.edge(saved.id).await.unwrap();
    assert_eq!((seen.last_seen_at, &*seen.last_version), (Some(500), "1.0"));
    let stale = Precondition::VersionIn(vec!["other".to_owned()]);
    let refused = store.delete_edge(saved.id, &stale).await.unwrap_err();
    assert!(matches!(refused, StoreError::ChangedMeanwhile { .. }), "{refused}");
    assert_eq!(store.delete_edge(saved.id, &Precondition::None).await.unwrap(), seen);
    let gone = store.edge(saved.id).await.unwrap_err();
    assert_eq!(gone.to_string(), "edge 1 does not exist");
    let again = store.create_edge(&new_edge("berlin-1", "berlin")).await.unwrap();
    assert_eq!(again.id, EdgeId(3), "a number is never given again");
}

pub(super) async fn a_join_token_is_redeemed_once_and_again_by_the_same_key_only(store: &Store) {
    let edge = joined(store, "a", "berlin").await;
    assert_eq!(edge.joined.unwrap().key, KEY);
    let again = store.redeem_join_token("t-a", &SECRET, &KEY).await.unwrap();
    assert_eq!(again, Ok(edge.clone()), "an answer can get lost");
    let other = store.redeem_join_token("t-a", &SECRET, &Sha256([9; 32])).await.unwrap();
    assert_eq!(other, Err(JoinRefusal::Used));
    assert_eq!(store.edge(edge.id).await.unwrap(), edge);
}

pub(super) async fn what_is_wrong_with_a_join_token_is_told_and_changes_nothing(store: &Store) {
    let late = NewEdge { join_token: join_token("late", 5), ..new_edge("late", "") };
    store.create_edge(&late).await.unwrap();
    let edge = store.create_edge(&new_edge("a", "")).await.unwrap();
    let before = store.stored_head().await.unwrap();
    for (token, secret, refusal) in [
        ("none", SECRET, JoinRefusal::Unknown),
        ("t-a", Sha256([8; 32]), JoinRefusal::Unknown),
        ("late", SECRET, JoinRefusal::Expired),
    ] {
        let refused = store.redeem_join_token(token, &secret, &KEY).await.unwrap();
        assert_eq!(refused, Err(refusal), "{token}");
    }
    assert_eq!(store.edge(edge.id).await.unwrap(), edge);
    assert_eq!(store.stored_head().await.unwrap(), before);
}

pub(super) async fn a_revoked_edge_is_barred_until_it_gets_another_join_token(store: &Store) {
    let edge = joined(store, "a", "").await;
    let revoked = store.revoke_edge(edge.id, &Precondition::None).await.unwrap();
    assert!(revoked.revoked_at.is_some() && revoked.join_token.is_none());
    assert!(revoked.certificates_after > edge.certificates_after);
    assert_eq!(store.revoke_edge(edge.id, &Precondition::None).await.unwrap(), revoked);
    let refused = store.redeem_join_token("t-a", &SECRET, &KEY).await.unwrap();
    assert_eq!(refused, Err(JoinRefusal::Unknown));
    let token = join_token("new", now_millis() + 60_000);
    let renewed = store.renew_join_token(edge.id, &token, &Precondition::None).await.unwrap();
    assert_eq!(renewed.before, revoked);
    let back = renewed.edge;
    assert_eq!(
        (back.revoked_at, back.joined, back.join_token.as_ref()),
        (None, None, Some(&token))
    );
    assert!(back.certificates_after > revoked.certificates_after);
    assert_ne!(back.version(), revoked.version());
    assert!(store.redeem_join_token("new", &SECRET, &KEY).await.unwrap().is_ok());
}

/// Whoever bars an edge replaces the keys that it knows, and so has to hear of somebody who joins as it at that moment.
pub(super) async fn who_bars_an_edge_is_told_of_whoever_joined_until_then(store: &Store) {
    for barring in ["another join token", "forgetting"] {
        let edge = store.create_edge(&new_edge("a", "")).await.unwrap();
        // Both have come, and looked at what they look at beforehand, when the first of them may write.
        let held = store.begin_write().await.unwrap();
        let by = store.clone();
        let joining =
            tokio::spawn(async move { by.redeem_join_token("t-a", &SECRET, &KEY).await.unwrap() });
        tokio::time::sleep(A_WHILE).await;
        let by = store.clone();
        let barred = tokio::spawn(async move {
            let always = Precondition::None;
            if barring == "forgetting" {
                return by.delete_edge(edge.id, &always).await.unwrap();
            }
            let token = join_token("another", now_millis() + 60_000);
            by.renew_join_token(edge.id, &token, &always).await.unwrap().before
        });
        tokio::time::sleep(A_WHILE).await;
        drop(held);
        let (joined, told) = (joining.await.unwrap(), barred.await.unwrap());
        assert_eq!(told.joined.is_some(), joined.is_ok(), "{barring}: {joined:?}");
        if barring != "forgetting" {
            store.delete_edge(edge.id, &Precondition::None).await.unwrap();
        }
    }
}

pub(super) async fn edges_are_filtered_by_namespace_and_by_where_they_are(store: &Store) {
    for (name, namespace) in [("here", "berlin"), ("gone", "berlin"), ("lost", ""), ("barred", "")]
    {
        joined(store, name, namespace).await;
    }
    store.create_edge(&new_edge("new", "berlin")).await.unwrap();
    let barred = store.edge_by_name("barred").await.unwrap().id;
    store.revoke_edge(barred, &Precondition::None).await.unwrap();
    store.note_replica("r1").await.unwrap();
    let report = |edge: &str, replica: &str, is_here| EdgeReport {
        edge: edge.to_owned(),
        replica: replica.to_owned(),
        is_here,
        number: 0,
        state: "{}".to_owned(),
        report: vec![],
    };
    let reports =
        [report("here", "r1", true), report("gone", "r1", false), report("lost", "r0", true)];
    store.put_edge_reports(&reports).await.unwrap();
    let names = async |namespace: Option<&str>, state| {
        let namespace = namespace.map(|namespace| Namespace::parse(namespace).unwrap());
        let filter = EdgeFilter { namespace, state };
        let listed = store.list_edges(&filter, Page::default()).await.unwrap();
        assert_eq!(listed.total, listed.items.len() as u64);
        assert!(state.is_none() || listed.items.iter().all(|(_, is)| Some(*is) == state));
        listed.items.into_iter().map(|(edge, _)| edge.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Some("berlin"), None).await, ["here", "gone", "new"]);
    assert_eq!(names(Some(""), None).await, ["lost", "barred"]);
    assert_eq!(names(None, Some(EdgeState::Connected)).await, ["here"]);
    assert_eq!(names(None, Some(EdgeState::Offline)).await, ["gone", "lost"]);
    assert_eq!(names(None, Some(EdgeState::Revoked)).await, ["barred"]);
    assert_eq!(names(Some("berlin"), Some(EdgeState::Waiting)).await, ["new"]);
}

pub(super) async fn changes_of_edges_are_audited_and_no_desired_state(store: &Store) {
    let edge = joined(store, "a", "").await;
    store.revoke_edge(edge.id, &Precondition::None).await.unwrap();
    store.delete_edge(edge.id, &Precondition::None).await.unwrap();
    let filter = AuditFilter { kind: Some(ThingKind::Edge), ..AuditFilter::default() };
    let entries = store.list_audit(&filter, None, 100).await.unwrap().entries;
    let told: Vec<_> =
        entries.iter().map(|e| (e.thing.clone().unwrap().name, e.revision)).collect();
    assert_eq!(told, vec![("a".to_owned(), None); 4]);
    assert!(!format!("{entries:?}").contains("0303"), "not even the hash of a secret");
    assert_eq!(store.revision().await.unwrap(), 0);
    assert_eq!(store.stored_head().await.unwrap().fleet_changes, 4);
}
