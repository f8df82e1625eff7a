//! What a plugin may change of what is stored, as whoever serves its questions needs it: what it wants, and what comes of
//! that. Where it is stored is somebody else's business.

use crate::app::{App, AppId};
use crate::convert::text;
use crate::plugin::PluginId;
use crate::secret::{SecretPlaces, SettingPath, restore_config};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

/// Who wants a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangingPlugin {
    /// Which plugin, as its connection says.
    pub id: PluginId,
    /// For whom it does it, where exactly one user has asked it for something.
    pub for_whom: Option<String>,
}

/// What becomes of an app.
#[derive(Debug, Clone, PartialEq)]
pub enum AppWish {
    /// One key of its metadata gets this value, or goes.
    MetadataKey(String, Option<Value>),
    /// All that is said takes the place of what is there.
    Fields {
        /// Its name.
        name: String,
        /// Text for people.
        description: String,
        /// Whether its tokens are good.
        is_active: bool,
        /// Left as it is where nothing is said.
        monthly_budget: Option<f64>,
        /// Left as it is where nothing is said.
        metadata: Option<Map<String, Value>>,
    },
}

/// What becomes of a configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigWish {
    /// These members are put into it; null removes one.
    pub members: Map<String, Value>,
    /// Only while these are what is stored; null for one that is not there.
    pub expected: Map<String, Value>,
}

/// A configuration that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedConfig {
    /// Whether it serves on every node that can be reached.
    pub serves: bool,
    /// What became of it, for people.
    pub message: String,
}

/// Why nothing was changed. The words are for the plugin and its users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotChanged {
    /// What it wants cannot be.
    #[error("{0}")]
    Invalid(String),
    /// It may not change that.
    #[error("{0}")]
    Denied(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what there is.
    #[error("{0}")]
    Conflict(String),
    /// It is not any more what the plugin believes it to be.
    #[error("{0}")]
    ChangedMeanwhile(String),
    /// It cannot be changed now.
    #[error("{0}")]
    Unavailable(String),
}

/// What comes of a wish.
pub type ChangeFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, NotChanged>> + Send + 'a>>;

/// Whoever changes what is stored on behalf of plugins. What a plugin was granted is checked before.
pub trait OwnChanges: Send + Sync + 'static {
    /// Changes the plugin's own configuration. Resolves once what came of it serves, or it is known that it does not.
    fn update_config(
        &self,
        plugin: ChangingPlugin,
        wish: ConfigWish,
    ) -> ChangeFuture<'_, SavedConfig>;

    /// Changes an app.
    fn change_app(
        &self,
        plugin: ChangingPlugin,
        app: AppId,
        wish: AppWish,
    ) -> ChangeFuture<'_, App>;
}

/// What the host adds to a configuration, which a plugin that writes all of it back does not mean.
const RESERVED: [&str; 5] =
    ["_plugin_id", "_service_broker_id", "plugin_id", "service_broker_id", "has_service_api"];

/// A configuration after a plugin's wish: what it does not name stays, null removes, and a value that is the text of what
/// is stored is that: plugins get texts. What is shown in the place of a secret keeps the stored one; `places` are those of
/// what is stored.
///
/// # Errors
/// One text for each that stands for nothing, each beginning with its path.
///
/// ```
/// use serde_json::json;
/// use sidegate_model::own_changes::merged;
/// use sidegate_model::secret::SecretPlaces;
/// let object = |value: serde_json::Value| value.as_object().unwrap().clone();
/// let stored = object(json!({"slug": "echo", "size": 7, "token": "t", "old": true}));
/// let wish = object(json!({
///     "slug": "echo", "size": "7", "content": "hi", "old": null, "_plugin_id": "1", "token": {"$secret": "set"},
/// }));
/// let expected = json!({"slug": "echo", "size": 7, "token": "t", "content": "hi"});
/// assert_eq!(merged(&stored, wish, &SecretPlaces::default()), Ok(object(expected)));
/// ```
pub fn merged(
    stored: &Map<String, Value>,
    mut wish: Map<String, Value>,
    places: &SecretPlaces,
) -> Result<Map<String, Value>, Vec<String>> {
    restore_config(&mut wish, stored, places)?;
    let mut config = stored.clone();
    for (name, value) in wish {
        let is_same = |before: &Value| is_text_of(&value, before);
        if RESERVED.contains(&name.as_str()) || stored.get(&name).is_some_and(is_same) {
            continue;
        }
        match value {
            Value::Null => config.remove(&name),
            value => config.insert(name, value),
        };
    }
    Ok(config)
}

