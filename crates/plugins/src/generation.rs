//! The generation: routes, identities and plugin instances of one moment.
//!
//! A request loads the generation once and sees one consistent moment until it ends. Nothing edits
//! a generation; the host makes the next one and publishes it. What is counted lives outside.

use crate::app_identity::AppIdentity;
use crate::instance::Instance;
use rustc_hash::FxBuildHasher;
use sidegate_model::app::AppId;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::{PluginSpec, Slug};
use sidegate_model::sharded::Sharded;
use sidegate_model::snapshot::{AppTable, Revision, Snapshot, TokenTable};
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
    /// The apps it was made from, and what requests need of them.
    apps: AppTable,
    identities: Identities,
}

/// Who may call, of one moment; to be compared with another moment's. Keeps nothing else alive.
#[derive(Clone)]
pub struct Callers {
    tokens: TokenTable,
    identities: Identities,
}

impl Callers {
    /// Whether both are one and the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.tokens.is_same(&other.tokens) && self.identities.is_same(&other.identities)
    }
}

type Identities = Sharded<AppIdentity>;

impl Generation {
    /// Of desired state and what runs, after none.
    pub fn new(snapshot: &Snapshot, mounts: Vec<Mount>) -> Self {
        Self::default().next(snapshot, mounts)
    }

    /// The one after this: of desired state and what runs, with what did not change.
    pub(crate) fn next(&self, snapshot: &Snapshot, mounts: Vec<Mount>) -> Self {
        let mounts = mounts.into_iter().map(|m| (m.slug.as_str().into(), Arc::new(m))).collect();
        let apps = snapshot.apps.clone();
        Self {
            revision: snapshot.revision,
            mounts,
            tokens: snapshot.tokens.clone(),
            identities: apps.derive(&self.apps, &self.identities, AppIdentity::next),
            apps,
        }
    }

    /// The plugin mounted under a slug.
    pub fn mount(&self, slug: &str) -> Option<&Arc<Mount>> {
        self.mounts.get(slug)
    }

    /// Who may call.
    pub fn callers(&self) -> Callers {
        Callers { tokens: self.tokens.clone(), identities: self.identities.clone() }
    }

    /// An app by its number.
    pub fn app(&self, id: AppId) -> Option<&Arc<AppIdentity>> {
        self.identities.get(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use sidegate_model::app::App;
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
        let snapshot = Snapshot::default().with_app(AppId(1), Some(app(1, 1)));
        let before = Generation::new(&snapshot, vec![]);
        let quota = before.app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Pass(_)));
        let snapshot = snapshot.with_app(AppId(1), Some(app(1, 1))).at(2);
        let after = before.next(&snapshot, vec![]);
        let quota = after.app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Refuse { .. }));
        // Read anew, nothing of a table is shared, and the counts go on all the same.
        let anew = Snapshot::default().with_app(AppId(1), Some(app(1, 1))).at(3);
        let quota = after.next(&anew, vec![]).app(AppId(1)).unwrap().quota.clone();
        assert!(matches!(quota.take(1, 0), Verdict::Refuse { .. }));
    }

    #[test]
    fn what_happens_to_a_plugin_costs_nothing_of_the_apps_and_a_changed_app_little() {
        let all = (1..=5000).map(|id| app(id, 0));
        let snapshot = Snapshot { apps: all.collect(), ..Snapshot::default() };
        let before = Generation::new(&snapshot, vec![]);
        let after = before.next(&snapshot.clone().at(1), vec![]);
        assert!(after.callers().is_same(&before.callers()));
        let snapshot = snapshot.with_app(AppId(7), Some(app(7, 5))).at(2);
        let after = before.next(&snapshot, vec![]);
        assert!(!after.callers().is_same(&before.callers()));
        let is_kept = |id: &u32| {
            let of = |generation: &Generation| generation.app(AppId(*id)).unwrap().clone();
            Arc::ptr_eq(&of(&before), &of(&after))
        };
        let prepared: Vec<_> = (1..=5000).filter(|id| !is_kept(id)).collect();
        assert_eq!(prepared, [7]);
        assert_ne!(before.app(AppId(7)).unwrap().encoded, after.app(AppId(7)).unwrap().encoded);
    }
}
