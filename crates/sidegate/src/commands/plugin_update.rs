//! `sidegate plugin update`: what is said about a registered plugin becomes one change.
//!
//! It knows how a configuration and options are put together, not what they mean.

use super::amend::{Amendment, Members};
use super::plugin_follow::follow;
use super::plugin_preview;
use super::plugin_view::{Plugin, View, callable};
use super::plugin_wait::Wait;
use crate::client::{AdminApiFlags, said};
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::plain;
use crate::pairs::{JsonPair, Pair, object, object_of_file};
use clap::Args;
use serde_json::{Map, Value, json};
use sidegate_api::plugin::{PluginAttributes, PluginFields, WholeStatusAttributes};
use sidegate_api::resource::Resource;
use sidegate_api::state::State;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{self, PluginDraft, PluginId, PluginSpec};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Change a plugin, start it anew where that is needed, and wait until it serves; what is not named
/// stays as it is
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Name or id
    plugin: String,
    /// New name
    #[arg(long)]
    name: Option<String>,
    /// Where its endpoints are mounted: /plugins/{slug}/
    #[arg(long)]
    slug: Option<String>,
    /// The program, as file:///absolute/path, or where one runs already, as grpc://host:port
    #[arg(long)]
    command: Option<String>,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Who looks after it, such as a repository; "" is nobody. A note, and no right
    #[arg(long, value_name = "NAME")]
    managed_by: Option<String>,
    /// A text in the plugin's configuration; other keys stay
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Pair>,
    /// A JSON value in the plugin's configuration; other keys stay
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<JsonPair>,
    /// Remove a key from the plugin's configuration
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    /// JSON file that replaces the plugin's configuration, but for a slug it does not name; --set
    /// and --slug win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A word to the gateway about this plugin, for example optional_auth=true; other options stay
    #[arg(long, value_name = "KEY=VALUE")]
    option: Vec<Pair>,
    /// Take such a word back
    #[arg(long, visible_alias = "unset-option", value_name = "KEY")]
    remove_option: Vec<String>,
    /// Save the configuration although the schema of the process that runs does not permit it, for
    /// example because a newer program is about to take its place
    #[arg(long)]
    ignore_schema: bool,
    /// Change nothing, and say what would be changed and what would happen to its processes
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(super) async fn run(update: &Update) -> Result<(), Failure> {
    let amendment = read(update)?;
    let api = update.admin_api.client()?;
    let id = find_within::<PluginAttributes>(&api, &update.plugin, &update.within).await?.id;
    let path = format!("plugins/{id}");
    if update.dry_run {
        let preview = amendment.sent::<PluginAttributes, _>(&api, &path, "plugin").await?;
        return plugin_preview::show(&preview, update.view.output());
    }
    // What serves is looked at first: what others change from here on starts after it.
    let served: Resource<WholeStatusAttributes> = api.get(&format!("{path}/status")).await?;
    let before: Plugin = api.get(&path).await?;
    let sends_values = sends_values(&amendment);
    amendment.make::<PluginAttributes>(&api, &path, "plugin").await?;
    let after: Plugin = api.get(&path).await?;
    let name = &after.attributes.name;
    let callable = callable(&id, name);
    if before.attributes.updated_at == after.attributes.updated_at {
        eprintln!("nothing changes: plugin {name} is like that already");
        return follow(&api, &id, None, None, &update.view).await;
    }
    let is_active = after.attributes.is_active;
    if !is_active {
        eprintln!("plugin {name} is disabled: `sidegate plugin enable {callable}` starts it");
    }
    let starts = match effect(&before.attributes, &after.attributes, sends_values) {
        Effect::NewProcess => true,
        // Such a change also wakes a plugin that waits or was given up.
        Effect::Live => served.attributes.summary.state != State::Ready,
        Effect::None => false,
    };
    let wait = (is_active && starts).then_some(&update.wait);
    follow(&api, &id, Some(&served.attributes), wait, &update.view).await
}

/// What the arguments say, free of contradictions.
fn read(update: &Update) -> Result<Amendment, Failure> {
    let mut set = object(&update.set, &update.set_json)?;
    if let Some(slug) = &update.slug {
        match set.insert("slug".into(), json!(slug)) {
            Some(other) if other != json!(slug) => {
                let message = format!("--slug {slug} and --set slug={other} differ: say it once");
                return Err(Failure::usage(message));
            }
            _ => {}
        }
    }
    let options = object(&update.option, &[])?;
    not_both(&set, &update.unset, "--set and --unset")?;
    not_both(&options, &update.remove_option, "--option and --remove-option")?;
    let fields = PluginFields {
        name: update.name.clone(),
        command: update.command.clone(),
        description: update.description.clone(),
        managed_by: update.managed_by.clone(),
        ..PluginFields::default()
    };
    let config = Members {
        replaced: update.config.as_deref().map(object_of_file).transpose()?,
        // Without its slug nothing of a plugin is served; nobody means that by leaving it out.
        lasting: Some("slug"),
        set,
        unset: update.unset.clone(),
    };
    let unset = update.remove_option.clone();
    let options = Members { set: options, unset, ..Members::default() };
    let amendment = Amendment {
        fields: said(&fields),
        members: vec![("config", config), ("options", options)],
        query: match (update.ignore_schema, update.dry_run) {
            (false, false) => "",
            (true, false) => "?schema=ignore",
            (false, true) => "?dry_run=true",
            (true, true) => "?schema=ignore&dry_run=true",
        },
    };
    if amendment.is_nothing() {
        return Err(Failure::usage("nothing to change: name at least one field")
            .hint("`sidegate plugin update --help` lists the fields"));
    }
    Ok(amendment)
}

