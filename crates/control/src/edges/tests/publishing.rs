//! What is published, and what it costs.

use super::{Process, namespace, plugin, saved_app, saved_token, store};
use crate::edges::manifests::Round;
use crate::edges::retention::sweep;
use sidegate_store::Precondition;
use sidegate_sync::object::Kind;

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
