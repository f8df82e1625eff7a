//! The app: who calls, with which limits and which operator-defined metadata.

use crate::UnixMillis;
use crate::issuer_id::IssuerId;
use crate::managed_by;
use crate::name::{NUMBER_AS_NAME, reads_as_number};
use crate::namespace::Namespace;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Number of an app; the same number a plugin sees on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AppId(pub u32);

impl std::fmt::Display for AppId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose app it is that was made on first sight. Set once by the store, so that no app that a person made is taken for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MadeFor {
    /// The issuer, which may be gone.
    pub issuer: IssuerId,
    /// Its client, as its JWTs name it.
    pub client: String,
}

/// A registered caller. Tokens belong to an app; its metadata is what plugins base access rules on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct App {
    /// Number, given by the store.
    pub id: AppId,
    /// Which edges get it and its tokens.
    #[serde(default)]
    pub namespace: Namespace,
    /// Unique display name, 1 to 255 characters, not digits only.
    pub name: String,
    /// Text for people; may be empty, and is never read by the gateway.
    pub description: String,
    /// Whom to ask about it: `name@host`, at most 255 bytes.
    pub owner_email: String,
    /// An inactive app's tokens are refused.
    pub is_active: bool,
    /// Budget a month, in the operator's currency; carried for plugins, not enforced here.
    pub monthly_budget: f64,
    /// Requests a minute on plugin endpoints; 0 means unlimited.
    pub rate_limit: u32,
    /// The operator's own values, within [`MAX_METADATA_BYTES`]: they go to plugins with every request.
    pub metadata: Map<String, Value>,
    /// How old an edge's knowledge may be, in milliseconds, for the tokens of this app to be taken there; `None` for as
    /// old as the edge allows.
    #[serde(default)]
    pub max_staleness: Option<u64>,
    /// Who looks after it, such as a repository with its configuration; empty for nobody in particular, and where that
    /// is not known.
    #[serde(default)]
    pub managed_by: String,
    /// The client for which it was made on first sight; `None` where a person made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_for: Option<MadeFor>,
    /// Set once by the store.
    pub created_at: UnixMillis,
    /// When it was last changed; grows with every change, also where the clock does not.
    pub updated_at: UnixMillis,
}

/// The fields of an app that a person chooses; everything else is given by the store.
#[derive(Debug, Clone, PartialEq)]
pub struct AppDraft {
    /// See [`App::namespace`]; never changes.
    pub namespace: Namespace,
    /// See [`App::name`].
    pub name: String,
    /// See [`App::description`].
    pub description: String,
    /// See [`App::owner_email`].
    pub owner_email: String,
    /// See [`App::is_active`].
    pub is_active: bool,
    /// See [`App::monthly_budget`].
    pub monthly_budget: f64,
    /// See [`App::rate_limit`].
    pub rate_limit: u32,
    /// See [`App::metadata`].
    pub metadata: Map<String, Value>,
    /// See [`App::max_staleness`].
    pub max_staleness: Option<u64>,
    /// See [`App::managed_by`].
    pub managed_by: String,
}

impl App {
    /// Another text for every other content, whatever was changed and however quickly.
    pub fn version(&self) -> String {
        format!("{:x}", self.updated_at)
    }

    /// What a person chose of it, to be changed and saved again.
    pub fn into_draft(self) -> AppDraft {
        AppDraft {
            namespace: self.namespace,
            name: self.name,
            description: self.description,
            owner_email: self.owner_email,
            is_active: self.is_active,
            monthly_budget: self.monthly_budget,
            rate_limit: self.rate_limit,
            metadata: self.metadata,
            max_staleness: self.max_staleness,
            managed_by: self.managed_by,
        }
    }
}

/// Why a draft of an app cannot be accepted. The text names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidApp {
    /// The name of the field, as the admin API spells it.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// Largest rate limit: the wire carries it as a signed 32-bit number.
pub const MAX_RATE_LIMIT: u32 = i32::MAX as u32;

/// Longest `max_staleness`: ten years.
pub const MAX_STALENESS_MILLIS: u64 = 3650 * 24 * 3600 * 1000;

