//! What a client may say about a plugin, and what a draft becomes by it. Knows the fields that
//! existing clients send, also those that mean nothing here; the rules of a draft are the model's.

use super::error::of_plugin;
use super::extract::read_fields;
use super::namespaces;
use crate::named_apps::KnownApps;
use serde_json::{Map, Value, json};
use sidegate_api::error::Problem;
use sidegate_api::plugin::PluginFields;
use sidegate_api::read::Members;
use sidegate_model::merge_patch;
use sidegate_model::plugin::{CUSTOM_ENDPOINT, Plugin, PluginDraft};
use sidegate_model::secret::{
    SecretPlaces, restore_config, restore_options, with_other_secrets, with_other_variables,
};
use std::collections::BTreeMap;

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

/// The plugin a client wants to create.
pub(crate) fn created(fields: PluginFields, apps: &KnownApps) -> Result<PluginDraft, Vec<Problem>> {
    let (draft, secrets) = (PluginDraft::new("", ""), SecretPlaces::default());
    let nothing = Stored { draft, secrets, other: None };
    amended_by(fields, nothing, apps)
}

/// What is stored with everything replaced that was said; configuration, options and
/// scopes as a whole, but for hidden secrets, which stay as they are.
pub(crate) fn amended_by(
    mut fields: PluginFields,
    stored: Stored,
    apps: &KnownApps,
) -> Result<PluginDraft, Vec<Problem>> {
    let problems = keep_secrets(&mut fields.config, &mut fields.options, &stored);
    let before = stored.draft.options.clone();
    with_known_apps(replaced(fields, stored.draft, problems), &before, apps)
}

/// What is to be amended.
pub(crate) struct Stored {
    draft: PluginDraft,
    /// Which of its settings are secrets whatever they are called.
    secrets: SecretPlaces,
    /// What is taken for every secret that is sent in clear, where that is not to count for what it is.
    other: Option<String>,
}

impl Stored {
    pub(crate) fn of(plugin: &Plugin) -> Self {
        Self { draft: plugin.draft.clone(), secrets: plugin.secret_places(), other: None }
    }

    /// The same to be amended by other secrets than are sent in clear.
    pub(crate) fn by_other_secrets(self, other: &str) -> Self {
        Self { other: Some(other.to_owned()), ..self }
    }
}

/// A draft whose options name no app that does not exist, unless they did `before`.
fn with_known_apps(
    draft: Result<PluginDraft, Vec<Problem>>,
    before: &BTreeMap<String, String>,
    apps: &KnownApps,
) -> Result<PluginDraft, Vec<Problem>> {
    let draft = draft?;
    match apps.problem(&draft.namespace, &draft.options, before) {
        None => Ok(draft),
        Some(problem) => Err(vec![Problem::at("options.apps", problem)]),
    }
}

