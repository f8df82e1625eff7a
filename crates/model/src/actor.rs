//! Who does something: the holder of a token of the admin API, a user of the console, a plugin or the program itself, from
//! where, and by which operation. Knows nothing of how it was proved.

use crate::admin_token::{AdminTokenId, PLUGIN_PREFIX, ROOT, SYSTEM, USER_PREFIX};
use crate::plugin::PluginId;
use crate::user::UserId;
use std::net::IpAddr;

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The holder of the token that the settings or the file in the data folder name.
    Root,
    /// The holder of an admin token.
    AdminToken {
        /// Its number.
        id: AdminTokenId,
        /// What it is called.
        name: String,
    },
    /// A user of the console.
    User {
        /// Their number.
        id: UserId,
        /// What the audit log calls them: [`USER_PREFIX`] and their name.
        label: String,
    },
    /// A plugin that changes something by itself.
    Plugin {
        /// Its number.
        id: PluginId,
        /// What the audit log calls it: [`PLUGIN_PREFIX`] and its name, and for whom it did it where that is certain.
        label: String,
    },
    /// The program itself, by one of its chores.
    System,
}

impl Who {
    /// A user of the console.
    pub fn of_user(id: UserId, name: &str) -> Self {
        Self::User { id, label: format!("{USER_PREFIX}{name}") }
    }

    /// A plugin, which may do it for somebody. A name that could be read as more than a name stands in quotes, so that none
    /// can say `for` somebody.
    ///
    /// ```
    /// use sidegate_model::{actor::Who, plugin::PluginId};
    /// let label = |name, user| Who::of_plugin(PluginId(1), name, user).name().to_owned();
    /// assert_eq!(label("echo", Some("user:jane")), "plugin:echo for user:jane");
    /// assert_eq!(label("echo for root", None), r#"plugin:"echo for root""#);
    /// ```
    pub fn of_plugin(id: PluginId, name: &str, for_whom: Option<&str>) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
        let name = match name.chars().all(is_plain) {
            true => name.to_owned(),
            false => format!("{name:?}"),
        };
        let label = match for_whom {
            Some(user) => format!("{PLUGIN_PREFIX}{name} for {user}"),
            None => format!("{PLUGIN_PREFIX}{name}"),
        };
        Self::Plugin { id, label }
    }

    /// Whoever was written as this kind, number and name; none where there is no such kind.
    pub fn read(kind: &str, number: Option<u32>, name: String) -> Option<Self> {
        match (kind, number) {
            ("root", None) => Some(Self::Root),
            ("system", None) => Some(Self::System),
            ("admin-token", Some(id)) => Some(Self::AdminToken { id: AdminTokenId(id), name }),
            ("user", Some(id)) => Some(Self::User { id: UserId(id), label: name }),
            ("plugin", Some(id)) => Some(Self::Plugin { id: PluginId(id), label: name }),
            _ => None,
        }
    }

    /// What the audit log calls them.
    pub fn name(&self) -> &str {
        match self {
            Self::Root => ROOT,
            Self::AdminToken { name, .. } => name,
            Self::User { label, .. } | Self::Plugin { label, .. } => label,
            Self::System => SYSTEM,
        }
    }

    /// Their kind, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::AdminToken { .. } => "admin-token",
            Self::User { .. } => "user",
            Self::Plugin { .. } => "plugin",
            Self::System => "system",
        }
    }

    /// The number of their admin token, where they have one.
    pub fn admin_token(&self) -> Option<AdminTokenId> {
        match self {
            Self::AdminToken { id, .. } => Some(*id),
            Self::Root | Self::User { .. } | Self::Plugin { .. } | Self::System => None,
        }
    }

    /// The number of the user, where it is one.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Root | Self::AdminToken { .. } | Self::Plugin { .. } | Self::System => None,
        }
    }

    /// The number of their admin token, user or plugin, where they have one.
    pub fn number(&self) -> Option<u32> {
        match self {
            Self::AdminToken { id, .. } => Some(id.0),
            Self::User { id, .. } => Some(id.0),
            Self::Plugin { id, .. } => Some(id.0),
            Self::Root | Self::System => None,
        }
    }
}

/// Who does something, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who it is.
    pub who: Who,
    /// The address of the other end of the connection; none where there is no connection.
    pub peer: Option<IpAddr>,
}

impl Actor {
    /// The program itself.
    pub const fn system() -> Self {
        Self { who: Who::System, peer: None }
    }
}

/// What the audit log has to know of whoever changes something before the change is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditContext {
    /// Who does it.
    pub actor: Actor,
    /// By which operation: its name in the OpenAPI document, or that of a chore.
    pub operation: &'static str,
}

impl AuditContext {
    /// A chore of the program itself.
    pub const fn system(operation: &'static str) -> Self {
        Self { actor: Actor::system(), operation }
    }
}
