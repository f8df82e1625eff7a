//! Who does something: the holder of a token of the admin API or the program itself, from where, and by which
//! operation. Knows nothing of how it was proved.

use crate::admin_token::{AdminTokenId, ROOT, SYSTEM};
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
    /// The program itself, by one of its chores.
    System,
}

impl Who {
    /// What the audit log calls them.
    pub fn name(&self) -> &str {
        match self {
            Self::Root => ROOT,
            Self::AdminToken { name, .. } => name,
            Self::System => SYSTEM,
        }
    }

    /// Their kind, in a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::AdminToken { .. } => "admin-token",
            Self::System => "system",
        }
    }

    /// The number of their admin token, where they have one.
    pub fn admin_token(&self) -> Option<AdminTokenId> {
        match self {
            Self::AdminToken { id, .. } => Some(*id),
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
