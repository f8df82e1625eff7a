//! What a client may say about a plugin, and what a draft becomes by it. Knows the fields that
//! existing clients send, also those that mean nothing here; the rules of a draft are the model's.

use super::error::ApiError;
use super::extract::{Named, read_fields};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sidegate_model::merge_patch;
use sidegate_model::plugin::{CUSTOM_ENDPOINT, PluginDraft};
use sidegate_model::secret::{restore_config, restore_options};
use std::collections::{BTreeMap, BTreeSet};

/// Every hook a plugin can name. Those besides [`CUSTOM_ENDPOINT`] are kept and not acted upon.
const HOOKS: [&str; 11] = [
    "pre_auth",
    "auth",
    "post_auth",
    "on_response",
    "data_collection",
    "studio_ui",
    "portal_ui",
    "agent",
    "object_hooks",
    CUSTOM_ENDPOINT,
    "resource_provider",
];

/// The fields of a body. Absent and `null` both mean: nothing said.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PluginFields {
    name: Option<String>,
    description: Option<String>,
    command: Option<String>,
    slug: Option<String>,
    config: Option<Map<String, Value>>,
    options: Option<Map<String, Value>>,
    hook_type: Option<String>,
    hook_types: Option<Vec<String>>,
    service_scopes: Option<BTreeSet<String>>,
    is_active: Option<bool>,
    checksum: Option<String>,
    namespace: Option<String>,
    oci_reference: Option<String>,
    /// Read and not needed: a plugin is loaded as soon as it is active.
    #[serde(rename = "load_immediately")]
    _load_immediately: Option<bool>,
    /// Read and not needed: the hooks that are given always count.
    #[serde(rename = "hook_types_customized")]
    _hook_types_customized: Option<bool>,
}

impl Named for PluginFields {
    const TYPE: &'static str = "plugin";
}

impl PluginFields {
    /// The plugin a client wants to create.
    pub(crate) fn into_draft(self) -> Result<PluginDraft, ApiError> {
        self.amend(PluginDraft::new("", ""))
    }

    /// `draft` with everything replaced that was said; configuration, options and
    /// scopes as a whole, but for hidden secrets, which stay as they are.
    pub(crate) fn amend(mut self, draft: PluginDraft) -> Result<PluginDraft, ApiError> {
        keep_secrets(&mut self.config, &mut self.options, &draft)?;
        self.replace(draft)
    }

    fn replace(self, draft: PluginDraft) -> Result<PluginDraft, ApiError> {
        let mut problems = self.unsupported();
        let options = match self.options {
            Some(options) => texts(options).unwrap_or_else(|wrong| {
                problems.extend(wrong);
                BTreeMap::new()
            }),
            None => draft.options,
        };
        let config_given = self.config.is_some();
        let mut config = self.config.unwrap_or(draft.config);
        if let Some(slug) = self.slug {
            problems.extend(put_slug(&mut config, slug, config_given).err());
        }
        let old_hooks = Hooks { primary: draft.hook_type, all: draft.hook_types };
        let hooks = Hooks::settle(self.hook_type, self.hook_types, old_hooks);
        problems.extend(hooks.problems());
        let draft = PluginDraft {
            name: self.name.unwrap_or(draft.name),
            description: self.description.unwrap_or(draft.description),
            command: self.command.unwrap_or(draft.command),
            config,
            options,
            hook_type: hooks.primary,
            hook_types: hooks.all,
            service_scopes: self.service_scopes.unwrap_or(draft.service_scopes),
            is_active: self.is_active.unwrap_or(draft.is_active),
        };
        let broken_rules = draft.validate().err().unwrap_or_default();
        problems.extend(broken_rules.iter().map(ToString::to_string));
        ApiError::all_of(problems).map_or(Ok(draft), Err)
    }

    /// Fields of existing clients that mean something only where they are not empty.
    fn unsupported(&self) -> Vec<String> {
        let fields = [
            ("checksum", &self.checksum),
            ("namespace", &self.namespace),
            ("oci_reference", &self.oci_reference),
        ];
        let is_said = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
        fields
            .into_iter()
            .filter(|(_, value)| is_said(value))
            .map(|(name, _)| format!("{name}: not supported yet, leave it out"))
            .collect()
    }
}

/// Puts what is stored in the place of what was shown for it.
fn keep_secrets(
    config: &mut Option<Map<String, Value>>,
    options: &mut Option<Map<String, Value>>,
    draft: &PluginDraft,
) -> Result<(), ApiError> {
    let config = config.as_mut().map(|config| restore_config(config, &draft.config));
    let options = options.as_mut().map(|options| restore_options(options, &draft.options));
    let problems = [config, options].into_iter().flatten().filter_map(Result::err).flatten();
    ApiError::all_of(problems.collect()).map_or(Ok(()), Err)
}

