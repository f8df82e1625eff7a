//! The generation: routes, identities and plugin instances of one moment.
//!
//! A request loads the generation once and sees one consistent moment until it ends. Nothing edits
//! a generation; the host makes the next one and publishes it. What is counted lives outside.

use crate::app_identity::AppIdentity;
use crate::instance::Instance;
use crate::issuer_table::IssuerTable;
use crate::limits::PluginLimits;
use rustc_hash::FxBuildHasher;
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::issuer::{Issuer, IssuerId};
use sidegate_model::own_host::OwnHost;
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::sharded::Sharded;
use sidegate_model::snapshot::{AppTable, Revision, Snapshot, TokenTable};
use sidegate_model::token::Token;
use std::collections::{BTreeMap, HashMap};
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
    /// What is counted of its calls.
    pub limits: Arc<PluginLimits>,
}

impl Mount {
    /// The host at which it is mounted at `/`.
    pub fn own_host(&self) -> Option<&OwnHost> {
        self.plugin.options.host.as_ref()
    }

    /// Whether both are of one plugin and demand the same of their callers.
    fn demands_as(&self, other: &Self) -> bool {
        let (own, others) = (&self.plugin, &other.plugin);
        let same_policy = Arc::ptr_eq(own, others)
            || own.id == others.id
                && own.options.policy.same_callers(&others.options.policy)
                && own.public_endpoints == others.public_endpoints;
        same_policy
            && (Arc::ptr_eq(&self.endpoints, &other.endpoints)
                || self.endpoints.endpoints() == other.endpoints.endpoints())
    }
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
    /// The plugins that have a host of their own, by its name; hardly ever any.
    hosts: HashMap<Arc<str>, Arc<Mount>>,
    /// Tokens by hash.
    pub tokens: TokenTable,
    /// The apps it was made from, and what requests need of them.
    apps: AppTable,
    identities: Identities,
    /// The issuers whose JWTs are taken.
    pub issuers: Arc<IssuerTable>,
    /// What that was made of.
    all_issuers: Issuers,
    /// Another one as soon as a plugin demands anything else of its callers.
    demands: Demands,
}

/// Who may call, of one moment; to be compared with another moment's. Keeps nothing else alive.
#[derive(Clone)]
pub struct Callers {
    tokens: TokenTable,
    issuers: Arc<IssuerTable>,
    identities: Identities,
    demands: Demands,
}

impl Callers {
    /// Whether both are one and the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.tokens.is_same(&other.tokens)
            && Arc::ptr_eq(&self.issuers, &other.issuers)
            && self.identities.is_same(&other.identities)
            && Arc::ptr_eq(&self.demands, &other.demands)
    }
}

type Identities = Sharded<AppIdentity>;
type Issuers = Arc<BTreeMap<IssuerId, Arc<Issuer>>>;

/// What all plugins demand of their callers, at one moment: its place in memory is all there is to it.
type Demands = Arc<()>;

impl Generation {
    /// Of desired state and what runs, after none.
    pub fn new(snapshot: &Snapshot, mounts: Vec<Mount>) -> Self {
        Self::default().next(snapshot, mounts)
    }

    /// Whether an app is there that would have to be called otherwise beside a new one. Looks at all of them.
    pub fn has_app_beside(&self, new: &AppDraft) -> bool {
        let is_seen_beside = |app: &App| {
            app.namespace == new.namespace || app.namespace.is_global() || new.namespace.is_global()
        };
        self.apps.iter().any(|app| app.name == new.name && is_seen_beside(app))
    }

    /// The one after this: of desired state and what runs, with what did not change.
    pub(crate) fn next(&self, snapshot: &Snapshot, mounts: Vec<Mount>) -> Self {
        // What is mounted no more lets nobody in, and who is in is none of its business.
        let is_as_before = |mount: &Mount| {
            self.mount(mount.slug.as_str()).is_some_and(|before| before.demands_as(mount))
        };
        let demands = match mounts.iter().all(is_as_before) {
            true => self.demands.clone(),
            false => Arc::default(),
        };
        let mounts: Vec<_> = mounts.into_iter().map(Arc::new).collect();
        let with_host = mounts.iter().filter_map(|m| Some((m.own_host()?.shared(), m.clone())));
        let hosts = with_host.collect();
        let mounts = mounts.into_iter().map(|m| (m.slug.as_str().into(), m)).collect();
        let apps = snapshot.apps.clone();
        let is_same = snapshot.issuers == self.all_issuers
            && (snapshot.issuers.is_empty()
                || apps.is_same(&self.apps) && self.issuers.are_plugins_same(snapshot));
        let issuers = match is_same {
            true => self.issuers.clone(),
            false => Arc::new(IssuerTable::new(snapshot)),
        };
        Self {
            revision: snapshot.revision,
            mounts,
            hosts,
            tokens: snapshot.tokens.clone(),
            identities: apps.derive(&self.apps, &self.identities, AppIdentity::next),
            issuers,
            all_issuers: snapshot.issuers.clone(),
            apps,
            demands,
        }
    }

