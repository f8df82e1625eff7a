//! A plugin as it lies in its table, secrets sealed, which is what history keeps of it.

use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::sealed_draft::SealedDraft;
use crate::sql::{Param, Row, params};
use crate::versions::damaged;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_model::secret::SettingPath;
use std::collections::BTreeSet;

const WHAT: &str = "plugin";

/// A row of `plugins`. Columns that come later need a default here, for versions of before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PluginRow {
    pub(crate) id: u32,
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) command: String,
    pub(crate) slug: Option<String>,
    /// JSON, as it was written; so are the ones that follow.
    pub(crate) config: String,
    pub(crate) options: String,
    pub(crate) hook_type: String,
    pub(crate) hook_types: String,
    pub(crate) service_scopes: String,
    pub(crate) is_active: bool,
    pub(crate) reloads: u32,
    pub(crate) public_endpoints: Option<String>,
    pub(crate) secret_settings: String,
    pub(crate) managed_by: String,
    pub(crate) created_at: UnixMillis,
    pub(crate) updated_at: UnixMillis,
}

/// Puts a row in the place of the one with its number, or adds it.
pub(crate) const PUT_PLUGIN: &str = "INSERT INTO plugins (id, namespace, name, description, command, slug, \
     config, options, hook_type, hook_types, service_scopes, is_active, reloads, public_endpoints, \
     secret_settings, managed_by, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
     command = excluded.command, slug = excluded.slug, config = excluded.config, \
     options = excluded.options, hook_type = excluded.hook_type, hook_types = excluded.hook_types, \
     service_scopes = excluded.service_scopes, is_active = excluded.is_active, \
     reloads = excluded.reloads, public_endpoints = excluded.public_endpoints, \
     secret_settings = excluded.secret_settings, managed_by = excluded.managed_by, \
     updated_at = excluded.updated_at";

impl PluginRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let row = row.of(WHAT);
        Ok(Self {
            id: row.number("id")?,
            namespace: row.word("namespace", |text| Namespace::parse(text).ok())?,
            name: row.get("name")?,
            description: row.get("description")?,
            command: row.get("command")?,
            slug: row.get("slug")?,
            config: row.get("config")?,
            options: row.get("options")?,
            hook_type: row.get("hook_type")?,
            hook_types: row.get("hook_types")?,
            service_scopes: row.get("service_scopes")?,
            is_active: row.get("is_active")?,
            reloads: row.number("reloads")?,
            public_endpoints: row.get("public_endpoints")?,
            secret_settings: row.get("secret_settings")?,
            managed_by: row.get("managed_by")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }

    /// The plugin that it is, with its secrets in clear.
    pub(crate) fn plugin(&self, keys: &DataKeys) -> Result<Plugin, StoreError> {
        let id = PluginId(self.id);
        let (digests, keys) = (keys.digests()?, keys.of(&self.namespace)?);
        let sealed = self.sealed()?;
        let row = self.clone();
        let public = row.public_endpoints.as_deref();
        Ok(Plugin {
            id,
            reloads: row.reloads,
            public_endpoints: public.map(|text| self.json("public_endpoints", text)).transpose()?,
            draft: PluginDraft {
                config: sealed.config(id, keys).map_err(|e| damaged(WHAT, self.id, "config", e))?,
                options: sealed
                    .options(id, keys)
                    .map_err(|e| damaged(WHAT, self.id, "options", e))?,
                hook_types: self.json("hook_types", &row.hook_types)?,
                service_scopes: self.json("service_scopes", &row.service_scopes)?,
                namespace: row.namespace,
                name: row.name,
                description: row.description,
                command: row.command,
                hook_type: row.hook_type,
                is_active: row.is_active,
                managed_by: row.managed_by,
            },
            secrets_version: sealed
                .secrets_version(id, keys, digests)
                .map_err(|e| damaged(WHAT, self.id, "config", e))?,
            secret_settings: sealed.secret_settings,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }

    /// What of it is sealed.
    pub(crate) fn sealed(&self) -> Result<SealedDraft, StoreError> {
        SealedDraft::of(&self.config, &self.options, &self.secret_settings)
            .map_err(|e| damaged(WHAT, self.id, "config", e))
    }

    /// The same with these settings called secrets, too, and everything sealed by the key that seals now.
    pub(crate) fn sealed_anew(
        &self,
        more: BTreeSet<SettingPath>,
        keys: &DataKeys,
    ) -> Result<Self, StoreError> {
        let ring = keys.of(&self.namespace)?;
        let sealed = self.sealed()?.sealed_anew(PluginId(self.id), more, ring);
        let sealed = sealed.map_err(|e| damaged(WHAT, self.id, "config", e))?;
        let [config, options, secret_settings] = sealed.texts();
        Ok(Self { config, options, secret_settings, ..self.clone() })
    }

    fn json<T: DeserializeOwned>(&self, field: &'static str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|e| damaged(WHAT, self.id, field, e))
    }

    /// Those of [`PUT_PLUGIN`].
    pub(crate) fn params(&self) -> Vec<Param> {
        params![
            self.id,
            self.namespace.as_str(),
            self.name.as_str(),
            self.description.as_str(),
            self.command.as_str(),
            self.slug.clone(),
            self.config.as_str(),
            self.options.as_str(),
            self.hook_type.as_str(),
            self.hook_types.as_str(),
            self.service_scopes.as_str(),
            self.is_active,
            self.reloads,
            self.public_endpoints.clone(),
            self.secret_settings.as_str(),
            self.managed_by.as_str(),
            self.created_at,
            self.updated_at,
        ]
    }
}
