//! Settings that are secrets although their names do not say so: where they are in a configuration.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Most steps from the top of a configuration to a setting.
pub const MAX_STEPS: usize = 32;
/// Longest text of a path, in bytes.
const MAX_BYTES: usize = 1024;
/// The step that stands for every member and every entry.
const ANY: &str = "*";
/// The setting at the top that is the gateway's: what is said of all settings is not said of it.
pub(super) const SLUG: &str = "slug";

/// Where a setting is in a configuration: the names on the way to it. A step `*` is every member of an
/// object and every entry of a list.
///
/// ```
/// use sidegate_model::secret::SettingPath;
/// let path: SettingPath = "db.users.*.pin".parse().unwrap();
/// assert_eq!(path.to_string(), "/db/users/*/pin");
/// assert_eq!("/db/users/*/pin".parse(), Ok(path.clone()));
/// assert!("db..pin".parse::<SettingPath>().is_err());
/// let config = serde_json::json!({"db": {"users": [{"pin": 1}]}});
/// assert!(path.is_in(config.as_object().unwrap()));
/// assert!(!"db.pin".parse::<SettingPath>().unwrap().is_in(config.as_object().unwrap()));
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
    /// The path with these steps; `None` where there are none, too many, or one without a name: what is written is read
    /// again.
    pub fn of(steps: impl IntoIterator<Item = String>) -> Option<Self> {
        let steps: Vec<_> = steps.into_iter().collect();
        (!steps.is_empty() && said(&steps) == steps.len()).then_some(Self(steps))
    }

    /// The path with these steps or, where it cannot be said, that of the closest that is around it; in the end it is
    /// [`Self::everything`].
    pub fn closest(steps: &[String]) -> Self {
        match said(steps) {
            0 => Self::everything(),
            said => Self(steps[..said].to_vec()),
        }
    }

    /// All settings.
    pub fn everything() -> Self {
        Self(vec![ANY.to_owned()])
    }

    /// The names on the way to it.
    pub(crate) fn steps(&self) -> &[String] {
        &self.0
    }

    /// Whether two configurations have the same there; of a path with `*` what is above that counts as a whole, and so does
    /// a text on the way to it: a plugin may read in it what it likes. So it may take a name for the one that it knows where
    /// it is written in other case.
    pub fn is_same_in(&self, one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
        let (first, rest) = self.0.split_first().expect("a path has a step");
        if first == ANY {
            let mut names = one.keys().chain(other.keys()).filter(|name| *name != SLUG);
            return names.all(|name| one.get(name) == other.get(name));
        }
        is_same_below((first, rest), Some(one), Some(other))
    }

    /// Whether a configuration has a setting there.
    pub fn is_in(&self, config: &Map<String, Value>) -> bool {
        fn is_below(steps: &[String], value: &Value) -> bool {
            let Some((step, rest)) = steps.split_first() else { return true };
            let fits = |name: &str| step == ANY || step == name;
            match value {
                Value::Object(members) => {
                    members.iter().any(|(name, member)| fits(name) && is_below(rest, member))
                }
                Value::Array(items) => items
                    .iter()
                    .enumerate()
                    .any(|(index, item)| fits(&index.to_string()) && is_below(rest, item)),
                _ => false,
            }
        }
        let (first, rest) = self.0.split_first().expect("a path has a step");
        let fits = |name: &str| first == ANY || first == name;
        config.iter().any(|(name, member)| fits(name) && is_below(rest, member))
    }
}

/// How many steps can be said, from the first one on.
fn said(steps: &[String]) -> usize {
    let mut bytes = 0;
    let fits = |step: &&String| {
        bytes += step.len() + 1;
        !step.is_empty() && bytes <= MAX_BYTES
    };
    steps.iter().take(MAX_STEPS + 1).take_while(fits).count().min(MAX_STEPS)
}

