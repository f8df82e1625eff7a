//! Several processes on one database: what one has written the others see, in one order.

use crate::support::{app, opened, plugin};
use sidegate_e2e::{Need, Postgres, pause};
use sidegate_model::kv::Kv as _;
use sidegate_model::scope::SERVICE_SCOPES;
use sidegate_model::token::{NewToken, TokenHash};
use sidegate_store::{NewTokenRow, Page, Precondition, ScopeChange, Store};
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test]
async fn what_one_has_written_another_one_sees_at_once() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let (first, second) = (opened(&dsn).await, opened(&dsn).await);
    let made = first.create_app(&app("a")).await.unwrap();
    assert_eq!(second.app(made.value.id).await.unwrap(), made.value);
    assert_eq!(second.revision().await.unwrap(), made.revision);
    let changed = second.update_app(made.value.id, &app("b")).await.unwrap();
    assert_eq!(first.load_snapshot().await.unwrap().revision, changed.revision);
    let stale = Precondition::VersionIn(vec![made.value.version()]);
    first.delete_app(made.value.id, &stale).await.unwrap_err();
    let id = first.create_plugin(&plugin("p")).await.unwrap().value.id;
    first.write(id, "k\0", b"1", None).await.unwrap();
    assert_eq!(second.read(id, "k\0").await, Ok(Some(b"1".to_vec())));
    let taken = second.create_plugin(&plugin("p")).await.unwrap_err().to_string();
    assert!(taken.contains("the name \"p\" is taken by plugin 1"), "{taken}");
}

/// Each write adds one app or one token, so whoever sees a revision must see as many of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sees_a_revision_sees_all_that_came_before_it() {
    const WRITERS: usize = 4;
    const EACH: usize = 25;
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let stores = [opened(&dsn).await, opened(&dsn).await];
    let owner = stores[0].create_app(&app("owner")).await.unwrap().value.id;
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        let store = stores[writer % stores.len()].clone();
        writing.spawn(async move {
            for number in 0..EACH {
                let name = format!("{writer}/{number}");
                if number % 2 == 0 {
                    store.create_app(&app(&name)).await.unwrap();
                } else {
                    let row = NewTokenRow {
                        app_id: owner,
                        name: name.clone(),
                        hash: TokenHash::of(&name),
                        hint: NewToken::generate().unwrap().hint(),
                        scopes: vec![],
                        expires_at: None,
                    };
                    store.create_token(&row).await.unwrap();
                }
            }
        });
    }
    let all = (WRITERS * EACH + 1) as u64;
    let mut seen = [0; 2];
    while seen != [all; 2] {
        for (store, seen) in stores.iter().zip(&mut seen) {
            let at_least = store.revision().await.unwrap();
            let snapshot = store.load_snapshot().await.unwrap();
            assert!(snapshot.revision >= at_least && at_least >= *seen);
            let there = snapshot.apps.len() + snapshot.tokens.len();
            assert_eq!(there as u64, snapshot.revision);
            *seen = snapshot.revision;
        }
    }
    writing.join_all().await;
}

/// Nothing comes between reading and writing, although each process has a queue of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_one_thing_by_several_at_the_same_time_lose_nothing() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let stores = [opened(&dsn).await, opened(&dsn).await, opened(&dsn).await];
    let id = stores[0].create_plugin(&plugin("p")).await.unwrap().value.id;
    let mut changing = JoinSet::new();
    for (number, scope) in SERVICE_SCOPES.into_iter().enumerate() {
        let store = stores[number % stores.len()].clone();
        changing.spawn(async move {
            let grant = ScopeChange::Grant([scope.to_owned()].into());
            store.change_scopes(id, &grant, &Precondition::None).await.unwrap();
            let name = format!("wanted {}", number / 3);
            store.create_app(&app(&name)).await.map_err(|refused| refused.to_string())
        });
    }
    let refused: Vec<_> = changing.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(refused.iter().all(|told| told.contains("is taken by app")), "{refused:?}");
    let granted = stores[1].plugin(id).await.unwrap().draft.service_scopes;
    assert_eq!(granted.len(), SERVICE_SCOPES.len(), "{granted:?}");
    let taken = SERVICE_SCOPES.len().div_ceil(3);
    assert_eq!(refused.len(), SERVICE_SCOPES.len() - taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_waits_for_any_more_is_made_or_not_and_holds_nobody_up() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let stores = [opened(&dsn).await, opened(&dsn).await];
    for round in 0..60_u64 {
        let store = &stores[usize::from(round % 2 == 1)];
        let name = format!("app {round}");
        // From before the begin to after the commit.
        let patience = Duration::from_micros(round * 150);
        let _ = tokio::time::timeout(patience, store.create_app(&app(&name))).await;
    }
    for (number, store) in stores.iter().enumerate() {
        store.create_app(&app(&format!("last {number}"))).await.unwrap();
    }
    let snapshot = stores[0].load_snapshot().await.unwrap();
    assert_eq!(snapshot.revision, snapshot.apps.len() as u64, "each was made or was not");
    let listed =
        stores[1].list_apps(&sidegate_store::AppFilter::default(), Page::default()).await.unwrap();
    assert_eq!(listed.total, snapshot.revision);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_holds_the_lock_delays_writers_for_a_bounded_time_and_no_reader() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    let store = opened(&dsn).await;
    store.create_app(&app("a")).await.unwrap();
    let schema = dsn.rsplit_once("%3D").unwrap().1;
    let holding = format!(
        "BEGIN; SELECT value FROM {schema}.revision FOR UPDATE; SELECT pg_sleep(8); ROLLBACK"
    );
    let holder = tokio::task::spawn_blocking(move || server.tell(&holding));
    let refused = loop {
        let name = format!("b{}", store.revision().await.unwrap());
        match store.create_app(&app(&name)).await {
            // The other one is still starting.
            Ok(_) => pause(Duration::from_millis(50)).await,
            Err(refused) => break refused.to_string(),
        }
    };
    assert!(refused.contains("another process keeps it locked"), "{refused}");
    assert_eq!(store.app_by_name("a").await.unwrap().name, "a", "readers wait for nobody");
    holder.await.unwrap();
    store.create_app(&app("after")).await.unwrap();
}

/// Of a store that is dropped without a goodbye nothing stays locked.
#[tokio::test]
async fn a_store_that_is_dropped_leaves_its_place_to_others() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let dsn = server.schema();
    for round in 0..4 {
        let store: Store = opened(&dsn).await;
        store.create_app(&app(&format!("app {round}"))).await.unwrap();
    }
    assert_eq!(opened(&dsn).await.revision().await.unwrap(), 4);
}
