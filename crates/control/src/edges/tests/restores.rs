//! Databases that are restored under running processes.

use super::{Process, Running, saved_app, store};
use crate::edges::signers::Signers;
use crate::publish::Desired;
use sidegate_e2e::{Need, Postgres, eventually};
use sidegate_model::sealing::Keyring;
use sidegate_store::Store;
use std::collections::BTreeSet;
use std::sync::Arc;

async fn opened(server: &Postgres, database: &str) -> Store {
    Store::open(&server.dsn(database), &Keyring::single([7; 32])).await.unwrap()
}

fn apps(process: &Running) -> BTreeSet<String> {
    process.control.desired().apps.iter().map(|app| app.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_that_has_come_as_far_again_or_further_is_noticed_while_a_process_runs()
{
    let Some(server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    for further in [0, 2] {
        let (live, backup) = (format!("live{further}"), format!("backup{further}"));
        server.tell(&format!("CREATE DATABASE {live}"));
        let store = opened(&server, &live).await;
        saved_app(&store, "kept", "").await;
        // Its keys are made before, as in any database that was ever used.
        drop(Running::start(&store).await);
        store.close().await;
        server.tell(&format!("CREATE DATABASE {backup} TEMPLATE {live}"));

        let store = opened(&server, &live).await;
        let process = Running::start(&store).await;
        saved_app(&store, "lost", "").await;
        let is_published = async || (process.position() == (1, 2)).then_some(());
        eventually("the change is published", is_published).await;

        let other = opened(&server, &backup).await;
        saved_app(&other, "other", "").await;
        for number in 0..further {
            saved_app(&other, &format!("more {number}"), "").await;
        }
        other.close().await;
        server.replace(&live, &backup);

        let is_followed = async || (process.position() == (2, 2 + further)).then_some(());
        eventually("the restored database is published", is_followed).await;
        let there = apps(&process);
        assert!(there.contains("other") && !there.contains("lost"), "{there:?}");
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_before_the_first_start_gets_the_keys_that_edges_know_without_a_restart() {
    let Some(server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    server.tell("CREATE DATABASE live");
    let store = opened(&server, "live").await;
    saved_app(&store, "kept", "").await;
    store.close().await;
    server.tell("CREATE DATABASE backup TEMPLATE live");

    let store = opened(&server, "live").await;
    let process = Running::start(&store).await;
    let keys = (process.edges.signer(), process.edges.authority_key());
    saved_app(&store, "lost", "").await;
    let is_published = async || (process.position() == (1, 2)).then_some(());
    eventually("the change is published", is_published).await;
    server.replace("live", "backup");

    let is_followed = async || (process.position() == (2, 1)).then_some(());
    eventually("the restored database is published", is_followed).await;
    assert!(!apps(&process).contains("lost"));
    assert_eq!((process.edges.signer(), process.edges.authority_key()), keys);
    // Whoever starts anew finds them there, and what was published meanwhile.
    drop(process);
    let again = Running::start(&store).await;
    assert_eq!((again.edges.signer(), again.edges.authority_key()), keys);
    assert_eq!(again.position(), (2, 1));
    store.close().await;
}

#[tokio::test]
async fn nothing_is_published_for_edges_by_another_key_than_the_database_has() {
    let (ours, theirs) = (store().await, store().await);
    let signers = Signers::of(&ours).await.unwrap();
    Signers::of(&theirs).await.unwrap();
    signers.keep_stored(&ours).await.unwrap();
    let refused = signers.keep_stored(&theirs).await.unwrap_err().to_string();
    assert!(refused.contains("start this process anew"), "{refused}");
}

#[tokio::test]
async fn what_was_stored_in_the_database_before_is_stored_again_in_the_restored_one() {
    let store = store().await;
    saved_app(&store, "a", "").await;
    let mut process = Process::start(&store).await;
    process.publish().await;
    let manifests = |restores| {
        let store = store.clone();
        async move { Desired { snapshot: Arc::new(store.load_snapshot().await.unwrap()), restores } }
    };
    let namespaces = super::namespaces(&["", "berlin"]);
    let same =
        process.manifests.publish(&manifests(0).await, &namespaces, None).await.unwrap().round;
    assert!(!same.restored && same.made == 0, "{same:?}");
    let restored =
        process.manifests.publish(&manifests(1).await, &namespaces, None).await.unwrap().round;
    assert!(restored.restored && restored.blobs > 0, "{restored:?}");
    assert_eq!(process.position(""), (2, 1));
    let again =
        process.manifests.publish(&manifests(1).await, &namespaces, None).await.unwrap().round;
    assert!(!again.restored, "once for each");
}
