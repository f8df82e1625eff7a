//! The plugin: a program the operator registered, and what the operator said about it.

use crate::UnixMillis;
use crate::app::{MAX_METADATA_DEPTH, depth};
pub use crate::command::{Command, InvalidCommand};
use crate::managed_by;
use crate::name::{NUMBER_AS_NAME, reads_as_number};
use crate::namespace::Namespace;
pub use crate::options::{InvalidOption, PluginOptions};
use crate::public_endpoints::PublicEndpoints;
use crate::scope::check_service;
use crate::secret::{SecretPlaces, SettingPath};
pub use crate::slug::{InvalidSlug, Slug};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The hook of plugins that serve endpoints, which are those a gateway runs.
pub const CUSTOM_ENDPOINT: &str = "custom_endpoint";

/// Number of a plugin; the same number the plugin sees as `_plugin_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PluginId(pub u32);

impl std::fmt::Display for PluginId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What the data plane must know to run a plugin. A changed value means a new instance, but for
/// options that only the gateway heeds.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSpec {
    /// Number, given by the store.
    pub id: PluginId,
    /// Which edges get it.
    pub namespace: Namespace,
    /// Unique name, by which people and logs call it.
    pub name: String,
    /// Where its endpoints are mounted; `None` when its configuration has no `slug`.
    pub slug: Option<Slug>,
    /// The command as the operator wrote it; parsed when it is started.
    pub command: String,
    /// The configuration the plugin receives in Initialize; holds `slug` too.
    pub config: Map<String, Value>,
    /// The operator's word to the gateway.
    pub options: PluginOptions,
    /// Hooks it is registered for; what its manifest says of hooks counts more.
    pub hook_types: Vec<String>,
    /// What an operator allows it to ask of the host; counts from the next call on.
    pub service_scopes: BTreeSet<String>,
    /// What an operator lets it offer without a token; `None` where nobody has decided yet.
    pub public_endpoints: Option<PublicEndpoints>,
    /// Which of its settings are known as secrets although their names do not say so; its process does not care.
    pub secret_settings: BTreeSet<SettingPath>,
    /// Grows with every explicit reload, so that a reload is a change like any other.
    pub reloads: u32,
}

/// A plugin as it is stored and shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// Number, given by the store.
    pub id: PluginId,
    /// Grows by one with every explicit reload, see [`PluginSpec::reloads`].
    pub reloads: u32,
    /// The fields that a person chose.
    pub draft: PluginDraft,
    /// What an operator lets it offer without a token; `None` for a plugin that was there before this
    /// was asked, and has not served since.
    pub public_endpoints: Option<PublicEndpoints>,
    /// Settings that were once called secrets, by its schema or by an operator. They stay so whatever is said
    /// later, since what was given as a secret must not be shown after all.
    pub secret_settings: BTreeSet<SettingPath>,
    /// Another text whenever one of its secrets became another one, which it tells nothing about; `None` where it
    /// has none.
    pub secrets_version: Option<String>,
    /// When it was registered; tells it from another one that got its number with another database.
    pub created_at: UnixMillis,
    /// When it was last changed; grows with every change, also where the clock does not.
    pub updated_at: UnixMillis,
}

/// The fields of a plugin that a person chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginDraft {
    /// Which edges get it; never changes.
    pub namespace: Namespace,
    /// Unique name, 1 to 255 characters, not digits only.
    pub name: String,
    /// Text for people; may be empty, and is never read by the gateway.
    pub description: String,
    /// `file:///absolute/path`.
    pub command: String,
    /// The plugin's configuration; a JSON object.
    pub config: Map<String, Value>,
    /// Options for the gateway, by name.
    pub options: BTreeMap<String, String>,
    /// Primary hook; [`CUSTOM_ENDPOINT`] for what this gateway runs.
    pub hook_type: String,
    /// All hooks, the primary one among them.
    pub hook_types: Vec<String>,
    /// What an operator allows it to ask of the host, see [`crate::scope::SERVICE_SCOPES`].
    pub service_scopes: BTreeSet<String>,
    /// An inactive plugin is not run and has no routes.
    pub is_active: bool,
    /// Who looks after it, such as a repository with its configuration; empty for nobody in particular.
    pub managed_by: String,
}

