//! Changes become live in order, and answers wait for it.

use crate::harness::{ADMIN_TOKEN, Admin};
use futures_util::future::join_all;
use serde_json::json;
use sidegate_model::actor::AuditContext;
use sidegate_model::app::AppDraft;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_store::{Store, StoreError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};

fn app(name: &str) -> AppDraft {
    AppDraft::new(name, "a@b")
}

/// Everything in a snapshot, in an order, for comparing.
fn content(snapshot: &Snapshot) -> String {
    let mut apps: Vec<_> = snapshot.apps.iter().collect();
    apps.sort_by_key(|app| app.id);
    let mut tokens: Vec<_> = snapshot.tokens.iter().collect();
    tokens.sort_by_key(|token| token.id);
    format!("{} {apps:?} {tokens:?} {:?}", snapshot.revision, snapshot.plugins)
}

fn as_system() -> AuditContext {
    AuditContext::system("test")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn published_revisions_only_grow_and_end_where_the_store_ends() {
    let admin = Admin::start().await;
    let mut desired = admin.plane.desired.clone();
    let watcher = tokio::spawn(async move {
        let mut seen = vec![desired.borrow_and_update().revision];
        while *seen.last().unwrap() < 112 {
            desired.changed().await.unwrap();
            seen.push(desired.borrow_and_update().revision);
        }
        seen
    });
    let writer = async |number: usize| {
        let path = |noun: &str, id: u32| format!("/api/v1/{noun}/{id}");
        for round in 0..3 {
            let name = format!("{number}-{round}");
            let app = json!({"name": name, "owner_email": "a@b"});
            let id = admin.post("/api/v1/apps", app).await.expect(201).id();
            admin.post("/api/v1/tokens", json!({"app_id": id})).await.expect(201);
            let change = json!({"metadata": {"round": round}});
            admin.patch(&path("apps", id), change).await.expect(200);
            let plugin = json!({"name": name, "slug": name, "command": "/p"});
            let plugin = admin.post("/api/v1/plugins", plugin).await.expect(201).id();
            if round == 2 {
                admin.delete(&path("apps", id)).await.expect(204);
                admin.delete(&path("plugins", plugin)).await.expect(204);
                admin.patch(&path("plugins", plugin), json!({})).await.expect(404);
            }
        }
        // One change that is none: it must not count.
        admin.patch("/api/v1/apps/1", json!({})).await;
    };
    join_all((0..8).map(writer)).await;
    // Eight writers with three rounds of four changes and two deletions.
    assert_eq!(admin.snapshot().revision, 8 * (3 * 4 + 2));
    let seen = watcher.await.unwrap();
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    let stored = admin.store.load_snapshot().await.unwrap();
    assert_eq!(content(&admin.snapshot()), content(&stored));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_patches_of_one_app_lose_nothing() {
    let admin = Admin::start().await;
    admin.control.by(as_system()).create_app(app("shared")).await.unwrap();
    let patches = (0..16_u32).map(|i| {
        let admin = &admin;
        async move {
            let field = if i % 2 == 0 { "rate_limit" } else { "monthly_budget" };
            admin.patch("/api/v1/apps/1", json!({ field: 7 })).await.expect(200);
        }
    });
    join_all(patches).await;
    let app = admin.snapshot().apps.iter().next().cloned().unwrap();
    assert_eq!((app.rate_limit, app.monthly_budget), (7, 7.0));
}

#[tokio::test]
async fn a_change_that_began_is_published_even_if_its_caller_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let dsn = format!("sqlite://{}", folder.path().join("t.db").display());
    let publisher = sidegate_control::Publisher::start(
        Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap(),
    )
    .await
    .unwrap();
    let mut desired = publisher.subscribe();
    let (began, beginning) = oneshot::channel();
    let go_on = std::sync::Arc::new(Notify::new());
    let waiting = go_on.clone();
    let caller = tokio::spawn(async move {
        let write = move |store: Store| async move {
            began.send(()).unwrap();
            waiting.notified().await;
            store.create_app(&app("a")).await
        };
        let apply = |snapshot: Snapshot, app: &sidegate_model::app::App| {
            snapshot.with_app(app.id, Some(app.clone()))
        };
        publisher.change::<_, StoreError, _, _, _>(as_system(), write, apply).await
    });
    beginning.await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    let published = desired.wait_for(|snapshot| snapshot.revision == 1);
    let snapshot = tokio::time::timeout(Duration::from_secs(5), published).await.unwrap().unwrap();
    assert_eq!(snapshot.apps.len(), 1);
}

#[tokio::test]
async fn what_somebody_else_stored_comes_along_with_the_next_change() {
    let admin = Admin::start().await;
    admin.store.create_app(&app("behind our back")).await.unwrap();
    assert_eq!(admin.snapshot().apps.len(), 0);
    admin.control.by(as_system()).create_app(app("ours")).await.unwrap();
    assert_eq!(admin.snapshot().apps.len(), 2);
    assert_eq!(admin.snapshot().revision, 2);
}

#[tokio::test]
async fn a_panic_in_a_write_is_not_the_end_of_publishing() {
    let admin = Admin::start().await;
    let control = admin.control.clone();
    control.by(as_system()).create_app(app("a")).await.unwrap();
    let panicking = tokio::spawn(async move {
        let amend =
            |_: &sidegate_model::app::App| -> Result<AppDraft, StoreError> { panic!("on purpose") };
        let any = sidegate_store::Precondition::None;
        control.by(as_system()).update_app(sidegate_model::app::AppId(1), any, amend).await
    });
    assert!(panicking.await.unwrap_err().is_panic());
    admin.control.by(as_system()).create_app(app("b")).await.unwrap();
    assert_eq!(admin.snapshot().apps.len(), 2);
}

#[tokio::test]
async fn an_answer_does_not_wait_forever_for_a_data_plane_that_stalls() {
    let admin = Admin::start_with(|s| s.apply_timeout = Duration::from_millis(50)).await;
    let body = json!({"name": "a", "owner_email": "a@b"});
    let answer = admin.post("/api/v1/apps", body).await.expect(201);
    assert_eq!(answer.header("x-sidegate-applied"), "true");
    assert_eq!(answer.json["meta"]["applied"], true);
    admin.plane.stalls.send_replace(true);
    let answer = admin.patch("/api/v1/apps/1", json!({"rate_limit": 1})).await.expect(200);
    assert_eq!(answer.header("x-sidegate-applied"), "false");
    assert_eq!(answer.json["meta"]["applied"], false);
    let answer = admin.delete("/api/v1/apps/1").await.expect(204);
    assert_eq!(answer.header("x-sidegate-applied"), "false");
}

#[tokio::test]
async fn a_request_that_runs_at_the_shutdown_is_answered() {
    let mut admin = Admin::start_with(|s| s.apply_timeout = Duration::from_secs(60)).await;
    admin.plane.stalls.send_replace(true);
    let shutdown = admin.shutdown.take().unwrap();
    let stalls = admin.plane.stalls.clone();
    let mut desired = admin.plane.desired.clone();
    let request = admin.post("/api/v1/apps", json!({"name": "a", "owner_email": "a@b"}));
    let meanwhile = async {
        desired.wait_for(|snapshot| snapshot.revision == 1).await.unwrap();
        shutdown.send(()).unwrap();
        stalls.send_replace(false);
    };
    let (answer, ()) = tokio::join!(request, meanwhile);
    answer.expect(201);
    tokio::time::timeout(Duration::from_secs(5), &mut admin.server).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_shutdown() {
    let mut admin = Admin::start().await;
    let mut idle = tokio::net::TcpStream::connect(admin.address).await.unwrap();
    let head = format!(
        "GET /api/v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\r\n"
    );
    idle.write_all(head.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    admin.shutdown.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(4), &mut admin.server).await.unwrap().unwrap();
}
