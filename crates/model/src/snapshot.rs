//! The snapshot: all desired state at one revision, cheap to copy with one thing changed.

use crate::UnixMillis;
use crate::app::{App, AppId};
use crate::issuer::{Issuer, IssuerId};
use crate::namespace::Namespace;
use crate::plugin::{PluginId, PluginSpec};
use crate::sharded::{Keyed, ShardKey, Sharded};
use crate::token::{Token, TokenHash};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Grows by at least one with every change of content; equal revisions mean equal content.
pub type Revision = u64;

/// Desired state at one moment. Copies share all that did not change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Tells two snapshots apart without a look at their content.
    pub revision: Revision,
    /// The plugins that are to run, which are the active ones.
    pub plugins: Arc<BTreeMap<PluginId, Arc<PluginSpec>>>,
    /// When each plugin was registered, inactive ones too. With another database a number can be another
    /// plugin's, which this tells.
    pub registered: Arc<BTreeMap<PluginId, UnixMillis>>,
    /// In which namespace each registered plugin is that is not in the global one.
    pub elsewhere: Arc<BTreeMap<PluginId, Namespace>>,
    /// All issuers, inactive ones too.
    pub issuers: Arc<BTreeMap<IssuerId, Arc<Issuer>>>,
    /// All apps, inactive ones too.
    pub apps: AppTable,
    /// All tokens that were not revoked.
    pub tokens: TokenTable,
}

impl Snapshot {
    /// The next snapshot with one plugin set or, with `None`, removed.
    #[must_use]
    pub fn with_plugin(mut self, id: PluginId, spec: Option<PluginSpec>) -> Self {
        let plugins = Arc::make_mut(&mut self.plugins);
        match spec {
            Some(spec) => plugins.insert(id, Arc::new(spec)),
            None => plugins.remove(&id),
        };
        self
    }

    /// The next snapshot with one plugin registered, since then, or, with `None`, registered no more.
    #[must_use]
    pub fn with_registered(mut self, id: PluginId, since: Option<UnixMillis>) -> Self {
        if self.registered.get(&id) != since.as_ref() {
            let registered = Arc::make_mut(&mut self.registered);
            match since {
                Some(since) => registered.insert(id, since),
                None => registered.remove(&id),
            };
        }
        if since.is_none() && self.elsewhere.contains_key(&id) {
            Arc::make_mut(&mut self.elsewhere).remove(&id);
        }
        self
    }

    /// The next snapshot with one plugin registered in this namespace, in which it stays.
    #[must_use]
    pub fn with_namespace(mut self, id: PluginId, namespace: &Namespace) -> Self {
        if !namespace.is_global() && self.elsewhere.get(&id) != Some(namespace) {
            Arc::make_mut(&mut self.elsewhere).insert(id, namespace.clone());
        }
        self
    }

    /// The namespace of a registered plugin.
    pub fn namespace_of(&self, id: PluginId) -> Namespace {
        self.elsewhere.get(&id).cloned().unwrap_or_default()
    }

    /// The next snapshot with one issuer set or, with `None`, removed.
    #[must_use]
    pub fn with_issuer(mut self, id: IssuerId, issuer: Option<Issuer>) -> Self {
        let issuers = Arc::make_mut(&mut self.issuers);
        match issuer {
            Some(issuer) => issuers.insert(id, Arc::new(issuer)),
            None => issuers.remove(&id),
        };
        self
    }

    /// The next snapshot with one app set or, with `None`, removed. Its tokens stay.
    #[must_use]
    pub fn with_app(mut self, id: AppId, app: Option<App>) -> Self {
        match app {
            Some(app) => self.apps.insert(app),
            None => self.apps.remove(&id),
        }
        self
    }

    /// The next snapshot with one token set. Where it takes the place of the same one before, that one's last use
    /// is not forgotten.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        if let Some(before) = self.tokens.get(&token.hash) {
            token.last_used.follow(&before.last_used);
        }
        self.tokens.insert(token);
        self
    }

    /// What whoever sees only these namespaces gets of it. `before` is what this gave of an earlier snapshot, with that
    /// one: what did not change is taken over from there.
    #[must_use]
    pub fn within(&self, namespaces: &[Namespace], before: Option<(&Self, &Self)>) -> Self {
        let is_seen = |namespace: &Namespace| namespaces.contains(namespace);
        let plugins = self.plugins.iter().filter(|(_, spec)| is_seen(&spec.namespace));
        let is_registered = |id: &PluginId| match self.elsewhere.get(id) {
            Some(namespace) => is_seen(namespace),
            None => is_seen(&Namespace::global()),
        };
        let registered = self.registered.iter().filter(|(id, _)| is_registered(id));
        let elsewhere = self.elsewhere.iter().filter(|(_, namespace)| is_seen(namespace));
        let issuers = self.issuers.iter().filter(|(_, issuer)| is_seen(&issuer.draft.namespace));
        let mut seen = Self {
            revision: self.revision,
            plugins: Arc::new(plugins.map(|(id, spec)| (*id, spec.clone())).collect()),
            registered: Arc::new(registered.map(|(id, since)| (*id, *since)).collect()),
            elsewhere: Arc::new(elsewhere.map(|(id, name)| (*id, name.clone())).collect()),
            issuers: Arc::new(issuers.map(|(id, issuer)| (*id, issuer.clone())).collect()),
            apps: before.map(|(_, seen)| seen.apps.clone()).unwrap_or_default(),
            tokens: before.map(|(_, seen)| seen.tokens.clone()).unwrap_or_default(),
        };
        for shard in 0..=u8::MAX {
            let same = |(all, _): (&Self, &Self)| self.apps.is_same_part(&all.apps, shard);
            if !before.is_some_and(same) {
                let apps = self.apps.part(shard).filter(|app| is_seen(&app.namespace));
                seen.apps.set_part(shard, apps.cloned());
            }
        }
        for shard in 0..=u8::MAX {
            let same = |(all, _): (&Self, &Self)| self.tokens.is_same_part(&all.tokens, shard);
            if !before.is_some_and(same) {
                let is_of_seen = |token: &&Arc<Token>| seen.apps.get(&token.app_id).is_some();
                let tokens: Vec<_> = self.tokens.part(shard).filter(is_of_seen).cloned().collect();
                seen.tokens.set_part(shard, tokens);
            }
        }
        seen
    }

    /// Takes over from an earlier snapshot when its tokens were last used, as far as that is later.
    pub fn follow_token_uses(&self, before: &Self) {
        for token in self.tokens.iter() {
            if let Some(known) = before.tokens.get(&token.hash) {
                token.last_used.follow(&known.last_used);
            }
        }
    }

    /// The same content under another number.
    #[must_use]
    pub fn at(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }
}

