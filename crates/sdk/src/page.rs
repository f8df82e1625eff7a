//! A page that a plugin brings along for the console.

use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where pages are listed: the section of the navigation that belongs to plugins.
const SIDEBAR: &str = "sidebar.section";

/// A page of the plugin's own in the console: where it is, and which file it begins with.
///
/// ```
/// use sidegate_sdk::Page;
///
/// let page = Page::element("/notes", "notes-editor", "/ui/editor.js").label("Notes").title("Edit");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a page is not shown until it is given to a plugin"]
pub struct Page {
    path: String,
    label: String,
    title: String,
    icon: String,
    mount: Map<String, Value>,
    props: Map<String, Value>,
}

impl Page {
    /// A page that is one custom element: `entry` is the file whose script defines it, run as a
    /// classic script (no `import`).
    pub fn element(
        path: impl Into<String>,
        tag: impl Into<String>,
        entry: impl Into<String>,
    ) -> Self {
        Self::mounted(path, &json!({"kind": "webc", "tag": tag.into(), "entry": entry.into()}))
    }

    /// A page that is a file of HTML. Scripts, styles and images that it refers to by relative
    /// addresses are put into it.
    pub fn html(path: impl Into<String>, file: impl Into<String>) -> Self {
        Self::mounted(path, &json!({"kind": "iframe", "app": file.into()}))
    }

    fn mounted(path: impl Into<String>, mount: &Value) -> Self {
        let mount = mount.as_object().cloned().unwrap_or_default();
        Self {
            path: path.into(),
            label: String::new(),
            title: String::new(),
            icon: String::new(),
            mount,
            props: Map::new(),
        }
    }

    /// What the navigation calls it; without one, what its title is, or its path. Pages of the same
    /// label are listed together.
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// What is above the page; without one, its label.
    pub fn title(mut self, text: impl Into<String>) -> Self {
        self.title = text.into();
        self
    }

    /// The file with its picture.
    pub fn icon(mut self, path: impl Into<String>) -> Self {
        self.icon = path.into();
        self
    }

    /// Something for the element to know, as its attribute `data-{name}`, where `aB` becomes `a-b`: a text as
    /// it is, anything else as JSON. What JSON cannot express is left out.
    pub fn prop(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.props.insert(name.into(), value);
        }
        self
    }

    /// The file that it begins with.
    pub(crate) fn entry(&self) -> &str {
        let entry = self.mount.get("entry").or_else(|| self.mount.get("app"));
        entry.and_then(Value::as_str).unwrap_or_default()
    }

    /// Adds it to the slots of a manifest.
    pub(crate) fn add_to(self, slots: &mut Vec<Value>) {
        let Self { path, label, title, icon, mut mount, props } = self;
        let label = [&label, &title, &path].into_iter().find(|text| !text.is_empty()).cloned();
        let label = label.unwrap_or_default();
        let title = if title.is_empty() { label.clone() } else { title };
        if !props.is_empty() {
            mount.insert("props".to_owned(), Value::Object(props));
        }
        let item = json!({"type": "route", "path": path, "title": title, "mount": mount});
        let same = |slot: &&mut Value| slot["slot"] == SIDEBAR && slot["label"] == label;
        if let Some(items) =
            slots.iter_mut().find(same).and_then(|slot| slot["items"].as_array_mut())
        {
            items.push(item);
            return;
        }
        slots.push(json!({"slot": SIDEBAR, "label": label, "icon": icon, "items": [item]}));
    }
}