fn is_same(steps: &[String], one: Option<&Value>, other: Option<&Value>) -> bool {
    let Some((step, rest)) = steps.split_first() else { return one == other };
    let is_whole = step == ANY || [one, other].iter().flatten().any(|it| it.is_string());
    if one == other || is_whole {
        return one == other;
    }
    let [entry_of_one, entry_of_other] =
        [one, other].map(|value| value.and_then(Value::as_array)?.get(step.parse::<usize>().ok()?));
    let [one, other] = [one, other].map(|value| value.and_then(Value::as_object));
    is_same(rest, entry_of_one, entry_of_other) && is_same_below((step, rest), one, other)
}

/// Whether the members of this name are the same, in whatever case it is written.
fn is_same_below(
    (step, rest): (&str, &[String]),
    one: Option<&Map<String, Value>>,
    other: Option<&Map<String, Value>>,
) -> bool {
    let name = folded(step);
    let names = [one, other].into_iter().flatten().flat_map(Map::keys);
    let mut names = names.filter(|key| *key == step || folded(key) == name);
    names.all(|key| {
        let [one, other] = [one, other].map(|members| members?.get(key));
        is_same(rest, one, other)
    })
}

/// A name as those see it who do not tell upper from lower case, also of letters that are only folded to others (`ſ`, `K`).
fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

impl std::str::FromStr for SettingPath {
    type Err = InvalidSettingPath;

    fn from_str(text: &str) -> Result<Self, InvalidSettingPath> {
        let steps: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect(),
            None => text.split('.').map(str::to_owned).collect(),
        };
        Self::of(steps).ok_or_else(|| InvalidSettingPath(crate::name::shortened(text)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn steps(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_cannot_be_said_is_said_of_the_closest_around_it() {
        let long = "n".repeat(MAX_BYTES);
        for (names, expected) in [
            (&["db", "dsn"][..], "/db/dsn"),
            (&["db", ""], "/db"),
            (&["db", "", "dsn"], "/db"),
            (&[""], "/*"),
            (&[], "/*"),
            (&[&long], "/*"),
            (&["a", &long], "/a"),
            (&["a"; MAX_STEPS + 2], &"/a".repeat(MAX_STEPS)),
        ] {
            assert_eq!(SettingPath::closest(&steps(names)).to_string(), expected, "{names:?}");
        }
        assert_eq!(SettingPath::of(steps(&["db", ""])), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(steps in prop::collection::vec("[a*~/.]{0,3}|.{0,400}", 0..36)) {
            let closest = SettingPath::closest(&steps);
            prop_assert_eq!(closest.to_string().parse(), Ok(closest));
            if let Some(path) = SettingPath::of(steps) {
                prop_assert_eq!(path.to_string().parse(), Ok(path));
            }
        }
    }

    #[test]
    fn a_name_in_other_case_is_the_same_setting() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let before = object(json!({"risk": 1, "db": {"keys": "a"}, "list": [{"dsn": 1}]}));
        let is_same = |path: &str, change: Value| {
            let mut after = before.clone();
            after.extend(object(change));
            path.parse::<SettingPath>().unwrap().is_same_in(&before, &after)
        };
        for (path, change) in [
            ("risk", json!({"Risk": 2})),
            ("risk", json!({"RI\u{17f}\u{212a}": 2})),
            ("db.keys", json!({"DB": {"keys": "b"}})),
            ("db.keys", json!({"db": {"keys": "a", "\u{212a}eys": "b"}})),
            ("list.0.dsn", json!({"list": [{"dsn": 1, "DSN": 2}]})),
        ] {
            assert!(!is_same(path, change.clone()), "{path} {change}");
        }
        assert!(is_same("risk", json!({"risks": 2, "db": {"keys": "b"}})));
        assert!(is_same("db.keys", json!({"db": {"keys": "a", "pool": 2}})));
        assert!(is_same("*", json!({"slug": "q"})) && !is_same("*", json!({"Slug": "q"})));
    }
}
