//! What a plugin keeps, as the admin API shows it to operators.

use crate::resource::Resource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An entry of a plugin's storage, without its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StorageEntryAttributes {
    /// Its key.
    pub key: String,
    /// How many bytes the value has.
    pub value_bytes: u64,
    /// When it was written last; UTC, RFC 3339.
    pub updated_at: String,
    /// When it expires; `null` is never.
    pub expires_at: Option<String>,
}

/// An entry of a plugin's storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StorageValueAttributes {
    /// Its key, its size and its times.
    #[serde(flatten)]
    pub entry: StorageEntryAttributes,
    /// The value in Base64.
    pub value_base64: String,
    /// The value as a text; `null` where it is none in UTF-8.
    pub text: Option<String>,
}

/// Some entries of a plugin's storage, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StorageList {
    /// The entries.
    pub data: Vec<Resource<StorageEntryAttributes>>,
    /// How to go on, and how much there is.
    pub meta: StorageMeta,
}

/// How to go on in a list of entries, and how much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StorageMeta {
    /// What `after` of the next page is; `null` where there are no more.
    pub next_after: Option<String>,
    /// How many entries the plugin keeps in all, whatever the list is narrowed to.
    pub total_keys: u64,
    /// How many bytes their keys and values take together.
    pub total_bytes: u64,
    /// How many entries it may keep.
    pub most_keys: u64,
    /// How many bytes they may take together.
    pub most_bytes: u64,
}

/// Which entries are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageQuery {
    /// Only those whose key begins so.
    pub prefix: Option<String>,
    /// Only those whose key comes after this one: what `meta.next_after` of the page before says.
    pub after: Option<String>,
    /// How many entries a page has, 1 to 100; 20 where nothing is said.
    pub limit: Option<u32>,
}
