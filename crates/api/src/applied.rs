//! What the files of an owner named when they were applied, as the admin API tells it: paths, never values.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::applied as model;

/// A kind of thing that files can name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AppliedKind {
    /// An app.
    #[default]
    App,
    /// An issuer.
    Issuer,
    /// A plugin.
    Plugin,
}

/// What files named of one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppliedThing {
    /// What kind of thing it is.
    pub kind: AppliedKind,
    /// Its namespace; empty for the global one.
    #[serde(default)]
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Paths of fields and of members of them, as JSON pointers; never what they said.
    pub fields: Vec<String>,
}

/// What files name now, in the place of what they named before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppliedFields {
    /// All of it; at most 10000 things.
    pub things: Vec<AppliedThing>,
}

impl Fields for AppliedFields {
    const NOUN: &'static str = "applied-record";
}

/// What files named last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedAttributes {
    /// All of it.
    pub things: Vec<AppliedThing>,
    /// When they were applied; UTC, RFC 3339.
    pub updated_at: String,
}

impl From<model::AppliedThing> for AppliedThing {
    fn from(thing: model::AppliedThing) -> Self {
        let model::AppliedThing { kind, namespace, name, fields } = thing;
        let kind = match kind {
            model::AppliedKind::App => AppliedKind::App,
            model::AppliedKind::Issuer => AppliedKind::Issuer,
            model::AppliedKind::Plugin => AppliedKind::Plugin,
        };
        Self { kind, namespace, name, fields }
    }
}

impl From<AppliedThing> for model::AppliedThing {
    fn from(thing: AppliedThing) -> Self {
        let AppliedThing { kind, namespace, name, fields } = thing;
        let kind = match kind {
            AppliedKind::App => model::AppliedKind::App,
            AppliedKind::Issuer => model::AppliedKind::Issuer,
            AppliedKind::Plugin => model::AppliedKind::Plugin,
        };
        Self { kind, namespace, name, fields }
    }
}
