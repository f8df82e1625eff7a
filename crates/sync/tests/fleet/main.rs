//! Both ends over real sockets: what is published reaches edges, and edges outlive their control plane.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it asserts")]

mod commands;
mod control_plane;
mod edge;
mod raw;
mod trust;

use control_plane::ControlPlane;
use edge::{Edge, Plan};
use raw::Raw;
use sidegate_model::app::{App, AppId};
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::TokenId;
use sidegate_sync::edge::TokenUses;
use sidegate_sync::message::{Ask, control_message, edge_message};
use sidegate_sync::report::{EdgeCondition, EdgeReport, Readiness, from_message};
use sidegate_sync::server::{AppliedState, PeerIdentity, Said};
use sidegate_sync::{BootTime, Features, Namespace, Position, sealed_settings};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// More than anything takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

fn snapshot(plugins: &[(u32, &str)]) -> Snapshot {
    plugins.iter().fold(Snapshot::default(), |snapshot, (id, command)| {
        let spec = PluginSpec::new(PluginId(*id), &format!("p{id}"), command);
        snapshot.with_plugin(spec.id, Some(spec))
    })
}

fn commands(snapshot: &Snapshot) -> Vec<(u32, String)> {
    snapshot.plugins.values().map(|spec| (spec.id.0, spec.command.clone())).collect()
}

fn revision_of(applied: &AppliedState) -> Option<u64> {
    applied.manifest.map(|(position, _)| position.revision)
}

#[tokio::test]
async fn what_is_published_reaches_the_edges_of_its_namespace_and_no_others() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    control.publish("berlin", 1, &snapshot(&[(2, "file:///b")]));
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut berlin = Edge::start(&control, "one", "berlin", one.path());
    let mut global = Edge::start(&control, "two", "", two.path());
    let both = vec![(1, "file:///a".to_owned()), (2, "file:///b".to_owned())];
    berlin.serves(|snapshot| commands(snapshot) == both).await;
    global.serves(|snapshot| commands(snapshot) == both[..1]).await;
    control.publish("berlin", 2, &snapshot(&[(2, "file:///c")]));
    berlin.serves(|snapshot| commands(snapshot)[1].1 == "file:///c").await;
    let revision = control.said(|peer, said| match said {
        Said::Applied(applied) if peer.edge == "one" && applied.namespace.as_str() == "berlin" => {
            revision_of(applied).filter(|revision| *revision == 2)
        }
        _ => None,
    });
    assert_eq!(revision.await, 2);
}

#[tokio::test]
async fn an_edge_starts_and_serves_without_its_control_plane_and_catches_up_when_it_is_back() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    edge.stop().await;
    let address = control.stop().await;
    // Nobody is there, and it serves at once.
    let mut edge = Edge::start_at(address, control.signer(), ("one", ""), folder.path());
    assert_eq!(commands(&edge.snapshot()), [(1, "file:///a".to_owned())]);
    let control = control.start_again(address).await;
    control.publish("", 2, &snapshot(&[(1, "file:///a"), (2, "file:///b")]));
    edge.serves(|snapshot| snapshot.plugins.len() == 2).await;
    edge.stop().await;
}

#[tokio::test]
async fn large_objects_come_in_pieces() {
    let control = ControlPlane::start().await;
    let mut content = snapshot(&[]);
    for id in 0..12 {
        let mut spec = PluginSpec::new(PluginId(id), &format!("p{id}"), "file:///a");
        spec.config.insert("text".to_owned(), "x".repeat(1_000_000 + id as usize).into());
        content = content.with_plugin(spec.id, Some(spec));
    }
    control.publish("", 1, &content);
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|arrived| arrived.plugins == content.plugins).await;
}

