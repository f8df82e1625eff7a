//! What there is now, as the admin API tells it, in the form in which files say it.

use super::document::{Key, sorted};
use super::fields::{Form, Kind};
use crate::client::AdminApi;
use crate::error::{Failure, Kind as FailureKind};
use serde_json::{Map, Value};
use sidegate_api::resource::Resource;
use std::collections::BTreeMap;

/// A thing that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveThing {
    /// Its number.
    pub(crate) id: String,
    /// Who says that it is theirs; empty for nobody.
    pub(crate) managed_by: String,
    /// What a file could say of it, all of it.
    pub(crate) fields: Map<String, Value>,
    /// Its version, once it was asked for.
    pub(crate) version: Option<String>,
}

/// All things that are there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Live {
    pub(crate) things: BTreeMap<Key, LiveThing>,
}

/// A thing out of what the API tells of it.
pub(crate) fn thing(
    kind: Kind,
    id: String,
    attributes: &Value,
    version: Option<String>,
) -> (Key, LiveThing) {
    let text = |name: &str| attributes[name].as_str().unwrap_or_default().to_owned();
    let key = Key { kind, namespace: text("namespace"), name: text("name") };
    let mut fields: Map<_, _> = kind
        .fields()
        .iter()
        .map(|field| {
            let value = attributes.get(field.name).filter(|value| !value.is_null());
            let value = value.cloned().unwrap_or_else(|| field.default());
            let value = if field.form == Form::Set { sorted(&value) } else { value };
            (field.name.to_owned(), value)
        })
        .collect();
    // It lives in the configuration; a file says it beside.
    let in_config = fields.get_mut("config").and_then(Value::as_object_mut);
    if let Some(Value::String(slug)) = in_config.and_then(|config| config.remove("slug")) {
        fields.insert("slug".to_owned(), slug.into());
    }
    (key, LiveThing { id, managed_by: text("managed_by"), fields, version })
}

impl Live {
    /// Asks for everything.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) async fn read(api: &AdminApi) -> Result<Self, Failure> {
        let mut things = BTreeMap::new();
        for kind in Kind::ALL {
            let found: Vec<Resource<Value>> = match api.all(kind.plural()).await {
                // A gateway of an earlier version knows none.
                Err(failure) if !kind.is_always_told() && failure.kind == FailureKind::NotFound => {
                    Vec::new()
                }
                found => found?,
            };
            things.extend(found.into_iter().map(|it| thing(kind, it.id, &it.attributes, None)));
        }
        Ok(Self { things })
    }

    /// Asks for these once more, each with its version.
    ///
    /// # Errors
    /// When one cannot be asked for.
    pub(crate) async fn with_versions(
        mut self,
        api: &AdminApi,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Self, Failure> {
        for key in keys {
            let Some(known) = self.things.get(&key) else { continue };
            let path = format!("{}/{}", key.kind.plural(), known.id);
            let (found, version) = api.get_version::<Value>(&path).await?;
            let (now, found) = thing(key.kind, found.id, &found.attributes, Some(version));
            self.things.remove(&key);
            self.things.insert(now, found);
        }
        Ok(self)
    }
}
