//! The layers of settings: defaults, then the file, then the environment, then the flags; the
//! later wins. Every text keeps where it came from.
//!
//! It checks names, not values: what a text means is said in `resolved.rs`.

use super::others::SETTINGS_FILE;
use super::raw::{Kind, SETTINGS, Setting, variables};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the text of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// A settings file, under this key.
    File(PathBuf, String),
    /// An environment variable.
    Environment(String),
    /// A flag, without its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, key) => write!(f, "file {}: {key}", path.display()),
            Self::Environment(variable) => write!(f, "env {variable}"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// Something wrong with the settings: where, what, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it is written.
    pub(crate) place: String,
    /// What is wrong and what to do.
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// The environment of this process, read once; handed around so that tests bring their own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The environment of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub(crate) fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect()
    }

    /// A variable; an empty one counts as not set.
    pub(crate) fn get(&self, variable: &str) -> Option<&OsString> {
        self.0.get(variable).filter(|value| !value.is_empty())
    }

    /// Whether a variable is there and says nothing.
    pub(crate) fn is_blank(&self, variable: &str) -> bool {
        self.0.get(variable).is_some_and(|value| value.is_empty())
    }

    /// A variable under the first of the names it answers to that is set, with that name.
    pub(crate) fn find(&self, variable: &str) -> Option<(&OsString, String)> {
        let mut names = variables(variable).into_iter();
        names.find_map(|name| Some((self.get(&name)?, name)))
    }

    /// Everything, for whoever has to choose from it.
    pub(crate) fn into_pairs(self) -> Vec<(OsString, OsString)> {
        self.0.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }

    /// The names of all that are set.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name.as_str())
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, OsString)>>(variables: T) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// What the arguments said about settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// `--config`, the settings file.
    pub(crate) file: Option<PathBuf>,
    /// Texts by variable name.
    pub(crate) texts: BTreeMap<&'static str, String>,
}

/// The text that counts for each setting, with its origin.
#[derive(Debug)]
pub(crate) struct Layers {
    texts: BTreeMap<&'static str, (String, Origin)>,
}

impl Layers {
    /// Puts the layers on top of each other. Problems with names are returned beside what could be
    /// read, so that the caller can report them together with problems of values.
    pub(crate) fn collect(environment: &Environment, flags: &Flags) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut texts: BTreeMap<_, _> = SETTINGS
            .iter()
            .map(|row| (row.variable, (row.default.to_owned(), Origin::Default)))
            .collect();
        let named = environment.get(SETTINGS_FILE).map(PathBuf::from);
        if let Some(path) = flags.file.clone().or(named) {
            match read_file(&path) {
                Ok(table) => take_file(&path, table, &mut texts, &mut problems),
                Err(problem) => problems.push(problem),
            }
        }
        for row in SETTINGS {
            let Some((value, name)) = environment.find(row.variable) else { continue };
            let origin = Origin::Environment(name);
            match value.to_str() {
                Some(text) => drop(texts.insert(row.variable, (text.to_owned(), origin))),
                None => problems.push(Problem {
                    place: origin.to_string(),
                    what: "the value is not UTF-8 text: write it again".to_owned(),
                }),
            }
        }
        for (variable, text) in &flags.texts {
            let flag = super::raw::setting(variable).flag().unwrap_or_default();
            texts.insert(variable, (text.clone(), Origin::Flag(flag)));
        }
        (Self { texts }, problems)
    }

    /// The text that counts and where it came from.
    pub(crate) fn get(&self, row: &Setting) -> (&str, &Origin) {
        let (text, origin) = self.texts.get(row.variable).expect("every row has a text");
        (text, origin)
    }
}

fn read_file(path: &Path) -> Result<toml::Table, Problem> {
    let problem = |what: String| Problem { place: format!("file {}", path.display()), what };
    let text = std::fs::read_to_string(path)
        .map_err(|e| problem(format!("cannot be read ({e}): check --config or SIDEGATE_CONFIG")))?;
    text.parse::<toml::Table>().map_err(|e| {
        let reason = e.message().to_owned();
        let line = e.span().map_or(1, |at| text[..at.start].lines().count().max(1));
        problem(format!("line {line} is not TOML ({reason}): write lines such as port = 8081"))
    })
}

fn take_file(
    path: &Path,
    table: toml::Table,
    texts: &mut BTreeMap<&'static str, (String, Origin)>,
    problems: &mut Vec<Problem>,
) {
    for (key, value) in table {
        let origin = Origin::File(path.to_owned(), key.clone());
        let mut wrong = |what| problems.push(Problem { place: origin.to_string(), what });
        let Some(row) = SETTINGS.iter().find(|row| row.key() == key) else {
            wrong(unknown_key(&key));
            continue;
        };
        match text_of(&value, row.kind) {
            Some(text) => drop(texts.insert(row.variable, (text, origin))),
            None => {
                let found = value.type_str();
                wrong(format!("found a {found}: write one value, in quotes unless a number"));
            }
        }
    }
}

fn text_of(value: &toml::Value, kind: Kind) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) if kind == Kind::Networks => {
            items.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>().map(|t| t.join(","))
        }
        _ => None,
    }
}