#[tokio::test]
async fn a_changed_app_moves_a_256th_and_leaves_all_other_parts_as_they_were() {
    let control = ControlPlane::start().await;
    let app = |id: u32, name: &str| App {
        id: AppId(id),
        name: format!("{name}{id}"),
        description: String::new(),
        owner_email: "a@b".to_owned(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: <_>::default(),
        namespace: <_>::default(),
        max_staleness: None,
        managed_by: String::new(),
        made_for: None,
        created_at: 0,
        updated_at: 0,
    };
    let mut content = Snapshot::default();
    (0..1024).for_each(|id| content.apps.insert(app(id, "app")));
    control.publish("", 1, &content);
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|snapshot| snapshot.apps.len() == 1024).await;
    let before = edge.snapshot();
    let read = control.blobs_read();
    content.apps.insert(app(7, "other"));
    control.publish("", 2, &content);
    edge.serves(|snapshot| snapshot.apps[&AppId(7)].name == "other7").await;
    let after = edge.snapshot();
    assert_eq!(control.blobs_read() - read, 1);
    let same = (0..=255).filter(|shard| after.apps.is_same_part(&before.apps, *shard)).count();
    assert_eq!(same, 255);
}

#[tokio::test]
async fn a_control_plane_that_cannot_look_at_its_database_keeps_no_edge_fresh() {
    let control = ControlPlane::start().await;
    control.can_look(false);
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    // It is connected, serves by all that it was told, and asks; there is no answer.
    let silent = timeout(Duration::from_secs(3), edge.is_up_to_date(BootTime::of(Duration::ZERO)));
    assert!(silent.await.is_err());
    control.can_look(true);
    let asked_at = edge.is_up_to_date(BootTime::of(Duration::ZERO)).await;
    // And again and again; what was heard once is not heard twice.
    assert!(edge.is_up_to_date(asked_at).await > asked_at);
}

#[tokio::test]
async fn nobody_hears_what_is_the_newest_as_of_a_time_before_a_newer_one_that_was_there_already() {
    let control = ControlPlane::start().await;
    control.can_look(false);
    let mut raw = Raw::connect(&control, "one").await;
    // Which of two pieces of news is looked at first is left to chance.
    for number in 1..=24 {
        raw.say(edge_message::Body::Ask(Ask { number })).await;
        raw.is_heard().await;
        control.publish("", number, &snapshot(&[(1, "file:///a")]));
        control.look();
        let current = loop {
            if let control_message::Body::Current(current) = raw.hear().await {
                break current;
            }
        };
        let newest = control.head("").unwrap().digest();
        assert_eq!((current.number, current.newest.len()), (number, 1));
        assert_eq!(current.newest[0].manifest_digest, newest.as_bytes(), "question {number}");
    }
}

#[tokio::test]
async fn each_stream_of_an_edge_has_a_higher_number() {
    let control = ControlPlane::start().await;
    let folder = TempDir::new().unwrap();
    let edge = Edge::start(&control, "one", "", folder.path());
    let mut last = 0;
    let mut control = control;
    for _ in 0..3 {
        let number = control.said(|_, said| match said {
            Said::Hello(hello) if hello.connection > last => Some(hello.connection),
            _ => None,
        });
        last = number.await;
        let address = control.stop().await;
        control = control.start_again(address).await;
    }
    edge.stop().await;
}

#[tokio::test]
async fn an_edge_that_comes_again_and_again_is_sent_away_and_keeps_nobody_else_out() {
    let control = ControlPlane::start().await;
    let mut came = 0;
    let goodbye = loop {
        assert!(came < 200, "it is never sent away");
        match Raw::connect(&control, "one").await.hear().await {
            control_message::Body::Welcome(_) => came += 1,
            control_message::Body::Goodbye(goodbye) => break goodbye,
            other => panic!("{other:?}"),
        }
    };
    assert!(came >= 60, "{came} times");
    assert!(goodbye.reason.contains("too many edges come at once") && goodbye.retry_after_ms > 0);
    let first = Raw::connect(&control, "two").await.hear().await;
    assert!(matches!(first, control_message::Body::Welcome(_)), "{first:?}");
}

