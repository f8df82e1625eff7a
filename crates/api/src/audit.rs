//! The audit log as the admin API tells it: who changed what, and which attempts were refused.

use crate::resource::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::audit::{Outcome as ModelOutcome, ThingKind as ModelKind};

/// An entry of the audit log. It tells things by kind, number, name and digest, never what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditAttributes {
    /// When it happened, for the first time where it happened several times; UTC, RFC 3339.
    pub at: String,
    /// Who did it: the name of an admin token, `user:` and the name of a user, `plugin:` and the name of a plugin, with ` for ` and a
    /// user where that is certain, `root`, or `system` for the gateway itself; `null` where nobody was recognised.
    pub actor: Option<String>,
    /// The number of the admin token they came with.
    pub admin_token_id: Option<u32>,
    /// The number of the user.
    #[serde(default)]
    pub user_id: Option<u32>,
    /// The address of the other end of the connection.
    pub peer: Option<String>,
    /// By which operation, as this document names it, that of a chore of the gateway, or `sign_in`.
    pub operation: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it is about; `null` for what is refused.
    pub thing: Option<AuditThing>,
    /// What of it is different, by name. A secret that changed is named too.
    pub fields: Vec<String>,
    /// SHA-256 of what it was, without its secrets; `null` for one that is new.
    pub before: Option<String>,
    /// SHA-256 of what it is since, without its secrets; `null` for one that is gone.
    pub after: Option<String>,
    /// The revision that has the change in it; `null` for what no revision counts.
    pub revision: Option<u64>,
    /// How often it happened; more than once only for what is refused, which is counted for each address and
    /// minute.
    pub times: u64,
    /// What else there is to say, for people.
    pub detail: Option<String>,
}

/// A thing as an entry names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditThing {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: ThingKind,
    /// Its id, as it stands in addresses.
    pub id: String,
    /// What it was called.
    pub name: String,
}

/// What kinds of things entries are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ThingKind {
    /// A plugin.
    Plugin,
    /// An app.
    App,
    /// An issuer of JWTs.
    Issuer,
    /// A token of an app.
    Token,
    /// An admin token.
    AdminToken,
    /// An edge.
    Edge,
    /// A key by which edges know their control plane.
    Key,
    /// What is raised when a database was restored.
    Lineage,
    /// A namespace.
    Namespace,
    /// A user of the console.
    User,
    /// A session of the console.
    Session,
    /// A link to the console.
    ConsoleLink,
}

impl From<ModelKind> for ThingKind {
    fn from(kind: ModelKind) -> Self {
        match kind {
            ModelKind::Plugin => Self::Plugin,
            ModelKind::App => Self::App,
            ModelKind::Issuer => Self::Issuer,
            ModelKind::Token => Self::Token,
            ModelKind::AdminToken => Self::AdminToken,
            ModelKind::Edge => Self::Edge,
            ModelKind::Key => Self::Key,
            ModelKind::Lineage => Self::Lineage,
            ModelKind::Namespace => Self::Namespace,
            ModelKind::User => Self::User,
            ModelKind::Session => Self::Session,
            ModelKind::ConsoleLink => Self::ConsoleLink,
        }
    }
}

impl From<ThingKind> for ModelKind {
    fn from(kind: ThingKind) -> Self {
        match kind {
            ThingKind::Plugin => Self::Plugin,
            ThingKind::App => Self::App,
            ThingKind::Issuer => Self::Issuer,
            ThingKind::Token => Self::Token,
            ThingKind::AdminToken => Self::AdminToken,
            ThingKind::Edge => Self::Edge,
            ThingKind::Key => Self::Key,
            ThingKind::Lineage => Self::Lineage,
            ThingKind::Namespace => Self::Namespace,
            ThingKind::User => Self::User,
            ThingKind::Session => Self::Session,
            ThingKind::ConsoleLink => Self::ConsoleLink,
        }
    }
}

/// What became of what somebody wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused: the token is none, or its role is too weak.
    Refused,
}

impl From<ModelOutcome> for Outcome {
    fn from(outcome: ModelOutcome) -> Self {
        match outcome {
            ModelOutcome::Done => Self::Done,
            ModelOutcome::Refused => Self::Refused,
        }
    }
}

impl From<Outcome> for ModelOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Refused => Self::Refused,
        }
    }
}

/// How the audit log can be narrowed, and which part of it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only entries older than the one with this number: what `meta.next_before` of the page before says.
    pub before: Option<u64>,
    /// How many entries a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Only what this one did: the name of an admin token, `root` or `system`.
    pub actor: Option<String>,
    /// Only what is about things of this kind.
    pub kind: Option<ThingKind>,
    /// Only what is about things with this number; best together with `kind`.
    pub id: Option<u32>,
    /// Only what happened at this time or later; as in `2030-01-31T12:00:00Z`.
    pub since: Option<String>,
    /// Only what happened before this time.
    pub until: Option<String>,
    /// Only what was done, or only what was refused.
    pub outcome: Option<Outcome>,
    /// Only what was done or wanted by this operation, as this document names it, or by this chore of the gateway.
    pub operation: Option<String>,
    /// Only what is about things that were called exactly so then.
    pub name: Option<String>,
}

/// Some entries of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditList {
    /// The entries, newest first.
    pub data: Vec<Resource<AuditAttributes>>,
    /// How to go on.
    pub meta: AuditCursor,
}

/// How to go on in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditCursor {
    /// What `before` of the next page is; `null` where there are no more entries. Entries that come meanwhile change
    /// no page but the first.
    pub next_before: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_model() {
        for kind in ModelKind::ALL {
            let own = ThingKind::from(kind);
            assert_eq!(serde_json::to_value(own).unwrap(), kind.as_str());
            assert_eq!(ModelKind::from(own), kind);
        }
        for outcome in ModelOutcome::ALL {
            let own = Outcome::from(outcome);
            assert_eq!(serde_json::to_value(own).unwrap(), outcome.as_str());
            assert_eq!(ModelOutcome::from(own), outcome);
        }
    }
}
