//! The history of what is stored, as the admin API tells it: revisions, what differs between two, and going back.

use crate::audit::ThingKind;
use crate::operation::Fields;
use crate::resource::Resource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidegate_model::diff::{ChangeKind, FieldChange as ModelChange};

/// A revision: one change of what is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionAttributes {
    /// When it was made; UTC, RFC 3339.
    pub at: String,
    /// Who made it: the name of an admin token, `user:` and the name of a user, `plugin:` and the name of a plugin, with ` for ` and a
    /// user where that is certain, `root`, or `system` for the gateway itself.
    pub author: String,
    /// The number of the admin token they came with.
    pub admin_token_id: Option<u32>,
    /// The number of the user.
    #[serde(default)]
    pub user_id: Option<u32>,
    /// By which operation, as this document names it, or that of a chore of the gateway.
    pub operation: String,
    /// To which revision it went back, where it did; `null` too once the audit log does not tell it any more.
    #[serde(default)]
    pub rolled_back_to: Option<u64>,
    /// The namespaces in which it changed something; an empty text is the global one.
    pub namespaces: Vec<String>,
    /// What it changed: the first five things in a list, the first thousand of one revision.
    pub changes: Vec<ThingChange>,
    /// How many things it changed.
    pub total_changes: u64,
}

/// What a revision did with one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThingChange {
    /// What was done.
    #[schemars(schema_with = "change_kind")]
    pub change: ChangeKind,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: ThingKind,
    /// Its id, as it stands in addresses.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// Where it is; an empty text is the global namespace.
    pub namespace: String,
    /// How the text of a token begins.
    pub hint: Option<String>,
}

/// The words for what is done with a thing.
fn change_kind(_: &mut SchemaGenerator) -> Schema {
    let words = ChangeKind::ALL.map(ChangeKind::as_str);
    json_schema!({"type": "string", "enum": words})
}

/// How the list of revisions can be narrowed, and which part of it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevisionQuery {
    /// Only revisions older than this one: what `meta.next_before` of the page before says.
    pub before: Option<u64>,
    /// How many revisions a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
    /// Only those that changed something in this namespace; an empty text is the global one.
    pub namespace: Option<String>,
    /// Only those of this author: the name of an admin token, `user:` and that of a user, `root` or `system`.
    pub author: Option<String>,
    /// Only those made by this operation, as this document names it, or by this chore of the gateway.
    pub operation: Option<String>,
    /// Only those that changed things of this kind.
    pub kind: Option<ThingKind>,
    /// Only those that changed things with this number; best together with `kind`.
    pub id: Option<u32>,
    /// Only those that changed things which were called exactly so afterwards.
    pub name: Option<String>,
    /// Only those made at this time or later; as in `2030-01-31T12:00:00Z`.
    pub since: Option<String>,
    /// Only those made before this time.
    pub until: Option<String>,
}

/// Some revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionList {
    /// The revisions, newest first.
    pub data: Vec<Resource<RevisionAttributes>>,
    /// How to go on.
    pub meta: RevisionCursor,
}

/// How to go on in the list of revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RevisionCursor {
    /// What `before` of the next page is; `null` where there are no more. Revisions that come meanwhile change no page
    /// but the first.
    pub next_before: Option<u64>,
}

/// Between which revisions one looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    /// From which revision; the one before where nothing is said, so that one sees what `to` changed.
    pub from: Option<u64>,
    /// To which one; the newest where nothing is said.
    pub to: Option<u64>,
    /// Only in this namespace; an empty text is the global one. All of them where nothing is said.
    pub namespace: Option<String>,
}

/// What differs between two revisions. Tokens are no part of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiffAttributes {
    /// From which revision.
    pub from: u64,
    /// To which one.
    pub to: u64,
    /// Things that are not the same, plugins before apps.
    pub differences: Vec<Difference>,
}

/// A thing that is not the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// What becomes of it on the way.
    #[schemars(schema_with = "change_kind")]
    pub change: ChangeKind,
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: ThingKind,
    /// Its id, as it stands in addresses.
    pub id: String,
    /// What it is called, afterwards where it is there.
    pub name: String,
    /// Where it is; an empty text is the global namespace.
    pub namespace: String,
    /// Every field of it that differs; all of them for one that is there on one side only.
    pub fields: Vec<FieldChange>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Its name, such as `command` or `config.url`.
    pub field: String,
    /// What it was; `null` where it was not there. `{"$secret": "set"}` stands for a secret.
    pub before: Value,
    /// What it becomes; `null` where it is not there any more.
    pub after: Value,
    /// Whether a secret in it becomes another one, which is not shown.
    pub secret_changes: bool,
}

impl From<ModelChange> for FieldChange {
    fn from(change: ModelChange) -> Self {
        let ModelChange { field, before, after, secret_changes, marked: _ } = change;
        Self { field, before, after, secret_changes }
    }
}

/// To which revision of which namespace one goes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackFields {
    /// To which revision; must be said.
    pub revision: Option<u64>,
    /// Of which namespace; an empty text is the global one. Must be said where the revision changed several.
    pub namespace: Option<String>,
    /// `true` changes nothing, and says what would be changed.
    pub dry_run: Option<bool>,
}

impl Fields for RollbackFields {
    const NOUN: &'static str = "rollback";
}

/// What going back changed, or would change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackAttributes {
    /// To which revision it goes back.
    pub to: u64,
    /// Of which namespace; an empty text is the global one.
    pub namespace: String,
    /// Whether nothing was changed, only looked at.
    pub dry_run: bool,
    /// The revision with the content of the old one; the newest where nothing differs or nothing was changed.
    pub revision: u64,
    /// Things that are not as they were until now, plugins before apps.
    pub differences: Vec<Difference>,
}