#[tokio::test]
async fn reports_reach_the_control_plane() {
    let control = ControlPlane::start().await;
    let folder = TempDir::new().unwrap();
    let edge = Edge::start(&control, "one", "", folder.path());
    let (id, public_mode) = (NodeId::new("one"), PublicMode::Approve);
    let condition = EdgeCondition {
        version: "1.0".to_owned(),
        boot_id: vec![7; 16],
        started_at: Some(1),
        stale_for: None,
        certificate_expires_at: Some(2),
        readiness: Readiness::Fresh,
        positions: [(Namespace::global(), Position { lineage: 1, revision: 7 })].into(),
    };
    let node = NodeReport { id, revision: 7, clients: None, public_mode, plugins: Vec::new() };
    edge.report(&EdgeReport { node, edge: condition.clone() });
    let arrived = control.said(|_, said| match said {
        Said::Report(report) => Some(from_message(report.clone())),
        _ => None,
    });
    let arrived = arrived.await;
    assert_eq!((arrived.node.revision, arrived.edge), (7, condition));
}

#[tokio::test]
async fn uses_of_tokens_are_told_until_they_are_kept_whatever_becomes_of_streams() {
    let control = ControlPlane::start().await;
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    let mut uses = TokenUses::default();
    uses.add(TokenId(7), 500);
    let said = |of: u64| {
        move |_: &PeerIdentity, said: &Said| match said {
            Said::Uses(told) if told.number == of => Some(told.uses.clone()),
            _ => None,
        }
    };
    let telling = async {
        edge.tells_uses(&uses).await;
        edge
    };
    let keeping = async {
        assert_eq!(control.said(said(1)).await, [(TokenId(7), 500)]);
        // Heard and not kept: the next process is told, too.
        let address = control.stop().await;
        control.forget_said();
        let control = control.start_again(address).await;
        assert_eq!(control.said(said(1)).await, [(TokenId(7), 500)]);
        control.keeps(1);
        control
    };
    let (mut edge, control) = tokio::join!(telling, keeping);
    uses.add(TokenId(8), 600);
    let keeping = async {
        assert_eq!(control.said(said(2)).await, [(TokenId(7), 500), (TokenId(8), 600)]);
        control.keeps(2);
    };
    tokio::join!(edge.tells_uses(&uses), keeping);
    edge.stop().await;
}

#[tokio::test]
async fn an_older_edge_rejects_just_what_it_does_not_understand() {
    let control = ControlPlane::start().await;
    let mut secret = PluginSpec::new(PluginId(2), "p2", "file:///b");
    secret.config.insert("password".to_owned(), "hunter2".into());
    let secret = sealed_settings::seal(&secret, None, &Keyring::single([7; 32]));
    let content = snapshot(&[(1, "file:///a")]).with_plugin(secret.id, Some(secret));
    control.publish("", 1, &content);
    let folder = TempDir::new().unwrap();
    let plan = Plan::of(&control, ("one", ""), folder.path());
    let (mut edge, _) = Edge::begin(Plan { features: Features::of([]), ..plan });
    edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    let rejected = control.said(|_, said| match said {
        Said::Applied(applied) => {
            applied.rejected.iter().next().map(|(n, r)| (n.clone(), r.clone()))
        }
        _ => None,
    });
    let (name, rejected) = rejected.await;
    assert_eq!((name.to_string(), rejected.keeps_last_good), ("plugin/2".to_owned(), false));
    assert!(rejected.reason.contains("it needs sealed_settings"), "{}", rejected.reason);
    assert!(rejected.reason.contains("upgrade the edge"), "{}", rejected.reason);
    assert_eq!(commands(&edge.snapshot()), [(1, "file:///a".to_owned())]);
}

#[tokio::test]
async fn a_manifest_of_another_signer_is_not_served_by_and_the_control_plane_hears_why() {
    let (ours, other) = (ControlPlane::start().await, ControlPlane::start().await);
    other.publish("", 1, &snapshot(&[(1, "file:///evil")]));
    let folder = TempDir::new().unwrap();
    let edge = Edge::start_at(other.address(), ours.signer(), ("one", ""), folder.path());
    let reason = other.said(|_, said| match said {
        Said::Applied(applied) => applied.refused.as_ref().map(|(_, reason)| reason.clone()),
        _ => None,
    });
    assert!(reason.await.starts_with("no pinned signer signed it"));
    assert_eq!(edge.snapshot().revision, 0);
}

