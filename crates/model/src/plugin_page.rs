//! Pages that a plugin brings for the console: what its manifest says of them, and what comes of asking its process. A
//! manifest comes from a program that nobody vouches for, so what is taken of it is bounded and can be shown.

use crate::actor::Who;
use crate::config_schema::ConfigSchema;
use crate::plugin::{PluginId, PluginSpec};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The hook that a manifest names where it has pages.
pub const STUDIO_UI: &str = "studio_ui";
/// Largest asset, in bytes.
pub const MAX_ASSET_BYTES: usize = 8 * 1024 * 1024;
/// Largest question of a page to its plugin, in bytes.
pub const MAX_CALL_BYTES: usize = 1024 * 1024;
/// Largest answer to it, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// How long a plugin may take for an asset.
pub const ASSET_DEADLINE: Duration = Duration::from_secs(10);
/// How long a plugin may take for the answer to its page.
pub const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// Most pages of one plugin.
const MAX_PAGES: usize = 32;
/// Most of those that are not shown that a warning names.
const MAX_NAMED: usize = 8;
/// Longest text of one, in characters.
const MAX_TEXT: usize = 200;
/// Longest path, in bytes.
const MAX_PATH: usize = 1024;
/// Most that the properties of one may have, as JSON, in bytes.
const MAX_PROPS_BYTES: usize = 16 * 1024;

/// How a page is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKind {
    /// A custom element that a script of the plugin defines.
    Component,
    /// A document of the plugin.
    Document,
}

impl PageKind {
    /// The word of manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "webc",
            Self::Document => "iframe",
        }
    }
}

/// One page of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Where the manifest puts it; `sidebar.section` is the menu.
    pub slot: String,
    /// What its section of the menu is called.
    pub label: String,
    /// The icon of that section, as the manifest names it; may be empty.
    pub icon: String,
    /// Its path, as in the manifest.
    pub path: String,
    /// What it is called.
    pub title: String,
    /// How it is drawn.
    pub kind: PageKind,
    /// The name of its element; empty for a document.
    pub tag: String,
    /// The asset that it begins with.
    pub entry: String,
    /// What its element is given.
    pub props: Map<String, Value>,
}

/// A file of a plugin's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub content: Vec<u8>,
    /// What the plugin says they are.
    pub media_type: String,
}

/// What a plugin tells of itself beside the console.
#[derive(Debug, Clone, Default)]
pub struct ToldByPlugin {
    /// Its manifest; none where it has none.
    pub manifest: Option<Value>,
    /// What it says of its configuration.
    pub config_schema: Option<Arc<ConfigSchema>>,
    /// Whether that is all it says: where it could not be asked, or cannot be read, nobody knows.
    pub is_schema_known: bool,
    /// Why it told it by the configuration before, where it did not start by the one that is stored.
    pub stands_in_because: Option<String>,
}

/// What plugins told of themselves when they were started last beside the console. Copies are the same one.
#[derive(Debug, Clone, Default)]
pub struct ToldBeside(Arc<Mutex<HashMap<PluginId, Told>>>);

/// As what it was started, and what it told then.
type Told = (Arc<PluginSpec>, ToldByPlugin);

impl ToldBeside {
    /// Remembers what a plugin told in the place of what it told before.
    pub fn note(&self, spec: Arc<PluginSpec>, told: ToldByPlugin) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(spec.id, (spec, told));
    }

    /// Forgets what a plugin told that is not what it was any more.
    pub fn forget(&self, gone: &PluginSpec) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|id, (told, _)| *id != gone.id || !told.same_process(gone));
    }

    /// What a plugin told last, and as what it was started then.
    pub fn of(&self, plugin: PluginId) -> Option<Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&plugin).cloned()
    }
}

/// Who asks a plugin something from its page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageUser {
    /// Tells them from everybody else, also from those who are called the same.
    pub key: String,
    /// What the audit log calls them.
    pub name: String,
}

impl From<&Who> for PageUser {
    fn from(who: &Who) -> Self {
        let number = who.number().map(|number| format!(":{number}")).unwrap_or_default();
        Self { key: format!("{}{number}", who.kind()), name: who.name().to_owned() }
    }
}

/// A question of a page to its plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCall {
    /// What it is called.
    pub method: String,
    /// JSON.
    pub payload: String,
    /// Who asks.
    pub user: PageUser,
}

/// Why a plugin's page got nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageFailure {
    /// There is nothing that could be started here.
    #[error("{0}")]
    NotHere(String),
    /// It could not be started, or is not started again yet.
    #[error("{why}")]
    NotStarted {
        /// Why, with its last words.
        why: String,
        /// After how long it is tried again.
        retry_after: Duration,
    },
    /// As much goes on with it as may.
    #[error("{0}")]
    Busy(String),
    /// As much of whoever asks goes on with it as may of one.
    #[error("{0}")]
    TooMany(String),
    /// Its process ended meanwhile; with its last words.
    #[error("{0}")]
    Ended(String),
    /// It took too long.
    #[error("the plugin did not answer within {0:?}; its process goes on, and its log may say why")]
    Late(Duration),
    /// What it answered is too much, or none of what could be answered.
    #[error("{0}")]
    Unusable(String),
    /// It has no such asset.
    #[error("{0}")]
    NoSuchAsset(String),
    /// Its own words.
    #[error("{0}")]
    Said(String),
}

