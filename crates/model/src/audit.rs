//! The audit log: what was changed, by whom, from where, and which attempts were refused. It tells things by kind,
//! number, name and digest; never what is in them.
//!
//! Knows no database; what of a thing goes into its digest is told in `content`.

mod content;
#[cfg(test)]
mod tests;

pub use content::Audited;

use crate::UnixMillis;
use crate::actor::Who;
use crate::app::AppId;
use crate::namespace::Namespace;
use crate::sha256::Sha256;
use crate::snapshot::Revision;
use std::net::IpAddr;

/// Longest text of an entry, in characters.
const MAX_DETAIL: usize = 500;

/// What kind of thing an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

impl ThingKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Plugin,
        Self::App,
        Self::Issuer,
        Self::Token,
        Self::AdminToken,
        Self::Edge,
        Self::Key,
        Self::Lineage,
        Self::Namespace,
        Self::User,
        Self::Session,
        Self::ConsoleLink,
    ];

    /// The word of the admin API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::App => "app",
            Self::Issuer => "issuer",
            Self::Token => "token",
            Self::AdminToken => "admin-token",
            Self::Edge => "edge",
            Self::Key => "key",
            Self::Lineage => "lineage",
            Self::Namespace => "namespace",
            Self::User => "user",
            Self::Session => "session",
            Self::ConsoleLink => "console-link",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A thing as an entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    /// What kind of thing it is.
    pub kind: ThingKind,
    /// Its number.
    pub id: u32,
    /// What it was called.
    pub name: String,
}

/// What became of what somebody wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused: nobody was recognised, or their role is too weak.
    Refused,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 2] = [Self::Done, Self::Refused];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// Where a thing is, as far as that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this namespace.
    Namespace(Namespace),
    /// Where this app is.
    App(AppId),
    /// In none: it is no desired state.
    Nowhere,
}

/// What a write changed, as the audit log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The thing, by the name it has afterwards.
    pub thing: Thing,
    /// Where it is.
    pub place: Place,
    /// By what people tell it from others, where its name does not.
    pub hint: Option<String>,
    /// The digest of what it was; none for one that is new.
    pub before: Option<Sha256>,
    /// The digest of what it is; none for one that is gone.
    pub after: Option<Sha256>,
    /// What of it is different, by name; empty for one that is new or gone.
    pub fields: Vec<String>,
    /// What else there is to say.
    pub detail: Option<String>,
}

impl Change {
    /// The thing is new.
    pub fn created(thing: &impl Audited) -> Self {
        Self { after: Some(content::digest(thing)), ..Self::of(thing) }
    }

    /// The thing became another.
    pub fn changed<T: Audited>(before: &T, after: &T) -> Self {
        Self {
            before: Some(content::digest(before)),
            after: Some(content::digest(after)),
            fields: content::different(before, after),
            ..Self::of(after)
        }
    }

    /// The thing is gone.
    pub fn deleted(thing: &impl Audited) -> Self {
        Self { before: Some(content::digest(thing)), ..Self::of(thing) }
    }

    /// The thing stays as it is, and something is done with what belongs to it.
    pub fn touched(thing: &impl Audited) -> Self {
        Self::of(thing)
    }

    /// Something is done with a plugin that is not registered.
    pub fn of_unregistered_plugin(name: &str) -> Self {
        let thing = Thing { kind: ThingKind::Plugin, id: 0, name: name.to_owned() };
        let (place, hint) = (Place::Nowhere, None);
        Self { thing, place, hint, before: None, after: None, fields: Vec::new(), detail: None }
    }

    /// Says more of it, within a bound.
    #[must_use]
    pub fn detail(self, text: &str) -> Self {
        Self { detail: Some(text.chars().take(MAX_DETAIL).collect()), ..self }
    }

    fn of(thing: &impl Audited) -> Self {
        let (place, hint) = (thing.place(), thing.hint());
        let thing = thing.thing();
        Self { thing, place, hint, before: None, after: None, fields: Vec::new(), detail: None }
    }
}

/// An entry of the audit log, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Number, given by the store; grows with time.
    pub id: u64,
    /// When it happened; with several times the first of them.
    pub at: UnixMillis,
    /// Who did it; none where nobody was recognised.
    pub who: Option<Who>,
    /// From which address.
    pub peer: Option<IpAddr>,
    /// By which operation.
    pub operation: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it is about, where it is about one thing.
    pub thing: Option<Thing>,
    /// The digest of what that was.
    pub before: Option<Sha256>,
    /// The digest of what it became.
    pub after: Option<Sha256>,
    /// What of it is different.
    pub fields: Vec<String>,
    /// The revision that has the change in it; none for what is no desired state.
    pub revision: Option<Revision>,
    /// How often it happened; more than once only for refusals.
    pub times: u64,
    /// What else there is to say.
    pub detail: Option<String>,
}
