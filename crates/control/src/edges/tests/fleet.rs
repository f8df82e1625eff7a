//! What is known of edges, here and elsewhere, and how far a change has come.

use super::{Process, Running, namespace, plugin, saved_app, store};
use crate::edges::coverage;
use crate::edges::sharing::{Hearing, share_all};
use crate::edges::table::EdgeTable;
use crate::fleet::{Fleet as _, NodeProbes as _, Overview};
use crate::named_apps::KnownApps;
use crate::tasks::Tasks;
use sidegate_e2e::eventually;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::edge::JoinToken;
use sidegate_model::plugin::PluginId;
use sidegate_model::sha256::Sha256;
use sidegate_model::snapshot::AppTable;
use sidegate_store::{NewEdge, Precondition, Store, StoredHead};
use sidegate_sync::edge_content::Rejected;
use sidegate_sync::message::{NodeReport, PluginStatus};
use sidegate_sync::server::{
    AdmittedEdge, AppliedState, EdgeCommands, EdgeHello, PeerIdentity, Said,
};
use sidegate_sync::{Digest, Features, ObjectName, Position};
use std::collections::BTreeMap;

pub(super) async fn joined(store: &Store, name: &str, of: &str) -> PeerIdentity {
    let (secret_hash, key) = (Sha256([1; 32]), Sha256([2; 32]));
    let join_token =
        JoinToken { id: name.to_owned(), secret_hash, expires_at: now_millis() + 60_000 };
    let new = NewEdge { name: name.to_owned(), namespace: namespace(of), join_token };
    store.create_edge(&new).await.unwrap();
    store.redeem_join_token(name, &secret_hash, &key).await.unwrap().unwrap();
    PeerIdentity { edge: name.to_owned(), namespace: namespace(of) }
}

/// On a connection with a certificate of now.
pub(super) fn admitted(peer: &PeerIdentity) -> AdmittedEdge {
    AdmittedEdge { peer: peer.clone(), issued_at: now_millis(), expires_at: UnixMillis::MAX }
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

/// The first word of an edge on one of its streams.
fn hello(connection: u64) -> Said {
    Said::Hello(EdgeHello {
        version: "1".to_owned(),
        features: Features::default(),
        boot_id: vec![],
        trust: None,
        refused_trust: None,
        connection,
    })
}

/// What one process wrote since is read by another one.
async fn tell(store: &Store, from: &EdgeTable, to: &EdgeTable, last: &mut i64) {
    share_all(store, from).await.unwrap();
    let reports = store.edge_reports_after(*last, 100).await.unwrap();
    *last = reports.last().map_or(*last, |report| report.number);
    to.heard(&reports);
}

fn replica_of(table: &EdgeTable) -> String {
    table.edge("e").unwrap().status.unwrap().replica
}

#[tokio::test]
async fn a_stream_that_its_edge_lost_counts_no_more_once_the_edge_is_connected_elsewhere() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let (old, new) = (table(&store, "r1").await, table(&store, "r2").await);
    let (mut read_by_old, mut read_by_new) = (0, 0);
    let (number, lost) = old.attach(&admitted(&peer), EdgeCommands::default());
    old.said("e", hello(7));
    tell(&store, &old, &new, &mut read_by_new).await;
    let (_, stays) = new.attach(&admitted(&peer), EdgeCommands::default());
    // It has not said yet which stream it is.
    tell(&store, &new, &old, &mut read_by_old).await;
    assert!(lost.borrow().is_none() && old.commands("e").is_some());
    new.said("e", hello(8));
    tell(&store, &new, &old, &mut read_by_old).await;
    assert!(lost.borrow().as_deref().unwrap().contains("has connected once more"));
    assert!(old.commands("e").is_none(), "what is asked of it is asked elsewhere");
    assert_eq!(replica_of(&old), "r2");
    // Neither its end nor a word that was on its way changes anything.
    old.said("e", applied("", (9, 9)));
    old.detach("e", number);
    assert!(old.take_unwritten().is_empty());
    // Nor does what another process says that has not noticed, and that has the last word in the database.
    let lost_elsewhere = table(&store, "r3").await;
    lost_elsewhere.attach(&admitted(&peer), EdgeCommands::default());
    lost_elsewhere.said("e", hello(6));
    tell(&store, &lost_elsewhere, &new, &mut read_by_new).await;
    assert!(stays.borrow().is_none() && new.commands("e").is_some());
    tell(&store, &new, &lost_elsewhere, &mut 0).await;
    assert!(lost_elsewhere.commands("e").is_none());
    assert_eq!(replica_of(&lost_elsewhere), "r2");
}

