//! Secret settings and environment variables of a plugin: sealed in blobs, on disks and in bootstrap files, under the
//! data key of their namespace, and opened only where the plugin is run.

use serde_json::{Map, Value};
use sidegate_model::plugin::PluginSpec;
use sidegate_model::sealing::{CannotOpen, Keyring, SEALED_PREFIX};
use sidegate_model::secret::{
    Sealer, SecretPlaces, open_config, open_options, seal_config, seal_options, sealed_texts,
};

/// What an edge must know to understand an object in which something is sealed: it would start a plugin with
/// ciphertext in place of a password else.
pub(crate) const FEATURE: &str = "sealed_settings";

/// The one member of an object that holds one value.
const ONE: &str = "env";

/// Seals what is a secret in a plugin. What is the same in `before`, sealed by the same key, is taken from there: equal
/// content stays equal.
///
/// ```
/// use sidegate_model::plugin::{PluginId, PluginSpec};
/// use sidegate_model::sealing::Keyring;
/// use sidegate_sync::sealed_settings::{is_sealed, open, seal};
/// let keys = Keyring::single([7; 32]);
/// let mut clear = PluginSpec::new(PluginId(1), "echo", "file:///opt/echo");
/// clear.config.insert("password".to_owned(), "hunter2".into());
/// let sealed = seal(&clear, None, &keys);
/// assert!(is_sealed(&sealed) && !format!("{sealed:?}").contains("hunter2"));
/// assert_eq!(seal(&clear, Some(&sealed), &keys), sealed);
/// assert_eq!(open(&sealed, &keys).unwrap(), clear);
/// ```
#[must_use]
pub fn seal(clear: &PluginSpec, before: Option<&PluginSpec>, keys: &Keyring) -> PluginSpec {
    let context = context(clear);
    let sealer = Sealer { keys, context: &context };
    let called_so = clear.secret_settings.iter().chain(&clear.options.secret_settings);
    let places = SecretPlaces::of(called_so.cloned());
    let none = Map::new();
    let config = before.map_or(&none, |before| &before.config);
    let mut sealed = clear.clone();
    sealed.config = seal_config(&clear.config, config, &places, sealer);
    let variables = |spec: &PluginSpec| -> Map<String, Value> {
        let variables = spec.options.env.iter();
        variables.map(|(name, value)| (format!("env.{name}"), value.into())).collect()
    };
    let before = before.map(variables).unwrap_or_default();
    for (name, value) in seal_options(&variables(clear), &before, sealer) {
        let name = name.strip_prefix("env.").unwrap_or_default();
        sealed.options.env.change(name, value.as_str().unwrap_or_default());
    }
    sealed
}

/// Whether anything is sealed in a plugin.
pub fn is_sealed(spec: &PluginSpec) -> bool {
    let mut variables = spec.options.env.iter();
    variables.any(|(_, value)| value.starts_with(SEALED_PREFIX))
        || !sealed_texts(&spec.config).is_empty()
}

/// The plugin with its secrets in clear.
///
/// # Errors
/// Why one of them cannot be opened.
pub fn open(sealed: &PluginSpec, keys: &Keyring) -> Result<PluginSpec, CannotOpen> {
    let context = context(sealed);
    let sealer = Sealer { keys, context: &context };
    let mut clear = sealed.clone();
    clear.config = open_config(&sealed.config, sealer)?;
    for (name, value) in sealed.options.env.iter() {
        let one = Map::from_iter([(ONE.to_owned(), value.into())]);
        let opened = open_options(&one, sealer)?;
        let value = opened.get(ONE).and_then(Value::as_str).ok_or(CannotOpen::Damaged)?;
        clear.options.env.change(name, value);
    }
    Ok(clear)
}

/// As in the database, so that what lies there can be published as it is.
fn context(spec: &PluginSpec) -> String {
    format!("plugin {}", spec.id)
}
