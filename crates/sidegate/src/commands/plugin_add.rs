//! `sidegate plugin add`: what is said about a new plugin becomes one request.
//!
//! It knows how a configuration is put together, not what it means; the plugin does.

use super::plugin_view::View;
use super::plugin_wait::Wait;
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::pairs::{JsonPair, Pair, object, object_of_file};
use clap::Args;
use serde_json::{Map, Value, json};
use sidegate_api::plugin::PluginFields;
use std::path::PathBuf;

/// Register a plugin, start it and wait until it serves
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Unique name, by which people and logs call it
    #[arg(long)]
    name: String,
    /// Where its endpoints are mounted: /plugins/{slug}/
    #[arg(long)]
    slug: Option<String>,
    /// The program, as file:///absolute/path, or where one runs already, as grpc://host:port
    #[arg(long)]
    command: String,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A text in the plugin's configuration
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<Pair>,
    /// A JSON value in the plugin's configuration
    #[arg(long, value_name = "KEY=JSON")]
    set_json: Vec<JsonPair>,
    /// JSON file with the plugin's configuration; --set and --slug win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A word to the gateway about this plugin, for example optional_auth=true
    #[arg(long, value_name = "KEY=VALUE")]
    option: Vec<Pair>,
    /// What the plugin may ask of the gateway, for example kv.readwrite; see `plugin grant --help`
    #[arg(long, value_name = "SCOPE")]
    grant: Vec<String>,
    /// Which edges get it; for life. Without this it is the global one, which every edge gets
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Who looks after it, such as a repository; a note, and no right
    #[arg(long, value_name = "NAME")]
    managed_by: Option<String>,
    #[command(flatten)]
    pub(super) wait: Wait,
    #[command(flatten)]
    pub(super) admin_api: AdminApiFlags,
    #[command(flatten)]
    pub(super) view: View,
}

impl Add {
    /// What is said about it.
    ///
    /// # Errors
    /// When the configuration file cannot be used, or something is said twice.
    pub(super) fn fields(&self) -> Result<PluginFields, Failure> {
        Ok(PluginFields {
            name: Some(self.name.clone()),
            description: Some(self.description.clone().unwrap_or_default()),
            command: Some(self.command.clone()),
            config: Some(self.configuration()?),
            options: Some(object(&self.option, &[])?),
            service_scopes: Some(self.grant.iter().cloned().collect()),
            namespace: self.namespace.clone(),
            managed_by: self.managed_by.clone(),
            ..PluginFields::default()
        })
    }

    fn configuration(&self) -> Result<Map<String, Value>, Failure> {
        let mut config = match &self.config {
            Some(path) => object_of_file(path)?,
            None => Map::new(),
        };
        let said = object(&self.set, &self.set_json)?;
        if let (Some(slug), Some(other)) = (&self.slug, said.get("slug"))
            && other.as_str() != Some(slug)
        {
            let message = format!("--slug {slug} and --set slug={other} differ: say it once");
            return Err(Failure::usage(message));
        }
        config.extend(said);
        if let Some(slug) = &self.slug {
            config.insert("slug".into(), json!(slug));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        add: Add,
    }

    fn add(arguments: &[&str]) -> Add {
        let always = ["add", "--name", "n", "--command", "file:///p"];
        Program::parse_from(always.iter().chain(arguments)).add
    }

    #[test]
    fn arguments_win_over_the_file_and_texts_stay_texts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.json");
        std::fs::write(&file, r#"{"a": 1, "b": {"c": true}, "slug": "old"}"#).unwrap();
        let file = file.to_str().unwrap();
        let add = add(&["--config", file, "--set", "a=2", "--set-json", "l=[1]", "--slug", "s"]);
        let config = add.fields().unwrap().config.unwrap();
        let expected = json!({"a": "2", "b": {"c": true}, "l": [1], "slug": "s"});
        assert_eq!(Value::Object(config), expected);
    }

    #[test]
    fn options_go_to_the_gateway_and_not_into_the_configuration() {
        let fields = add(&["--option", "pass_token=true"]).fields().unwrap();
        assert_eq!(Value::from(fields.options.unwrap()), json!({"pass_token": "true"}));
        assert_eq!(Value::from(fields.config.unwrap()), json!({}));
    }

    #[test]
    fn nothing_is_granted_that_was_not_said() {
        let granted = |arguments: &[&str]| {
            Vec::from_iter(add(arguments).fields().unwrap().service_scopes.unwrap())
        };
        assert_eq!(granted(&[]), [""; 0]);
        let both = ["--grant", "kv.readwrite", "--grant", "apps.read"];
        assert_eq!(granted(&both), ["apps.read", "kv.readwrite"]);
    }

    #[test]
    fn two_different_slugs_are_refused() {
        let failure = add(&["--slug", "a", "--set", "slug=b"]).fields().unwrap_err();
        assert!(failure.message.contains("say it once"), "{}", failure.message);
        assert!(add(&["--slug", "a", "--set", "slug=a"]).fields().is_ok());
    }

    #[test]
    fn a_configuration_file_that_is_no_object_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("list.json", "[1]"), ("broken.json", "{")] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let failure = add(&["--config", path.to_str().unwrap()]).fields().unwrap_err();
            assert!(failure.message.contains(name), "{}", failure.message);
        }
    }
}
