//! What a server that ends, comes back or says nothing may do: refuse what was asked in that moment, within a
//! bounded time, and nothing after it.

use crate::support::{app, opened, plugin};
use sidegate_e2e::{Need, Postgres};
use sidegate_model::kv::{Kv as _, KvError};
use sidegate_store::{Store, StoreError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Asks for a reading and two kinds of writes; tells how the slowest was refused and after what time.
async fn refusals(store: &Store) -> Vec<(String, Duration)> {
    let mut refusals = Vec::new();
    let begun = Instant::now();
    let refused = store.revision().await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    refusals.push((refused.to_string(), begun.elapsed()));
    let begun = Instant::now();
    let refused = store.create_app(&app("meanwhile")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    refusals.push((refused.to_string(), begun.elapsed()));
    let begun = Instant::now();
    match store.write(sidegate_model::plugin::PluginId(1), "k", b"2", None).await.unwrap_err() {
        KvError::Unavailable(told) => refusals.push((told, begun.elapsed())),
        other => panic!("{other:?}"),
    }
    refusals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_gone_is_told_at_once_and_used_again_when_it_is_back() {
    let Some(mut server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    let store = opened(&server.schema()).await;
    let id = store.create_plugin(&plugin("p")).await.unwrap().value.id;
    store.write(id, "k", b"1", None).await.unwrap();
    for round in 0..2_u64 {
        server.stop();
        for (told, time) in refusals(&store).await {
            assert!(told.contains("nobody listens") || told.contains("was lost"), "{told}");
            assert!(time < Duration::from_secs(5), "{time:?}: {told}");
        }
        server.start_again();
        assert_eq!(store.revision().await.unwrap(), 1 + round, "what was answered is kept");
        assert_eq!(store.read(id, "k").await, Ok(Some(b"1".to_vec())));
        store.create_app(&app(&format!("app {round}"))).await.unwrap();
    }
    store.close().await;
    let closed = store.revision().await.unwrap_err().to_string();
    assert!(closed.contains("it was closed"), "{closed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_crash_is_there_after_it() {
    let Some(mut server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    let store = opened(&server.schema()).await;
    let mut writing = JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        writing.spawn(async move {
            let mut answered = Vec::new();
            for number in 0.. {
                match store.create_app(&app(&format!("{writer}/{number}"))).await {
                    Ok(made) => answered.push(made.value),
                    Err(StoreError::Unavailable { .. }) => break,
                    Err(other) => panic!("{other}"),
                }
            }
            answered
        });
    }
    while store.revision().await.unwrap() < 20 {
        tokio::task::yield_now().await;
    }
    server.stop();
    let answered = writing.join_all().await.concat();
    server.start_again();
    let snapshot = store.load_snapshot().await.unwrap();
    assert!(answered.len() >= 19, "{}", answered.len());
    for made in answered {
        assert_eq!(*snapshot.apps[&made.id], made);
    }
    assert_eq!(snapshot.revision, snapshot.apps.len() as u64);
}

/// As behind a network that drops everything: the connections stay, and nothing comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_is_not_waited_for_without_an_end() {
    let Some(server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    let store = opened(&server.schema()).await;
    let id = store.create_plugin(&plugin("p")).await.unwrap().value.id;
    store.write(id, "k", b"1", None).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 1);
    server.freeze();
    for (told, time) in refusals(&store).await {
        assert!(told.contains("did not answer within 5 seconds"), "{told}");
        assert!(time < Duration::from_secs(10), "{time:?}: {told}");
    }
    server.thaw();
    assert_eq!(store.read(id, "k").await, Ok(Some(b"1".to_vec())));
    store.create_app(&app("after")).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 2);
}

/// Those who had begun when it fell silent are told so as well; nothing half is left of what they did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_in_the_middle_of_something_is_told_that_it_is_not_known_or_was_not_done() {
    let Some(server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    let dsn = server.schema();
    let stores = [opened(&dsn).await, opened(&dsn).await, opened(&dsn).await];
    let mut writing = JoinSet::new();
    for (writer, store) in stores.iter().cloned().enumerate() {
        writing.spawn(async move {
            for number in 0.. {
                match store.create_app(&app(&format!("{writer}/{number}"))).await {
                    Ok(_) => {}
                    Err(StoreError::Unavailable { problem, .. }) => return problem,
                    Err(other) => panic!("{other}"),
                }
            }
            unreachable!("the server falls silent")
        });
    }
    while stores[0].revision().await.unwrap() < 20 {
        tokio::task::yield_now().await;
    }
    server.freeze();
    let begun = Instant::now();
    for told in writing.join_all().await {
        assert!(told.contains("did not answer within"), "{told}");
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    server.thaw();
    for (number, store) in stores.iter().enumerate() {
        store.create_app(&app(&format!("after {number}"))).await.unwrap();
    }
    let snapshot = stores[0].load_snapshot().await.unwrap();
    assert_eq!(snapshot.revision, snapshot.apps.len() as u64);
}