/// The pages that a manifest names, in its order. What is no page that can be shown is left out.
pub fn pages_of(manifest: &Value) -> Vec<Page> {
    items(manifest)
        .filter_map(|(slot, item)| page(manifest, slot, item).ok())
        .take(MAX_PAGES)
        .collect()
}

/// What an operator should know of the items that a manifest names and that are no pages: which they are, and why.
pub fn unshown(manifest: &Value) -> Option<String> {
    let unshown = items(manifest).filter_map(|(slot, item)| {
        let why = page(manifest, slot, item).err()?;
        let named = [&item["title"], &item["path"], &slot["label"]].into_iter().find_map(text);
        Some(format!("{} ({why})", named.unwrap_or_else(|| "one without a name".to_owned())))
    });
    let all: Vec<_> = unshown.take(MAX_PAGES).collect();
    let named = all[..all.len().min(MAX_NAMED)].join(", ");
    match all.len().saturating_sub(MAX_NAMED) {
        _ if all.is_empty() => None,
        0 => Some(format!("the console does not show of its pages: {named}")),
        more => Some(format!("the console does not show of its pages: {named} and {more} more")),
    }
}

/// What a manifest puts into the console, with where it puts it.
fn items(manifest: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    list(&manifest["ui"]["slots"])
        .flat_map(|slot| list(&slot["items"]).map(move |item| (slot, item)))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten().take(MAX_PAGES)
}

/// # Errors
/// Why it is no page that can be shown.
fn page(manifest: &Value, slot: &Value, item: &Value) -> Result<Page, String> {
    let mount = &item["mount"];
    let said = |value: &Value| text(value).unwrap_or_else(|| "nothing".to_owned());
    if item["type"].as_str() != Some("route") {
        return Err(format!("its type is {}, and only a route is shown", said(&item["type"])));
    }
    let kind = [PageKind::Component, PageKind::Document]
        .into_iter()
        .find(|kind| mount["kind"].as_str() == Some(kind.as_str()))
        .ok_or_else(|| {
            format!("its mount is {}, and only webc and iframe are shown", said(&mount["kind"]))
        })?;
    let (tag, entry) = match kind {
        PageKind::Component => {
            let tag = mount["tag"].as_str().filter(|tag| is_tag(tag));
            let tag = tag.ok_or("its mount has no tag that an element can have")?;
            (tag, (&mount["entry"], "its mount has no entry that is a path"))
        }
        PageKind::Document => ("", (&mount["app"], "its mount has no app that is a path")),
    };
    let (entry, without_entry) = entry;
    let label = text(&slot["label"]).or_else(|| text(&manifest["name"])).unwrap_or_default();
    let title = text(&item["title"]).unwrap_or_else(|| label.clone());
    let props = mount["props"].as_object().cloned().unwrap_or_default();
    let fits = serde_json::to_vec(&props).is_ok_and(|json| json.len() <= MAX_PROPS_BYTES);
    Ok(Page {
        slot: text(&slot["slot"]).unwrap_or_default(),
        icon: text(&slot["icon"]).unwrap_or_default(),
        path: path(&item["path"]).ok_or("it has no path")?,
        tag: tag.to_owned(),
        entry: path(entry).ok_or(without_entry)?,
        props: if fits { props } else { Map::new() },
        label,
        title,
        kind,
    })
}

