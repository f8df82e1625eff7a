//! What another process stores becomes live here by itself.

#![expect(clippy::unwrap_used, reason = "a harness fails like the test it serves")]

use sidegate_control::Control;
use sidegate_model::app::AppDraft;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_store::Store;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Two processes with one database, of which this test is the first.
struct Two {
    ours: Store,
    theirs: Control,
    live: watch::Receiver<Arc<Snapshot>>,
    _folder: tempfile::TempDir,
}

impl Two {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dsn = format!("sqlite://{}", folder.path().join("shared.db").display());
        let ours = Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap();
        let (theirs, live) =
            Control::start(Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap())
                .await
                .unwrap();
        Self { ours, theirs, live, _folder: folder }
    }

    /// Waits until this is live with the other one.
    async fn sees(&mut self, what: impl FnMut(&Arc<Snapshot>) -> bool) {
        let seen = self.live.wait_for(what);
        let seen = tokio::time::timeout(Duration::from_secs(20), seen).await;
        seen.expect("it becomes live").unwrap();
    }
}

fn app(name: &str) -> AppDraft {
    AppDraft {
        name: name.to_owned(),
        description: String::new(),
        owner_email: "a@b".to_owned(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: 0,
        metadata: serde_json::Map::new(),
        namespace: Default::default(),
        max_staleness: None,
        managed_by: String::new(),
    }
}

fn plugin(name: &str) -> PluginDraft {
    PluginDraft {
        name: name.to_owned(),
        description: String::new(),
        command: "file:///p".to_owned(),
        config: serde_json::Map::new(),
        options: Default::default(),
        hook_type: String::new(),
        hook_types: Vec::new(),
        service_scopes: Default::default(),
        is_active: true,
        namespace: Default::default(),
        managed_by: String::new(),
    }
}

#[tokio::test]
async fn what_another_process_stores_is_published_without_a_change_here() {
    let mut two = Two::start().await;
    two.ours.create_app(&app("a")).await.unwrap();
    let written = two.ours.create_plugin(&plugin("p")).await.unwrap();
    two.sees(|live| live.revision == written.revision).await;
    let live = two.live.borrow().clone();
    assert_eq!((live.apps.len(), live.plugins.len()), (1, 1));
}

#[tokio::test]
async fn one_that_finishes_its_work_follows_callers_and_no_plugins() {
    let mut two = Two::start().await;
    two.theirs.follow_callers_only(true);
    two.ours.create_plugin(&plugin("p")).await.unwrap();
    let written = two.ours.create_app(&app("a")).await.unwrap();
    two.sees(|live| live.revision == written.revision).await;
    let live = two.live.borrow().clone();
    assert_eq!((live.apps.len(), live.plugins.len()), (1, 0));
}