/// Why a draft of a plugin cannot be accepted. The text names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidPlugin {
    /// The name of the field, as the admin API spells it.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Largest configuration, as JSON text, in bytes.
pub const MAX_CONFIG_BYTES: usize = 1024 * 1024;

impl PluginDraft {
    /// An active plugin that serves endpoints, of which nothing else is said.
    pub fn new(name: &str, command: &str) -> Self {
        Self {
            namespace: Namespace::global(),
            name: name.to_owned(),
            description: String::new(),
            command: command.to_owned(),
            config: Map::new(),
            options: BTreeMap::new(),
            hook_type: CUSTOM_ENDPOINT.to_owned(),
            hook_types: vec![CUSTOM_ENDPOINT.to_owned()],
            service_scopes: BTreeSet::new(),
            is_active: true,
            managed_by: String::new(),
        }
    }

    /// The slug its configuration names, if any.
    ///
    /// # Errors
    /// [`InvalidPlugin`] when `config.slug` is no text or breaks the slug rule.
    pub fn slug(&self) -> Result<Option<Slug>, InvalidPlugin> {
        let wrong = |problem: String| InvalidPlugin { field: "config.slug", problem };
        match self.config.get("slug") {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => {
                Slug::parse(text).map(Some).map_err(|e| wrong(e.to_string()))
            }
            Some(other) => Err(wrong(format!("{other} is not a text: write it in quotes"))),
        }
    }

