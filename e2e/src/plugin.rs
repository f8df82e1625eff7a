//! Plugins through the admin API: registered, watched, changed and removed.

use crate::admin::Admin;
use crate::binaries::program;
use crate::eventually::eventually;
use serde_json::{Map, Value, json};
use sidegate_api::plugin::{PluginAttributes, WholeStatusAttributes};
use sidegate_api::record::RecordAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::state::State;

/// A plugin that is being registered.
#[must_use = "a plugin is registered by add, ready or refused"]
pub struct PluginBuilder {
    admin: Admin,
    name: String,
    command: Option<String>,
    config: Map<String, Value>,
    options: Map<String, Value>,
    scopes: Vec<String>,
}

impl PluginBuilder {
    pub(crate) fn new(admin: Admin, name: &str) -> Self {
        let config = Map::from_iter([("slug".to_owned(), json!(name))]);
        let (options, scopes) = (Map::new(), Vec::new());
        Self { admin, name: name.to_owned(), command: None, config, options, scopes }
    }

    /// Mounts it under another name than its own.
    pub fn slug(self, slug: &str) -> Self {
        self.config("slug", slug)
    }

    /// Mounts it nowhere.
    pub fn no_slug(mut self) -> Self {
        self.config.remove("slug");
        self
    }

    /// Runs this program of the workspace; without it, `sidegate-plugin-{name}`.
    pub fn program(self, name: &str) -> Self {
        let path = program(name);
        self.command(&format!("file://{}", path.display()))
    }

    /// Runs this command.
    pub fn command(mut self, command: &str) -> Self {
        self.command = Some(command.to_owned());
        self
    }

    /// A value in the plugin's configuration.
    pub fn config(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config.insert(key.to_owned(), value.into());
        self
    }

    /// A word to the gateway about the plugin.
    pub fn option(mut self, key: &str, value: &str) -> Self {
        self.options.insert(key.to_owned(), json!(value));
        self
    }

    /// Grants it a scope from its beginning.
    pub fn granted(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// Registers it and does not wait.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn add(self) -> Plugin {
        let body = self.body();
        let plugin: Resource<PluginAttributes> = self.admin.create("plugins", &body).await;
        Plugin { id: plugin.id.parse().expect("a plugin has a number"), admin: self.admin }
    }

    /// Registers it and waits until it serves.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ready(self) -> Plugin {
        let plugin = self.add().await;
        plugin.wait_ready().await;
        plugin
    }

    /// Tries to register it and gives the status and the reason of the refusal.
    ///
    /// # Panics
    /// When it is taken.
    pub async fn refused(self) -> (u16, String) {
        self.admin.refused("POST", "plugins", &self.body()).await
    }

    fn body(&self) -> Value {
        let usual = || {
            let path = program(&format!("sidegate-plugin-{}", self.name));
            format!("file://{}", path.display())
        };
        let command = self.command.clone().unwrap_or_else(usual);
        json!({"name": self.name, "command": command, "config": self.config, "options": self.options, "service_scopes": self.scopes})
    }
}

/// A registered plugin.
pub struct Plugin {
    /// Its number.
    pub id: u32,
    admin: Admin,
}

impl Plugin {
    /// A plugin by its number.
    pub(crate) fn new(admin: Admin, id: u32) -> Self {
        Self { id, admin }
    }

    /// What it does now.
    pub async fn status(&self) -> WholeStatusAttributes {
        self.admin.show(&format!("plugins/{}/status", self.id)).await.attributes
    }

    /// What is known of its processes, newest first, each with its last lines.
    pub async fn records(&self) -> Vec<RecordAttributes> {
        let records = self.admin.list(&format!("plugins/{}/records", self.id)).await;
        records.into_iter().map(|record| record.attributes).collect()
    }

    /// What is known of one of its processes.
    ///
    /// # Panics
    /// When nothing is.
    pub async fn record_of(&self, pid: u32) -> RecordAttributes {
        let records = self.records().await;
        let found = records.iter().find(|record| record.pid == Some(pid));
        found.unwrap_or_else(|| panic!("no record of process {pid}: {records:#?}")).clone()
    }

    /// Waits until the end of one of its processes is on record, and gives the record.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_ended(&self, pid: u32) -> RecordAttributes {
        eventually("the end of a process is on record", async || {
            Some(self.record_of(pid).await).filter(|record| !record.running)
        })
        .await
    }

    /// Waits until it serves.
    ///
    /// # Panics
    /// When it fails instead.
    pub async fn wait_ready(&self) {
        eventually("the plugin is ready", async || {
            let status = self.status().await;
            let state = status.summary.state;
            assert!(!matches!(state, State::Parked | State::Stopped), "{status:#?}");
            (state == State::Ready).then_some(())
        })
        .await;
    }

    /// Waits until its status is as wanted, and gives it.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_for(
        &self,
        what: &str,
        wanted: impl Fn(&WholeStatusAttributes) -> bool,
    ) -> WholeStatusAttributes {
        eventually(what, async || Some(self.status().await).filter(|status| wanted(status))).await
    }

    /// Waits until it is in this state.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_state(&self, state: State) -> WholeStatusAttributes {
        self.wait_for(state.as_str(), |status| status.summary.state == state).await
    }

    /// The process that serves.
    ///
    /// # Panics
    /// When there is none.
    pub async fn pid(&self) -> u32 {
        self.status().await.summary.pid.expect("a process serves")
    }

    /// Waits until another process than `old` serves, and gives its id.
    ///
    /// # Panics
    /// When none ever does.
    pub async fn wait_other_pid(&self, old: u32) -> u32 {
        let other = |status: &WholeStatusAttributes| {
            status.summary.state == State::Ready && status.summary.pid.is_some_and(|pid| pid != old)
        };
        let status = self.wait_for("another process serves", other).await;
        status.summary.pid.expect("what serves has a process")
    }

    /// Changes fields of it; gives what it is then.
    pub async fn change(&self, fields: &Value) -> Value {
        self.admin.patch(&format!("plugins/{}", self.id), fields).await
    }

    /// Starts it anew.
    pub async fn reload(&self) {
        self.admin.post(&format!("plugins/{}/reload", self.id), &json!({})).await;
    }

    /// Stops it and forgets it.
    pub async fn remove(&self) {
        self.admin.delete(&format!("plugins/{}", self.id)).await;
    }
}

/// What a process printed last, as one text to look for words in.
///
/// # Panics
/// When its lines were not asked for.
pub fn lines_of(record: &RecordAttributes) -> String {
    let lines = record.lines.as_ref().expect("the lines were asked for");
    serde_json::to_string(lines).expect("lines can be written as JSON")
}
