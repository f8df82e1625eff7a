//! What a plugin says of its configuration. It is asked once, when it starts; what of it a
//! configuration breaks is the model's business, and the plugin itself has the last word.

use sidegate_model::config_schema::ConfigSchema;
use std::sync::Arc;

/// Most characters of a reason.
const MAX_REASON: usize = 200;

/// The schema of a plugin's configuration, where it has one that can be read.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    /// What it says.
    pub(super) known: Option<Arc<ConfigSchema>>,
    /// Why it could not be read.
    problem: Option<String>,
}

impl Schema {
    /// Reads a schema's JSON. One that cannot be read is as good as none, and is warned about.
    pub(super) fn parse(json: &str) -> Self {
        match ConfigSchema::parse(json) {
            Ok(known) => Self { known: known.map(Arc::new), problem: None },
            Err(why) => Self::unreadable(&why),
        }
    }

    /// One that cannot be read, and why.
    pub(super) fn unreadable(why: &str) -> Self {
        Self { known: None, problem: Some(why.chars().take(MAX_REASON).collect()) }
    }

    /// What an operator should know of it.
    pub(super) fn warning(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(format!(
                "the schema of its configuration cannot be read and counts as none: {problem}"
            ));
        }
        let why = self.known.as_ref()?.why_unused()?;
        let why: String = why.chars().take(MAX_REASON).collect();
        Some(format!(
            "the schema of its configuration is shown, and nothing is held against it: {why}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_read_counts_as_none_and_is_warned_about() {
        assert!(Schema::parse("[").warning().unwrap().contains("counts as none"));
        for (json, is_known) in [("{}", false), ("", false), (r#"{"type":"object"}"#, true)] {
            let schema = Schema::parse(json);
            assert_eq!((schema.known.is_some(), schema.warning()), (is_known, None), "{json}");
        }
    }

    #[test]
    fn one_of_an_unknown_draft_is_kept_and_warned_about() {
        let schema = Schema::parse(r#"{"$schema": "https://example.com/own"}"#);
        assert!(schema.known.is_some() && schema.warning().unwrap().contains("example.com"));
    }
}
