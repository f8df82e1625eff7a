//! What is published, and what it costs.

use super::{Process, Running, namespace, plugin, saved_app, saved_token, store};
use crate::edges::authorities::Authorities;
use crate::edges::heads::Heads;
use crate::edges::manifests::Manifests;
use crate::edges::manifests::Round;
use crate::edges::publishing::{Done, Looked, Publishing, keep_looked};
use crate::edges::retention::sweep;
use crate::edges::signers::Signers;
use crate::edges::table::EdgeTable;
use crate::edges::trust::TrustLines;
use crate::fleet::NodeProbes as _;
use crate::publish::{Look, Publisher};
use sidegate_e2e::eventually;
use sidegate_enrolment::{AuthorityState, TrustBundle};
use sidegate_store::{
    KeyPurpose, KeyState, Precondition, PublishedBlob, PublishedManifest, Store, StoredHead,
};
use sidegate_sync::object::Kind;
use sidegate_sync::{Content, Manifest, Position, Publication};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

#[tokio::test]
async fn one_changed_token_among_many_costs_one_shard() {
    let store = store().await;
    let app = saved_app(&store, "a", "").await;
    for number in 0..2000 {
        saved_token(&store, app, &number.to_string()).await;
    }
    let mut process = Process::start(&store).await;
    let first = process.publish().await;
    assert_eq!(first.made, 2, "one for each namespace");
    assert!(first.blobs > 250, "{first:?}");
    saved_token(&store, app, "new").await;
    // Read anew as a whole, as from another process.
    let round = process.publish().await;
    assert_eq!(round, Round { made: 1, blobs: 1, ..Round::default() });
}

#[tokio::test]
async fn each_namespace_has_what_is_its_own_and_no_secret_in_clear() {
    let store = store().await;
    store.create_namespace(&namespace("berlin"), "").await.unwrap();
    let global = saved_app(&store, "a", "").await;
    let own = saved_app(&store, "b", "berlin").await;
    saved_token(&store, global, "g").await;
    saved_token(&store, own, "b").await;
    store.create_plugin(&plugin("p", "")).await.unwrap();
    store.create_plugin(&plugin("q", "berlin")).await.unwrap();
    let mut process = Process::start(&store).await;
    process.publish().await;
    for (name, plugin) in [("", 1), ("berlin", 2)] {
        let head = process.heads.newest(&namespace(name)).unwrap();
        let kinds: Vec<_> = head.entries().iter().map(|entry| entry.name.kind()).collect();
        assert_eq!(kinds, ["apps", "plugin", "tokens"], "{name}");
        let meant = head.entries().iter().find_map(|entry| match entry.name.meaning() {
            Some(Kind::Plugin(id)) => Some((id.0, entry.digest)),
            _ => None,
        });
        let (id, digest) = meant.unwrap();
        assert_eq!(id, plugin, "{name}");
        let blob = process.heads.blob(&namespace(name), &digest).unwrap();
        let shown = String::from_utf8_lossy(&blob).into_owned();
        assert!(shown.contains("$sealed:") && !shown.contains("hunter2"), "{shown}");
        let stored = store.published_blob(digest.as_bytes()).await.unwrap();
        assert_eq!(stored.as_deref(), Some(&*blob));
    }
    // What changes in one is nothing to the other.
    saved_token(&store, own, "c").await;
    let before = process.position("");
    assert_eq!(process.publish().await.made, 1);
    assert_eq!(process.position(""), before);
    assert_eq!(process.position("berlin"), (1, store.revision().await.unwrap()));
}

#[tokio::test]
async fn what_changes_nothing_for_edges_makes_no_manifest() {
    let store = store().await;
    let id = store.create_plugin(&plugin("p", "")).await.unwrap().value.id;
    let mut process = Process::start(&store).await;
    process.publish().await;
    let before = process.position("");
    let mut draft = plugin("p", "");
    draft.description = "another".to_owned();
    let written = store.update_plugin(id, &draft).await.unwrap();
    assert!(written.revision > before.1);
    assert_eq!(process.publish().await, Round::default());
    assert_eq!(process.position(""), before);
}

