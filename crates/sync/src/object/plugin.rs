//! A plugin as an object. Options are carried as operators write them: one that this version does not know, or
//! would read as something else, is found and never overlooked.

use super::{Rejection, invalid};
use crate::canonical_json;
use crate::message;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::options::PluginOptions;
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::public_endpoints::PublicEndpoints;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an edge needs of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginObject {
    /// Its number.
    pub id: PluginId,
    /// When it was registered.
    pub registered_at: Option<UnixMillis>,
    /// What to run; `None` for one that is not active.
    pub spec: Option<Arc<PluginSpec>>,
}

impl PluginObject {
    pub(super) fn to_message(&self) -> message::PluginObject {
        message::PluginObject {
            id: self.id.0,
            registered_at: self.registered_at,
            spec: self.spec.as_deref().map(spec_message),
        }
    }

    pub(super) fn from_message(plugin: message::PluginObject) -> Result<Self, Rejection> {
        let id = PluginId(plugin.id);
        let spec = plugin.spec.map(|spec| read_spec(id, spec).map(Arc::new)).transpose()?;
        Ok(Self { id, registered_at: plugin.registered_at, spec })
    }
}

fn spec_message(spec: &PluginSpec) -> message::PluginSpec {
    let PluginSpec {
        id: _,
        // The manifest says it.
        namespace: _,
        name,
        slug,
        command,
        config,
        options,
        hook_types,
        service_scopes,
        public_endpoints,
        // For whoever shows and seals them.
        secret_settings: _,
        reloads,
    } = spec;
    let option = |(name, value)| message::PluginOption { name, value };
    message::PluginSpec {
        name: name.clone(),
        slug: slug.as_ref().map(ToString::to_string),
        command: command.clone(),
        config: canonical_json::write(config),
        options: options.texts().into_iter().map(option).collect(),
        hook_types: hook_types.clone(),
        service_scopes: service_scopes.iter().cloned().collect(),
        public_endpoints: public_endpoints
            .as_ref()
            .map(|public| message::PublicEndpoints { endpoints: public.texts() }),
        reloads: *reloads,
    }
}

fn read_spec(id: PluginId, spec: message::PluginSpec) -> Result<PluginSpec, Rejection> {
    let slug = spec.slug.as_deref().map(Slug::parse).transpose();
    Ok(PluginSpec {
        id,
        namespace: Namespace::global(),
        name: spec.name,
        slug: slug.map_err(|problem| invalid("slug", problem))?,
        command: spec.command,
        config: canonical_json::read(&spec.config).map_err(|problem| invalid("config", problem))?,
        options: read_options(spec.options)?,
        hook_types: spec.hook_types,
        service_scopes: spec.service_scopes.into_iter().collect(),
        public_endpoints: spec.public_endpoints.as_ref().map(read_public).transpose()?,
        secret_settings: BTreeSet::new(),
        reloads: spec.reloads,
    })
}

/// Values are not repeated in a rejection: those of `env` can be secrets.
fn read_options(options: Vec<message::PluginOption>) -> Result<PluginOptions, Rejection> {
    let raw: BTreeMap<_, _> =
        options.into_iter().map(|option| (option.name, option.value)).collect();
    let options = PluginOptions::read(&raw).0;
    let texts = options.texts();
    let differs = |name: &&String| texts.get(*name) != raw.get(*name);
    match raw.keys().chain(texts.keys()).find(differs) {
        None => Ok(options),
        Some(name) => {
            let name: String = name.chars().take(100).collect();
            Err(invalid("options", format_args!("this version does not understand {name:?}")))
        }
    }
}

fn read_public(public: &message::PublicEndpoints) -> Result<PublicEndpoints, Rejection> {
    let read = |text: &String| {
        let (method, path) =
            PublicEndpoints::parse(text).map_err(|problem| invalid("public_endpoints", problem))?;
        Ok((method, path.to_owned()))
    };
    let read = public.endpoints.iter().map(read).collect::<Result<Vec<_>, Rejection>>()?;
    Ok(read.iter().map(|(method, path)| (*method, path.as_str())).collect())
}
