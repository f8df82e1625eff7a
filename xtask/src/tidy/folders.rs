//! Every folder of a crate's sources has a row on the architecture page that says what is in it.
//!
//! The root of a crate is told by the table of crates; folders that hold tests only need no row.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::page::{cells, code_words, section};
use super::repository::{ARCHITECTURE, Repository};

const RULE: &str = "folders";
const HEADING: &str = "## Folders";

/// What a row says of a folder.
struct Row<'a> {
    line: usize,
    duty: &'a str,
}

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let rows = rows(repository.text(ARCHITECTURE).unwrap_or_default());
    let folders = folders(repository);
    let finding = |line, message| Finding::new(RULE, ARCHITECTURE, line, message);
    let mut findings = Vec::new();
    for folder in &folders {
        if !rows.contains_key(folder.as_str()) {
            let message = format!("`{folder}` has no row in the table below `{HEADING}`");
            findings.push(finding(1, message));
        }
    }
    for (folder, row) in rows {
        if !folders.contains(folder) {
            findings.push(finding(row.line, format!("there is no folder `{folder}` of sources")));
        } else if row.duty.is_empty() {
            findings.push(finding(row.line, format!("nothing is said of `{folder}`")));
        }
    }
    findings
}

/// The rows by the folder that their first cell names.
fn rows(page: &str) -> BTreeMap<&str, Row<'_>> {
    let mut rows = BTreeMap::new();
    for line in section(page, HEADING) {
        let Some(cells) = cells(line.text) else { continue };
        let Some(folder) = cells.first().and_then(|cell| code_words(cell).next()) else { continue };
        let duty = cells.get(1).copied().unwrap_or_default();
        rows.insert(folder, Row { line: line.number, duty });
    }
    rows
}

/// `crate/folder` for every folder below the `src` of a crate with a source that is not only for
/// tests.
fn folders(repository: &Repository) -> BTreeSet<String> {
    let paths = repository.sources().filter_map(|source| source.path.strip_prefix("crates/"));
    let inside = paths.filter_map(|path| {
        let (name, inside) = path.split_once("/src/")?;
        let (folder, file) = inside.rsplit_once('/')?;
        let is_test = file == "tests.rs" || folder.split('/').any(|part| part == "tests");
        (!is_test).then(|| format!("{name}/{folder}"))
    });
    inside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "## Folders\n\n| folder | what is in it |\n|---|---|\n";

    fn found(rows: &str) -> Vec<String> {
        let page = format!("{TABLE}{rows}");
        let repository = Repository::of(&[
            (ARCHITECTURE, &page),
            ("crates/a/src/lib.rs", ""),
            ("crates/a/src/b/c.rs", ""),
            ("crates/a/src/b/d/tests.rs", ""),
            ("crates/a/src/tests/e.rs", ""),
            ("crates/a/tests/f/g.rs", ""),
        ]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_folder_of_sources_needs_a_row() {
        assert_eq!(found("| `a/b` | The b of `a`. |\n"), Vec::<String>::new());
        assert_eq!(
            found(""),
            ["ARCHITECTURE.md:1: folders: `a/b` has no row in the table below `## Folders`"]
        );
    }

    #[test]
    fn a_row_needs_a_folder_and_words() {
        assert_eq!(
            found("| `a/b` | |\n| `a/gone` | It was here. |\n"),
            [
                "ARCHITECTURE.md:5: folders: nothing is said of `a/b`",
                "ARCHITECTURE.md:6: folders: there is no folder `a/gone` of sources",
            ]
        );
    }
}
