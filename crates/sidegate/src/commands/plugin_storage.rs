//! `sidegate plugin storage`: what a plugin keeps in its gateway.
//!
//! It asks the admin API; what an entry means knows the plugin.

use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::{Column, Output, print};
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::storage::{StorageEntryAttributes, StorageList, StorageValueAttributes};

type Entry = Resource<StorageEntryAttributes>;
type Value = Resource<StorageValueAttributes>;

const COLUMNS: &[Column<Entry>] = &[
    ("KEY", |entry| entry.attributes.key.clone()),
    ("BYTES", |entry| entry.attributes.value_bytes.to_string()),
    ("WRITTEN", |entry| entry.attributes.updated_at.clone()),
    ("EXPIRES", |entry| entry.attributes.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
];

/// Look at what a plugin keeps in its gateway, and remove some of it
#[derive(Debug, Args)]
pub(crate) struct Storage {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the keys under which a plugin keeps something
    List(List),
    /// Print the value under a key, as it is
    Get(One),
    /// Remove what is kept under a key
    Delete(One),
}

/// The keys of a plugin
#[derive(Debug, Args)]
struct List {
    /// Name or id of the plugin
    plugin: String,
    /// Only keys that begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// One key of a plugin
#[derive(Debug, Args)]
struct One {
    /// Name or id of the plugin
    plugin: String,
    /// The key
    key: String,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(storage: &Storage) -> Result<(), Failure> {
    match &storage.action {
        Action::List(list) => list.run().await,
        Action::Get(one) => {
            let (api, path) = one.find().await?;
            let value: Value = api.get(&path).await?;
            if one.output.is_table() {
                return print_value(&value.attributes);
            }
            one.output.one(&value, &[])
        }
        Action::Delete(one) => {
            let (api, path) = one.find().await?;
            let value: Value = api.get(&path).await?;
            api.delete(&path).await?;
            eprintln!("what was kept under {:?} is removed", one.key);
            one.output.removed(&value)
        }
    }
}

/// Texts for people and programs alike; of anything else the bytes in Base64, which says that it is.
fn print_value(value: &StorageValueAttributes) -> Result<(), Failure> {
    if let Some(text) = &value.text {
        return print(text);
    }
    let bytes = value.entry.value_bytes;
    eprintln!("these {bytes} bytes are no text; they are printed in Base64");
    print(&format!("{}\n", value.value_base64))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl List {
    async fn run(&self) -> Result<(), Failure> {
        let api = self.admin_api.client()?;
        let id = find_within::<PluginAttributes>(&api, &self.plugin, &self.within).await?.id;
        let prefix = encoded(self.prefix.as_deref().unwrap_or_default());
        let mut entries = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("plugins/{id}/storage?prefix={prefix}&after={after}&limit=100");
            let page: StorageList = api.whole(&path).await?;
            entries.extend(page.data);
            match page.meta.next_after {
                Some(next) => after = encoded(&next),
                None => break,
            }
        }
        self.output.list(&entries, COLUMNS)
    }
}

impl One {
    async fn find(&self) -> Result<(AdminApi, String), Failure> {
        let api = self.admin_api.client()?;
        let id = find_within::<PluginAttributes>(&api, &self.plugin, &self.within).await?.id;
        let path = format!("plugins/{id}/storage/{}", encoded(&self.key));
        Ok((api, path))
    }
}