fn unknown_key(key: &str) -> String {
    let plain = |text: &str| text.to_lowercase().replace('-', "_").replace("sidegate_", "");
    match SETTINGS.iter().map(Setting::key).find(|known| *known == plain(key)) {
        Some(known) => format!("unknown key: write {known}"),
        None => "unknown key: `sidegate config` lists the known ones".to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::raw::setting;
    use super::*;

    pub(crate) fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect()
    }

    pub(crate) fn flags(pairs: &[(&'static str, &str)]) -> Flags {
        let texts = pairs.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Flags { file: None, texts }
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sidegate.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn port(layers: &Layers) -> (String, String) {
        let (text, origin) = layers.get(setting("PORT"));
        (text.to_owned(), origin.to_string())
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default() {
        let (_folder, path) = file("port = 1");
        let with_file = Flags { file: Some(path.clone()), ..Flags::default() };
        let env = environment(&[("PORT", "2")]);
        let none = Environment::default();
        let of = |env: &Environment, flags: &Flags| port(&Layers::collect(env, flags).0);
        assert_eq!(of(&none, &Flags::default()), ("8081".into(), "default".into()));
        let place = format!("file {}: port", path.display());
        assert_eq!(of(&none, &with_file), ("1".into(), place));
        assert_eq!(of(&env, &with_file), ("2".into(), "env PORT".into()));
        let with_flag = Flags { file: Some(path), ..flags(&[("PORT", "3")]) };
        assert_eq!(of(&env, &with_flag), ("3".into(), "flag --port".into()));
    }

    #[test]
    fn the_file_can_be_named_by_the_environment_and_the_flag_wins() {
        let (_one, first) = file("port = 1");
        let (_two, second) = file("port = 2");
        let env = environment(&[("SIDEGATE_CONFIG", first.to_str().unwrap())]);
        let (layers, problems) = Layers::collect(&env, &Flags::default());
        assert_eq!((port(&layers).0.as_str(), problems), ("1", vec![]));
        let named = Flags { file: Some(second), ..Flags::default() };
        assert_eq!(port(&Layers::collect(&env, &named).0).0, "2");
    }

    #[test]
    fn a_variable_with_the_products_prefix_beats_the_bare_one_and_says_so() {
        let of = |pairs: &[(&str, &str)]| {
            let (layers, problems) = Layers::collect(&environment(pairs), &Flags::default());
            assert_eq!(problems, []);
            port(&layers)
        };
        let both = of(&[("PORT", "1"), ("SIDEGATE_PORT", "2")]);
        assert_eq!(both, ("2".into(), "env SIDEGATE_PORT".into()));
        assert_eq!(of(&[("SIDEGATE_PORT", "2")]), both);
        assert_eq!(of(&[("PORT", "1"), ("SIDEGATE_PORT", "")]), ("1".into(), "env PORT".into()));
        let other = environment(&[("NO_COLOR", "1"), ("SIDEGATE_NO_COLOR", "2")]);
        let found = other.find("NO_COLOR").map(|(value, name)| (value.to_str(), name));
        assert_eq!(found, Some((Some("2"), "SIDEGATE_NO_COLOR".to_owned())));
    }

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        let (layers, problems) = Layers::collect(&environment(&[("PORT", "")]), &Flags::default());
        assert_eq!((port(&layers).1.as_str(), problems), ("default", vec![]));
    }

    #[test]
    fn every_unknown_key_of_a_file_is_reported_with_its_place() {
        let (_folder, path) = file("prot = 1\nadmin-port = 2\nport = [3]\n[tls]\nenabled = true\n");
        let flags = Flags { file: Some(path), ..Flags::default() };
        let (_, problems) = Layers::collect(&Environment::default(), &flags);
        let text: Vec<_> = problems.iter().map(|p| p.what.as_str()).collect();
        assert_eq!(problems.len(), 4, "{text:?}");
        assert!(text.iter().any(|t| t.contains("write admin_port")), "{text:?}");
        assert!(problems.iter().all(|p| p.place.contains("sidegate.toml: ")), "{problems:?}");
    }

    #[test]
    fn a_broken_or_missing_file_is_a_problem_and_not_a_default() {
        let (_folder, path) = file("port = 1\nhost = \n");
        let of = |path: PathBuf| {
            let flags = Flags { file: Some(path), ..Flags::default() };
            Layers::collect(&Environment::default(), &flags).1
        };
        let broken = of(path.clone());
        assert!(broken[0].what.starts_with("line 2 is not TOML"), "{broken:?}");
        let missing = of(path.with_extension("gone"));
        assert!(missing[0].what.starts_with("cannot be read"), "{missing:?}");
    }

    #[test]
    fn a_file_may_list_networks_as_an_array() {
        let (_folder, path) = file("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]");
        let flags = Flags { file: Some(path), ..Flags::default() };
        let (layers, problems) = Layers::collect(&Environment::default(), &flags);
        assert_eq!(problems, []);
        assert_eq!(layers.get(setting("TRUSTED_PROXIES")).0, "10.0.0.0/8,::1");
    }
}
