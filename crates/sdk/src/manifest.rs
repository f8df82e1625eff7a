//! What a plugin says of itself: who it is, what it does, and what it wishes to be allowed.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::page::Page;

/// The manifest of a plugin, which operators are shown and the console finds the plugin's pages by. It
/// allows nothing by itself: what it wishes for, an operator grants.
///
/// A plugin without one gets one of its name, version, pages and wishes; this is for those that say more.
///
/// ```
/// use sidegate_sdk::{Manifest, Page, Plugin};
///
/// let manifest = Manifest::new("com.example.notes", "Notes", "1.0.0")
///     .description("Keeps notes")
///     .services(["kv.readwrite", "plugins.write"])
///     .page(Page::element("/notes", "notes-editor", "/ui/editor.js").label("Notes"))
///     .set("compat", [("app", ">=2.0")]);
/// Plugin::new("notes", "1.0.0").manifest(manifest);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a manifest is not read until it is given to a plugin"]
pub struct Manifest {
    keys: Map<String, Value>,
    /// The files that its pages begin with.
    entries: Vec<String>,
}

impl Manifest {
    /// A manifest of a plugin that answers HTTP requests. The id is the author's, such as
    /// `com.example.notes`.
    pub fn new(id: impl Into<String>, name: impl Into<String>, version: impl Into<String>) -> Self {
        let mut keys = Map::new();
        for (key, text) in [("id", id.into()), ("name", name.into()), ("version", version.into())] {
            keys.insert(key.to_owned(), Value::String(text));
        }
        Self { keys, entries: Vec::new() }.hooks(["custom_endpoint"])
    }

    /// What the plugin is for, for people.
    pub fn description(self, text: impl Into<String>) -> Self {
        self.set("description", text.into())
    }

    /// What the plugin does, in place of `custom_endpoint` alone; the first is what it mainly does.
    pub fn hooks<T: Into<String>>(mut self, hooks: impl IntoIterator<Item = T>) -> Self {
        let hooks: Vec<String> = hooks.into_iter().map(Into::into).collect();
        let main = hooks.first().cloned().unwrap_or_default();
        self.keys.insert("capabilities".to_owned(), json!({"hooks": hooks, "primary_hook": main}));
        self
    }

    /// Scopes that the plugin wishes for, such as `kv.readwrite`; several calls add up.
    pub fn services<T: Into<String>>(self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.permissions("services", scopes)
    }

    /// Permissions of another kind: `object_hooks`, `ui`, `portal_ui`, `rpc`, `kv`, `routes`. Sidegate shows
    /// them to nobody and asks for none.
    pub fn permissions<T: Into<String>>(
        mut self,
        kind: &str,
        names: impl IntoIterator<Item = T>,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        add_names(&mut self.keys, ["permissions", kind], names);
        self
    }

    /// A page in the console.
    pub fn page(mut self, page: Page) -> Self {
        add_names(&mut self.keys, ["capabilities", "hooks"], vec!["studio_ui".to_owned()]);
        for permission in ["sidebar.register", "route.register"] {
            add_names(&mut self.keys, ["permissions", "ui"], vec![permission.to_owned()]);
        }
        add_names(&mut self.keys, ["permissions", "rpc"], vec!["call".to_owned()]);
        let entry = page.entry().to_owned();
        if !self.entries.contains(&entry) {
            self.entries.push(entry);
        }
        self.keys.insert("assets".to_owned(), json!(self.entries));
        let ui = self.keys.entry("ui").or_insert_with(|| json!({"slots": []}));
        if let Some(slots) = ui.get_mut("slots").and_then(Value::as_array_mut) {
            page.add_to(slots);
        }
        self
    }

    /// Any other key of a manifest, such as `schedules`, `resource_types`, `portal` or `security`. What JSON
    /// cannot express is left out.
    pub fn set(mut self, key: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.keys.insert(key.to_owned(), value);
        }
        self
    }

    /// The same with a description, where it has none.
    pub(crate) fn described(self, text: &str) -> Self {
        match text.is_empty() || self.keys.contains_key("description") {
            true => self,
            false => self.description(text),
        }
    }

    /// The files that its pages begin with.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(String::as_str)
    }

    /// As JSON.
    pub(crate) fn text(&self) -> String {
        Value::Object(self.keys.clone()).to_string()
    }
}