/// Options are texts; others are problems.
fn texts(options: Map<String, Value>) -> Result<BTreeMap<String, String>, Vec<String>> {
    let mut problems = Vec::new();
    let mut texts = BTreeMap::new();
    for (name, value) in options {
        match serde_json::from_value(value) {
            Ok(text) => drop(texts.insert(name, text)),
            Err(error) => problems.push(format!("options.{name}: {error}")),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// `draft` after a merge patch of it as a whole.
pub(crate) fn merged(
    mut patch: Map<String, Value>,
    draft: PluginDraft,
) -> Result<PluginDraft, ApiError> {
    put_slug_into_config(&mut patch)?;
    let mut members = |name: &str| match patch.get_mut(name) {
        Some(Value::Object(members)) => Some(std::mem::take(members)),
        _ => None,
    };
    let (mut config, mut options) = (members("config"), members("options"));
    keep_secrets(&mut config, &mut options, &draft)?;
    let kept = [("config", config), ("options", options)];
    patch.extend(kept.into_iter().filter_map(|(name, said)| Some((name.into(), said?.into()))));
    let hooks_said = patch.contains_key("hook_type") || patch.contains_key("hook_types");
    let mut attributes = json!({
        "name": draft.name,
        "description": draft.description,
        "command": draft.command,
        "config": draft.config,
        "options": draft.options,
        "service_scopes": draft.service_scopes,
        "is_active": draft.is_active,
    });
    merge_patch::apply(&mut attributes, &Value::Object(patch));
    let attributes = attributes.as_object().cloned().unwrap_or_default();
    let fields: PluginFields = read_fields(attributes, "")?;
    let without_hooks = hooks_said && fields.hook_type.is_none() && fields.hook_types.is_none();
    let mut base = PluginDraft::new("", "");
    if !without_hooks {
        (base.hook_type, base.hook_types) = (draft.hook_type, draft.hook_types);
    }
    fields.replace(base)
}

/// In a patch, a slug is said in the one place where it is kept.
fn put_slug_into_config(patch: &mut Map<String, Value>) -> Result<(), ApiError> {
    let slug = match patch.remove("slug") {
        None => return Ok(()),
        Some(Value::String(text)) if text.is_empty() => Value::Null,
        Some(slug) => slug,
    };
    let config = patch.entry("config").or_insert_with(|| json!({}));
    let Value::Object(config) = config else {
        return Err(ApiError::bad_request("slug: say it in config, which is replaced here"));
    };
    match config.insert("slug".to_owned(), slug.clone()) {
        Some(other) if other != slug => Err(ApiError::bad_request(format!(
            "slug: {slug} here and {other} in config.slug are two different things; say one"
        ))),
        _ => Ok(()),
    }
}

/// The slug lives in the configuration; beside it, it is a second way to say the same.
fn put_slug(
    config: &mut Map<String, Value>,
    slug: String,
    config_given: bool,
) -> Result<(), String> {
    match config.get("slug") {
        Some(other) if config_given && *other != Value::String(slug.clone()) => {
            return Err(format!(
                "slug: {slug:?} here and {other} in config.slug are two different things; say one"
            ));
        }
        _ if slug.is_empty() => config.remove("slug"),
        _ => config.insert("slug".to_owned(), Value::String(slug)),
    };
    Ok(())
}

/// A primary hook and all hooks, which always include it.
struct Hooks {
    primary: String,
    all: Vec<String>,
}

impl Hooks {
    /// A new primary hook takes the place of the old one where no list is given with it; a new
    /// list without the old primary hook has its first as primary.
    fn settle(primary: Option<String>, all: Option<Vec<String>>, old: Self) -> Self {
        let all_given = all.is_some();
        let mut all = all.unwrap_or(old.all);
        let primary = match primary {
            Some(primary) => primary,
            None if all.is_empty() || all.contains(&old.primary) => old.primary.clone(),
            None => all[0].clone(),
        };
        if !all.contains(&primary) {
            if !all_given {
                all.retain(|hook| *hook != old.primary);
            }
            all.insert(0, primary.clone());
        }
        Self { primary, all }
    }

    fn problems(&self) -> Vec<String> {
        let unknown = self.all.iter().filter(|hook| !HOOKS.contains(&hook.as_str()));
        let known = HOOKS.join(", ");
        unknown.map(|hook| format!("hook_types: {hook:?} is unknown, known are {known}")).collect()
    }
}