/// All apps by their numbers.
pub type AppTable = Sharded<App>;

/// Tokens by their hashes.
pub type TokenTable = Sharded<Token>;

impl Keyed for App {
    type Key = AppId;
    type Hasher = RandomState;

    fn key(&self) -> AppId {
        self.id
    }
}

impl ShardKey for AppId {
    fn shard(&self) -> u8 {
        self.0.to_le_bytes()[0]
    }
}

impl Keyed for Token {
    type Key = TokenHash;
    type Hasher = BuildHasherDefault<AlreadyRandom>;

    fn key(&self) -> TokenHash {
        self.hash
    }
}

impl ShardKey for TokenHash {
    fn shard(&self) -> u8 {
        self.0[0]
    }
}

/// A hasher for keys that are SHA-256 already: takes eight of their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlreadyRandom(u64);

impl Hasher for AlreadyRandom {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // The first byte chose the shard, so the hash comes from the end.
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*tail);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::IssuerDraft;
    use crate::last_use::LastUse;
    use crate::token::TokenId;

    fn app(id: u32, namespace: &str) -> App {
        App {
            id: AppId(id),
            namespace: Namespace::parse(namespace).unwrap(),
            name: format!("app {id}"),
            description: String::new(),
            owner_email: "a@b".to_owned(),
            is_active: true,
            monthly_budget: 0.0,
            rate_limit: 0,
            metadata: <_>::default(),
            max_staleness: None,
            managed_by: String::new(),
            made_for: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    fn token(app_id: u32) -> Token {
        Token {
            id: TokenId(app_id),
            app_id: AppId(app_id),
            name: String::new(),
            hash: TokenHash::of(&app_id.to_string()),
            hint: String::new(),
            scopes: Vec::new(),
            expires_at: None,
            created_at: 0,
            updated_at: 0,
            replaced_by: None,
            last_used: LastUse::default(),
        }
    }

    fn issuer(id: u32, namespace: &str) -> Issuer {
        let namespace = Namespace::parse(namespace).unwrap();
        let draft = IssuerDraft { namespace, ..IssuerDraft::new("i", "https://i") };
        Issuer { id: IssuerId(id), draft, created_at: 0, updated_at: 0 }
    }

    fn plugin(snapshot: Snapshot, id: u32, namespace: &str) -> Snapshot {
        let (id, namespace) = (PluginId(id), Namespace::parse(namespace).unwrap());
        let spec =
            PluginSpec { namespace: namespace.clone(), ..PluginSpec::new(id, "p", "file:///p") };
        snapshot
            .with_plugin(id, Some(spec))
            .with_registered(id, Some(1))
            .with_namespace(id, &namespace)
    }

    #[test]
    fn whoever_sees_some_namespaces_gets_nothing_of_others_and_keeps_what_did_not_change() {
        let mut all = Snapshot::default();
        for (id, namespace) in [(1, ""), (2, "berlin"), (3, "oslo")] {
            all = plugin(all, id, namespace).with_app(AppId(id), Some(app(id, namespace)));
            all = all.with_token(token(id));
            all = all.with_issuer(IssuerId(id), Some(issuer(id, namespace)));
        }
        let seen = ["", "berlin"].map(|name| Namespace::parse(name).unwrap());
        let first = all.within(&seen, None);
        assert_eq!(first.plugins.keys().collect::<Vec<_>>(), [&PluginId(1), &PluginId(2)]);
        assert_eq!(first.registered.len(), 2);
        assert_eq!((first.apps.len(), first.tokens.len()), (2, 2));
        assert!(first.tokens.get(&token(3).hash).is_none());
        assert_eq!(first.issuers.keys().collect::<Vec<_>>(), [&IssuerId(1), &IssuerId(2)]);

        let mut later = all.clone();
        later.tokens.remove(&token(2).hash);
        let next = later.within(&seen, Some((&all, &first)));
        assert_eq!((next.apps.len(), next.tokens.len()), (2, 1));
        assert!(next.apps.is_same(&first.apps), "nothing is prepared anew of apps");
        assert!(later.with_registered(PluginId(3), None).elsewhere.len() == 1);
    }
}