/// Adds names to the list at such a place, each once.
fn add_names(keys: &mut Map<String, Value>, place: [&str; 2], names: Vec<String>) {
    let [outer, inner] = place;
    let outer = keys.entry(outer).or_insert_with(|| json!({}));
    let Some(outer) = outer.as_object_mut() else { return };
    let list = outer.entry(inner).or_insert_with(|| json!([]));
    let Some(list) = list.as_array_mut() else { return };
    for name in names.into_iter().map(Value::String) {
        if !list.contains(&name) {
            list.push(name);
        }
    }
}

/// What [`Plugin::manifest`](crate::Plugin::manifest) takes: a [`Manifest`], or the JSON text of one.
#[derive(Clone, Debug)]
pub struct ManifestSource(pub(crate) Source);

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Built(Manifest),
    Text(String),
}

impl From<Manifest> for ManifestSource {
    fn from(manifest: Manifest) -> Self {
        Self(Source::Built(manifest))
    }
}

impl From<String> for ManifestSource {
    fn from(text: String) -> Self {
        Self(Source::Text(text))
    }
}

impl From<&str> for ManifestSource {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(manifest: &Manifest) -> Value {
        serde_json::from_str(&manifest.text()).expect("JSON")
    }

    #[test]
    fn pages_of_one_label_are_listed_together_and_bring_their_permissions_along() {
        let page = |path, tag| Page::element(path, tag, "/ui/x.js").label("Notes");
        let manifest = Manifest::new("id", "Notes", "1")
            .services(["plugins.write"])
            .page(page("/edit", "notes-edit").title("Edit").prop("whose", "all").prop("n", 2))
            .page(page("/show", "notes-show").icon("/never.svg"))
            .page(Page::html("/help", "/ui/help.html"));
        let json = read(&manifest);
        let hooks =
            json!({"hooks": ["custom_endpoint", "studio_ui"], "primary_hook": "custom_endpoint"});
        assert_eq!(json["capabilities"], hooks);
        let ui = json!(["sidebar.register", "route.register"]);
        assert_eq!(
            json["permissions"],
            json!({"services": ["plugins.write"], "ui": ui, "rpc": ["call"]})
        );
        assert_eq!(json["assets"], json!(["/ui/x.js", "/ui/help.html"]));
        let slots = json["ui"]["slots"].as_array().expect("slots");
        assert_eq!(
            (slots.len(), &slots[0]["label"], &slots[1]["label"]),
            (2, &json!("Notes"), &json!("/help"))
        );
        let edit = json!({"type": "route", "path": "/edit", "title": "Edit", "mount": {
            "kind": "webc", "tag": "notes-edit", "entry": "/ui/x.js", "props": {"whose": "all", "n": 2}}});
        assert_eq!(slots[0]["items"][0], edit);
        assert_eq!(slots[0]["items"][1]["title"], "Notes");
        assert_eq!(
            slots[1]["items"][0]["mount"],
            json!({"kind": "iframe", "app": "/ui/help.html"})
        );
    }

    #[test]
    fn every_other_key_can_be_set() {
        let schedule = json!([{"id": "daily", "cron": "0 0 * * *", "enabled": true}]);
        let manifest = Manifest::new("id", "Notes", "1")
            .hooks(["auth", "custom_endpoint"])
            .permissions("kv", ["read", "write"])
            .set("kvNamespace", "notes")
            .set("schedules", &schedule)
            .described("never seen before")
            .described("not taken");
        let json = read(&manifest);
        assert_eq!(json["capabilities"]["primary_hook"], "auth");
        assert_eq!(json["permissions"]["kv"], json!(["read", "write"]));
        assert_eq!((&json["schedules"], &json["kvNamespace"]), (&schedule, &json!("notes")));
        assert_eq!(json["description"], "never seen before");
    }
}
