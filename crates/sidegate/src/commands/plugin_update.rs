//! `sidegate plugin update`: what is said about a registered plugin becomes one change.
//!
//! It knows how a configuration and options are put together, not what they mean.

use super::plugin_follow::follow;
use super::plugin_view::{View, callable};
use super::plugin_wait::Wait;
use crate::client::Connection;
use crate::error::Failure;
use crate::output::{field, text};
use crate::pairs::{JsonPair, Pair, object, object_of_file};
use clap::Args;
use serde_json::{Map, Value, json};
use sidegate_model::plugin::PluginOptions;
use std::collections::BTreeMap;
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
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(super) async fn run(update: &Update) -> Result<(), Failure> {
    let said = Said::read(update)?;
    let api = update.connection.open()?;
    let plugin = api.find("plugins", &update.plugin).await?;
    let id = text(&plugin, "id");
    let changes = said.changes(&plugin);
    if changes.is_empty() {
        eprintln!("nothing changes: plugin {} is like that already", text(&plugin, "name"));
        return follow(&api, &id, &Value::Null, (None, &update.view)).await;
    }
    let before = api.get(&format!("plugins/{id}/status")).await?;
    let body = json!({"data": {"type": "plugin", "attributes": changes}});
    let changed = api.patch(&format!("plugins/{id}"), &body).await?;
    let is_active = field(&changed, "is_active") == true;
    if !is_active {
        let (name, callable) = (text(&changed, "name"), callable(&changed));
        eprintln!("plugin {name} is disabled: `sidegate plugin enable {callable}` starts it");
    }
    let starts = match effect(&plugin, &changes) {
        Effect::NewProcess => true,
        // Such a change also wakes a plugin that waits or was given up.
        Effect::Live => text(&before, "state") != "ready",
        Effect::None => false,
    };
    let wait = (is_active && starts).then_some(&update.wait);
    follow(&api, &id, &before, (wait, &update.view)).await
}

/// What the arguments say, free of contradictions.
struct Said {
    /// Fields that are replaced.
    fields: Map<String, Value>,
    /// What the configuration becomes, where it is replaced.
    replaced: Option<Map<String, Value>>,
    set: Map<String, Value>,
    unset: Vec<String>,
    options: Map<String, Value>,
    removed_options: Vec<String>,
}