    /// The same moment with one more token: for whoever asks what would happen, never to be served by.
    pub fn with_token(&self, token: Token) -> Self {
        let mut tokens = self.tokens.clone();
        tokens.insert(token);
        Self {
            revision: self.revision,
            mounts: self.mounts.clone(),
            hosts: self.hosts.clone(),
            tokens,
            apps: self.apps.clone(),
            identities: self.identities.clone(),
            issuers: self.issuers.clone(),
            all_issuers: self.all_issuers.clone(),
            demands: self.demands.clone(),
        }
    }

    /// The plugin mounted under a slug.
    pub fn mount(&self, slug: &str) -> Option<&Arc<Mount>> {
        self.mounts.get(slug)
    }

    /// Whether any plugin has a host of its own.
    pub fn has_own_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// The plugin whose own host this is, by its name in small letters.
    pub fn mount_at(&self, host: &str) -> Option<&Arc<Mount>> {
        self.hosts.get(host)
    }

    /// Where a plugin is mounted that was found under this slug, under whichever it is now.
    pub fn mount_of(&self, plugin: PluginId, slug: &str) -> Option<&Arc<Mount>> {
        let is_it = |mount: &&Arc<Mount>| mount.plugin.id == plugin;
        self.mount(slug).filter(is_it).or_else(|| self.mounts.values().find(is_it))
    }

    /// All plugins that are mounted.
    pub fn mounts(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.mounts.values()
    }

    /// Who may call.
    pub fn callers(&self) -> Callers {
        let (tokens, identities) = (self.tokens.clone(), self.identities.clone());
        let issuers = self.issuers.clone();
        Callers { tokens, issuers, identities, demands: self.demands.clone() }
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
    use sidegate_model::plugin::PluginOptions;
    use sidegate_model::quota::Verdict;
    use sidegate_wire::plugin::EndpointRegistration;

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
            namespace: <_>::default(),
            max_staleness: None,
            managed_by: String::new(),
            made_for: None,
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

    fn mount(options: &[(&str, &str)], path: &str) -> Mount {
        let raw = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let slug = Slug::parse("p").unwrap();
        let registration = EndpointRegistration {
            path: path.to_owned(),
            methods: vec!["GET".to_owned()],
            ..EndpointRegistration::default()
        };
        let options = PluginOptions::read(&raw.collect()).0;
        let plugin = PluginSpec { options, ..PluginSpec::new(PluginId(1), "p", "file:///p") };
        Mount {
            plugin: Arc::new(plugin),
            slug,
            endpoints: Arc::new(EndpointTable::build(vec![registration])),
            target: Target::Unavailable,
            waiting: Arc::new(Semaphore::new(1)),
            limits: Arc::default(),
        }
    }

    #[test]
    fn callers_are_looked_at_again_when_more_or_less_is_demanded_of_them_and_for_nothing_else() {
        let snapshot = Snapshot::default();
        let before = Generation::new(&snapshot, vec![mount(&[], "/a")]);
        let is_same = |mounts| before.next(&snapshot, mounts).callers().is_same(&before.callers());
        assert!(is_same(vec![mount(&[], "/a")]), "a reload that changes nothing");
        assert!(is_same(vec![mount(&[("pass_token", "true"), ("max_body", "1")], "/a")]));
        assert!(is_same(vec![]));
        assert!(!is_same(vec![mount(&[("require_auth", "true")], "/a")]));
        assert!(!is_same(vec![mount(&[("apps", "1")], "/a")]));
        assert!(!is_same(vec![mount(&[("scopes_required", "x")], "/a")]));
        assert!(!is_same(vec![mount(&[("issuers", "x")], "/a")]));
        assert!(!is_same(vec![mount(&[], "/b")]));
        let without = before.next(&snapshot, vec![]);
        let again = without.next(&snapshot, vec![mount(&[("apps", "1")], "/a")]);
        assert!(!again.callers().is_same(&without.callers()));
    }
}
