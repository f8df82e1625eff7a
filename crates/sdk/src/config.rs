//! What the operator configured for this plugin, as text by key.
//!
//! Knows how to read values; which keys exist is the plugin's business.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sidegate_wire::handshake::{
    CONFIG_HAS_SERVICE_API, CONFIG_PLUGIN_ID, CONFIG_SERVICE_BROKER_ID, CONFIG_STUDIO_PLUGIN_ID,
    CONFIG_STUDIO_SERVICE_BROKER_ID, ENV_RUNTIME, RUNTIME_STUDIO,
};

use crate::error::{Error, Result};
use crate::host::Host;
use crate::machine;

/// The configuration a plugin is initialized with. Values are text; lists and objects arrive as
/// JSON text. Keys that the host adds for itself are hidden.
///
/// ```
/// use sidegate_sdk::Config;
///
/// let config = Config::from([("secret", "s3"), ("limit", "20"), ("debug", "true")]);
/// assert_eq!(config.require("secret")?, "s3");
/// assert_eq!(config.parse::<u32>("limit")?.unwrap_or(10), 20);
/// assert!(config.flag("debug", false)?);
/// assert!(config.require("missing").is_err());
/// # Ok::<(), sidegate_sdk::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Config {
    values: BTreeMap<String, String>,
    plugin_id: Option<u32>,
    broker_id: Option<u32>,
    in_console: bool,
    host: Host,
}

/// Equal where they say the same to the same plugin; who said it is not compared.
impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.plugin_id == other.plugin_id
    }
}

impl Eq for Config {}

impl Config {
    pub(crate) fn from_wire(mut map: HashMap<String, String>) -> Self {
        let plugin_id = map.remove(CONFIG_PLUGIN_ID).and_then(|id| number(&id));
        let broker_id = map.remove(CONFIG_SERVICE_BROKER_ID).and_then(|id| number(&id));
        // Not hidden: an operator may have configured keys of these names.
        let plain = |key| map.get(key).and_then(|id| number(id));
        let plugin_id = plugin_id.or_else(|| plain(CONFIG_STUDIO_PLUGIN_ID));
        let broker_id = broker_id.or_else(|| plain(CONFIG_STUDIO_SERVICE_BROKER_ID));
        let says = |key: &str| map.get(key).is_some_and(|value| value == "true");
        let in_console = says(CONFIG_HAS_SERVICE_API)
            || machine::text(ENV_RUNTIME).is_some_and(|runtime| runtime == RUNTIME_STUDIO);
        let values = map.into_iter().collect();
        Self { values, plugin_id, broker_id, in_console, host: Host::default() }
    }

    /// The same, from a host that can be asked.
    pub(crate) fn heard_from(self, host: &Host) -> Self {
        host.learn(self.broker_id.unwrap_or(0), self.plugin_id.unwrap_or(0));
        if self.in_console {
            host.is_console();
        }
        Self { host: host.clone(), ..self }
    }

    /// Whether both say the same, whoever the host takes this plugin for.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.values == other.values
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The value of a key that must be there and not empty.
    ///
    /// # Errors
    /// Names the key. Returned from `initialize`, it is what the operator reads.
    pub fn require(&self, key: &str) -> Result<&str> {
        match self.get(key) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(Error::new(format!(
                "`{key}` is required; set it in the plugin's configuration"
            ))),
        }
    }

    /// The value of a key, read as a number or anything else that parses; `None` where the key is
    /// missing or empty.
    ///
    /// # Errors
    /// Names the key and says what the type says about the text; the value itself, which may be a
    /// secret, is not repeated.
    pub fn parse<T>(&self, key: &str) -> Result<Option<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        match self.get(key).map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Error::new(format!("`{key}` in the configuration: {error}"))),
            },
        }
    }

    /// A switch: `true` or `false` (also `1`, `0`, `yes`, `no`, `on`, `off`), and `default` where
    /// the key is missing or empty.
    ///
    /// # Errors
    /// Names the key when its value is none of these words.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key).unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" => Ok(default),
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(Error::new(format!("`{key}` in the configuration is neither true nor false"))),
        }
    }

    /// The value of a key that holds a list or an object; `None` where the key is missing or empty.
    ///
    /// # Errors
    /// Names the key and where the JSON is wrong.
    pub fn json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(text) => match serde_json::from_str(text) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(Error::new(format!(
                    "`{key}` in the configuration is not JSON of the expected shape (line {}, column {})",
                    error.line(),
                    error.column()
                ))),
            },
        }
    }

    /// Whether this process serves the plugin's page beside a console, and no endpoints: what is kept in its
    /// memory is not what the processes that serve them have.
    pub fn in_console(&self) -> bool {
        self.in_console
    }

    /// Every key with its value, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The name under which the plugin is mounted: its endpoints are below `/plugins/{slug}/`.
    pub fn slug(&self) -> Option<&str> {
        self.get("slug")
    }

    /// The number by which the host knows this plugin, when it told it.
    pub fn plugin_id(&self) -> Option<u32> {
        self.plugin_id
    }

    /// The host that runs the plugin, to be asked now, or cloned into the state and asked later.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

/// The number a text begins with; 0 is none.
fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().filter(|&number| number != 0)
}

impl<K, V, const N: usize> From<[(K, V); N]> for Config
where
    K: Into<String>,
    V: Into<String>,
{
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K, V> FromIterator<(K, V)> for Config
where
    K: Into<String>,
    V: Into<String>,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let map = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self::from_wire(map)
    }
}

/// Keys only: values may be secrets.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("keys", &self.values.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_keys_are_hidden_and_the_id_is_read() {
        let config =
            Config::from([("_plugin_id", "7"), ("_service_broker_id", "1"), ("slug", "s")]);
        assert_eq!(config.plugin_id(), Some(7));
        assert_eq!(config.iter().collect::<Vec<_>>(), [("slug", "s")]);
    }

    #[test]
    fn the_ids_are_read_in_either_spelling_by_their_leading_digits() {
        let ids = |pairs: [(&str, &str); 2]| {
            let config = Config::from(pairs);
            (config.plugin_id, config.broker_id)
        };
        let both = [("_plugin_id", "7"), ("_service_broker_id", "1")];
        assert_eq!(ids(both), (Some(7), Some(1)));
        assert_eq!(ids([("plugin_id", "8x"), ("service_broker_id", "2 ")]), (Some(8), Some(2)));
        assert_eq!(ids([("_service_broker_id", "1"), ("service_broker_id", "2")]), (None, Some(1)));
        assert_eq!(ids([("_service_broker_id", "0"), ("plugin_id", "x")]), (None, None));
    }

    #[test]
    fn configurations_say_the_same_also_under_other_numbers() {
        let config = |id, slug| Config::from([("_plugin_id", id), ("slug", slug)]);
        assert!(config("1", "s").says_the_same(&config("2", "s")));
        assert!(!config("1", "s").says_the_same(&config("1", "t")));
    }

    #[test]
    fn errors_name_the_key_and_never_the_value() {
        let config = Config::from([("n", "hunter2"), ("b", "hunter2"), ("j", "[\"hunter2\"]")]);
        let errors = [
            config.parse::<u8>("n").unwrap_err(),
            config.flag("b", true).unwrap_err(),
            config.json::<Vec<u8>>("j").unwrap_err(),
            config.require("missing").unwrap_err(),
        ];
        for (error, key) in errors.iter().zip(["`n`", "`b`", "`j`", "`missing`"]) {
            assert!(error.to_string().contains(key), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
