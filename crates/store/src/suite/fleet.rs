//! The promises about what is kept for a fleet besides its edges. See the parent for where they run.

use super::edges::{new_edge, new_key};
use crate::sql::params;
use crate::{
    Chore, EdgeQuestion, EdgeReport, KeyPurpose, KeyState, NewFleetKey, PublishedBlob,
    PublishedManifest, Retention, Store, StoreError,
};
use sidegate_model::namespace::Namespace;

pub(super) async fn keys_are_made_once_and_sealed_by_the_key_from_outside(store: &Store) {
    let make = |secret: u8| {
        let store = store.clone();
        async move {
            let make = move || NewFleetKey { public: vec![secret], secret: vec![secret; 9] };
            store.fleet_keys_or(KeyPurpose::Signer, make).await.unwrap()
        }
    };
    let (one, other) = tokio::join!(make(b'x'), make(b'y'));
    assert_eq!(one, other, "two first starts at once get the same");
    assert_eq!((one.len(), one[0].state, one[0].secret.len()), (1, KeyState::Current, 9));
    assert!(!format!("{one:?}").contains("120"), "{one:?}");
    let mut tx = store.begin_read().await.unwrap();
    let row = tx.first("SELECT sealed FROM sealed_keys", params![]).await.unwrap().unwrap();
    let sealed: Vec<u8> = row.of("key").get("sealed").unwrap();
    drop(tx);
    assert!(!sealed.windows(9).any(|part| part == one[0].secret));
    assert!(super::keys().open("signing key", &sealed).is_ok());
    let namespace = Namespace::global();
    let edges_have = store.data_keys(&namespace).await.unwrap();
    assert!(edges_have.open("signing key", &sealed).is_err(), "no key that edges get opens it");
}

pub(super) async fn a_key_that_is_next_takes_the_place_of_the_one_in_use(store: &Store) {
    let purpose = KeyPurpose::Authority;
    let first = store.fleet_keys_or(purpose, new_key).await.unwrap().remove(0);
    let again = store.add_fleet_key(purpose, KeyState::Current, &new_key()).await;
    assert!(again.is_err(), "one is in use");
    let next = store.add_fleet_key(purpose, KeyState::Next, &new_key()).await.unwrap();
    for _ in 0..2 {
        let keys = store.promote_fleet_key(next.id).await.unwrap();
        let states: Vec<_> = keys.iter().map(|key| (key.id, key.state)).collect();
        assert_eq!(states, [(first.id, KeyState::Previous), (next.id, KeyState::Current)]);
        assert!(keys[0].retired_at.is_some() && keys[1].retired_at.is_none());
    }
    let refused = store.remove_fleet_key(next.id).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    store.remove_fleet_key(first.id).await.unwrap();
    assert_eq!(store.fleet_keys(purpose).await.unwrap().len(), 1);
}

pub(super) async fn the_lineage_only_grows_and_who_asks_for_the_same_gets_the_same(store: &Store) {
    assert_eq!(store.lineage().await.unwrap(), 1);
    for (asked, got) in [(3, 3), (3, 3), (2, 3), (4, 4)] {
        assert_eq!(store.raise_lineage(asked, "a test").await.unwrap(), got);
    }
    assert_eq!(store.next_lineage("a test").await.unwrap(), 5);
    let beyond = store.raise_lineage(u64::MAX, "a test").await.unwrap();
    assert_eq!(store.lineage().await.unwrap(), beyond);
    assert_eq!(store.next_lineage("a test").await.unwrap(), beyond);
}

