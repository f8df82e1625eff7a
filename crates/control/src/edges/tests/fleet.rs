//! What is known of edges, here and elsewhere, and how far a change has come.

use super::{Process, namespace, saved_app, store};
use crate::edges::coverage;
use crate::edges::sharing::share_all;
use crate::edges::table::EdgeTable;
use sidegate_model::clock::now_millis;
use sidegate_model::edge::JoinToken;
use sidegate_model::plugin::PluginId;
use sidegate_model::sha256::Sha256;
use sidegate_store::{NewEdge, Precondition, Store};
use sidegate_sync::edge_content::Rejected;
use sidegate_sync::server::{AdmittedEdge, AppliedState, EdgeCommands, PeerIdentity, Said};
use sidegate_sync::{Digest, ObjectName, Position};
use std::collections::BTreeMap;

async fn joined(store: &Store, name: &str, of: &str) -> PeerIdentity {
    let (secret_hash, key) = (Sha256([1; 32]), Sha256([2; 32]));
    let join_token =
        JoinToken { id: name.to_owned(), secret_hash, expires_at: now_millis() + 60_000 };
    let new = NewEdge { name: name.to_owned(), namespace: namespace(of), join_token };
    store.create_edge(&new).await.unwrap();
    store.redeem_join_token(name, &secret_hash, &key).await.unwrap().unwrap();
    PeerIdentity { edge: name.to_owned(), namespace: namespace(of) }
}

/// On a connection with a certificate of now.
fn admitted(peer: &PeerIdentity) -> AdmittedEdge {
    AdmittedEdge { peer: peer.clone(), issued_at: now_millis() }
}

async fn table(store: &Store, replica: &str) -> EdgeTable {
    let table = EdgeTable::new(replica);
    table.set_known(store.all_edges().await.unwrap());
    table
}

fn applied(of: &str, position: (u64, u64)) -> Said {
    let (lineage, revision) = position;
    let manifest = Some((Position { lineage, revision }, Digest::of(b"m")));
    let (rejected, refused) = (BTreeMap::new(), None);
    Said::Applied(AppliedState { namespace: namespace(of), manifest, rejected, refused })
}

#[tokio::test]
async fn only_connected_edges_that_a_change_concerns_are_waited_for() {
    let store = store().await;
    let global = joined(&store, "global", "").await;
    let berlin = joined(&store, "berlin-1", "berlin").await;
    joined(&store, "offline", "berlin").await;
    let mut process = Process::start(&store).await;
    saved_app(&store, "a", "").await;
    process.publish().await;
    let table = table(&store, "r1").await;
    for peer in [&global, &berlin] {
        table.attach(&admitted(peer), EdgeCommands::default());
    }
    let look = |revision| {
        let covered = coverage::of(revision, &process.heads, &table);
        (covered.applied, covered.connected, covered.offline)
    };
    assert_eq!(look(1), (0, 2, 1));
    table.said("global", applied("", (1, 1)));
    assert_eq!(look(1), (1, 2, 1));
    table.said("berlin-1", applied("", (1, 1)));
    assert_eq!(look(1), (2, 2, 1));
    // Nothing changed at a later one.
    assert_eq!(look(2), (0, 0, 0));
}

#[tokio::test]
async fn a_change_of_a_namespace_is_nothing_to_other_edges() {
    let store = store().await;
    store.create_namespace(&namespace("berlin"), "").await.unwrap();
    let peers = [joined(&store, "global", "").await, joined(&store, "b", "berlin").await];
    let mut process = Process::start(&store).await;
    saved_app(&store, "a", "berlin").await;
    process.publish().await;
    let table = table(&store, "r1").await;
    for peer in &peers {
        table.attach(&admitted(peer), EdgeCommands::default());
    }
    let revision = store.revision().await.unwrap();
    let covered = coverage::of(revision, &process.heads, &table);
    assert_eq!((covered.applied, covered.connected, covered.offline), (0, 1, 0));
    table.said("b", applied("berlin", (1, revision)));
    assert!(coverage::of(revision, &process.heads, &table).is_complete());
}

