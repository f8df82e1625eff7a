//! The snapshot: all desired state at one revision, cheap to copy with one thing changed.

use crate::UnixMillis;
use crate::app::{App, AppId};
use crate::plugin::{PluginId, PluginSpec};
use crate::token::{Token, TokenHash};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Grows by at least one with every change of content; equal revisions mean equal content.
pub type Revision = u64;

/// Desired state at one moment. Copies share all that did not change.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Its number.
    pub revision: Revision,
    /// The active plugins.
    pub plugins: Arc<BTreeMap<PluginId, Arc<PluginSpec>>>,
    /// When each plugin was registered, inactive ones too. With another database a number can be another
    /// plugin's, which this tells.
    pub registered: Arc<BTreeMap<PluginId, UnixMillis>>,
    /// All apps, inactive ones too.
    pub apps: Arc<HashMap<AppId, Arc<App>>>,
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
        self
    }

    /// The next snapshot with one app set or, with `None`, removed. Its tokens stay.
    #[must_use]
    pub fn with_app(mut self, id: AppId, app: Option<App>) -> Self {
        let apps = Arc::make_mut(&mut self.apps);
        match app {
            Some(app) => apps.insert(id, Arc::new(app)),
            None => apps.remove(&id),
        };
        self
    }

    /// The same content under another number.
    #[must_use]
    pub fn at(mut self, revision: Revision) -> Self {
        self.revision = revision;
        self
    }
}

const SHARDS: usize = 256;

type Shard = HashMap<TokenHash, Arc<Token>, BuildHasherDefault<AlreadyRandom>>;

/// Tokens by their hash. A change copies one part in 256.
#[derive(Debug, Clone)]
pub struct TokenTable {
    shards: Arc<[Arc<Shard>; SHARDS]>,
}

impl Default for TokenTable {
    fn default() -> Self {
        let empty = Arc::new(Shard::default());
        Self { shards: Arc::new(std::array::from_fn(|_| empty.clone())) }
    }
}

impl TokenTable {
    /// Finds a token by its hash.
    pub fn get(&self, hash: &TokenHash) -> Option<&Arc<Token>> {
        self.shards[usize::from(hash.0[0])].get(hash)
    }

    /// Whether both are one and the same: neither has changed since one was copied from the other.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shards, &other.shards)
    }

    /// Adds or replaces a token.
    pub fn insert(&mut self, token: Token) {
        self.shard(&token.hash).insert(token.hash, Arc::new(token));
    }

    /// Removes a token.
    pub fn remove(&mut self, hash: &TokenHash) {
        self.shard(hash).remove(hash);
    }

    /// Every token, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&mut self, hash: &TokenHash) -> &mut Shard {
        let shards = Arc::make_mut(&mut self.shards);
        Arc::make_mut(&mut shards[usize::from(hash.0[0])])
    }
}

impl FromIterator<Token> for TokenTable {
    fn from_iter<T: IntoIterator<Item = Token>>(tokens: T) -> Self {
        let mut table = Self::default();
        for token in tokens {
            table.insert(token);
        }
        table
    }
}

/// A hasher for keys that are SHA-256 already: takes eight of their bytes.
#[derive(Default)]
struct AlreadyRandom(u64);

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
    use crate::token::TokenId;

    fn token(text: &str) -> Token {
        Token {
            id: TokenId(1),
            app_id: AppId(1),
            name: String::new(),
            hash: TokenHash::of(text),
            hint: String::new(),
            scopes: vec![],
            expires_at: None,
            created_at: 0,
        }
    }

    #[test]
    fn a_copy_of_a_table_does_not_see_later_changes() {
        let mut table: TokenTable = ["a", "b", "c"].into_iter().map(token).collect();
        let before = table.clone();
        table.remove(&TokenHash::of("a"));
        assert!(before.get(&TokenHash::of("a")).is_some());
        assert!(before.is_same(&before.clone()) && !before.is_same(&table));
        assert!(table.get(&TokenHash::of("a")).is_none());
        assert_eq!((before.len(), table.len()), (3, 2));
    }

    #[test]
    fn one_changed_token_copies_one_shard_only() {
        let table: TokenTable = (0..5000).map(|i| token(&i.to_string())).collect();
        let mut next = table.clone();
        next.insert(token("new"));
        let shared =
            table.shards.iter().zip(next.shards.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, SHARDS - 1);
    }
}
