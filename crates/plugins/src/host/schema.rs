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
    /// Whether the plugin gave no answer at all, so that it may have one.
    is_unheard: bool,
    /// Whether it said that it has none. One that failed to tell it said nothing, and what it said before counts.
    is_none: bool,
}

impl Schema {
    /// Reads a schema's JSON. One that cannot be read is as good as none, and is warned about.
    pub(super) fn parse(json: &str) -> Self {
        match ConfigSchema::parse(json) {
            Ok(None) => Self::none(),
            Ok(known) => Self { known: known.map(Arc::new), ..Self::default() },
            Err(why) => Self::unreadable(&why),
        }
    }

    /// One that cannot be read, and why.
    pub(super) fn unreadable(why: &str) -> Self {
        let problem = Some(why.chars().take(MAX_REASON).collect());
        Self { problem, ..Self::default() }
    }

    /// The word of a plugin that it has none.
    pub(super) fn none() -> Self {
        Self { is_none: true, ..Self::default() }
    }

    /// One that nobody was told, which counts as none.
    pub(super) fn unheard() -> Self {
        Self { is_unheard: true, ..Self::default() }
    }

    /// Whether it is known what it says, also where that is nothing.
    pub(super) fn is_certain(&self) -> bool {
        self.problem.is_none() && !self.is_unheard
    }

    /// What is told of it: that one which could not be read is there, so that nobody takes it for none, and that there is none,
    /// so that nobody goes by what was said before.
    pub(super) fn told(&self) -> Option<Arc<ConfigSchema>> {
        match self.is_certain() {
            true if self.is_none => Some(Arc::new(ConfigSchema::none())),
            true => self.known.clone(),
            false => Some(Arc::new(ConfigSchema::unread())),
        }
    }

    /// What an operator should know of it.
    pub(super) fn warning(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(format!(
                "the schema of its configuration cannot be read and counts as none, and only admins change its \
                 configuration: {problem}"
            ));
        }
        if self.is_unheard {
            let why = "it did not tell the schema of its configuration in time: only admins change its configuration \
                       until it is reloaded";
            return Some(why.to_owned());
        }
        if self.known.as_ref().is_some_and(|known| known.is_closed()) {
            let why = "the schema of its configuration cannot be followed everywhere: where a reference leads out of it, \
                       or too much is marked, all that is there counts as a secret and as an admin's";
            return Some(why.to_owned());
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
            assert!(schema.is_certain(), "{json}");
        }
        for unknown in [Schema::parse("["), Schema::unheard()] {
            assert!(!unknown.is_certain() && unknown.told().unwrap().is_unread());
            assert!(unknown.warning().unwrap().contains("only admins"));
        }
        assert!(Schema::parse("{}").told().unwrap().is_none() && Schema::none().is_certain());
        assert!(Schema::default().told().is_none(), "it failed to say it");
        let cut = Schema::parse(r##"{"properties": {"a": {"$ref": "#gone"}}}"##);
        assert!(cut.warning().unwrap().contains("followed"));
    }

    #[test]
    fn one_of_an_unknown_draft_is_kept_and_warned_about() {
        let schema = Schema::parse(r#"{"$schema": "https://example.com/own"}"#);
        assert!(schema.known.is_some() && schema.warning().unwrap().contains("example.com"));
    }
}
