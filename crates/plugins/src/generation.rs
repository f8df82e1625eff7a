//! The generation: routes, identities and plugin instances of one moment.
//!
//! A request loads the generation once and sees one consistent moment until it ends. Nothing edits
//! a generation; the host makes the next one and publishes it. What is counted lives outside.

use crate::app_identity::AppIdentity;
use crate::instance::Instance;
use rustc_hash::FxBuildHasher;
use sidegate_model::app::{App, AppId};
use sidegate_model::convert;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::{PluginSpec, Slug};
use sidegate_model::quota::Quota;
use sidegate_model::snapshot::{Revision, Snapshot, TokenTable};
use sidegate_transport::codec::encode_app;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

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

/// The running counts of apps, which outlive every generation.
pub(crate) type Quotas = HashMap<AppId, Arc<Quota>>;

impl Generation {
    /// Of desired state and what runs, after none.
    pub fn new(snapshot: &Snapshot, mounts: Vec<Mount>) -> Self {
        Self::default().next(snapshot, mounts, &mut Quotas::new())
    }

    /// The one after this: of desired state and what runs, with what did not change.
    pub(crate) fn next(
        &self,
        snapshot: &Snapshot,
        mounts: Vec<Mount>,
        quotas: &mut Quotas,
    ) -> Self {
        let mounts = mounts.into_iter().map(|m| (m.slug.as_str().into(), Arc::new(m))).collect();
        Self {
            revision: snapshot.revision,
            mounts,
            tokens: snapshot.tokens.clone(),
            apps: prepare(snapshot, &self.apps, quotas),
        }
    }

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

/// Prepares the apps, keeping what did not change.
fn prepare(snapshot: &Snapshot, before: &Arc<Apps>, quotas: &mut Quotas) -> Arc<Apps> {
    let unchanged = |id: &AppId, app: &Arc<App>| {
        before.get(id).filter(|kept| Arc::ptr_eq(&kept.app, app)).cloned()
    };
    if before.len() == snapshot.apps.len()
        && snapshot.apps.iter().all(|(id, app)| unchanged(id, app).is_some())
    {
        return before.clone();
    }
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
        let mut quotas = Quotas::new();
        let snapshot = Snapshot::default().with_app(AppId(1), Some(app(1, 1)));
        let before = Generation::default().next(&snapshot, vec![], &mut quotas);
        let quota = before.app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Pass(_)));
        let snapshot = snapshot.with_app(AppId(1), Some(app(1, 1))).at(2);
        let after = before.next(&snapshot, vec![], &mut quotas);
        let quota = after.app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Refuse { .. }));
    }

    #[test]
    fn unchanged_apps_are_not_prepared_again() {
        let snapshot = Snapshot::default()
            .with_app(AppId(1), Some(app(1, 0)))
            .with_app(AppId(2), Some(app(2, 0)));
        let before = Generation::new(&snapshot, vec![]);
        let snapshot = snapshot.with_app(AppId(2), Some(app(2, 5))).at(1);
        let after = before.next(&snapshot, vec![], &mut Quotas::new());
        assert!(Arc::ptr_eq(before.app(AppId(1)).unwrap(), after.app(AppId(1)).unwrap()));
        assert_ne!(before.app(AppId(2)).unwrap().encoded, after.app(AppId(2)).unwrap().encoded);
    }
}