#[tokio::test]
async fn all_processes_publish_the_same_whoever_is_first() {
    let store = store().await;
    let (mut one, mut other) = (Process::start(&store).await, Process::start(&store).await);
    for round in 0..3 {
        saved_app(&store, &format!("a{round}"), "").await;
        let (first, second) =
            if round % 2 == 0 { (&mut one, &mut other) } else { (&mut other, &mut one) };
        assert!(first.publish().await.made > 0);
        let adopted = second.publish().await;
        assert_eq!((adopted.made, adopted.blobs), (0, 0), "{adopted:?}");
        assert!(adopted.adopted > 0);
        assert_eq!(one.heads.newest(&namespace("")), other.heads.newest(&namespace("")));
    }
    // One that was away for a while, and one that starts now.
    for name in ["x", "y", "z"] {
        saved_app(&store, name, "").await;
        one.publish().await;
    }
    other.publish().await;
    let mut new = Process::start(&store).await;
    new.publish().await;
    for process in [&other, &new] {
        assert_eq!(process.heads.newest(&namespace("")), one.heads.newest(&namespace("")));
    }
}

#[tokio::test]
async fn the_author_and_the_time_are_those_of_the_change() {
    let store = store().await;
    saved_app(&store, "a", "").await;
    let mut process = Process::start(&store).await;
    process.publish().await;
    let head = process.heads.newest(&namespace("")).unwrap();
    let publication = head.publication();
    assert_eq!((publication.position.revision, publication.author.as_str()), (1, "system"));
    assert!(publication.at > 0);
    let untouched = process.heads.newest(&namespace("berlin")).unwrap();
    assert_eq!((untouched.position().revision, untouched.entries().len()), (0, 0));
}

#[tokio::test]
async fn a_restored_database_raises_the_lineage_whatever_its_revision() {
    let store = store().await;
    let app = saved_app(&store, "a", "").await;
    let old = store.load_snapshot().await.unwrap();
    saved_token(&store, app, "later").await;
    let mut process = Process::start(&store).await;
    process.publish().await;
    assert_eq!(process.position(""), (1, 2));
    // As if the database had gone back.
    let round = process.publish_this(old).await;
    assert!(round.restored, "{round:?}");
    assert_eq!(process.position(""), (2, 1));
    assert_eq!(store.lineage().await.unwrap(), 2);
}

#[tokio::test]
async fn a_raised_lineage_publishes_everything_anew() {
    let store = store().await;
    saved_app(&store, "a", "").await;
    let mut process = Process::start(&store).await;
    process.publish().await;
    store.next_lineage("a test").await.unwrap();
    let round = process.publish().await;
    assert_eq!((round.made, round.blobs, round.restored), (2, 0, false));
    assert_eq!((process.position(""), process.position("berlin")), ((2, 1), (2, 0)));
}

#[tokio::test]
async fn secrets_that_are_sealed_anew_are_published_anew() {
    let store = store().await;
    store.create_plugin(&plugin("p", "")).await.unwrap();
    let mut process = Process::start(&store).await;
    process.publish().await;
    let before = process.position("");
    store.rotate_data_keys(&[namespace("")]).await.unwrap();
    let round = process.publish().await;
    assert_eq!((round.made, round.blobs), (1, 1));
    assert!(process.position("") > before);
}