pub(super) async fn a_question_to_an_edge_is_answered_once_and_nothing_of_it_stays(store: &Store) {
    let within = std::time::Duration::from_secs(5);
    let before = store.stored_head().await.unwrap().questions;
    let id = store.ask_edge("berlin-1", b"what is it", within).await.unwrap().unwrap();
    assert!(store.stored_head().await.unwrap().questions > before, "others see that there is one");
    let open = store.open_edge_questions(9).await.unwrap();
    assert_eq!(
        open,
        [EdgeQuestion { id, edge: "berlin-1".into(), question: b"what is it".into() }]
    );
    assert_eq!(store.edge_answer(id).await.unwrap(), None);
    let mut tx = store.begin_read().await.unwrap();
    let row = tx.first("SELECT question FROM edge_questions", params![]).await.unwrap().unwrap();
    let sealed: Vec<u8> = row.of("question").get("question").unwrap();
    drop(tx);
    assert!(!sealed.windows(4).any(|part| part == b"what"), "it is sealed");
    store.answer_for_edge(id, b"this").await.unwrap();
    store.answer_for_edge(id, b"that").await.unwrap();
    assert_eq!(store.edge_answer(id).await.unwrap().as_deref(), Some(&b"this"[..]));
    assert_eq!(store.open_edge_questions(9).await.unwrap(), []);
    store.forget_edge_question(id).await.unwrap();
    assert!(matches!(store.edge_answer(id).await, Err(StoreError::NotFound { .. })));
    store.answer_for_edge(id, b"late").await.unwrap();
    // Whoever asked may have ended: a sweep removes what is old, and so does another question.
    for is_swept in [true, false] {
        let ended = store.ask_edge("berlin-1", b"x", within).await.unwrap().unwrap();
        store.sweep_edge_questions().await.unwrap();
        assert_eq!(store.edge_answer(ended).await.unwrap(), None, "somebody may still wait");
        let mut write = store.begin_write().await.unwrap();
        write.tx.all("UPDATE edge_questions SET expires_at = 0", params![]).await.unwrap();
        write.aside(()).await.unwrap();
        match is_swept {
            true => store.sweep_edge_questions().await.unwrap(),
            false => {
                let next = store.ask_edge("berlin-1", b"x", within).await.unwrap().unwrap();
                store.forget_edge_question(next).await.unwrap();
            }
        }
        assert!(matches!(store.edge_answer(ended).await, Err(StoreError::NotFound { .. })));
    }
    for _ in 0..256 {
        assert!(store.ask_edge("berlin-1", b"x", within).await.unwrap().is_some());
    }
    assert_eq!(store.ask_edge("berlin-1", b"x", within).await.unwrap(), None, "no more fit");
}

fn manifest(namespace: &str, revision: u64, bytes: &[u8]) -> PublishedManifest {
    let namespace = Namespace::parse(namespace).unwrap();
    let (manifest, signature) = (bytes.to_vec(), vec![7]);
    PublishedManifest { namespace, lineage: 1, revision, manifest, signature }
}

pub(super) async fn the_first_manifest_at_a_position_counts(store: &Store) {
    let (first, second) = (manifest("a", 1, b"first"), manifest("a", 1, b"second"));
    assert_eq!(store.publish_manifest(&first).await.unwrap(), first);
    assert_eq!(store.publish_manifest(&second).await.unwrap(), first);
    let other = manifest("", 2, b"other");
    assert_eq!(store.publish_manifest(&other).await.unwrap(), other);
    assert_eq!(store.newest_manifest(&first.namespace).await.unwrap(), Some(first.clone()));
    let raised = PublishedManifest { lineage: 2, revision: 0, ..manifest("a", 0, b"raised") };
    store.publish_manifest(&raised).await.unwrap();
    assert_eq!(store.newest_manifest(&first.namespace).await.unwrap(), Some(raised));
    let namespaces = store.published_namespaces().await.unwrap();
    assert_eq!(namespaces.iter().map(Namespace::as_str).collect::<Vec<_>>(), ["", "a"]);
}

fn blob(byte: u8) -> PublishedBlob {
    PublishedBlob { digest: [byte; 32], bytes: vec![byte; 1000] }
}

pub(super) async fn blobs_are_kept_until_nobody_needs_them(store: &Store) {
    store.publish_blobs(&[blob(1), blob(2)]).await.unwrap();
    store.publish_blobs(&[blob(2), blob(3)]).await.unwrap();
    assert_eq!(store.published_blob(&[2; 32]).await.unwrap(), Some(vec![2; 1000]));
    assert_eq!(store.published_blob(&[9; 32]).await.unwrap(), None);
    assert_eq!(store.old_blobs(i64::MAX).await.unwrap().len(), 3);
    assert!(store.old_blobs(0).await.unwrap().is_empty());
    store.remove_blobs(&[[1; 32]], 0).await.unwrap();
    assert!(store.published_blob(&[1; 32]).await.unwrap().is_some(), "it was stored since");
    store.remove_blobs(&[[1; 32]], i64::MAX).await.unwrap();
    assert!(store.published_blob(&[1; 32]).await.unwrap().is_none());
}

