//! Settings that are secrets although their names do not say so: where they are in a configuration.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most steps from the top of a configuration to a setting.
pub const MAX_STEPS: usize = 32;
/// Longest text of a path, in bytes.
const MAX_BYTES: usize = 1024;
/// The step that stands for every member and every entry.
const ANY: &str = "*";

/// Where a setting is in a configuration: the names on the way to it. A step `*` is every member of an
/// object and every entry of a list.
///
/// ```
/// use sidegate_model::secret::SettingPath;
/// let path: SettingPath = "db.users.*.pin".parse().unwrap();
/// assert_eq!(path.to_string(), "/db/users/*/pin");
/// assert_eq!("/db/users/*/pin".parse(), Ok(path));
/// assert!("db..pin".parse::<SettingPath>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingPath(Vec<String>);

/// A text that is no path of a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no setting: write the names on the way to it with dots between (db.password; * is every entry), or as a JSON pointer (/db/password)"
)]
pub struct InvalidSettingPath(String);

impl SettingPath {
    /// The path with these steps; `None` where there are none, or too many.
    pub fn of(steps: impl IntoIterator<Item = String>) -> Option<Self> {
        let steps: Vec<_> = steps.into_iter().collect();
        let bytes: usize = steps.iter().map(|step| step.len() + 1).sum();
        let fits = (1..=MAX_STEPS).contains(&steps.len()) && bytes <= MAX_BYTES;
        fits.then_some(Self(steps))
    }
}

impl std::str::FromStr for SettingPath {
    type Err = InvalidSettingPath;

    fn from_str(text: &str) -> Result<Self, InvalidSettingPath> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        let is_whole = steps.iter().all(|step| !step.is_empty());
        let path = if is_whole { Self::of(steps) } else { None };
        path.ok_or_else(|| InvalidSettingPath(crate::name::shortened(text)))
    }
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// As a JSON pointer, which can say every path.
impl fmt::Display for SettingPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps = self.0.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
        steps.try_for_each(|step| write!(f, "/{step}"))
    }
}

impl Serialize for SettingPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SettingPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The settings of one plugin that are secrets whatever they are called.
///
/// ```
/// use sidegate_model::secret::{SecretPlaces, hide_config};
/// let places = SecretPlaces::of(["db.dsn".parse().unwrap()]);
/// let mut config = serde_json::json!({"db": {"dsn": "postgres://…", "pool": 4}});
/// hide_config(config.as_object_mut().unwrap(), &places);
/// assert_eq!(config, serde_json::json!({"db": {"dsn": {"$secret": "set"}, "pool": 4}}));
/// ```
#[derive(Debug, Clone, Default)]
pub struct SecretPlaces(Place);

impl SecretPlaces {
    /// Those that paths name.
    pub fn of(paths: impl IntoIterator<Item = SettingPath>) -> Self {
        let paths: BTreeSet<_> = paths.into_iter().collect();
        Self(Place::of(&paths.iter().map(|path| path.0.as_slice()).collect::<Vec<_>>()))
    }

    pub(super) fn root(&self) -> &Place {
        &self.0
    }
}

/// What is known of one place and all below it.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    is_secret: bool,
    members: BTreeMap<String, Self>,
    /// For members that are not named, and for entries.
    any: Option<Box<Self>>,
}

impl Place {
    fn of(paths: &[&[String]]) -> Self {
        let is_secret = paths.iter().any(|path| path.is_empty());
        let mut named = BTreeMap::<&str, Vec<&[String]>>::new();
        for (first, rest) in paths.iter().filter_map(|path| path.split_first()) {
            named.entry(first).or_default().push(rest);
        }
        let of_any = named.remove(ANY).unwrap_or_default();
        let member = |(name, mut rests): (&str, Vec<_>)| {
            rests.extend(&of_any);
            (name.to_owned(), Self::of(&rests))
        };
        let members = named.into_iter().map(member).collect();
        let any = (!of_any.is_empty()).then(|| Box::new(Self::of(&of_any)));
        Self { is_secret, members, any }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.is_secret
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.members.get(name).or_else(|| self.entry())
    }

    pub(super) fn entry(&self) -> Option<&Self> {
        self.any.as_deref()
    }
}
