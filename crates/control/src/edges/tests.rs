//! What is promised of publishing for edges, and of what is known of them.

mod authorities;
mod changing;
mod elsewhere;
mod fleet;
mod publishing;
mod restores;
mod token_uses;

use super::heads::Heads;
use super::manifests::Manifests;
use super::signers::Signers;
use super::{Edges, EdgesSettings};
use crate::control::Control;
use crate::publish::Desired;
use crate::tasks::Tasks;
use sidegate_model::app::{AppDraft, AppId};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginDraft;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::TokenHash;
use sidegate_store::{NewTokenRow, Store};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

async fn store() -> Store {
    Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap()
}

fn namespace(name: &str) -> Namespace {
    Namespace::parse(name).unwrap()
}

fn namespaces(names: &[&str]) -> BTreeSet<Namespace> {
    names.iter().map(|name| namespace(name)).collect()
}

async fn saved_app(store: &Store, name: &str, of: &str) -> AppId {
    let draft = AppDraft { namespace: namespace(of), ..AppDraft::new(name, "o@example.com") };
    store.create_app(&draft).await.unwrap().value.id
}

async fn saved_token(store: &Store, app_id: AppId, text: &str) {
    let row = NewTokenRow {
        app_id,
        name: String::new(),
        hash: TokenHash::of(text),
        hint: String::new(),
        scopes: vec![],
        expires_at: None,
    };
    store.create_token(&row).await.unwrap();
}

fn plugin(name: &str, of: &str) -> PluginDraft {
    let mut draft = PluginDraft::new(name, "file:///p");
    draft.namespace = namespace(of);
    draft.config.insert("api_key".to_owned(), "hunter2".into());
    draft
}

/// A process of a control plane as it runs, with what is done beside.
struct Running {
    control: Control,
    edges: Edges,
    _tasks: Tasks,
}

impl Running {
    async fn start(store: &Store) -> Self {
        Self::start_as("one", store).await
    }

    async fn start_as(replica: &str, store: &Store) -> Self {
        let (control, _) = Control::start(store.clone()).await.unwrap();
        let settings = EdgesSettings {
            replica: replica.to_owned(),
            control_urls: vec![],
            join_token_expiry: Duration::from_secs(3600),
        };
        let (edges, _tasks) = Edges::start(control.clone(), settings).await.unwrap();
        edges.ready().await;
        Self { control, edges, _tasks }
    }

    /// Lineage and revision of what the global namespace's edges get.
    fn position(&self) -> (u64, u64) {
        let position = self.edges.head_position(&namespace("")).unwrap();
        (position.lineage, position.revision)
    }
}

/// A process of a control plane, without what makes it look by itself.
struct Process {
    store: Store,
    heads: Heads,
    manifests: Manifests,
}

impl Process {
    async fn start(store: &Store) -> Self {
        let signers = Arc::new(Signers::of(store).await.unwrap());
        let heads = Heads::default();
        let manifests = Manifests::new(store.clone(), signers, heads.clone());
        Self { store: store.clone(), heads, manifests }
    }

    /// Publishes what is stored, and tells what came of it.
    async fn publish(&mut self) -> super::manifests::Round {
        self.publish_this(self.store.load_snapshot().await.unwrap()).await
    }

    async fn publish_this(&mut self, whole: Snapshot) -> super::manifests::Round {
        let (_, specs) = self.store.sealed_specs().await.unwrap();
        let desired = Desired { snapshot: Arc::new(whole), restores: 0 };
        let both = namespaces(&["", "berlin"]);
        let outcome = self.manifests.publish(&desired, &both, Some(specs)).await.unwrap();
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        outcome.round
    }

    fn position(&self, of: &str) -> (u64, u64) {
        let head = self.heads.newest(&namespace(of)).unwrap();
        (head.position().lineage, head.position().revision)
    }
}
