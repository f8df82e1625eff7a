//! What a change of a plugin would do, as the admin API tells it before anything is done.

use crate::error::Problem;
use crate::plugin::PluginAttributes;
use crate::resource::{Changed, Shown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidegate_model::plugin_effect::Effect;

/// The answer to a change of a plugin: the plugin as it is now, or what the change would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChangedOrPreview {
    /// It was changed.
    Changed(Box<Changed<PluginAttributes>>),
    /// With `dry_run`: nothing was changed.
    Preview(Box<Shown<PluginPreviewAttributes>>),
}

/// What a change of a plugin would do. Nothing of it was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginPreviewAttributes {
    /// Every field that would become another; none where the change is refused before it could be told.
    pub changes: Vec<PreviewedChange>,
    /// What would happen to the processes of the plugin.
    pub effect: ChangeEffect,
    /// For what the change would be refused; without any it would be made.
    pub problems: Vec<PreviewedProblem>,
}

/// A field that would become another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewedChange {
    /// Its name, such as `command` or `config.url`.
    pub path: String,
    /// What it is; `null` where it is not there. `{"$secret": "set"}` stands for a secret.
    pub from: Value,
    /// What it would become; `null` where it would not be there. `{"$secret": "set"}` stands for a secret, and
    /// `{"$secret": "changed"}` for one that would become another.
    pub to: Value,
}

/// What would happen to the processes of a plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeEffect {
    /// Nothing, and nobody who calls it notices.
    #[default]
    None,
    /// The processes that serve go on, by what is new.
    Live,
    /// A new process takes over once it serves; no request is lost.
    Reload,
    /// A process is started.
    Start,
    /// Its processes finish their requests and end.
    Stop,
}

impl ChangeEffect {
    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Live => "live",
            Self::Reload => "reload",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

impl From<Effect> for ChangeEffect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::None => Self::None,
            Effect::Live => Self::Live,
            Effect::Reload => Self::Reload,
            Effect::Start => Self::Start,
            Effect::Stop => Self::Stop,
        }
    }
}

/// Something for which a change would be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreviewedProblem {
    /// The path of the field at fault; `null` where it is about none.
    pub path: Option<String>,
    /// What is wrong and what would be right, for people.
    pub detail: String,
}

impl From<Problem> for PreviewedProblem {
    fn from(Problem { field, detail }: Problem) -> Self {
        Self { path: field, detail }
    }
}