#[tokio::test]
async fn what_an_edge_does_not_take_is_told_where_it_was_saved() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let mut process = Process::start(&store).await;
    saved_app(&store, "a", "").await;
    process.publish().await;
    let table = table(&store, "r1").await;
    table.attach(&admitted(&peer), EdgeCommands::default());
    let Said::Applied(state) = applied("", (1, 1)) else { unreachable!() };
    let why = Rejected { reason: "too new".to_owned(), keeps_last_good: false };
    let rejected = BTreeMap::from([(ObjectName::plugin(PluginId(7)), why)]);
    table.said("e", Said::Applied(AppliedState { rejected, ..state.clone() }));
    let covered = coverage::of(1, &process.heads, &table);
    assert!(covered.is_complete());
    let told: Vec<_> =
        covered.rejected.iter().map(|r| (&*r.node, &*r.object, &*r.reason)).collect();
    assert_eq!(told, [("e", "plugin/7", "too new")]);
    let head = process.heads.newest(&namespace("")).unwrap();
    let refused = Some((head.digest(), "signed by nobody".to_owned()));
    table.said("e", Said::Applied(AppliedState { manifest: None, refused, ..state }));
    let covered = coverage::of(1, &process.heads, &table);
    assert!(!covered.is_complete());
    assert_eq!(covered.rejected[0].object, "manifest");
}

#[tokio::test]
async fn every_process_knows_what_edges_say_to_another_one() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let mut process = Process::start(&store).await;
    saved_app(&store, "a", "").await;
    process.publish().await;
    let (here, there) = (table(&store, "r1").await, table(&store, "r2").await);
    let (number, _) = here.attach(&admitted(&peer), EdgeCommands::default());
    here.said("e", applied("", (1, 1)));
    share_all(&store, &here).await.unwrap();
    let mut last = 0;
    let mut hear = async || {
        let reports = store.edge_reports_after(last, 100).await.unwrap();
        last = reports.last().map_or(last, |report| report.number);
        there.heard(&reports);
        store.note_replica("r1").await.unwrap();
        there.set_replicas(store.replicas().await.unwrap());
    };
    hear().await;
    let covered = coverage::of(1, &process.heads, &there);
    assert_eq!((covered.applied, covered.connected), (1, 1));
    assert_eq!(there.edge("e").unwrap().status.unwrap().replica, "r1");
    here.detach("e", number);
    share_all(&store, &here).await.unwrap();
    hear().await;
    assert!(!there.edge("e").unwrap().is_connected);
    // A process that says nothing any more has no edges.
    here.attach(&admitted(&peer), EdgeCommands::default());
    share_all(&store, &here).await.unwrap();
    hear().await;
    assert!(there.edge("e").unwrap().is_connected);
    there.set_replicas(BTreeMap::from([("r1".to_owned(), 1)]));
    assert!(!there.edge("e").unwrap().is_connected);
}

#[tokio::test]
async fn a_revoked_edge_is_sent_away_and_a_new_stream_of_it_ends_at_once() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let other = joined(&store, "o", "").await;
    let table = table(&store, "r1").await;
    let (_, leave) = table.attach(&admitted(&peer), EdgeCommands::default());
    let (_, stays) = table.attach(&admitted(&other), EdgeCommands::default());
    assert!(leave.borrow().is_none());
    let id = store.edge_by_name("e").await.unwrap().id;
    store.revoke_edge(id, &Precondition::None).await.unwrap();
    table.set_known(store.all_edges().await.unwrap());
    assert!(leave.borrow().as_deref().unwrap().contains("revoked"));
    assert!(stays.borrow().is_none());
    let (_, leave) = table.attach(&admitted(&peer), EdgeCommands::default());
    assert!(leave.borrow().is_some());
}

#[tokio::test]
async fn whoever_came_in_before_another_join_token_is_sent_away_on_every_stream_of_that_connection()
{
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let table = table(&store, "r1").await;
    let before = admitted(&peer);
    let (_, leave) = table.attach(&before, EdgeCommands::default());
    assert!(leave.borrow().is_none());
    let edge = store.edge_by_name("e").await.unwrap();
    let join_token = JoinToken {
        id: "another".to_owned(),
        secret_hash: Sha256([3; 32]),
        expires_at: now_millis() + 60_000,
    };
    let edge = store.renew_join_token(edge.id, &join_token, &Precondition::None).await.unwrap();
    let after = AdmittedEdge { peer, issued_at: edge.certificates_after };
    let old = AdmittedEdge { issued_at: edge.certificates_after - 1, ..after.clone() };
    table.learn(edge);
    let (_, again) = table.attach(&old, EdgeCommands::default());
    assert!(again.borrow().is_some(), "the connection is still the old one");
    let (_, stays) = table.attach(&after, EdgeCommands::default());
    assert!(stays.borrow().is_none());
    // Told at once, however it was known; in the same millisecond it is the new one.
    assert!(leave.borrow().is_some() || before.issued_at >= after.issued_at);
}
