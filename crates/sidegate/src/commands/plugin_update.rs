//! `sidegate plugin update`: what is said about a registered plugin becomes one change.
//!
//! It knows how a configuration and options are put together, not what they mean.

use super::amend::{Amendment, Members};
use super::plugin_follow::follow;
use super::plugin_view::{View, callable};
use super::plugin_wait::Wait;
use crate::client::Connection;
use crate::error::Failure;
use crate::output::{field, plain, text};
use crate::pairs::{JsonPair, Pair, object, object_of_file};
use clap::Args;
use serde_json::{Map, Value, json};
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId, PluginSpec};
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
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(super) async fn run(update: &Update) -> Result<(), Failure> {
    let amendment = read(update)?;
    let api = update.connection.open()?;
    let id = text(&api.find("plugins", &update.plugin).await?, "id");
    let path = format!("plugins/{id}");
    // What serves is looked at first: what others change from here on starts after it.
    let served = api.get(&format!("{path}/status")).await?;
    // With its secrets, or nobody could tell that one of them becomes different.
    let with_secrets = format!("{path}?secrets=show");
    let before = api.get(&with_secrets).await?;
    amendment.make(&api, (&path, "plugin")).await?;
    let after = api.get(&with_secrets).await?;
    let (name, callable) = (text(&after, "name"), callable(&after));
    if field(&before, "updated_at") == field(&after, "updated_at") {
        eprintln!("nothing changes: plugin {name} is like that already");
        return follow(&api, &id, &Value::Null, (None, &update.view)).await;
    }
    let is_active = field(&after, "is_active") == true;
    if !is_active {
        eprintln!("plugin {name} is disabled: `sidegate plugin enable {callable}` starts it");
    }
    let starts = match effect(&before, &after) {
        Effect::NewProcess => true,
        // Such a change also wakes a plugin that waits or was given up.
        Effect::Live => text(&served, "state") != "ready",
        Effect::None => false,
    };
    let wait = (is_active && starts).then_some(&update.wait);
    follow(&api, &id, &served, (wait, &update.view)).await
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
    let fields = [
        ("name", &update.name),
        ("command", &update.command),
        ("description", &update.description),
    ];
    let said = |(name, value): (&str, &Option<String>)| Some((name.into(), json!(value.as_ref()?)));
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
        fields: fields.into_iter().filter_map(said).collect(),
        members: vec![("config", config), ("options", options)],
        query: if update.ignore_schema { "?schema=ignore" } else { "" },
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

fn effect(before: &Value, after: &Value) -> Effect {
    let (before, after) = (spec(before), spec(after));
    match before.same_process(&after) {
        false => Effect::NewProcess,
        true if before == after => Effect::None,
        true => Effect::Live,
    }
}

/// What the data plane is told of a plugin that the admin API has shown with its secrets.
fn spec(plugin: &Value) -> PluginSpec {
    let object = |name: &str| field(plugin, name).as_object().cloned().unwrap_or_default();
    let options = object("options").into_iter();
    let draft = PluginDraft {
        name: text(plugin, "name"),
        description: text(plugin, "description"),
        command: text(plugin, "command"),
        config: object("config"),
        options: options.map(|(name, value)| (name, plain(&value))).collect(),
        hook_type: String::new(),
        hook_types: Vec::new(),
        service_scopes: BTreeSet::new(),
        is_active: true,
    };
    let reloads = field(plugin, "reloads").as_u64().and_then(|count| u32::try_from(count).ok());
    let reloads = reloads.unwrap_or_default();
    Plugin { id: PluginId(0), reloads, draft, created_at: 0, updated_at: 0 }.spec()
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
            let mut attributes = json!({
                "name": "p", "command": "file:///p", "description": "d", "slug": "s",
                "config": {"slug": "s", "a": "1"},
                "options": {"optional_auth": "true", "env.MODE": "x"},
            });
            sidegate_model::merge_patch::apply(&mut attributes, &change);
            json!({ "attributes": attributes })
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
            assert_eq!(effect(&before, &plugin(change.clone())), expected, "{change}");
        }
    }
}
