//! What a plugin says of its configuration, as a JSON Schema, and what of it a configuration breaks.
//!
//! Only what is certain is a problem: keywords and patterns that are not understood here permit
//! everything, for the plugin itself has the last word. The schema comes from a program that nobody
//! vouches for, so looking at it is bounded, and it cannot make the gateway fetch or loop.

mod check;
#[cfg(test)]
mod tests;

use check::Check;
use serde_json::{Map, Value};

/// Largest schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;
/// The setting that is the gateway's, which a schema need not know.
const SLUG: &str = "slug";

/// A JSON Schema for the configuration of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigSchema(Value);

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
            Ok(schema @ Value::Object(_)) => Ok(Some(Self(schema))),
            Ok(Value::Bool(true) | Value::Null) => Ok(None),
            Ok(_) => Err("it is no JSON object".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The schema as the plugin gave it.
    pub fn as_json(&self) -> &Value {
        &self.0
    }

    /// What of it a configuration breaks, each text beginning with its path. No value is repeated,
    /// for it may be a secret.
    ///
    /// Plugins get each setting as a text, so a number and its text are the same.
    pub fn problems(&self, config: &Map<String, Value>) -> Vec<String> {
        let mut config = config.clone();
        if !self.0.to_string().contains("\"slug\"") {
            config.remove(SLUG);
        }
        Check::new(&self.0).problems("config", &Value::Object(config))
    }

    /// What `after` breaks and `before` did not: what was so already is no reason to refuse.
    pub fn new_problems(
        &self,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Vec<String> {
        let known = self.problems(before);
        self.problems(after).into_iter().filter(|problem| !known.contains(problem)).collect()
    }
}
