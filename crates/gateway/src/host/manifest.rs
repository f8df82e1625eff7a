//! What a plugin's manifest tells its host: which hooks it has, and what it wishes to ask.
//!
//! Wishes are shown and never granted here. Everything else in a manifest is for others.

use crate::services::callable;
use serde::Deserialize;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::scope::SERVICE_SCOPES;

/// The hooks that this gateway runs.
const RUN_HOOKS: [&str; 1] = ["custom_endpoint"];
/// Most entries that are read of a list.
const MAX_ENTRIES: usize = 64;
/// Longest entry, in characters; longer ones are left out.
const MAX_ENTRY: usize = 128;
/// Most hooks that a warning names.
const MAX_NAMED: usize = 8;

/// The part of a manifest that matters here; nothing, where a plugin has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Hooks it names.
    pub(super) hooks: Vec<String>,
    /// Scopes it wishes for.
    pub(super) scopes: Vec<String>,
    /// Why it could not be read.
    problem: Option<String>,
}

/// Lists are options because programs in Go write `null` for an empty one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    capabilities: Option<Capabilities>,
    permissions: Option<Permissions>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Capabilities {
    hooks: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Permissions {
    services: Option<Vec<String>>,
}

impl Manifest {
    /// Reads a manifest's JSON. One that cannot be read is as good as none, and is warned about.
    pub(super) fn parse(json: &str) -> Self {
        match serde_json::from_str::<Document>(json) {
            Ok(document) => Self {
                hooks: bounded(document.capabilities.unwrap_or_default().hooks),
                scopes: bounded(document.permissions.unwrap_or_default().services),
                problem: None,
            },
            Err(error) => {
                let problem: String = error.to_string().chars().take(200).collect();
                Self { problem: Some(problem), ..Self::default() }
            }
        }
    }

    /// What an operator should know of it, for a plugin with or without endpoints.
    pub(super) fn warnings(&self, has_endpoints: bool) -> Vec<String> {
        let unreadable = self
            .problem
            .as_ref()
            .map(|problem| format!("its manifest cannot be read and counts as none: {problem}"));
        let runs = |hook: &String| RUN_HOOKS.contains(&hook.as_str());
        let idle = !has_endpoints && !self.hooks.is_empty() && !self.hooks.iter().any(runs);
        let idle = idle.then(|| {
            let named = self.hooks[..self.hooks.len().min(MAX_NAMED)].join(", ");
            let more = if self.hooks.len() > MAX_NAMED { " and more" } else { "" };
            format!("offers only {named}{more}: this gateway runs none of them")
        });
        unreadable.into_iter().chain(idle).collect()
    }

    /// Wishes that could be granted and are not, and how to grant them. Scopes of services that are
    /// not offered here are nobody's business.
    pub(super) fn ungranted(&self, spec: &PluginSpec) -> Vec<String> {
        let offered = |scope: &&String| SERVICE_SCOPES.contains(&scope.as_str());
        let missing = |scope: &&String| !spec.service_scopes.contains(*scope);
        let how = |scope: &String| {
            let name = callable(spec);
            format!("wishes {scope}, which is not granted: sidegate plugin grant {name} {scope}")
        };
        self.scopes.iter().filter(offered).filter(missing).map(how).collect()
    }
}

/// Each entry once, in the order of the manifest; what could not be a name is left out.
fn bounded(list: Option<Vec<String>>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for entry in list.unwrap_or_default() {
        let is_name = !entry.is_empty()
            && entry.chars().count() <= MAX_ENTRY
            && !entry.chars().any(char::is_control);
        if is_name && kept.len() < MAX_ENTRIES && !kept.contains(&entry) {
            kept.push(entry);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sidegate_model::plugin::{PluginId, PluginOptions};

    #[test]
    fn hooks_and_wishes_are_read_and_the_rest_is_not_looked_at() {
        let json = json!({
            "id": 7,
            "capabilities": {"hooks": ["custom_endpoint", "studio_ui"], "primary_hook": null},
            "permissions": {"services": ["kv.readwrite", "plugins.read", "kv.readwrite"], "kv": 1},
            "ui": {"slots": []},
        });
        let manifest = Manifest::parse(&json.to_string());
        assert_eq!(manifest.hooks, ["custom_endpoint", "studio_ui"]);
        assert_eq!(manifest.scopes, ["kv.readwrite", "plugins.read"]);
        assert_eq!(manifest.warnings(false), [""; 0]);
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        for json in [r"{}", r#"{"capabilities":null}"#, r#"{"permissions":{"services":null}}"#] {
            assert_eq!(Manifest::parse(json), Manifest::default(), "{json}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_read_counts_as_none_and_is_warned_about() {
        for json in ["", "[1", "7", r#"{"capabilities":{"hooks":"auth"}}"#] {
            let manifest = Manifest::parse(json);
            assert!(manifest.hooks.is_empty() && manifest.scopes.is_empty());
            let warnings = manifest.warnings(false);
            assert!(matches!(&warnings[..], [one] if one.contains("cannot be read")), "{json}");
        }
    }

    #[test]
    fn lists_are_bounded_and_entries_are_names() {
        let many: Vec<_> = (0..100).map(|n| format!("h{n}")).collect();
        let odd = ["", "a\nb", &"x".repeat(129), &"é".repeat(128)];
        let json = json!({"capabilities": {"hooks": many}, "permissions": {"services": odd}});
        let manifest = Manifest::parse(&json.to_string());
        assert_eq!((manifest.hooks.len(), &manifest.scopes[..]), (64, &["é".repeat(128)][..]));
        assert!(
            manifest.warnings(false)[0].ends_with("h7 and more: this gateway runs none of them")
        );
    }

    #[test]
    fn wishes_that_can_be_granted_are_told_until_they_are() {
        let wishes = r#"{"permissions":{"services":["kv.readwrite","plugins.read","apps.read"]}}"#;
        let manifest = Manifest::parse(wishes);
        let mut spec = PluginSpec {
            id: PluginId(3),
            name: "p".to_owned(),
            slug: None,
            command: String::new(),
            config: serde_json::Map::new(),
            options: PluginOptions::default(),
            service_scopes: ["apps.read".to_owned()].into(),
            reloads: 0,
        };
        let told =
            "wishes kv.readwrite, which is not granted: sidegate plugin grant p kv.readwrite";
        assert_eq!(manifest.ungranted(&spec), [told]);
        spec.service_scopes.insert("kv.readwrite".to_owned());
        assert_eq!(manifest.ungranted(&spec), [""; 0]);
    }

    #[test]
    fn only_a_plugin_without_anything_we_run_is_warned_about() {
        let idle = Manifest::parse(r#"{"capabilities":{"hooks":["pre_auth","studio_ui"]}}"#);
        let told = "offers only pre_auth, studio_ui: this gateway runs none of them";
        assert_eq!(idle.warnings(false), [told]);
        assert_eq!(idle.warnings(true), [""; 0]);
        assert_eq!(Manifest::default().warnings(false), [""; 0]);
    }
}