pub(super) async fn old_manifests_go_but_the_newest_of_each_namespace_stay(store: &Store) {
    for revision in 0..6 {
        store.publish_manifest(&manifest("", revision, b"m")).await.unwrap();
    }
    store.publish_manifest(&manifest("a", 1, b"m")).await.unwrap();
    let recent = Retention { manifests: 2, since: 0 };
    assert_eq!(store.remove_old_manifests(recent, 100).await.unwrap(), 0);
    let keep = Retention { manifests: 2, since: i64::MAX };
    assert_eq!(store.remove_old_manifests(keep, 3).await.unwrap(), 3);
    assert_eq!(store.remove_old_manifests(keep, 3).await.unwrap(), 1);
    let kept = store.published_manifests().await.unwrap();
    let kept: Vec<_> = kept.iter().map(|kept| (kept.namespace.as_str(), kept.revision)).collect();
    assert_eq!(kept, [("", 4), ("", 5), ("a", 1)]);
}

fn report(edge: &str, replica: &str, is_here: bool) -> EdgeReport {
    let (state, report) = ("{}".to_owned(), vec![1]);
    let (edge, replica) = (edge.to_owned(), replica.to_owned());
    EdgeReport { edge, replica, is_here, number: 0, state, report }
}

pub(super) async fn reports_of_edges_are_read_once_by_each_process(store: &Store) {
    for name in ["a", "b"] {
        store.create_edge(&new_edge(name, "")).await.unwrap();
    }
    let reports = [report("a", "r1", true), report("b", "r1", true), report("none", "r1", true)];
    store.put_edge_reports(&reports).await.unwrap();
    let read = async |after| {
        let reports = store.edge_reports_after(after, 100).await.unwrap();
        let last = reports.last().map_or(after, |report| report.number);
        let told = reports.into_iter().map(|r| (r.edge, r.replica, r.is_here)).collect::<Vec<_>>();
        (told, last)
    };
    let (told, last) = read(0).await;
    let of = |edge: &str, replica: &str, here| (edge.to_owned(), replica.to_owned(), here);
    assert_eq!(told, [of("a", "r1", true), of("b", "r1", true)], "of edges that there are");
    assert_eq!(read(last).await, (vec![], last));
    store.put_edge_reports(&[report("a", "r2", true)]).await.unwrap();
    store.put_edge_reports(&[report("a", "r1", false), report("b", "r1", false)]).await.unwrap();
    let told = read(last).await.0;
    assert_eq!(told, [of("a", "r2", true), of("b", "r1", false)], "it is elsewhere by then");
    store.note_replica("r1").await.unwrap();
    store.note_replica("r2").await.unwrap();
    store.forget_replica("r1").await.unwrap();
    assert_eq!(store.replicas().await.unwrap().into_keys().collect::<Vec<_>>(), ["r2"]);
}

pub(super) async fn a_chore_is_done_by_one_process_and_keeps_no_reader_waiting(store: &Store) {
    let chores = [
        Chore::Expiry,
        Chore::AuditRetention,
        Chore::Publications,
        Chore::AuthorityRotation,
        Chore::HistoryRetention,
    ];
    let mut held = Vec::new();
    for chore in chores {
        let alone = store.alone(chore).await.unwrap();
        assert!(alone.is_some(), "{chore:?}");
        held.push(alone);
    }
    // As long as all of them last: they end by themselves after ten seconds without a word.
    let reads = async {
        for _ in 0..20 {
            let read = || store.stored_head();
            let (one, two, three, four) = tokio::join!(read(), read(), read(), read());
            assert!(one.is_ok() && two.is_ok() && three.is_ok() && four.is_ok());
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(4), reads).await.unwrap();
    drop(held);
}
