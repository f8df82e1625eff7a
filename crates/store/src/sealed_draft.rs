//! A plugin's configuration and options as they are in the database: their secrets are sealed. What of
//! them is a secret is said by the model.

use crate::error::StoreError;
use crate::sql::{Param, Row, json_text, params};
use serde_json::{Map, Value};
use sidegate_model::plugin::{PluginDraft, PluginId, PluginOptions};
use sidegate_model::sealing::{CannotOpen, Keyring, SealingKey};
use sidegate_model::secret::{
    Sealer, SecretPlaces, SettingPath, open_config, open_options, seal_config, seal_options,
    sealed_texts,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most settings that are remembered as secrets of one plugin.
const MOST_SECRET_SETTINGS: usize = 1000;
/// Most of them after a change of an operator, so that there is room for what a schema says.
const MOST_BY_OPERATORS: usize = 500;

/// What is sealed of a plugin.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SealedDraft {
    config: Map<String, Value>,
    options: Map<String, Value>,
    /// Which settings were once called secrets.
    pub(crate) secret_settings: BTreeSet<SettingPath>,
}

impl SealedDraft {
    /// Seals a draft. What is the same in `before` is taken from there.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] where more settings would be called secrets than can be remembered.
    pub(crate) fn new(
        id: PluginId,
        draft: &PluginDraft,
        before: &Self,
        keys: &Keyring,
    ) -> Result<Self, StoreError> {
        let mut secret_settings = before.secret_settings.clone();
        let called_so = PluginOptions::read(&draft.options).0.secret_settings;
        let is_new = called_so.iter().any(|path| !secret_settings.contains(path));
        secret_settings.extend(called_so);
        if is_new && secret_settings.len() > MOST_BY_OPERATORS {
            let problem = format!(
                "options.secret_settings: with those that were called so before there are {}, and {MOST_BY_OPERATORS} are the most; use * for all entries of something, or register the plugin anew",
                secret_settings.len()
            );
            return Err(StoreError::invalid("plugin", &[problem]));
        }
        let of_options = |(name, text): (&String, &String)| (name.clone(), text.as_str().into());
        let options = draft.options.iter().map(of_options).collect();
        let clear = Clear { config: &draft.config, options, secret_settings };
        Ok(Self::sealed(id, &clear, before, keys))
    }

    /// Of texts as they are in a row.
    pub(crate) fn of(
        config: &str,
        options: &str,
        secret_settings: &str,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            config: serde_json::from_str(config)?,
            options: serde_json::from_str(options)?,
            secret_settings: serde_json::from_str(secret_settings)?,
        })
    }

    /// The three texts that [`Self::of`] reads.
    pub(crate) fn texts(&self) -> [String; 3] {
        [json_text(&self.config), json_text(&self.options), json_text(&self.secret_settings)]
    }

    /// The options as they are, sealed where they are secrets; what is no text is left out.
    pub(crate) fn sealed_options(&self) -> BTreeMap<String, String> {
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        self.options.iter().filter_map(text).collect()
    }

    /// The configuration as it is, its secrets sealed.
    pub(crate) fn sealed_config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// As it is in a row.
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let row = row.of("plugin");
        Ok(Self {
            config: row.json("config")?,
            options: row.json("options")?,
            secret_settings: row.json("secret_settings")?,
        })
    }

    /// The same with more settings called secrets, and with everything sealed that is not or is by another key.
    pub(crate) fn sealed_anew(
        &self,
        id: PluginId,
        more: BTreeSet<SettingPath>,
        keys: &Keyring,
    ) -> Result<Self, CannotOpen> {
        let context = context(id);
        let sealer = Sealer { keys, context: &context };
        let config = open_config(&self.config, sealer)?;
        let options = open_options(&self.options, sealer)?;
        let known = self.secret_settings.iter().cloned();
        let secret_settings: BTreeSet<_> = known.chain(more).collect();
        let secret_settings = match secret_settings.len() {
            0..=MOST_SECRET_SETTINGS => secret_settings,
            // Only a plugin that names others in each of its versions comes here.
            count => {
                tracing::warn!(plugin = %id, count, "so many settings were called secrets that no more are remembered");
                self.secret_settings.clone()
            }
        };
        Ok(Self::sealed(id, &Clear { config: &config, options, secret_settings }, self, keys))
    }

    fn sealed(id: PluginId, clear: &Clear<'_>, before: &Self, keys: &Keyring) -> Self {
        let context = context(id);
        let sealer = Sealer { keys, context: &context };
        let places = SecretPlaces::of(clear.secret_settings.iter().cloned());
        Self {
            config: seal_config(clear.config, &before.config, &places, sealer),
            options: seal_options(&clear.options, &before.options, sealer),
            secret_settings: clear.secret_settings.clone(),
        }
    }

    /// The configuration in clear.
    pub(crate) fn config(
        &self,
        id: PluginId,
        keys: &Keyring,
    ) -> Result<Map<String, Value>, CannotOpen> {
        open_config(&self.config, Sealer { keys, context: &context(id) })
    }

    /// The options in clear. What is no text was written by somebody else, and is none.
    pub(crate) fn options(
        &self,
        id: PluginId,
        keys: &Keyring,
    ) -> Result<BTreeMap<String, String>, CannotOpen> {
        let opened = open_options(&self.options, Sealer { keys, context: &context(id) })?;
        let text = |(name, value): (String, Value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(CannotOpen::Damaged),
        };
        opened.into_iter().map(text).collect()
    }

    /// Another text whenever a secret became another one, and the same whoever's key seals it; `None` where there is
    /// none. It takes a key to make it, so nobody can find a secret by trying.
    pub(crate) fn secrets_version(
        &self,
        id: PluginId,
        keys: &Keyring,
        digests: &SealingKey,
    ) -> Result<Option<String>, CannotOpen> {
        let context = context(id);
        let sealed = [&self.config, &self.options].into_iter().flat_map(sealed_texts);
        let opened = sealed.map(|text| keys.open_text(&context, text));
        let secrets = opened.collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() {
            return Ok(None);
        }
        let digest =
            digests.digest(&format!("secrets of {context}"), json_text(&secrets).as_bytes());
        Ok(Some(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// `$1` to `$12` of the update of a plugin.
    pub(crate) fn params(&self, draft: &PluginDraft, slug: Option<String>) -> Vec<Param> {
        params![
            draft.name.as_str(),
            draft.description.as_str(),
            draft.command.as_str(),
            slug,
            json_text(&self.config),
            json_text(&self.options),
            draft.hook_type.as_str(),
            json_text(&draft.hook_types),
            json_text(&draft.service_scopes),
            draft.is_active,
            json_text(&self.secret_settings),
            draft.managed_by.as_str(),
        ]
    }

    /// The same for a statement that changes nothing but what is sealed.
    pub(crate) fn own_params(&self) -> Vec<Param> {
        params![json_text(&self.config), json_text(&self.options), json_text(&self.secret_settings),]
    }
}

/// What is to be sealed.
struct Clear<'a> {
    config: &'a Map<String, Value>,
    options: Map<String, Value>,
    secret_settings: BTreeSet<SettingPath>,
}

/// What the secrets of a plugin are sealed for: those of another one cannot be put in their place.
fn context(id: PluginId) -> String {
    format!("plugin {id}")
}