/// Deepest nesting of metadata and configurations.
pub const MAX_METADATA_DEPTH: usize = 32;
/// Largest metadata as JSON text, in bytes.
pub const MAX_METADATA_BYTES: usize = 64 * 1024;

/// How deep a value is nested; 1 for one without members.
pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

impl AppDraft {
    /// An active app without limits, of which nothing else is said.
    pub fn new(name: &str, owner_email: &str) -> Self {
        Self {
            namespace: Namespace::global(),
            name: name.to_owned(),
            description: String::new(),
            owner_email: owner_email.to_owned(),
            is_active: true,
            monthly_budget: 0.0,
            rate_limit: 0,
            metadata: Map::new(),
            max_staleness: None,
            managed_by: String::new(),
        }
    }

    /// Checks every field and reports all that is wrong at once.
    ///
    /// # Errors
    /// One [`InvalidApp`] for each field that breaks its rule.
    pub fn validate(&self) -> Result<(), Vec<InvalidApp>> {
        let mut problems = Vec::new();
        let mut wrong = |field, problem: &str| {
            problems.push(InvalidApp { field, problem: problem.to_owned() });
        };
        if self.name.trim().is_empty() || self.name.chars().count() > 255 {
            wrong("name", "give a name of 1 to 255 characters");
        }
        if reads_as_number(&self.name) {
            let problem = format!("{:?} reads as a number: {NUMBER_AS_NAME}", self.name);
            wrong("name", &problem);
        }
        if self.name.chars().any(char::is_control) {
            wrong("name", "remove the control characters");
        }
        if self.description.contains('\0') {
            wrong("description", "leave out the character U+0000");
        }
        if !is_email(&self.owner_email) {
            wrong("owner_email", "give an address of the form name@host");
        }
        if !self.monthly_budget.is_finite() || self.monthly_budget < 0.0 {
            wrong("monthly_budget", "give a number that is 0 or more");
        }
        if self.rate_limit > MAX_RATE_LIMIT {
            wrong("rate_limit", "give requests a minute, at most 2147483647; 0 means unlimited");
        }
        if self.max_staleness.is_some_and(|millis| millis > MAX_STALENESS_MILLIS) {
            wrong("max_staleness", "give at most 3650 days");
        }
        if let Err(problem) = managed_by::check(&self.managed_by) {
            wrong("managed_by", &problem);
        }
        let metadata = Value::Object(self.metadata.clone());
        if depth(&metadata) > MAX_METADATA_DEPTH {
            wrong("metadata", "nest values at most 32 deep");
        }
        if metadata.to_string().len() > MAX_METADATA_BYTES {
            wrong(
                "metadata",
                "keep it within 64 KiB of JSON: it goes to plugins with every request",
            );
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

pub(crate) fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else {
        return false;
    };
    !name.is_empty()
        && !host.is_empty()
        && text.len() <= 255
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> AppDraft {
        AppDraft::new("billing", "ops@example.com")
    }

    #[test]
    fn a_complete_draft_is_accepted() {
        assert_eq!(draft().validate(), Ok(()));
    }

    #[test]
    fn a_description_may_have_every_character_but_nul() {
        let described = |text: &str| AppDraft { description: text.to_owned(), ..draft() };
        assert_eq!(described("two\nlines\u{1}").validate(), Ok(()));
        assert_eq!(described("a\0b").validate().unwrap_err()[0].field, "description");
    }

    #[test]
    fn metadata_has_its_bounds() {
        let nested = |n: usize| (0..n).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let with = |value: Value| {
            let metadata = Map::from_iter([("k".to_owned(), value)]);
            AppDraft { metadata, ..draft() }.validate().is_ok()
        };
        assert!(with(nested(30)));
        assert!(!with(nested(31)));
        assert!(!with(Value::String("x".repeat(MAX_METADATA_BYTES))));
    }

    #[test]
    fn every_wrong_field_is_reported_at_once() {
        let bad = AppDraft {
            name: " ".into(),
            owner_email: "nobody".into(),
            monthly_budget: f64::NAN,
            rate_limit: u32::MAX,
            ..draft()
        };
        let fields: Vec<_> = bad.validate().unwrap_err().iter().map(|e| e.field).collect();
        assert_eq!(fields, ["name", "owner_email", "monthly_budget", "rate_limit"]);
    }
}
