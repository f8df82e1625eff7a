//! What a rule found, and where.

use std::fmt;

/// One place that breaks one rule. Sorted by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// Path below the root of the repository.
    pub(super) file: String,
    /// Counted from one.
    pub(super) line: usize,
    /// Name of the rule.
    pub(super) rule: &'static str,
    /// What an exception may name besides the file, such as a function.
    pub(super) item: Option<String>,
    /// What is wrong, for people.
    pub(super) message: String,
}

impl Finding {
    pub(super) fn new(rule: &'static str, file: &str, line: usize, message: String) -> Self {
        Self { file: file.to_owned(), line, rule, item: None, message }
    }

    pub(super) fn of_item(mut self, item: String) -> Self {
        self.item = Some(item);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.message)
    }
}