impl Said {
    fn read(update: &Update) -> Result<Self, Failure> {
        let mut set = object(&update.set, &update.set_json)?;
        if let Some(slug) = &update.slug {
            match set.insert("slug".into(), json!(slug)) {
                Some(other) if other != json!(slug) => {
                    let message =
                        format!("--slug {slug} and --set slug={other} differ: say it once");
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
        let said =
            |(name, value): (&str, &Option<String>)| Some((name.into(), json!(value.as_ref()?)));
        let said = Self {
            fields: fields.into_iter().filter_map(said).collect(),
            replaced: update.config.as_deref().map(object_of_file).transpose()?,
            set,
            unset: update.unset.clone(),
            options,
            removed_options: update.remove_option.clone(),
        };
        if said.is_nothing() {
            return Err(Failure::usage("nothing to change: name at least one field")
                .hint("`sidegate plugin update --help` lists the fields"));
        }
        Ok(said)
    }

    fn is_nothing(&self) -> bool {
        self.fields.is_empty()
            && self.replaced.is_none()
            && self.set.is_empty()
            && self.unset.is_empty()
            && self.options.is_empty()
            && self.removed_options.is_empty()
    }

    /// The attributes that become different. The API takes configuration and options as a whole, so
    /// what is not named is carried over.
    fn changes(&self, plugin: &Value) -> Map<String, Value> {
        let mut wanted = self.fields.clone();
        wanted.insert("config".into(), Value::Object(self.config(&members(plugin, "config"))));
        let mut options = members(plugin, "options");
        options.retain(|name, _| !self.removed_options.contains(name));
        options.extend(self.options.clone());
        wanted.insert("options".into(), Value::Object(options));
        wanted.retain(|name, value| field(plugin, name) != value);
        wanted
    }

    fn config(&self, current: &Map<String, Value>) -> Map<String, Value> {
        let mut config = match (&self.replaced, current.get("slug")) {
            (None, _) => current.clone(),
            (Some(replaced), None) => replaced.clone(),
            // Without its slug nothing of a plugin is served; nobody means that by leaving it out.
            (Some(replaced), Some(slug)) => {
                let mut replaced = replaced.clone();
                replaced.entry("slug").or_insert_with(|| slug.clone());
                replaced
            }
        };
        config.retain(|key, _| !self.unset.contains(key));
        config.extend(self.set.clone());
        config
    }
}

fn not_both(set: &Map<String, Value>, unset: &[String], flags: &str) -> Result<(), Failure> {
    match unset.iter().find(|key| set.contains_key(*key)) {
        Some(key) => {
            Err(Failure::usage(format!("{flags} both name {key:?}: say what it shall be")))
        }
        None => Ok(()),
    }
}

fn members(plugin: &Value, name: &str) -> Map<String, Value> {
    field(plugin, name).as_object().cloned().unwrap_or_default()
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

fn effect(plugin: &Value, changes: &Map<String, Value>) -> Effect {
    if ["name", "command", "config"].iter().any(|name| changes.contains_key(*name)) {
        return Effect::NewProcess;
    }
    let Some(options) = changes.get("options") else { return Effect::None };
    let read = |options: &Value| {
        let options: BTreeMap<String, String> = options
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect();
        PluginOptions::read(&options).0
    };
    let is_live = read(field(plugin, "options")).same_process(&read(options));
    if is_live { Effect::Live } else { Effect::NewProcess }
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

    fn said(arguments: &[&str]) -> Result<Said, Failure> {
        let program = ["update", "p"].iter().chain(arguments);
        Said::read(&Program::parse_from(program).update)
    }

    fn plugin() -> Value {
        json!({"attributes": {
            "name": "p", "command": "file:///p", "description": "d", "slug": "s",
            "config": {"slug": "s", "a": "1", "b": 2},
            "options": {"optional_auth": "true", "env.MODE": "x"},
        }})
    }

    fn changes(arguments: &[&str]) -> Value {
        Value::Object(said(arguments).unwrap().changes(&plugin()))
    }

    #[test]
    fn what_is_not_named_stays_and_what_is_like_that_already_is_not_sent() {
        let arguments = ["--set", "a=2", "--unset", "b", "--name", "p", "--description", "new"];
        let expected = json!({"config": {"slug": "s", "a": "2"}, "description": "new"});
        assert_eq!(changes(&arguments), expected);
        assert_eq!(changes(&["--set", "a=1", "--slug", "s", "--option", "env.MODE=x"]), json!({}));
        let arguments = ["--option", "pass_token=true", "--remove-option", "env.MODE"];
        let expected = json!({"options": {"optional_auth": "true", "pass_token": "true"}});
        assert_eq!(changes(&arguments), expected);
    }

    #[test]
    fn a_file_replaces_the_configuration_but_not_the_slug_it_leaves_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        let file = path.to_str().unwrap();
        std::fs::write(&path, r#"{"c": true}"#).unwrap();
        assert_eq!(changes(&["--config", file]), json!({"config": {"c": true, "slug": "s"}}));
        let arguments = ["--config", file, "--unset", "slug", "--set", "c=x"];
        assert_eq!(changes(&arguments), json!({"config": {"c": "x"}}));
        std::fs::write(&path, r#"{"slug": "t"}"#).unwrap();
        assert_eq!(changes(&["--config", file]), json!({"config": {"slug": "t"}}));
        let arguments = ["--config", file, "--slug", "u"];
        assert_eq!(changes(&arguments), json!({"config": {"slug": "u"}}));
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
    }

    #[test]
    fn only_what_the_process_must_know_makes_a_new_one() {
        let effect =
            |arguments: &[&str]| effect(&plugin(), &said(arguments).unwrap().changes(&plugin()));
        for arguments in
            [["--set", "a=2"], ["--slug", "t"], ["--name", "q"], ["--option", "env.MODE=y"]]
        {
            assert_eq!(effect(&arguments), Effect::NewProcess, "{arguments:?}");
        }
        assert_eq!(effect(&["--option", "pass_token=true"]), Effect::Live);
        assert_eq!(effect(&["--remove-option", "optional_auth"]), Effect::Live);
        assert_eq!(effect(&["--unset-option", "optional_auth"]), Effect::Live);
        assert_eq!(effect(&["--description", "e"]), Effect::None);
    }
}
