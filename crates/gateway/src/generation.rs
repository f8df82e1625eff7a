//! The generation: routes, identities and plugin instances of one moment, and the slot that holds
//! the current one.
//!
//! A request loads the generation once and sees one consistent moment until it ends. Nothing edits
//! a generation; the host publishes the next one. What is counted lives outside.

use crate::instance::Instance;
use arc_swap::ArcSwap;
use bytes::Bytes;
use rustc_hash::FxBuildHasher;
use sidegate_model::app::{App, AppId};
use sidegate_model::convert;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::{PluginSpec, Slug};
use sidegate_model::quota::Quota;
use sidegate_model::snapshot::{Revision, Snapshot, TokenTable};
use sidegate_transport::codec::encode_app;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, watch};

/// A plugin mounted under its slug.
#[derive(Clone)]
pub struct Mount {
    /// What the operator said.
    pub plugin: Arc<PluginSpec>,
    /// Where it is mounted.
    pub slug: Slug,
    /// What it offers; of the last good instance while none runs, empty before the first one.
    pub endpoints: Arc<EndpointTable>,
    /// Who answers.
    pub target: Target,
    /// Places for requests that wait for a start.
    pub waiting: Arc<Semaphore>,
}

/// Who answers for a plugin right now.
#[derive(Clone)]
pub enum Target {
    /// A running process.
    Ready(Arc<Instance>),
    /// A process is being started, or will be in a moment; requests wait for it, for a while.
    Starting,
    /// No process, and none is being started right now.
    Unavailable,
}

/// An app as requests need it, prepared once.
pub struct AppIdentity {
    /// The app.
    pub app: Arc<App>,
    /// What every request of the app tells plugins of it.
    pub encoded: Bytes,
    /// Its running count, shared by all generations.
    pub quota: Arc<Quota>,
}

/// Everything a request needs to know about one moment.
#[derive(Default)]
pub struct Generation {
    /// The snapshot it was made from.
    pub revision: Revision,
    mounts: HashMap<Box<str>, Arc<Mount>, FxBuildHasher>,
    /// Tokens by hash.
    pub tokens: TokenTable,
    apps: Arc<Apps>,
}

/// Who may call, of one moment; to be compared with another moment's. Keeps nothing else alive.
#[derive(Clone)]
pub struct Callers {
    tokens: TokenTable,
    apps: Arc<Apps>,
}

impl Callers {
    /// Whether both are one and the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.tokens.is_same(&other.tokens) && Arc::ptr_eq(&self.apps, &other.apps)
    }
}

/// Operators choose the keys, here as with mounts, and clients only look them up: nobody gains from
/// keys that collide.
type Apps = HashMap<AppId, Arc<AppIdentity>, FxBuildHasher>;

impl Generation {
    /// The plugin mounted under a slug.
    pub fn mount(&self, slug: &str) -> Option<&Arc<Mount>> {
        self.mounts.get(slug)
    }

    /// Who may call.
    pub fn callers(&self) -> Callers {
        Callers { tokens: self.tokens.clone(), apps: self.apps.clone() }
    }

    /// An app by its number.
    pub fn app(&self, id: AppId) -> Option<&Arc<AppIdentity>> {
        self.apps.get(&id)
    }
}

/// The slot with the generation that serves now.
#[derive(Default)]
pub struct CurrentGeneration {
    slot: ArcSwap<Generation>,
    quotas: Mutex<HashMap<AppId, Arc<Quota>>>,
    published: watch::Sender<()>,
}

impl CurrentGeneration {
    /// The generation that serves now.
    pub fn load(&self) -> Arc<Generation> {
        self.slot.load_full()
    }

    /// Tells when another generation serves.
    pub fn published(&self) -> watch::Receiver<()> {
        self.published.subscribe()
    }

    /// Waits until another generation serves than the one that was seen.
    pub async fn after(&self, seen: &Arc<Generation>) -> Arc<Generation> {
        let mut published = self.published.subscribe();
        loop {
            let now = self.load();
            // The sender is this very slot, so it is never gone.
            if !Arc::ptr_eq(&now, seen) || published.changed().await.is_err() {
                return now;
            }
        }
    }

    /// Makes the next generation from desired state and what runs, and lets it serve. Called by
    /// one task only, so that generations follow each other.
    pub fn publish(&self, snapshot: &Snapshot, mounts: Vec<Mount>) {
        let before = self.load();
        let apps = self.identities(snapshot, &before.apps);
        let mounts = mounts.into_iter().map(|m| (m.slug.as_str().into(), Arc::new(m))).collect();
        self.slot.store(Arc::new(Generation {
            revision: snapshot.revision,
            mounts,
            tokens: snapshot.tokens.clone(),
            apps,
        }));
        self.published.send_replace(());
    }

    /// Prepares the apps, keeping what did not change.
    fn identities(&self, snapshot: &Snapshot, before: &Arc<Apps>) -> Arc<Apps> {
        let unchanged = |id: &AppId, app: &Arc<App>| {
            before.get(id).filter(|kept| Arc::ptr_eq(&kept.app, app)).cloned()
        };
        if before.len() == snapshot.apps.len()
            && snapshot.apps.iter().all(|(id, app)| unchanged(id, app).is_some())
        {
            return before.clone();
        }
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        quotas.retain(|id, _| snapshot.apps.contains_key(id));
        let prepared = snapshot.apps.iter().map(|(id, app)| {
            let identity = unchanged(id, app).unwrap_or_else(|| {
                let quota = quotas.entry(*id).or_default().clone();
                let encoded = encode_app(&convert::app(app));
                Arc::new(AppIdentity { encoded, app: app.clone(), quota })
            });
            (*id, identity)
        });
        Arc::new(prepared.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use sidegate_model::quota::Verdict;

    fn app(id: u32, rate_limit: u32) -> App {
        App {
            id: AppId(id),
            name: format!("app {id}"),
            description: String::new(),
            owner_email: "o@example.com".into(),
            is_active: true,
            monthly_budget: 0.0,
            rate_limit,
            metadata: Map::new(),
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn counts_outlive_every_swap() {
        let current = CurrentGeneration::default();
        let snapshot = Snapshot::default().with_app(AppId(1), Some(app(1, 1)));
        current.publish(&snapshot, vec![]);
        let quota = current.load().app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Pass(_)));
        current.publish(&snapshot.with_app(AppId(1), Some(app(1, 1))).at(2), vec![]);
        let quota = current.load().app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Refuse { .. }));
    }

    #[test]
    fn unchanged_apps_are_not_prepared_again() {
        let current = CurrentGeneration::default();
        let snapshot = Snapshot::default()
            .with_app(AppId(1), Some(app(1, 0)))
            .with_app(AppId(2), Some(app(2, 0)));
        current.publish(&snapshot, vec![]);
        let before = current.load();
        current.publish(&snapshot.with_app(AppId(2), Some(app(2, 5))).at(1), vec![]);
        let after = current.load();
        assert!(Arc::ptr_eq(before.app(AppId(1)).unwrap(), after.app(AppId(1)).unwrap()));
        assert_ne!(before.app(AppId(2)).unwrap().encoded, after.app(AppId(2)).unwrap().encoded);
    }
}