/// `draft` with everything replaced that was said, unless there are problems already or more.
fn replaced(
    fields: PluginFields,
    draft: PluginDraft,
    mut problems: Vec<Problem>,
) -> Result<PluginDraft, Vec<Problem>> {
    problems.extend(unsupported(&fields));
    let namespace = fields.namespace.filter(|text| !text.is_empty());
    let namespace = namespaces::said(namespace.as_deref(), &mut problems);
    let config_given = fields.config.is_some();
    let mut config = fields.config.unwrap_or(draft.config);
    if let Some(slug) = fields.slug {
        problems.extend(put_slug(&mut config, slug, config_given).err());
    }
    let old_hooks = Hooks { primary: draft.hook_type, all: draft.hook_types };
    let hooks = Hooks::settle(fields.hook_type, fields.hook_types, old_hooks);
    problems.extend(hooks.problems());
    let draft = PluginDraft {
        namespace: namespace.unwrap_or(draft.namespace),
        name: fields.name.unwrap_or(draft.name),
        description: fields.description.unwrap_or(draft.description),
        command: fields.command.unwrap_or(draft.command),
        config,
        options: fields.options.map_or(draft.options, texts),
        hook_type: hooks.primary,
        hook_types: hooks.all,
        service_scopes: fields.service_scopes.unwrap_or(draft.service_scopes),
        is_active: fields.is_active.unwrap_or(draft.is_active),
        managed_by: fields.managed_by.unwrap_or(draft.managed_by),
    };
    problems.extend(of_plugin(&draft.validate().err().unwrap_or_default()));
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

/// Fields of existing clients that mean something only where they are not empty.
fn unsupported(fields: &PluginFields) -> Vec<Problem> {
    let named = [("checksum", &fields.checksum), ("oci_reference", &fields.oci_reference)];
    let is_said = |value: &Option<String>| value.as_ref().is_some_and(|text| !text.is_empty());
    let said = named.into_iter().filter(|(_, value)| is_said(value));
    said.map(|(name, _)| Problem::at(name, "not supported yet, leave it out")).collect()
}

/// Puts what is stored in the place of what was shown for it; what stands for nothing is a problem.
fn keep_secrets(
    config: &mut Option<Map<String, Value>>,
    options: &mut Option<Map<String, Value>>,
    stored: &Stored,
) -> Vec<Problem> {
    let Stored { draft, secrets, other } = stored;
    if let Some(other) = other {
        config.iter_mut().for_each(|config| with_other_secrets(config, secrets, other));
        options.iter_mut().for_each(|options| with_other_variables(options, other));
    }
    let config = config.as_mut().map(|config| restore_config(config, &draft.config, secrets));
    let options = options.as_mut().map(|options| restore_options(options, &draft.options));
    let problems = [config, options].into_iter().flatten().filter_map(Result::err).flatten();
    problems.map(Problem::from).collect()
}

/// Options are texts; what else there can be are marks of secrets that stand for nothing, and those
/// were told.
fn texts(options: Map<String, Value>) -> BTreeMap<String, String> {
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    options.into_iter().filter_map(text).collect()
}

/// What is stored after a merge patch of it as a whole.
pub(crate) fn merged(
    mut patch: Members,
    stored: Stored,
    apps: &KnownApps,
) -> Result<PluginDraft, Vec<Problem>> {
    patch.wrong.extend(put_slug_into_config(&mut patch.members).err());
    let mut members = |name: &str| match patch.members.get_mut(name) {
        Some(Value::Object(members)) => Some(std::mem::take(members)),
        _ => None,
    };
    let (mut config, mut options) = (members("config"), members("options"));
    let problems = keep_secrets(&mut config, &mut options, &stored);
    let draft = stored.draft;
    let kept = [("config", config), ("options", options)];
    let kept = kept.into_iter().filter_map(|(name, said)| Some((name.into(), said?.into())));
    patch.members.extend(kept);
    let said = |name: &str| patch.members.contains_key(name);
    let hooks_said = said("hook_type") || said("hook_types");
    let mut attributes = json!({
        "name": draft.name,
        "description": draft.description,
        "command": draft.command,
        "config": draft.config,
        "options": draft.options,
        "service_scopes": draft.service_scopes,
        "is_active": draft.is_active,
        "managed_by": draft.managed_by,
    });
    merge_patch::apply(&mut attributes, &Value::Object(patch.members));
    let members = attributes.as_object().cloned().unwrap_or_default();
    read_fields::<PluginFields>(Members { members, ..patch }).settle(|fields| {
        let without_hooks = hooks_said && fields.hook_type.is_none() && fields.hook_types.is_none();
        // Where it is can only be said again.
        let mut base = PluginDraft { namespace: draft.namespace, ..PluginDraft::new("", "") };
        if !without_hooks {
            (base.hook_type, base.hook_types) = (draft.hook_type, draft.hook_types);
        }
        with_known_apps(replaced(fields, base, problems), &draft.options, apps)
    })
}

/// In a patch, a slug is said in the one place where it is kept.
fn put_slug_into_config(patch: &mut Map<String, Value>) -> Result<(), Problem> {
    let slug = match patch.remove("slug") {
        None => return Ok(()),
        Some(Value::String(text)) if text.is_empty() => Value::Null,
        Some(slug) => slug,
    };
    let config = patch.entry("config").or_insert_with(|| json!({}));
    let Value::Object(config) = config else {
        return Err(Problem::at("slug", "say it in config, which is replaced here"));
    };
    match config.insert("slug".to_owned(), slug.clone()) {
        Some(other) if other != slug => Err(two_slugs(&slug, &other)),
        _ => Ok(()),
    }
}

fn two_slugs(slug: &Value, other: &Value) -> Problem {
    let what = format!("{slug} here and {other} in config.slug are two different things; say one");
    Problem::at("slug", what)
}

/// The slug lives in the configuration; beside it, it is a second way to say the same.
fn put_slug(
    config: &mut Map<String, Value>,
    slug: String,
    config_given: bool,
) -> Result<(), Problem> {
    match config.get("slug") {
        Some(other) if config_given && *other != Value::String(slug.clone()) => {
            return Err(two_slugs(&slug.into(), other));
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

    fn problems(&self) -> Vec<Problem> {
        let unknown = self.all.iter().filter(|hook| !HOOKS.contains(&hook.as_str()));
        let known = HOOKS.join(", ");
        let told =
            |hook| Problem::at("hook_types", format!("{hook:?} is unknown, known are {known}"));
        unknown.map(told).collect()
    }
}