fn not_both(set: &Map<String, Value>, unset: &[String], flags: &str) -> Result<(), Failure> {
    match unset.iter().find(|key| set.contains_key(*key)) {
        Some(key) => {
            Err(Failure::usage(format!("{flags} both name {key:?}: say what it shall be")))
        }
        None => Ok(()),
    }
}

/// What a change means for the process of a plugin.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    /// A new one is started.
    NewProcess,
    /// The gateway heeds it at once, and the process stays.
    Live,
    /// None: only people see it.
    None,
}

/// Whether values that a process gets were sent: others may be shown otherwise than before, because they are
/// secrets now.
fn sends_values(amendment: &Amendment) -> bool {
    amendment.members.iter().any(|(name, members)| match *name {
        "config" => !members.is_nothing(),
        _ => members.set.keys().chain(&members.unset).any(|name| name.starts_with("env.")),
    })
}

fn effect(before: &PluginAttributes, after: &PluginAttributes, sends_values: bool) -> Effect {
    // Every secret is for the process, and which they are is not shown.
    if sends_values && before.secrets_version != after.secrets_version {
        return Effect::NewProcess;
    }
    let (mut before, after) = (spec(before), spec(after));
    if !sends_values {
        before.config = after.config.clone();
    }
    match before.same_process(&after) {
        false => Effect::NewProcess,
        true if before == after => Effect::None,
        true => Effect::Live,
    }
}

/// What the data plane is told of a plugin that the admin API has shown, but for its secrets.
fn spec(shown: &PluginAttributes) -> PluginSpec {
    let options = shown.options.iter();
    let draft = PluginDraft {
        name: shown.name.clone(),
        description: shown.description.clone(),
        command: shown.command.clone(),
        config: shown.config.clone(),
        options: options.map(|(name, value)| (name.clone(), plain(value))).collect(),
        hook_type: String::new(),
        hook_types: Vec::new(),
        service_scopes: BTreeSet::new(),
        is_active: true,
        namespace: Namespace::parse(&shown.namespace).unwrap_or_default(),
        managed_by: String::new(),
    };
    let (id, reloads) = (PluginId(0), shown.reloads);
    plugin::Plugin {
        id,
        reloads,
        draft,
        public_endpoints: None,
        secret_settings: BTreeSet::new(),
        secrets_version: None,
        created_at: 0,
        updated_at: 0,
    }
    .spec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        update: Update,
    }

    fn said(arguments: &[&str]) -> Result<Amendment, Failure> {
        let program = ["update", "p"].iter().chain(arguments);
        read(&Program::parse_from(program).update)
    }

    #[test]
    fn what_contradicts_itself_or_says_nothing_is_refused() {
        for (arguments, words) in [
            (&[][..], "nothing to change"),
            (&["--set", "a=1", "--unset", "a"], "both name \"a\""),
            (&["--option", "a=1", "--remove-option", "a"], "both name \"a\""),
            (&["--slug", "a", "--set", "slug=b"], "say it once"),
            (&["--set", "a=1", "--set-json", "a=1"], "given twice"),
        ] {
            let failure = said(arguments).err().unwrap();
            assert!(failure.message.contains(words), "{arguments:?}: {}", failure.message);
        }
        assert!(said(&["--unset-option", "a"]).is_ok());
    }

    #[test]
    fn only_what_the_process_must_know_makes_a_new_one() {
        let plugin = |change: Value| {
            let plugin = PluginAttributes {
                name: "p".to_owned(),
                command: "file:///p".to_owned(),
                config: Map::from_iter([("a".to_owned(), json!("1"))]),
                options: Map::from_iter([
                    ("optional_auth".to_owned(), json!("true")),
                    ("env.MODE".to_owned(), json!("x")),
                ]),
                ..PluginAttributes::default()
            };
            let mut attributes = serde_json::to_value(plugin).unwrap();
            sidegate_model::merge_patch::apply(&mut attributes, &change);
            serde_json::from_value::<PluginAttributes>(attributes).unwrap()
        };
        let before = plugin(json!({}));
        for (change, expected) in [
            (json!({"config": {"a": "2"}}), Effect::NewProcess),
            (json!({"name": "q"}), Effect::NewProcess),
            (json!({"options": {"env.MODE": "y"}}), Effect::NewProcess),
            (json!({"options": {"pass_token": "true"}}), Effect::Live),
            (json!({"options": {"optional_auth": null}}), Effect::Live),
            (json!({"description": "e"}), Effect::None),
            (json!({"options": {"pass_token": "false"}}), Effect::None),
            (json!({"reloads": 1}), Effect::NewProcess),
        ] {
            assert_eq!(effect(&before, &plugin(change.clone()), true), expected, "{change}");
        }
        let hidden = plugin(json!({
            "config": {"a": {"$secret": "set"}}, "options": {"secret_settings": "a"},
            "secrets_version": "1",
        }));
        assert_eq!(effect(&before, &hidden, false), Effect::Live, "it is only hidden from now on");
        assert_eq!(effect(&before, &hidden, true), Effect::NewProcess, "it may be another");
    }
}