#[tokio::test]
async fn what_no_edge_needs_any_more_is_forgotten() {
    let store = store().await;
    let app = saved_app(&store, "a", "").await;
    let id = store.create_plugin(&plugin("p", "")).await.unwrap().value.id;
    let mut process = Process::start(&store).await;
    process.publish().await;
    for _ in 0..24 {
        store.bump_reload(id, &Precondition::None).await.unwrap();
        process.publish().await;
    }
    sweep(&store, 0).await.unwrap();
    assert_eq!(store.published_manifests().await.unwrap().len(), 26, "all of it is young");
    sweep(&store, i64::MAX).await.unwrap();
    let kept = store.published_manifests().await.unwrap();
    assert_eq!(kept.len(), 21, "20 of one namespace and 1 of the other");
    let head = process.heads.newest(&namespace("")).unwrap();
    for entry in head.entries() {
        assert!(store.published_blob(entry.digest.as_bytes()).await.unwrap().is_some());
    }
    let blobs = store.old_blobs(i64::MAX).await.unwrap().len();
    assert_eq!(blobs, 21, "20 of the plugin, and that of the app");
    let gone = store.delete_app(app, &Precondition::None).await;
    assert!(gone.is_ok());
    process.publish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_keeps_up_with_another_process_that_writes_all_the_time() {
    let store = store().await;
    let mut ids = Vec::new();
    for number in 0..100 {
        let written = store.create_plugin(&plugin(&format!("p{number}"), "")).await.unwrap();
        ids.push(written.value.id);
    }
    let process = Running::start(&store).await;
    let other = store.clone();
    let writing = tokio::spawn(async move {
        for id in ids.into_iter().cycle() {
            other.bump_reload(id, &Precondition::None).await.unwrap();
        }
    });
    for _ in 0..3 {
        let now = store.revision().await.unwrap();
        let is_there = async || (process.position().1 >= now).then_some(());
        eventually("what is stored by now is published", is_there).await;
    }
    assert!(!writing.is_finished(), "it wrote all the time");
    writing.abort();
}

/// All that publishes, without what makes it look by itself.
async fn publishing(store: &Store) -> Publishing {
    let signers = Arc::new(Signers::of(store).await.unwrap());
    let authorities = Authorities::of(store.clone()).await.unwrap();
    Publishing {
        store: store.clone(),
        publisher: Publisher::start(store.clone()).await.unwrap(),
        table: EdgeTable::new("r1"),
        trust: TrustLines::new(store.clone(), signers.clone(), authorities, Vec::new()),
        manifests: Manifests::new(store.clone(), signers, Heads::default()),
        counts: <_>::default(),
        published: <_>::default(),
        begun: <_>::default(),
        done: <_>::default(),
    }
}

#[tokio::test]
async fn new_keys_are_told_in_the_round_that_publishes_what_needs_them() {
    let store = store().await;
    store.create_namespace(&namespace("berlin"), "").await.unwrap();
    let mut publishing = publishing(&store).await;
    let whole = publishing.publisher.desired(&mut publishing.publisher.subscribe());
    publishing.round(whole.clone()).await.unwrap();
    let told = publishing.trust.follow(&namespace("berlin"));
    let keys = || {
        let bytes = told.borrow().clone().unwrap();
        TrustBundle::decode(bytes.bytes()).unwrap().data_keys[&namespace("berlin")].len()
    };
    let before = keys();
    // Nobody has looked since; the round looks by itself.
    store.rotate_data_keys(&[namespace("berlin")]).await.unwrap();
    publishing.round(whole.clone()).await.unwrap();
    assert_eq!(keys(), before + 1);
}

#[tokio::test]
async fn what_another_version_published_of_the_same_state_counts_and_is_published_once() {
    let store = store().await;
    saved_app(&store, "a", "").await;
    let mut process = Process::start(&store).await;
    process.publish().await;
    saved_app(&store, "b", "").await;
    // It writes the same state in other bytes.
    let mut theirs = Content::default();
    let mut other = sidegate_model::snapshot::Snapshot::default();
    other = other.with_plugin(
        sidegate_model::plugin::PluginId(77),
        Some(sidegate_model::plugin::PluginSpec::new(
            sidegate_model::plugin::PluginId(77),
            "theirs",
            "file:///p",
        )),
    );
    theirs = theirs.followed_by(&other).unwrap();
    let revision = store.revision().await.unwrap();
    let publication = Publication {
        namespace: namespace(""),
        position: Position { lineage: 1, revision },
        parent: None,
        author: "system".to_owned(),
        at: 1,
    };
    let signers = Signers::of(&store).await.unwrap();
    let signed = signers.sign(Manifest::new(publication, theirs.blobs()).unwrap());
    let blobs: Vec<_> = theirs
        .blobs()
        .map(|blob| PublishedBlob { digest: *blob.digest.as_bytes(), bytes: blob.bytes.to_vec() })
        .collect();
    store.publish_blobs(&blobs).await.unwrap();
    let message = signed.to_message();
    let row = PublishedManifest {
        namespace: namespace(""),
        lineage: 1,
        revision,
        manifest: message.manifest.to_vec(),
        signature: message.signature.to_vec(),
    };
    store.publish_manifest(&row).await.unwrap();
    let round = process.publish().await;
    assert_eq!((round.made, round.blobs, round.adopted, round.restored), (0, 0, 1, false));
    let adopted = process.heads.newest(&namespace("")).unwrap();
    assert_eq!(adopted, signed);
    for entry in adopted.entries() {
        let blob = store.published_blob(entry.digest.as_bytes()).await.unwrap();
        assert!(blob.is_some(), "what edges ask for is in the store");
    }
    // It neither quarrels over it nor takes it for a restored database.
    assert_eq!(process.publish().await, Round::default());
    assert_eq!(process.heads.newest(&namespace("")), Some(signed));
    saved_app(&store, "c", "").await;
    assert_eq!(process.publish().await.made, 1, "and goes on from there");
}

#[tokio::test]
async fn a_namespace_whose_manifest_is_damaged_keeps_nobody_else_from_what_is_theirs() {
    let store = store().await;
    store.create_namespace(&namespace("berlin"), "").await.unwrap();
    let row = PublishedManifest {
        namespace: namespace("berlin"),
        lineage: 1,
        revision: 1,
        manifest: b"damaged".to_vec(),
        signature: vec![0; 64],
    };
    store.publish_manifest(&row).await.unwrap();
    saved_app(&store, "a", "").await;
    let mut publishing = publishing(&store).await;
    let whole = publishing.publisher.desired(&mut publishing.publisher.subscribe());
    let namespaces = super::namespaces(&["", "berlin"]);
    let outcome = publishing.manifests.publish(&whole, &namespaces, None).await.unwrap();
    assert_eq!(outcome.round.made, 1);
    assert_eq!(outcome.failed.into_keys().collect::<Vec<_>>(), [namespace("berlin")]);
    // Time and again, as long as it is so.
    let mut done = publishing.done.subscribe();
    publishing.publisher.hint();
    let following = tokio::spawn(publishing.publisher.clone().follow());
    let keeping = tokio::spawn(publishing.keep_published());
    let within = Duration::from_secs(30);
    let told = timeout(within, done.wait_for(Option::is_some)).await.unwrap().unwrap().clone();
    assert_eq!(told.unwrap().failed, super::namespaces(&["berlin"]));
    following.abort();
    keeping.abort();
}

#[tokio::test]
async fn two_processes_that_announce_an_authority_at_once_announce_one() {
    let store = store().await;
    let one = Authorities::of(store.clone()).await.unwrap();
    let other = Authorities::of(store.clone()).await.unwrap();
    let (first, second) = tokio::join!(one.announce(&store), other.announce(&store));
    assert_eq!(first.unwrap(), second.unwrap());
    let keys = store.fleet_keys(KeyPurpose::Authority).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.state == KeyState::Next).count(), 1);
    for process in [&one, &other] {
        process.refresh().await.unwrap();
        let current = process.current();
        let announced = current.states().filter(|(s, _)| *s == AuthorityState::Announced);
        assert_eq!(announced.count(), 1);
    }
}