    /// Checks every field and reports all that is wrong at once.
    ///
    /// # Errors
    /// One [`InvalidPlugin`] for each field that breaks its rule.
    pub fn validate(&self) -> Result<(), Vec<InvalidPlugin>> {
        let mut problems = Vec::new();
        let name_ok = !self.name.trim().is_empty()
            && self.name.chars().count() <= 255
            && !self.name.chars().any(char::is_control);
        if !name_ok {
            let problem = "give a name of 1 to 255 printable characters".to_owned();
            problems.push(InvalidPlugin { field: "name", problem });
        }
        if reads_as_number(&self.name) {
            let problem = format!("{:?} reads as a number: {NUMBER_AS_NAME}", self.name);
            problems.push(InvalidPlugin { field: "name", problem });
        }
        if self.description.contains('\0') {
            let problem = "leave out the character U+0000".to_owned();
            problems.push(InvalidPlugin { field: "description", problem });
        }
        let command = Command::parse(&self.command);
        if let Err(e) = &command {
            problems.push(InvalidPlugin { field: "command", problem: e.to_string() });
        }
        problems.extend(self.slug().err());
        let (options, invalid_options) = PluginOptions::read(&self.options);
        if let Ok(Command::Remote(_)) = command {
            problems.extend(impossible_elsewhere(&options));
        }
        let told = |e: InvalidOption| InvalidPlugin { field: "options", problem: e.to_string() };
        problems.extend(invalid_options.into_iter().map(told));
        let unknown = self.service_scopes.iter().filter_map(|scope| check_service(scope).err());
        problems.extend(unknown.map(|problem| InvalidPlugin { field: "service_scopes", problem }));
        if let Err(problem) = managed_by::check(&self.managed_by) {
            problems.push(InvalidPlugin { field: "managed_by", problem });
        }
        let size = serde_json::to_vec(&self.config).map_or(usize::MAX, |text| text.len());
        if size > MAX_CONFIG_BYTES {
            let problem = format!("{size} bytes of JSON: keep it within {MAX_CONFIG_BYTES}");
            problems.push(InvalidPlugin { field: "config", problem });
        }
        if depth(&Value::Object(self.config.clone())) > MAX_METADATA_DEPTH {
            let problem = "nest values at most 32 deep".to_owned();
            problems.push(InvalidPlugin { field: "config", problem });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// Options that cannot hold for a plugin that this gateway does not start.
fn impossible_elsewhere(options: &PluginOptions) -> impl Iterator<Item = InvalidPlugin> {
    let of_a_start = [
        ("mtls", options.mtls, "certificates are handed over"),
        ("sha256", options.sha256.is_some(), "its program is checked"),
    ];
    of_a_start.into_iter().filter(|(_, is_set, _)| *is_set).map(|(name, _, done)| InvalidPlugin {
        field: "options",
        problem: format!(
            "option {name} cannot hold for a grpc:// command: {done} when the gateway starts a plugin, and it does not start this one; remove the option, or use a file:// command"
        ),
    })
}

impl PluginSpec {
    /// A plugin of which nothing else is said: no slug, nothing configured, nothing granted.
    pub fn new(id: PluginId, name: &str, command: &str) -> Self {
        Self {
            id,
            namespace: Namespace::global(),
            name: name.to_owned(),
            slug: None,
            command: command.to_owned(),
            config: Map::new(),
            options: PluginOptions::default(),
            hook_types: Vec::new(),
            service_scopes: BTreeSet::new(),
            secret_settings: BTreeSet::new(),
            public_endpoints: None,
            reloads: 0,
        }
    }

    /// Whether a process that runs `self` does for `other` as well, see
    /// [`PluginOptions::same_process`]; what it may ask of the host, and what it may offer without a token,
    /// is looked up at each call.
    pub fn same_process(&self, other: &Self) -> bool {
        self.options.same_process(&other.options)
            && *self
                == Self {
                    options: self.options.clone(),
                    hook_types: self.hook_types.clone(),
                    service_scopes: self.service_scopes.clone(),
                    public_endpoints: self.public_endpoints.clone(),
                    secret_settings: self.secret_settings.clone(),
                    ..other.clone()
                }
    }
}

impl Plugin {
    /// Another text for every other content, whatever was changed and however quickly.
    pub fn version(&self) -> String {
        format!("{:x}-{:x}", self.updated_at, self.reloads)
    }

    /// Which of its settings are secrets whatever they are called: those that were once called so.
    pub fn secret_places(&self) -> SecretPlaces {
        SecretPlaces::of(self.secret_settings.iter().cloned())
    }

    /// What the data plane needs of it. Fields that became invalid since they were saved read as
    /// absent, so that one bad row never hides the others.
    pub fn spec(&self) -> PluginSpec {
        PluginSpec {
            id: self.id,
            namespace: self.draft.namespace.clone(),
            name: self.draft.name.clone(),
            slug: self.draft.slug().unwrap_or_default(),
            command: self.draft.command.clone(),
            config: self.draft.config.clone(),
            options: PluginOptions::read(&self.draft.options).0,
            hook_types: self.draft.hook_types.clone(),
            service_scopes: self.draft.service_scopes.clone(),
            public_endpoints: self.public_endpoints.clone(),
            secret_settings: self.secret_settings.clone(),
            reloads: self.reloads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_follow_their_rule() {
        let long = "a".repeat(63);
        for good in ["a", "0", "my-mcp", "v1.2_x", long.as_str()] {
            assert!(Slug::parse(good).is_ok(), "{good}");
        }
        let longer = "a".repeat(64);
        for bad in ["", "-a", ".a", "_a", "A", "a b", "a/b", "ä", longer.as_str()] {
            assert!(Slug::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_needs_a_start_is_refused_for_a_plugin_that_runs_elsewhere() {
        let problems = |command: &str, options: &[(&str, &str)]| {
            let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            let draft = PluginDraft { options, ..PluginDraft::new("p", command) };
            let problems = draft.validate().err().unwrap_or_default();
            problems.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let sum = "ab".repeat(32);
        let both = [("mtls", "true"), ("sha256", sum.as_str())];
        let said = problems("grpc://a:1", &both);
        assert!(said[0].starts_with("options: option mtls cannot hold"), "{said:?}");
        assert!(said[1].starts_with("options: option sha256 cannot hold"), "{said:?}");
        assert!(problems("file:///p", &both).is_empty());
        assert!(problems("grpc://a:1", &[("mtls", "false")]).is_empty());
    }
}