/// Whether all that is expected is what is stored. Plugins get texts: a text is the JSON that it says.
///
/// # Errors
/// Names the first that is not.
pub fn check_expected(
    stored: &Map<String, Value>,
    expected: &Map<String, Value>,
) -> Result<(), NotChanged> {
    let is_same = |name: &str, expected: &Value| match stored.get(name) {
        None => expected.is_null(),
        Some(stored) => meant(stored) == meant(expected) || is_text_of(expected, stored),
    };
    match expected.iter().find(|(name, value)| !is_same(name, value)) {
        None => Ok(()),
        Some((name, _)) => Err(NotChanged::ChangedMeanwhile(format!(
            "config.{name}: somebody else has changed it meanwhile, and nothing of yours was saved; look again, and \
             change what is there now"
        ))),
    }
}

/// A list or an object, also where it is the text of one.
fn meant(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.trim_start().starts_with(['[', '{']));
    let read = text.and_then(|text| serde_json::from_str(text).ok());
    read.unwrap_or_else(|| value.clone())
}

/// Whether a value is what plugins get of the other one.
fn is_text_of(value: &Value, of: &Value) -> bool {
    value.as_str() == Some(text(of, "null").as_str())
}

/// Whether a plugin may make this of its configuration: where it is mounted, and what schemas leave to admins, is not
/// its own business.
///
/// # Errors
/// Names what it may not change.
pub fn check_own(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    of_admins: &BTreeSet<SettingPath>,
) -> Result<(), NotChanged> {
    const SLUG: &str = "slug";
    let slug = |config: &Map<String, Value>| {
        config.get(SLUG).filter(|slug| slug.as_str() != Some("")).cloned()
    };
    if slug(before) != slug(after) {
        let why = "config.slug: a plugin does not change where it is mounted; an operator does, \
                   with: sidegate plugin update NAME --slug SLUG";
        return Err(NotChanged::Denied(why.to_owned()));
    }
    let changed = of_admins.iter().find(|path| !path.is_same_in(before, after));
    changed.map_or(Ok(()), |path| {
        let why = format!("config{path}: the schema of the plugin leaves this to admins (x-admin)");
        Err(NotChanged::Denied(why))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_schema::ConfigSchema;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_plugin_changes_neither_its_slug_nor_what_is_an_admins() {
        let schema = json!({"properties": {
            "limit": {"x-admin": true},
            "db": {"properties": {"dsn": {"x-admin": true}, "pool": {}}},
            "users": {"items": {"properties": {"role": {"x-admin": true}}}},
            "text": {},
        }});
        let of_admins = ConfigSchema::parse(&schema.to_string()).unwrap().unwrap().admin_settings();
        let before = object(json!({
            "slug": "p", "limit": 1, "db": {"dsn": "a", "pool": 1}, "users": [{"role": "r"}],
        }));
        let denied = |wish: Value| {
            let after = merged(&before, object(wish), &SecretPlaces::default()).unwrap();
            check_own(&before, &after, &of_admins).err().map(|why| why.to_string())
        };
        for wish in [
            json!({"text": "t"}),
            json!({"slug": "p", "limit": 1}),
            json!({"limit": "1"}),
            json!({"db": {"dsn": "a", "pool": 2}}),
        ] {
            assert_eq!(denied(wish.clone()), None, "{wish}");
        }
        for (wish, named) in [
            (json!({"slug": "q"}), "config.slug"),
            (json!({"slug": null}), "config.slug"),
            (json!({"limit": 2}), "config/limit"),
            (json!({"limit": null}), "config/limit"),
            (json!({"db": {"dsn": "b"}}), "config/db/dsn"),
            (json!({"users": []}), "config/users/*/role"),
            // A plugin may read a text as JSON.
            (json!({"db": r#"{"pool":1,"dsn":"evil"}"#}), "config/db/dsn"),
            (json!({"db": "pool=1"}), "config/db/dsn"),
            (json!({"db": [{"dsn": "b"}]}), "config/db/dsn"),
        ] {
            let why = denied(wish.clone());
            assert!(why.as_ref().is_some_and(|why| why.contains(named)), "{wish}: {why:?}");
        }
        let nowhere = object(json!({"a": 1}));
        let after = object(json!({"a": 2, "slug": ""}));
        assert_eq!(check_own(&nowhere, &after, &BTreeSet::new()), Ok(()));
        // Also where nothing was there yet, and where a text goes.
        for (before, after) in [
            (json!({}), json!({"db": r#"{"dsn":"evil"}"#})),
            (json!({"db": {"pool": 1}}), json!({"db": r#"{"pool":1,"dsn":"evil"}"#})),
            (json!({"db": r#"{"dsn":"a"}"#}), json!({"db": {"pool": 1}})),
            (json!({"db": r#"{"dsn":"a"}"#}), json!({})),
        ] {
            let denied = check_own(&object(before.clone()), &object(after.clone()), &of_admins);
            assert!(matches!(denied, Err(NotChanged::Denied(_))), "{before} {after}");
        }
    }

    #[test]
    fn what_is_expected_is_compared_by_what_it_means_and_named_where_it_differs() {
        let stored = object(json!({
            "users": [{"name": "a", "n": 1}], "text": r#"[{"n": 1, "name": "a"}]"#, "size": 7, "word": "x",
        }));
        for expected in [
            json!({}),
            json!({"users": [{"n": 1, "name": "a"}], "gone": null}),
            json!({"users": r#"[{"name":"a","n":1}]"#}),
            json!({"text": [{"name": "a", "n": 1}], "size": 7, "word": "x"}),
            json!({"size": "7"}),
        ] {
            assert_eq!(check_expected(&stored, &object(expected.clone())), Ok(()), "{expected}");
        }
        for (expected, named) in [
            (json!({"users": []}), "config.users"),
            (json!({"users": null}), "config.users"),
            (json!({"gone": []}), "config.gone"),
            (json!({"size": 8, "word": "x"}), "config.size"),
            (json!({"word": "y"}), "config.word"),
            (json!({"text": "[]"}), "config.text"),
        ] {
            let why = check_expected(&stored, &object(expected.clone())).unwrap_err();
            assert!(matches!(why, NotChanged::ChangedMeanwhile(_)), "{expected}");
            assert!(why.to_string().starts_with(named), "{expected}: {why}");
        }
    }

    #[test]
    fn what_is_shown_for_a_secret_keeps_it_and_elsewhere_it_is_refused_by_name() {
        let stored =
            object(json!({"api_token": "t-4711", "db": {"dsn": "d", "pool": 1}, "text": "a"}));
        let places = SecretPlaces::of(["db.dsn".parse().unwrap()]);
        let wish = object(json!({
            "api_token": {"$secret": "set"}, "db": {"dsn": {"$secret": "set"}, "pool": 2},
        }));
        let expected = json!({"api_token": "t-4711", "db": {"dsn": "d", "pool": 2}, "text": "a"});
        assert_eq!(merged(&stored, wish, &places), Ok(object(expected)));
        for (wish, named) in [
            (json!({"text": {"$secret": "set"}}), "config.text: "),
            (json!({"new": {"$secret": "set"}}), "config.new: "),
            (json!({"api_token": {"$secret": "set", "a": 1}}), "config.api_token: "),
            (json!({"api_token": r#"{"$secret":"set"}"#}), "config.api_token: "),
        ] {
            let refused = merged(&stored, object(wish.clone()), &places).unwrap_err();
            assert!(refused[0].starts_with(named), "{wish}: {refused:?}");
        }
    }
}