#[tokio::test]
async fn an_edge_of_a_version_that_does_not_count_its_streams_keeps_them() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let (one, other) = (table(&store, "r1").await, table(&store, "r2").await);
    for (table, connection) in [(&one, 0), (&other, 5)] {
        table.attach(&admitted(&peer), EdgeCommands::default());
        table.said("e", hello(connection));
    }
    tell(&store, &other, &one, &mut 0).await;
    tell(&store, &one, &other, &mut 0).await;
    assert!(one.commands("e").is_some() && other.commands("e").is_some());
}

#[tokio::test]
async fn an_edge_has_one_stream_at_each_process_the_last_one() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let table = table(&store, "r1").await;
    let (number, lost) = table.attach(&admitted(&peer), EdgeCommands::default());
    let (_, stays) = table.attach(&admitted(&peer), EdgeCommands::default());
    assert!(lost.borrow().is_some() && stays.borrow().is_none());
    table.detach("e", number);
    let seen = table.edge("e").unwrap();
    assert!(seen.is_connected && seen.status.unwrap().told.left_at == 0);
    // Whoever may not come at all takes the place of nobody.
    let barred = AdmittedEdge { issued_at: -1, ..admitted(&peer) };
    let (_, leaves) = table.attach(&barred, EdgeCommands::default());
    assert!(leaves.borrow().is_some() && stays.borrow().is_none());
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
    let renewed = store.renew_join_token(edge.id, &join_token, &Precondition::None).await.unwrap();
    let edge = renewed.edge;
    let after = AdmittedEdge { issued_at: edge.certificates_after, ..admitted(&peer) };
    let old = AdmittedEdge { issued_at: edge.certificates_after - 1, ..after.clone() };
    table.learn(edge);
    let (_, again) = table.attach(&old, EdgeCommands::default());
    assert!(again.borrow().is_some(), "the connection is still the old one");
    let (_, stays) = table.attach(&after, EdgeCommands::default());
    assert!(stays.borrow().is_none());
    // Told at once, however it was known; in the same millisecond it is the new one.
    assert!(leave.borrow().is_some() || before.issued_at >= after.issued_at);
}

#[tokio::test]
async fn an_edge_speaks_only_of_plugins_that_it_sees_and_of_none_that_is_unknown() {
    let store = store().await;
    for name in ["berlin", "oslo"] {
        store.create_namespace(&namespace(name), "").await.unwrap();
    }
    let mut ids = Vec::new();
    for (name, of) in [("g", ""), ("b", "berlin"), ("o", "oslo")] {
        ids.push(store.create_plugin(&plugin(name, of)).await.unwrap().value.id.0);
    }
    let peer = joined(&store, "berlin-1", "berlin").await;
    let process = Running::start(&store).await;
    let table = &process.edges.0.table;
    table.attach(&admitted(&peer), EdgeCommands::default());
    let statuses = ids.iter().map(|id| PluginStatus {
        id: *id,
        name: format!("p{id}"),
        state: "ready".to_owned(),
        ..<_>::default()
    });
    let report = NodeReport { plugins: statuses.collect(), ..<_>::default() };
    table.said("berlin-1", Said::Report(report));
    let [node] = &*process.edges.nodes() else { panic!("one edge has told") };
    let told: Vec<_> = node.plugins.iter().map(|plugin| plugin.id.0).collect();
    assert_eq!(told, ids[..2], "nothing of another namespace");

    // Of what it does not see it is no node, so nobody takes that for a plugin that does not come up there.
    let apps = KnownApps::new(AppTable::default());
    let overview = Overview::of(&process.edges, apps);
    for (id, is_concerned) in ids.iter().zip([true, true, false]) {
        let plugin = store.plugin(PluginId(*id)).await.unwrap();
        assert_eq!(overview.on_each(&plugin).count() == 1, is_concerned, "{}", plugin.draft.name);
    }
}

