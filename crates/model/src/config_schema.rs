//! What a plugin says of its configuration, as a JSON Schema, and what of it a configuration breaks.
//!
//! Only what is certain is a problem: what is not understood here permits everything, also where it
//! is turned around by `not` and its like, for the plugin itself has the last word. The schema comes
//! from a program that nobody vouches for, so looking at it is bounded in work, depth and memory, and
//! it cannot make the gateway fetch or loop.

mod check;
mod dialect;
mod findings;
mod keywords;
mod pattern;
mod same;
mod secrets;
#[cfg(test)]
mod tests;

use crate::secret::SettingPath;
use check::{Check, Outcome};
use dialect::Dialect;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};

/// Largest schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// The setting that is the gateway's, which a schema need not know.
const SLUG: &str = "slug";
/// The keyword of what stands for a schema that could not be read.
const UNREAD: &str = "x-sidegate-unread";
/// The keyword of what stands for the word of a plugin that it has no schema.
const NONE: &str = "x-sidegate-none";
/// Most problems that are told.
const MAX_PROBLEMS: usize = 50;

/// A JSON Schema for the configuration of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigSchema {
    json: Value,
    /// The draft it is written in, or why nothing is held against it.
    dialect: Result<Dialect, String>,
    knows_slug: bool,
}

impl ConfigSchema {
    /// Reads a schema's JSON; `None` where it says nothing.
    ///
    /// # Errors
    /// Why it cannot be used.
    ///
    /// ```
    /// use sidegate_model::config_schema::ConfigSchema;
    /// let json = r#"{"properties": {"port": {"type": "integer", "maximum": 65535}}}"#;
    /// let schema = ConfigSchema::parse(json).unwrap().unwrap();
    /// let config = serde_json::json!({"port": 70000});
    /// assert_eq!(schema.problems(config.as_object().unwrap()), ["config.port: use at most 65535"]);
    /// assert_eq!(ConfigSchema::parse("{}"), Ok(None));
    /// ```
    pub fn parse(json: &str) -> Result<Option<Self>, String> {
        if json.trim().is_empty() {
            return Ok(None);
        }
        if json.len() > MAX_SCHEMA_BYTES {
            return Err(format!("{} bytes: {MAX_SCHEMA_BYTES} are the most", json.len()));
        }
        match serde_json::from_str(json) {
            Ok(Value::Object(members)) if members.is_empty() => Ok(None),
            Ok(schema @ Value::Object(_)) => Ok(Some(Self::of(schema))),
            Ok(Value::Bool(true) | Value::Null) => Ok(None),
            Ok(_) => Err("it is no JSON object".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn of(json: Value) -> Self {
        let dialect = Dialect::of(&json);
        let knows_slug = json.to_string().contains("\"slug\"");
        Self { json, dialect, knows_slug }
    }

    /// The schema as the plugin gave it.
    pub fn as_json(&self) -> &Value {
        &self.json
    }

    /// The settings that it calls secrets, with `format: password`, `writeOnly` or `x-secret`.
    pub fn secrets(&self) -> BTreeSet<SettingPath> {
        secrets::secrets_of(&self.json)
    }

    /// The settings that it leaves to admins, with `x-admin`: the plugin itself may not change them.
    pub fn admin_settings(&self) -> BTreeSet<SettingPath> {
        secrets::admin_settings_of(&self.json)
    }

    /// Whether more than it marks may count as marked: where a reference leads nowhere in it, or there is too much to look at,
    /// all that is there counts as a secret and as an admin's.
    pub fn is_closed(&self) -> bool {
        secrets::is_cut(&self.json)
    }

    /// What stands for a schema that could not be read: everything is left to admins until it is known.
    ///
    /// ```
    /// use sidegate_model::config_schema::ConfigSchema;
    /// let unread = ConfigSchema::unread();
    /// assert!(unread.is_unread() && unread.admin_settings().len() == 1 && unread.secrets().is_empty());
    /// let told = ConfigSchema::parse(&unread.as_json().to_string()).unwrap().unwrap();
    /// assert!(told.is_unread(), "other nodes are told so, too");
    /// ```
    pub fn unread() -> Self {
        Self::of(serde_json::json!({ UNREAD: true, "x-admin": true }))
    }

    /// Whether it stands for one that could not be read.
    pub fn is_unread(&self) -> bool {
        self.json.get(UNREAD) == Some(&Value::Bool(true))
    }

    /// What stands for the word of a plugin that it has none: that is known, and nothing is left to admins.
    ///
    /// ```
    /// use sidegate_model::config_schema::ConfigSchema;
    /// let none = ConfigSchema::none();
    /// assert!(none.is_none() && none.admin_settings().is_empty() && none.secrets().is_empty());
    /// let told = ConfigSchema::parse(&none.as_json().to_string()).unwrap().unwrap();
    /// assert!(told.is_none(), "other nodes are told so, too");
    /// ```
    pub fn none() -> Self {
        Self::of(serde_json::json!({ NONE: true }))
    }

    /// Whether it stands for none.
    pub fn is_none(&self) -> bool {
        self.json.get(NONE) == Some(&Value::Bool(true))
    }

    /// Why no configuration is held against it, where none is.
    pub fn why_unused(&self) -> Option<&str> {
        self.dialect.as_ref().err().map(String::as_str)
    }

    /// What of it a configuration breaks, each text beginning with its path. No value is repeated,
    /// for it may be a secret.
    ///
    /// Plugins get each setting as a text, so a number and its text are the same.
    pub fn problems(&self, config: &Map<String, Value>) -> Vec<String> {
        first(self.outcome(config).problems)
    }

    /// What `after` breaks and `before` did not: what was so already is no reason to refuse.
    pub fn new_problems(
        &self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Vec<String> {
        let known = self.outcome(before);
        if !known.is_complete {
            return Vec::new();
        }
        let known: HashSet<_> = known.problems.into_iter().collect();
        let mut problems = self.outcome(after).problems;
        problems.retain(|problem| !known.contains(problem));
        first(problems)
    }

    fn outcome(&self, config: &Map<String, Value>) -> Outcome {
        let Ok(dialect) = self.dialect else {
            return Outcome { problems: Vec::new(), is_complete: true };
        };
        let mut config = config.clone();
        if !self.knows_slug {
            config.remove(SLUG);
        }
        Check::new(&self.json, dialect).outcome("config", &Value::Object(config))
    }
}

/// Those that are told, each once.
fn first(mut problems: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    problems.retain(|problem| seen.insert(problem.clone()));
    problems.truncate(MAX_PROBLEMS);
    problems
}
