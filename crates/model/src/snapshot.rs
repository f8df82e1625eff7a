//! The snapshot: all desired state at one revision, cheap to copy with one thing changed.

use crate::UnixMillis;
use crate::app::{App, AppId};
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