#[tokio::test]
async fn a_node_is_told_with_the_newest_revision_of_what_is_published_whatever_it_counts_itself() {
    let store = store().await;
    let peer = joined(&store, "e", "berlin").await;
    let table = table(&store, "r1").await;
    table.attach(&admitted(&peer), EdgeCommands::default());
    // It has just started, and counts what it applied since.
    table.said("e", Said::Report(NodeReport { revision: 2, ..<_>::default() }));
    let told = || table.nodes().iter().map(|node| node.revision).collect::<Vec<_>>();
    assert_eq!(told(), [0], "nothing is applied yet");
    table.said("e", applied("", (1, 9)));
    table.said("e", applied("berlin", (1, 7)));
    assert_eq!(told(), [9]);
}

#[tokio::test]
async fn an_edge_that_was_here_is_known_to_have_been_seen_before_anything_is_written() {
    let store = store().await;
    let peer = joined(&store, "edge-1", "").await;
    let table = table(&store, "r1").await;
    let began = now_millis();
    let (number, _leave) = table.attach(&admitted(&peer), EdgeCommands::default());
    let seen = table.edge("edge-1").unwrap();
    assert!(seen.is_connected && seen.status.unwrap().told.attached_at >= began);
    table.detach("edge-1", number);
    let seen = table.edge("edge-1").unwrap();
    assert!(!seen.is_connected && seen.status.unwrap().told.left_at >= began);
}

#[tokio::test]
async fn a_process_whose_task_has_ended_is_not_ready_and_says_which_one() {
    let process = Running::start(&store().await).await;
    eventually("it is ready", async || process.edges.readiness().0.then_some(())).await;
    let mut tasks = Tasks::new(process.control.ended().clone());
    tasks.spawn("is looked at here", async {});
    let mut ended = process.control.ended().follow();
    ended.wait_for(Option::is_some).await.unwrap();
    let (is_ready, told) = process.edges.readiness();
    assert!(!is_ready);
    assert_eq!(
        (&told["status"], &told["reason"]),
        (&"not ready".into(), &"the task that is looked at here has ended".into())
    );
}

#[tokio::test]
async fn reports_of_edges_that_are_gone_are_not_waited_for_without_a_pause() {
    let store = store().await;
    let (peer, there) = (joined(&store, "e", "").await, table(&store, "r2").await);
    let here = table(&store, "r1").await;
    here.attach(&admitted(&peer), EdgeCommands::default());
    share_all(&store, &here).await.unwrap();
    let id = store.edge_by_name("e").await.unwrap().id;
    store.delete_edge(id, &Precondition::None).await.unwrap();
    let head = store.stored_head().await.unwrap();
    assert!(head.reports > 0, "it was counted, and the row is gone");
    let mut hearing = Hearing::default();
    assert!(hearing.is_news(Some(head)));
    hearing.look(&store, &there, Some(head)).await.unwrap();
    assert!(!hearing.is_news(Some(head)), "there is nothing more to come of it");
    // A restored database counts from before, and is heard from its beginning.
    let restored = StoredHead { reports: head.reports - 1, ..head };
    hearing.look(&store, &there, Some(restored)).await.unwrap();
    assert!(!hearing.is_news(Some(restored)));
    assert!(hearing.is_news(Some(head)));
}

#[tokio::test]
async fn what_a_restored_database_lost_of_connected_edges_is_written_again() {
    let store = store().await;
    let peers = [joined(&store, "here", "").await, joined(&store, "gone", "").await];
    let table = table(&store, "r1").await;
    let numbers = peers.map(|peer| table.attach(&admitted(&peer), EdgeCommands::default()).0);
    table.detach("gone", numbers[1]);
    share_all(&store, &table).await.unwrap();
    assert!(table.take_unwritten().is_empty());
    table.write_all_again();
    let again: Vec<_> = table.take_unwritten().into_iter().map(|report| report.edge).collect();
    assert_eq!(again, ["here"]);
}
