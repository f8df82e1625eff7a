//! What a plugin's manifest tells its host: which hooks it has, and what it wishes to ask.
//!
//! Wishes are shown and never granted here. Everything else in a manifest is for others.

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sidegate_model::plugin::PluginSpec;
use sidegate_model::plugin_page::unshown;
use std::fmt;

/// The hooks that this gateway runs.
const RUN_HOOKS: [&str; 1] = [CUSTOM_ENDPOINT];
const CUSTOM_ENDPOINT: &str = "custom_endpoint";
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
    /// The plugin has one that can be read.
    is_there: bool,
    /// What it brings for the console that is not shown there.
    unshown: Option<String>,
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
    hooks: Option<Names>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Permissions {
    services: Option<Names>,
}

impl Manifest {
    /// Reads a manifest's JSON. One that cannot be read is as good as none, and is warned about.
    pub(super) fn parse(json: &str) -> Self {
        match serde_json::from_str::<Document>(json) {
            Ok(document) => Self {
                hooks: document.capabilities.unwrap_or_default().hooks.unwrap_or_default().0,
                scopes: document.permissions.unwrap_or_default().services.unwrap_or_default().0,
                is_there: true,
                unshown: serde_json::from_str(json).ok().and_then(|json| unshown(&json)),
                problem: None,
            },
            Err(error) => Self::unreadable(&error.to_string()),
        }
    }

    /// What was told of it: its JSON, nothing, or why that cannot be read.
    pub(super) fn told(json: &Result<Option<String>, String>) -> Self {
        match json {
            Ok(Some(json)) => Self::parse(json),
            Ok(None) => Self::default(),
            Err(why) => Self::unreadable(why),
        }
    }

    /// Whether it could be read.
    pub(super) fn is_readable(&self) -> bool {
        self.problem.is_none()
    }

    /// One that cannot be read, and why.
    pub(super) fn unreadable(why: &str) -> Self {
        Self { problem: Some(why.chars().take(200).collect()), ..Self::default() }
    }

    /// The hooks a plugin claims: those it names, or else those it is registered for.
    fn claimed<'a>(&'a self, spec: &'a PluginSpec) -> &'a [String] {
        if self.hooks.is_empty() { &spec.hook_types } else { &self.hooks }
    }

    /// The hooks of a plugin, which are those it claims, but for endpoints where it offers none.
    pub(super) fn hooks_of(&self, spec: &PluginSpec, has_endpoints: bool) -> Vec<String> {
        let has = |hook: &&String| has_endpoints || *hook != CUSTOM_ENDPOINT;
        self.claimed(spec).iter().filter(has).cloned().collect()
    }

    /// What an operator should know of it, for a plugin with or without endpoints.
    pub(super) fn warnings(&self, spec: &PluginSpec, has_endpoints: bool) -> Vec<String> {
        let unreadable = self
            .problem
            .as_ref()
            .map(|problem| format!("its manifest cannot be read and counts as none: {problem}"));
        let runs = |hook: &String| RUN_HOOKS.contains(&hook.as_str());
        let hooks = self.claimed(spec);
        let idle = !has_endpoints && !hooks.is_empty() && !hooks.iter().any(runs);
        let idle = idle.then(|| {
            let named = hooks[..hooks.len().min(MAX_NAMED)].join(", ");
            let more = if hooks.len() > MAX_NAMED { " and more" } else { "" };
            format!("offers only {named}{more}: this gateway runs none of them")
        });
        let promised = !self.is_there || self.hooks.iter().any(|hook| hook == CUSTOM_ENDPOINT);
        let nothing = !has_endpoints && promised && idle.is_none();
        let nothing =
            nothing.then(|| "offers no endpoints: nothing of it can be called".to_owned());
        let unshown = self.unshown.clone();
        unreadable.into_iter().chain(idle).chain(nothing).chain(unshown).collect()
    }
}

/// Each entry once, in the order of the manifest; what could not be a name is left out, and nothing
/// is kept beyond the most there may be.
#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded;

        impl<'de> Visitor<'de> for Bounded {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < MAX_ENTRIES {
                    let Some(entry) = list.next_element::<String>()? else {
                        return Ok(Names(kept));
                    };
                    if is_name(&entry) && !kept.contains(&entry) {
                        kept.push(entry);
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Names(kept))
            }
        }

        deserializer.deserialize_seq(Bounded)
    }
}

