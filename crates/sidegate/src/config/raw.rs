//! What a setting is, and the names that it answers to: of its variable follow its key in the file and its flag.
//! Which settings there are stands in `raw/table.rs`.
//!
//! A new setting is called `SIDEGATE_…` and exists in the environment under that name only: bare names
//! such as `HOST` collide with those of shells and of other programs.
//!
//! It knows texts only; what they mean as values is said in `resolved.rs`.

mod table;
#[cfg(test)]
mod tests;

pub(crate) use super::kind::Kind;
pub(crate) use table::SETTINGS;

/// How names of variables begin that mean this program and no other.
pub(crate) const PREFIX: &str = "SIDEGATE_";

/// One row of the table. The key in the file and the flag follow from the variable's name.
#[derive(Debug)]
pub(crate) struct Setting {
    /// What it is called: the name of its environment variable, which is bare for old settings.
    pub(crate) variable: &'static str,
    /// What its text must be.
    pub(crate) kind: Kind,
    /// The text that counts when nobody sets it.
    pub(crate) default: &'static str,
    /// Its manual, in Markdown, one paragraph.
    pub(crate) doc: &'static str,
}

impl Setting {
    /// The key in the settings file: the variable in lower case, without the product's prefix.
    pub(crate) fn key(&self) -> String {
        self.variable.trim_start_matches(PREFIX).to_lowercase()
    }

    /// The flag without its two dashes. A secret has none: arguments are visible to every process.
    pub(crate) fn flag(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| self.key().replace('_', "-"))
    }

    /// The first sentence of the manual, for `--help`.
    pub(crate) fn summary(&self) -> &'static str {
        self.doc.split_once(". ").map_or(self.doc, |(first, _)| first).trim_end_matches('.')
    }
}

/// The environment variables that a name answers to; the first that is set wins. The one with the
/// product's prefix says that nobody else is meant.
pub(crate) fn variables(name: &str) -> Vec<String> {
    match name.starts_with(PREFIX) {
        true => vec![name.to_owned()],
        false => vec![format!("{PREFIX}{name}"), name.to_owned()],
    }
}

/// The row of a variable.
///
/// # Panics
/// When the table has no such row: names are written in this crate only.
pub(crate) fn setting(variable: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|row| row.variable == variable)
        .expect("the code asks only for settings of the table")
}
