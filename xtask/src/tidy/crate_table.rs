//! The table of crates on the architecture page: the one place that says which crate may depend on
//! which. It does not know what they depend on.

use super::page::{cells, code_words, section};

/// The section with the table.
pub(super) const HEADING: &str = "## Crates";

/// What the table says about a crate, or about all crates below a folder.
pub(super) struct Row<'a> {
    pub(super) line: usize,
    /// The crate's folder, without `crates/`, or `folder/*` for all below it.
    pub(super) name: &'a str,
    /// Names of the rows whose crates it may depend on.
    pub(super) allowed: Vec<&'a str>,
}

impl Row<'_> {
    /// Whether this row is about the package in that folder.
    pub(super) fn is_about(&self, folder: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(above) => folder.starts_with(above),
            None => folder == self.name || folder.strip_prefix("crates/") == Some(self.name),
        }
    }
}

/// The rows in their order: the first cell names the crate, the last one what it may depend on.
pub(super) fn rows(page: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for line in section(page, HEADING) {
        let Some(cells) = cells(line.text) else { continue };
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        if let Some(name) = code_words(first).next() {
            rows.push(Row { line: line.number, name, allowed: code_words(last).collect() });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "## Crates\n\n| crate | duty | may depend on |\n|---|---|---|\n\
        | `model` | nouns | – |\n| `examples/*` | plugins with `x` | `sdk`, `wire` |\n\n## More\n\n| `a` | `b` |\n";

    #[test]
    fn a_row_names_a_crate_and_what_it_may_depend_on() {
        let rows = rows(PAGE);
        let found: Vec<(usize, &str)> = rows.iter().map(|row| (row.line, row.name)).collect();
        assert_eq!(found, [(5, "model"), (6, "examples/*")]);
        assert!(rows[0].allowed.is_empty());
        assert_eq!(rows[1].allowed, ["sdk", "wire"]);
    }

    #[test]
    fn a_row_is_about_its_folder_or_all_below_it() {
        let rows = rows(PAGE);
        assert!(rows[0].is_about("crates/model") && rows[0].is_about("model"));
        assert!(!rows[0].is_about("crates/model2") && !rows[0].is_about("crates/a/model"));
        assert!(rows[1].is_about("examples/echo") && !rows[1].is_about("crates/examples"));
    }
}