#[tokio::test]
async fn an_edge_that_is_to_leave_hears_why() {
    let control = ControlPlane::start().await;
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    control.send_away("this edge was revoked");
    edge.loses_contact("this edge was revoked").await;
    assert_eq!(commands(&edge.snapshot()), [(1, "file:///a".to_owned())]);
}

#[tokio::test]
async fn when_too_many_edges_come_at_once_some_come_later() {
    let control = ControlPlane::start_for(1).await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut first = Edge::start(&control, "one", "", one.path());
    first.serves(|snapshot| snapshot.plugins.len() == 1).await;
    let mut second = Edge::start(&control, "two", "", two.path());
    second.loses_contact("too many edges come at once").await;
}

#[tokio::test]
async fn a_new_edge_starts_from_a_bootstrap_file_without_its_control_plane() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    control.publish("berlin", 4, &snapshot(&[(2, "file:///b")]));
    let file = control.bootstrap_file();
    let address = control.stop().await;
    let folder = TempDir::new().unwrap();
    // It was enrolled, and has keys.
    std::fs::write(folder.path().join("trust"), "7").unwrap();
    let place = (folder.path(), Some(file.as_slice()));
    let (edge, damaged) = Edge::start_with(address, control.signer(), ("one", "berlin"), place);
    let both = [(1, "file:///a".to_owned()), (2, "file:///b".to_owned())];
    assert_eq!((commands(&edge.snapshot()).as_slice(), damaged), (both.as_slice(), vec![]));
    edge.stop().await;
    // From then on it needs the file no more.
    let edge = Edge::start_at(address, control.signer(), ("one", "berlin"), folder.path());
    assert_eq!(commands(&edge.snapshot()), both);
    edge.stop().await;
}

#[tokio::test]
async fn a_damaged_snapshot_is_told_by_name_and_healed_by_the_control_plane() {
    let control = ControlPlane::start().await;
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    for (revision, command) in [(1, "file:///a"), (2, "file:///b")] {
        control.publish("", revision, &snapshot(&[(1, command)]));
        edge.serves(|snapshot| commands(snapshot)[..] == [(1, command.to_owned())]).await;
    }
    // Not before it is told, and so on the disk.
    let applied = control.said(|_, said| match said {
        Said::Applied(applied) if revision_of(applied) == Some(2) => Some(()),
        _ => None,
    });
    applied.await;
    edge.stop().await;
    let current = folder.path().join("_global/current");
    let mut bytes = std::fs::read(&current).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&current, bytes).unwrap();
    let place = (folder.path(), None);
    let (mut edge, damaged) =
        Edge::start_with(control.address(), control.signer(), ("one", ""), place);
    assert!(damaged[0].contains("_global/current is not used: it was changed"), "{damaged:?}");
    edge.serves(|snapshot| commands(snapshot)[..] == [(1, "file:///b".to_owned())]).await;
    edge.stop().await;
    let edge = Edge::start(&control, "one", "", folder.path());
    assert_eq!(commands(&edge.snapshot()), [(1, "file:///b".to_owned())]);
}

#[tokio::test]
async fn one_save_reaches_two_hundred_edges() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let folder = TempDir::new().unwrap();
    let start = |number: usize| {
        let name = format!("edge-{number}");
        Edge::start(&control, &name, "", &folder.path().join(&name))
    };
    let mut edges: Vec<_> = (0..200).map(start).collect();
    for edge in &mut edges {
        edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    }
    let begin = std::time::Instant::now();
    control.publish("", 2, &snapshot(&[(1, "file:///a"), (2, "file:///b")]));
    for edge in &mut edges {
        edge.serves(|snapshot| snapshot.plugins.len() == 2).await;
    }
    println!("all of 200 edges after {:?}", begin.elapsed());
}
