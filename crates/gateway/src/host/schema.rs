//! What a plugin says of its configuration. It is asked once, when it starts; what of it a
//! configuration breaks is the model's business, and the plugin itself has the last word.

use sidegate_model::config_schema::ConfigSchema;
use std::sync::Arc;

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
        Self { known: None, problem: Some(why.chars().take(200).collect()) }
    }

    /// What an operator should know of it.
    pub(super) fn warning(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(format!(
            "the schema of its configuration cannot be read and counts as none: {problem}"
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
}