/// Names are shown to people, so nothing in them may be invisible or change how the rest reads.
fn is_name(entry: &str) -> bool {
    (1..=MAX_ENTRY).contains(&entry.len()) && entry.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sidegate_model::plugin::PluginId;

    fn registered_for(hooks: &[&str]) -> PluginSpec {
        let hook_types = hooks.iter().map(|&hook| hook.to_owned()).collect();
        PluginSpec { hook_types, ..PluginSpec::new(PluginId(3), "p", "file:///p") }
    }

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
        assert_eq!(manifest.warnings(&registered_for(&[]), true), [""; 0]);
        let told = ["offers no endpoints: nothing of it can be called"];
        assert_eq!(manifest.warnings(&registered_for(&[]), false), told);
    }

    #[test]
    fn what_is_absent_or_null_is_empty() {
        for json in [r"{}", r#"{"capabilities":null}"#, r#"{"permissions":{"services":null}}"#] {
            let empty = Manifest { is_there: true, ..Manifest::default() };
            assert_eq!(Manifest::parse(json), empty, "{json}");
        }
    }

    #[test]
    fn a_manifest_that_cannot_be_read_counts_as_none_and_is_warned_about() {
        for json in ["", "[1", "7", r#"{"capabilities":{"hooks":"auth"}}"#] {
            let manifest = Manifest::parse(json);
            assert!(manifest.hooks.is_empty() && manifest.scopes.is_empty());
            let warnings = manifest.warnings(&registered_for(&[]), true);
            assert!(matches!(&warnings[..], [one] if one.contains("cannot be read")), "{json}");
        }
    }

    #[test]
    fn lists_are_bounded_and_entries_are_names() {
        let many: Vec<_> = (0..100).map(|n| format!("h{n}")).collect();
        let (most, more) = ("x".repeat(128), "x".repeat(129));
        // Bytes that turn the reading direction, or that nobody sees, are no part of a name.
        let odd = ["", "a\nb", "é", "kv\u{202e}", "kv\u{200b}.readwrite", &more, &most];
        let json = json!({"capabilities": {"hooks": many}, "permissions": {"services": odd}});
        let manifest = Manifest::parse(&json.to_string());
        assert_eq!((manifest.hooks.len(), &manifest.scopes[..]), (64, &[most][..]));
        assert!(
            manifest.warnings(&registered_for(&[]), false)[0]
                .ends_with("h7 and more: this gateway runs none of them")
        );
    }

    #[test]
    fn only_a_plugin_without_anything_we_run_is_warned_about() {
        let idle = Manifest::parse(r#"{"capabilities":{"hooks":["pre_auth","studio_ui"]}}"#);
        let told = "offers only pre_auth, studio_ui: this gateway runs none of them";
        assert_eq!(idle.warnings(&registered_for(&[]), false), [told]);
        assert_eq!(idle.warnings(&registered_for(&[]), true), [""; 0]);
        // One that works beside requests only says so in its manifest.
        let silent = Manifest::parse(r#"{"capabilities":{"hooks":[]}}"#);
        assert_eq!(silent.warnings(&registered_for(&["custom_endpoint"]), false), [""; 0]);
    }

    #[test]
    fn without_hooks_in_a_manifest_those_it_is_registered_for_count() {
        let manifest = Manifest::default();
        let told = "offers only pre_auth: this gateway runs none of them";
        assert_eq!(manifest.warnings(&registered_for(&["pre_auth"]), false), [told]);
        let ours = registered_for(&["custom_endpoint", "pre_auth"]);
        assert_eq!(manifest.warnings(&ours, true), [""; 0]);
        assert_eq!(manifest.hooks_of(&ours, true).len(), 2);
    }

    #[test]
    fn a_plugin_without_endpoints_and_manifest_claims_none_and_says_so() {
        let ours = registered_for(&["custom_endpoint"]);
        let manifest = Manifest::default();
        assert_eq!(manifest.hooks_of(&ours, false), [""; 0]);
        let told = ["offers no endpoints: nothing of it can be called"];
        assert_eq!(manifest.warnings(&ours, false), told);
        assert_eq!(manifest.warnings(&ours, true), [""; 0]);
    }
}
