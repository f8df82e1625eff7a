//! Plugins through the admin API: registered, watched, changed and removed.

use crate::admin::Admin;
use crate::binaries::program;
use crate::eventually::eventually;
use serde_json::{Map, Value, json};

/// A plugin that is being registered.
#[must_use = "a plugin is registered by add, ready or refused"]
pub struct PluginBuilder {
    admin: Admin,
    name: String,
    command: Option<String>,
    config: Map<String, Value>,
    options: Map<String, Value>,
}

impl PluginBuilder {
    pub(crate) fn new(admin: Admin, name: &str) -> Self {
        let config = Map::from_iter([("slug".to_owned(), json!(name))]);
        Self { admin, name: name.to_owned(), command: None, config, options: Map::new() }
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

    /// Registers it and does not wait.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn add(self) -> Plugin {
        let body = self.body();
        let data = self.admin.post("plugins", &body).await;
        Plugin { id: number(&data["id"]), admin: self.admin }
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
        json!({"name": self.name, "command": command, "config": self.config, "options": self.options})
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

    /// What it does now: `state`, `reason`, `warnings`, `pid`, `restarts`, `endpoints`.
    pub async fn status(&self) -> Value {
        self.admin.get(&format!("plugins/{}/status", self.id)).await["attributes"].take()
    }

    /// What is known of its processes, newest first, each with its last lines.
    ///
    /// # Panics
    /// When the answer is no list.
    pub async fn records(&self) -> Vec<Value> {
        let mut data = self.admin.get(&format!("plugins/{}/records", self.id)).await;
        let records = data.as_array_mut().expect("records are a list");
        records.iter_mut().map(|record| record["attributes"].take()).collect()
    }

    /// What is known of one of its processes.
    ///
    /// # Panics
    /// When nothing is.
    pub async fn record_of(&self, pid: u32) -> Value {
        let records = self.records().await;
        let found = records.iter().find(|record| record["pid"] == pid);
        found.unwrap_or_else(|| panic!("no record of process {pid}: {records:#?}")).clone()
    }

    /// Waits until the end of one of its processes is on record, and gives the record.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_ended(&self, pid: u32) -> Value {
        eventually("the end of a process is on record", async || {
            Some(self.record_of(pid).await).filter(|record| record["running"] == false)
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
            let state = status["state"].as_str().unwrap_or_default();
            assert!(!matches!(state, "parked" | "stopped"), "it is {state}: {status}");
            (state == "ready").then_some(())
        })
        .await;
    }

    /// Waits until its status is as wanted, and gives it.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.status().await).filter(|status| wanted(status))).await
    }

    /// Waits until it is in this state.
    ///
    /// # Panics
    /// When it never is.
    pub async fn wait_state(&self, state: &str) -> Value {
        self.wait_for(state, |status| status["state"] == state).await
    }

    /// The process that serves.
    ///
    /// # Panics
    /// When there is none.
    pub async fn pid(&self) -> u32 {
        number(&self.status().await["pid"])
    }

    /// Waits until another process than `old` serves, and gives its id.
    ///
    /// # Panics
    /// When none ever does.
    pub async fn wait_other_pid(&self, old: u32) -> u32 {
        let other = |status: &Value| {
            status["state"] == "ready"
                && status["pid"].as_u64().is_some_and(|pid| pid != u64::from(old))
        };
        number(&self.wait_for("another process serves", other).await["pid"])
    }

    /// Changes fields of it.
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

/// A number that may come as text.
fn number(value: &Value) -> u32 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_else(|_| panic!("{value} is not a number"))
}
