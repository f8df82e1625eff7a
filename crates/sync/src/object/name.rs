//! By which names manifests list objects: a kind and a key. Names of kinds that this version does not know
//! are carried along.

use crate::limits::MAX_NAME_BYTES;
use sidegate_model::issuer::IssuerId;
use sidegate_model::plugin::PluginId;
use std::fmt;

const PLUGIN: &str = "plugin";
const APPS: &str = "apps";
const TOKENS: &str = "tokens";
const ISSUER: &str = "issuer";

/// The name of an object within a namespace. In order: by kind, then by key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    kind: String,
    key: String,
}

/// What a name means to this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A plugin.
    Plugin(PluginId),
    /// The apps of a shard.
    Apps(u8),
    /// The tokens of a shard.
    Tokens(u8),
    /// An issuer.
    Issuer(IssuerId),
}

impl ObjectName {
    /// Of a plugin.
    pub fn plugin(id: PluginId) -> Self {
        Self { kind: PLUGIN.to_owned(), key: id.to_string() }
    }

    /// Of the apps of a shard.
    pub fn apps(shard: u8) -> Self {
        Self { kind: APPS.to_owned(), key: format!("{shard:02x}") }
    }

    /// Of the tokens of a shard.
    pub fn tokens(shard: u8) -> Self {
        Self { kind: TOKENS.to_owned(), key: format!("{shard:02x}") }
    }

    /// Of an issuer.
    pub fn issuer(id: IssuerId) -> Self {
        Self { kind: ISSUER.to_owned(), key: id.to_string() }
    }

    /// Any name: printable ASCII within its bounds.
    pub fn parse(kind: &str, key: &str) -> Option<Self> {
        let fits = |text: &str| {
            let is_fine = text.bytes().all(|byte| byte.is_ascii_graphic());
            (1..=MAX_NAME_BYTES).contains(&text.len()) && is_fine
        };
        (fits(kind) && fits(key)).then(|| Self { kind: kind.to_owned(), key: key.to_owned() })
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The key, unique within its kind.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it means; `None` for what this version does not know.
    pub fn meaning(&self) -> Option<Kind> {
        let kind = match self.kind.as_str() {
            PLUGIN => Kind::Plugin(PluginId(self.key.parse().ok()?)),
            APPS => Kind::Apps(u8::from_str_radix(&self.key, 16).ok()?),
            TOKENS => Kind::Tokens(u8::from_str_radix(&self.key, 16).ok()?),
            ISSUER => Kind::Issuer(IssuerId(self.key.parse().ok()?)),
            _ => return None,
        };
        // One object has one name: `+7` and `007` are none.
        let name = match kind {
            Kind::Plugin(id) => Self::plugin(id),
            Kind::Apps(shard) => Self::apps(shard),
            Kind::Tokens(shard) => Self::tokens(shard),
            Kind::Issuer(id) => Self::issuer(id),
        };
        (name == *self).then_some(kind)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.key)
    }
}