#[tokio::test]
async fn edges_hear_that_they_have_the_newest_only_of_a_process_that_looked_and_published_it() {
    let head = |revision, lineage, fleet_changes| StoredHead {
        revision,
        lineage,
        fleet_changes,
        reports: 0,
        questions: 0,
        stamp: None,
    };
    let looks = watch::Sender::new(None);
    let done = watch::Sender::new(None);
    let looked = Looked::default();
    let mut told = looked.follow(&namespace(""));
    let berlin = looked.follow(&namespace("berlin"));
    let mut bonn = looked.follow(&namespace("bonn"));
    let keeping = tokio::spawn(keep_looked(looks.subscribe(), done.subscribe(), looked));
    let begun = Instant::now();
    let at = |seconds| begun + Duration::from_secs(seconds);
    let look = |seconds, head| Look { at: at(seconds), head, restores: 0 };
    let within = Duration::from_secs(30);
    let published = |revision, lineage, fleet_changes| {
        Some(Done { revision, lineage, fleet_changes, ..Done::default() })
    };
    looks.send_replace(Some(look(1, head(7, 1, 3))));
    // Behind what was found, or not able to publish.
    for behind in [published(6, 1, 3), published(7, 1, 2), None] {
        done.send_replace(behind);
        tokio::task::yield_now().await;
        assert_eq!(*told.borrow(), None);
    }
    // A later look does not put off the first one.
    looks.send_replace(Some(look(2, head(8, 1, 3))));
    tokio::task::yield_now().await;
    done.send_replace(published(7, 1, 3));
    timeout(within, told.wait_for(|told| *told == Some(at(1)))).await.unwrap().unwrap();
    done.send_replace(published(8, 1, 3));
    timeout(within, told.wait_for(|told| *told == Some(at(2)))).await.unwrap().unwrap();
    // It cannot publish: what is looked at is not what is published.
    done.send_replace(None);
    looks.send_replace(Some(look(3, head(8, 1, 3))));
    tokio::task::yield_now().await;
    assert_eq!(*told.borrow(), Some(at(2)));
    done.send_replace(published(9, 2, 4));
    timeout(within, told.wait_for(|told| *told == Some(at(3)))).await.unwrap().unwrap();
    // One namespace that cannot be published is nothing to the others; the global one is to all.
    let without = |name| {
        let failed = super::namespaces(&[name]);
        published(9, 2, 4).map(|done| Done { failed, ..done })
    };
    done.send_replace(without("berlin"));
    looks.send_replace(Some(look(4, head(9, 2, 4))));
    timeout(within, bonn.wait_for(|told| *told == Some(at(4)))).await.unwrap().unwrap();
    assert_eq!((*told.borrow(), *berlin.borrow()), (Some(at(4)), Some(at(3))));
    done.send_replace(without(""));
    looks.send_replace(Some(look(5, head(9, 2, 4))));
    tokio::task::yield_now().await;
    assert_eq!((*told.borrow(), *bonn.borrow()), (Some(at(4)), Some(at(4))));
    // A database that was restored and has the same numbers, until it is published.
    done.send_replace(published(9, 2, 4));
    timeout(within, told.wait_for(|told| *told == Some(at(5)))).await.unwrap().unwrap();
    looks.send_replace(Some(Look { restores: 1, ..look(6, head(8, 1, 3)) }));
    tokio::task::yield_now().await;
    assert_eq!(*told.borrow(), Some(at(5)));
    done.send_replace(published(9, 2, 4).map(|done| Done { restores: 1, ..done }));
    timeout(within, told.wait_for(|told| *told == Some(at(6)))).await.unwrap().unwrap();
    keeping.abort();
}