/// A text that can be shown: without what nobody sees, and no longer than it may be.
fn text(value: &Value) -> Option<String> {
    let is_shown = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let shown: String = value.as_str()?.chars().filter(is_shown).take(MAX_TEXT).collect();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

fn path(value: &Value) -> Option<String> {
    let path = value.as_str()?;
    let is_one = !path.is_empty() && path.len() <= MAX_PATH && !path.chars().any(char::is_control);
    is_one.then(|| path.to_owned())
}

/// The name of a custom element, as far as plugins use them.
fn is_tag(tag: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b);
    tag.len() <= MAX_TEXT
        && tag.starts_with(|c: char| c.is_ascii_lowercase())
        && tag.contains('-')
        && tag.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// With every key that manifests of the existing system have.
    fn whole() -> Value {
        json!({
            "id": "com.example.echo", "version": "1.0.0", "name": "Echo", "description": "d",
            "capabilities": {"hooks": ["studio_ui", "custom_endpoint"], "primary_hook": "studio_ui"},
            "permissions": {"services": ["kv.readwrite"], "object_hooks": [], "ui": ["sidebar.register"],
                "portal_ui": [], "rpc": ["call"], "kv": ["read"], "routes": ["/x"]},
            "kvNamespace": "n", "rpc": {"basePath": "/rpc", "proto": "p", "entrypoint": "e"},
            "ui": {"slots": [
                {"slot": "sidebar.section", "label": "Echo", "icon": "/i.svg", "items": [
                    {"type": "route", "path": "/admin/echo", "title": "Editor", "mount": {
                        "kind": "webc", "tag": "echo-editor", "entry": "/ui/e.js",
                        "props": {"apiBase": "/x", "n": 1}}},
                    {"type": "route", "path": "/admin/app", "mount": {"kind": "iframe", "app": "/ui/app.html"}},
                    {"type": "route", "path": "/mf", "mount": {"kind": "module-federation", "remote": "r", "exposed": "e"}},
                    {"type": "link", "path": "/other", "mount": {"kind": "webc", "tag": "a-b", "entry": "/b"}},
                ]},
                {"slot": "app.detail.tab", "items": null},
            ]},
            "portal": {"slots": [{"slot": "portal_sidebar.section", "groups": ["g"], "items": []}]},
            "assets": ["/ui/e.js"], "schedules": [{"id": "s", "cron": "* * * * *"}],
            "resource_types": [{"slug": "r", "form_component": {"tag": "t", "entry_point": "e"}}],
            "compat": {"app": ">=1", "api": ["v1"], "min_gateway_version": "1"},
            "security": {"csp": "x"}, "plugin_type": "ui", "scopeRequests": [],
        })
    }

    #[test]
    fn every_key_of_a_manifest_is_read_without_complaint_and_routes_are_pages() {
        let pages = pages_of(&whole());
        assert_eq!(pages.len(), 2);
        let [editor, app] = &pages[..] else { unreachable!() };
        assert_eq!((&*editor.label, &*editor.title, &*editor.icon), ("Echo", "Editor", "/i.svg"));
        assert_eq!(
            (editor.kind, &*editor.tag, &*editor.entry),
            (PageKind::Component, "echo-editor", "/ui/e.js")
        );
        assert_eq!((&editor.props["n"], &*editor.slot), (&json!(1), "sidebar.section"));
        assert_eq!(
            (app.kind, &*app.entry, &*app.title),
            (PageKind::Document, "/ui/app.html", "Echo")
        );
    }

    #[test]
    fn what_is_no_page_is_told_with_its_reason() {
        assert_eq!(
            unshown(&whole()).unwrap(),
            "the console does not show of its pages: \
             /mf (its mount is module-federation, and only webc and iframe are shown), \
             /other (its type is link, and only a route is shown)"
        );
        let with = |items: Value| unshown(&json!({"ui": {"slots": [{"items": items}]}}));
        let good = json!({"type": "route", "path": "/a", "mount": {"kind": "iframe", "app": "/e"}});
        assert_eq!(with(json!([good])), None);
        assert_eq!(with(json!(null)), None);
        let link = json!({"type": "link", "title": "L"});
        let many = with(json!(vec![link; 10])).unwrap();
        assert!(many.matches("L (").count() == 8 && many.ends_with(" and 2 more"), "{many}");
    }

    #[test]
    fn what_cannot_be_a_page_is_left_out() {
        for manifest in
            [json!(null), json!([]), json!({"ui": 7}), json!({"ui": {"slots": {"a": 1}}})]
        {
            assert_eq!(pages_of(&manifest), []);
        }
        let with = |item: Value| pages_of(&json!({"ui": {"slots": [{"items": [item]}]}})).len();
        let good = json!({"type": "route", "path": "/a", "mount": {"kind": "webc", "tag": "a-b", "entry": "/e"}});
        assert_eq!(with(good.clone()), 1);
        for (at, value) in [
            ("/type", json!("x")),
            ("/path", json!("")),
            ("/path", json!("a\nb")),
            ("/mount/kind", json!("x")),
            ("/mount/tag", json!("script")),
            ("/mount/tag", json!("a-b onload=x")),
            ("/mount/entry", json!(null)),
            ("/mount/entry", json!("x".repeat(2000))),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(at).unwrap() = value;
            assert_eq!(with(bad), 0, "{at}");
        }
    }

    #[test]
    fn what_is_taken_is_bounded_and_can_be_shown() {
        let mut manifest = whole();
        let item = manifest["ui"]["slots"][0]["items"][0].clone();
        manifest["ui"]["slots"][0]["items"] = json!(vec![item; 100]);
        manifest["ui"]["slots"][0]["label"] = json!(format!("a\u{202e}b{}", "x".repeat(500)));
        manifest["ui"]["slots"][0]["items"][0]["mount"]["props"] = json!({"a": "x".repeat(20_000)});
        let pages = pages_of(&manifest);
        assert_eq!(pages.len(), MAX_PAGES);
        assert!(pages[0].label.starts_with("abx") && pages[0].label.len() == MAX_TEXT);
        assert!(pages[0].props.is_empty() && !pages[1].props.is_empty());
    }
}
