//! Pages that plugins bring for the console, as the admin API tells them, in its own shapes as well as in those of the
//! existing system.

use crate::operation::Fields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sidegate_model::plugin_page::Page;

/// One page of a plugin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginPage {
    /// Where the manifest puts it; `sidebar.section` is the menu.
    pub slot: String,
    /// What its section of the menu is called.
    pub label: String,
    /// The icon of that section: an asset of the plugin or a name, as the manifest has it; may be empty.
    pub icon: String,
    /// Its path, as the manifest has it.
    pub path: String,
    /// What it is called.
    pub title: String,
    /// How it is drawn.
    pub kind: PageKind,
    /// The name of its element; empty where it is a document.
    pub tag: String,
    /// The asset that it begins with: the script that defines the element, or the document.
    pub entry: String,
    /// What its element is given.
    #[schemars(extend("type" = "object"))]
    pub props: Map<String, Value>,
    /// Why it cannot be opened by whoever asks, in words for people; `null` where it can. Where the plugin cannot be asked
    /// for its pages either, this is all that is known of the one page that is listed.
    pub closed: Option<String>,
    /// What whoever opens it is to know, in words for people: that the plugin does not start by the configuration that is
    /// stored, so that its page is answered by the one before, and why; `null` where there is nothing.
    pub notice: Option<String>,
}

/// How a page is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PageKind {
    /// By a custom element that a script of the plugin defines.
    #[default]
    #[serde(rename = "webc")]
    Component,
    /// By a document of the plugin.
    #[serde(rename = "iframe")]
    Document,
}

impl From<Page> for PluginPage {
    fn from(page: Page) -> Self {
        let kind = match page.kind {
            sidegate_model::plugin_page::PageKind::Component => PageKind::Component,
            sidegate_model::plugin_page::PageKind::Document => PageKind::Document,
        };
        let Page { slot, label, icon, path, title, tag, entry, props, .. } = page;
        Self { slot, label, icon, path, title, kind, tag, entry, props, closed: None, notice: None }
    }
}

/// All pages of all plugins, in the shape of the existing system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UiRegistry {
    /// One for each page.
    pub data: Vec<UiRegistryRow>,
}

/// A page of a plugin, in the shape of the existing system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UiRegistryRow {
    /// A number among the rows of this answer.
    pub id: u32,
    /// The number of the plugin.
    pub plugin_id: u32,
    /// What the plugin is called.
    pub plugin_name: String,
    /// Where the manifest puts it.
    pub slot_type: String,
    /// Its path.
    pub route_pattern: String,
    /// The name of its element.
    pub component_tag: String,
    /// The asset that it begins with.
    pub entry_point: String,
    /// The rest.
    pub mount_config: MountConfig,
    /// Always: what is switched off is not listed.
    pub is_active: bool,
    /// Always 0.
    pub load_priority: u32,
    /// Always `admin`.
    pub scope: String,
    /// Always empty.
    pub allowed_groups: Vec<String>,
}

/// How a page is drawn, in the shape of the existing system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MountConfig {
    /// `webc` or `iframe`.
    pub kind: PageKind,
    /// The name of its element.
    pub tag: String,
    /// The script that defines it.
    pub entry: String,
    /// The document, where it is one.
    pub app: String,
    /// What its element is given.
    #[schemars(extend("type" = "object"))]
    pub props: Map<String, Value>,
    /// What it is called.
    pub title: String,
    /// What its section of the menu is called.
    pub label: String,
    /// The icon of that section.
    pub icon: String,
}

impl From<&PluginPage> for MountConfig {
    fn from(page: &PluginPage) -> Self {
        let is_document = page.kind == PageKind::Document;
        let (entry, app) = match is_document {
            true => (String::new(), page.entry.clone()),
            false => (page.entry.clone(), String::new()),
        };
        let PluginPage { kind, tag, props, title, label, icon, .. } = page.clone();
        Self { kind, tag, entry, app, props, title, label, icon }
    }
}

/// The sections that plugins add to the menu, in the shape of the existing system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SidebarMenu {
    /// One for each plugin that has pages in the menu.
    pub data: Vec<MenuSection>,
}

/// The section of a plugin in the menu.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MenuSection {
    /// `plugin_` and the number of the plugin.
    pub id: String,
    /// What it is called.
    pub label: String,
    /// Its icon.
    pub icon: String,
    /// The number of the plugin.
    pub plugin_id: u32,
    /// What the plugin is called.
    pub plugin_name: String,
    /// Its pages.
    pub sub_items: Vec<MenuItem>,
}

/// A page in the menu.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MenuItem {
    /// The id of the section, `_` and the name of the element.
    pub id: String,
    /// What it is called.
    pub text: String,
    /// Its path.
    pub path: String,
    /// The name of its element.
    pub component_tag: String,
    /// The asset that it begins with.
    pub entry_point: String,
    /// How it is drawn.
    pub mount_config: MountConfig,
}

/// What a plugin answers to its page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageAnswer {
    /// Its JSON as it is; a text that is no JSON as a text.
    pub data: Value,
}

/// Which program is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidateFields {
    /// `file:///absolute/path`; the plugin's own where nothing is said.
    pub command: Option<String>,
}

impl Fields for ValidateFields {
    const NOUN: &'static str = "plugin";
}

/// What a program says of itself, in the shape of the existing system. Nothing of it is stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginMetadataAttributes {
    /// The command that was started once.
    pub command: String,
    /// The hooks that its manifest names.
    pub hook_types: Vec<String>,
    /// The first of them, or the one that its manifest calls so.
    pub primary_hook: String,
    /// A JSON Schema of its configuration; empty where it has none.
    #[schemars(extend("type" = ["object", "boolean"]))]
    pub config_schema: Value,
    /// Its manifest.
    #[schemars(extend("type" = "object"))]
    pub manifest: Value,
    /// What its manifest wishes to ask of the gateway.
    pub scopes: Vec<String>,
    /// Whether all of that which can be granted is.
    pub status: MetadataStatus,
    /// When it was looked at; UTC, RFC 3339.
    pub loaded_at: String,
}

/// Whether something of a plugin waits for approval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetadataStatus {
    /// Nothing does.
    #[default]
    Ready,
    /// It wishes scopes that are not granted.
    ScopesPending,
}