#[tokio::test]
async fn a_process_that_cannot_look_at_its_database_has_not_looked() {
    let store = store().await;
    let publisher = Publisher::start(store.clone()).await.unwrap();
    let following = tokio::spawn(publisher.clone().follow());
    let mut looks = publisher.looks();
    let within = Duration::from_secs(30);
    timeout(within, looks.wait_for(Option::is_some)).await.unwrap().unwrap();
    store.close().await;
    // One that had begun may end well; none begins and does.
    let closed_at = Instant::now();
    publisher.hint();
    let looked = timeout(
        Duration::from_secs(3),
        looks.wait_for(|look| look.is_some_and(|look| look.at > closed_at)),
    );
    assert!(looked.await.is_err(), "nobody can look");
    following.abort();
}

#[tokio::test]
async fn a_process_that_is_started_again_tells_no_earlier_revision_than_the_one_before() {
    let store = store().await;
    store.create_namespace(&namespace("berlin"), "").await.unwrap();
    saved_app(&store, "a", "").await;
    saved_app(&store, "b", "berlin").await;
    let revision = store.revision().await.unwrap();
    for replica in ["one", "another"] {
        // It comes back as soon as the process calls itself ready.
        let process = Running::start_as(replica, &store).await;
        let (is_ready, told) = process.edges.readiness();
        assert!(is_ready, "{told}");
        assert_eq!(told["revision"], revision, "{told}");
    }
}
