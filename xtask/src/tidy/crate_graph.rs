//! Which crates may depend on which: the table of the architecture page is compared with the
//! manifests, in both directions, so that neither can drift.
//!
//! Dependencies of tests are free; those of build scripts and single platforms are not.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::crate_table::{self, HEADING, Row};
use super::finding::Finding;
use super::repository::{ARCHITECTURE, Package, Repository};

const RULE: &str = "crate-graph";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let rows = crate_table::rows(repository.text(ARCHITECTURE).unwrap_or_default());
    if rows.is_empty() {
        let message = format!("no table of crates below the heading `{HEADING}`");
        return vec![Finding::new(RULE, ARCHITECTURE, 1, message)];
    }
    let bound = repository.packages.iter().filter(|package| !package.has_own_workspace());
    let mut findings: Vec<Finding> =
        bound.flat_map(|package| judge_package(repository, &rows, package)).collect();
    findings.extend(rows.iter().flat_map(|row| judge_row(repository, &rows, row)));
    findings
}

/// What a package depends on that its row does not allow.
fn judge_package(repository: &Repository, rows: &[Row<'_>], package: &Package) -> Vec<Finding> {
    let finding = |message| Finding::new(RULE, &package.manifest_path(), 1, message);
    let Some(row) = row_of(rows, package) else {
        let message = format!(
            "`{}` has no row in the table below `{HEADING}` of {ARCHITECTURE}",
            package.name
        );
        return vec![finding(message)];
    };
    let mut findings = Vec::new();
    for wanted in dependencies(repository, package) {
        let is_allowed =
            row_of(rows, wanted).is_some_and(|wanted| row.allowed.contains(&wanted.name));
        if !is_allowed {
            let message = format!(
                "`{}` must not depend on `{}`: line {} of {ARCHITECTURE} does not name it",
                package.name, wanted.name, row.line
            );
            findings.push(finding(message).of_item(wanted.name.clone()));
        }
    }
    findings
}

/// What a row says that nothing in the repository needs.
fn judge_row(repository: &Repository, rows: &[Row<'_>], row: &Row<'_>) -> Vec<Finding> {
    let finding = |message| Finding::new(RULE, ARCHITECTURE, row.line, message);
    let about: Vec<&Package> =
        repository.packages.iter().filter(|package| row.is_about(&package.folder)).collect();
    if about.is_empty() {
        return vec![finding(format!("there is no crate `{}`", row.name))];
    }
    let used: BTreeSet<&str> = about
        .iter()
        .flat_map(|package| dependencies(repository, package))
        .filter_map(|wanted| row_of(rows, wanted))
        .map(|wanted| wanted.name)
        .collect();
    let idle = row.allowed.iter().filter(|allowed| !used.contains(**allowed));
    idle.map(|idle| finding(format!("`{}` does not depend on `{idle}`", row.name))).collect()
}

fn row_of<'r, 'a>(rows: &'r [Row<'a>], package: &Package) -> Option<&'r Row<'a>> {
    rows.iter().find(|row| row.is_about(&package.folder))
}

/// The packages of the repository that a package depends on outside of tests.
fn dependencies<'a>(repository: &'a Repository, package: &Package) -> Vec<&'a Package> {
    let mut found = Vec::new();
    let platforms = package.manifest.get("target").and_then(Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    for table in platforms.chain([&package.manifest]) {
        for kind in ["dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table);
            for (key, entry) in entries.into_iter().flatten() {
                let name = repository.dependency_name(key, entry);
                found.extend(repository.packages.iter().find(|package| package.name == name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "## Crates\n\n| crate | may depend on |\n|---|---|\n| `wire` | – |\n\
        | `it` | `wire` |\n| `examples/*` | `it` |\n";
    const WIRE: (&str, &str) = ("crates/wire/Cargo.toml", "[package]\nname = \"sidegate-wire\"\n");
    const EXAMPLE: (&str, &str) = (
        "examples/a/Cargo.toml",
        "[package]\nname = \"a\"\n[dependencies]\nsidegate-it.workspace = true\n",
    );

    fn found_in(root: &str, page: &str, dependencies: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"sidegate-it\"\n{dependencies}");
        let repository = Repository::of(&[
            ("Cargo.toml", root),
            (ARCHITECTURE, page),
            WIRE,
            EXAMPLE,
            ("crates/it/Cargo.toml", &manifest),
        ]);
        check(&repository).into_iter().map(|finding| finding.message).collect()
    }

    fn found(dependencies: &str) -> Vec<String> {
        found_in("[workspace]\n", PAGE, dependencies)
    }

    const USED: &str = "[dependencies]\nsidegate-wire.workspace = true\nserde = \"1\"\n";

    #[test]
    fn a_table_that_says_what_is_so_is_fine() {
        assert_eq!(found(USED), Vec::<String>::new());
    }

    #[test]
    fn only_allowed_crates_of_the_house_may_be_used() {
        let dependencies = format!("{USED}a.workspace = true\n");
        assert_eq!(
            found(&dependencies),
            ["`sidegate-it` must not depend on `a`: line 6 of ARCHITECTURE.md does not name it"]
        );
    }

    #[test]
    fn new_names_and_platforms_hide_nothing() {
        let message =
            ["`sidegate-it` must not depend on `a`: line 6 of ARCHITECTURE.md does not name it"];
        let renamed = format!("{USED}[build-dependencies]\nb = {{ package = \"a\" }}\n");
        assert_eq!(found(&renamed), message);
        let platform = format!("{USED}[target.'cfg(unix)'.build-dependencies]\na = \"1\"\n");
        assert_eq!(found(&platform), message);
        let root = "[workspace.dependencies]\nb = { package = \"a\", path = \"examples/a\" }\n";
        let inherited = format!("{USED}b.workspace = true\n");
        assert_eq!(found_in(root, PAGE, &inherited), message);
    }

    #[test]
    fn tests_may_use_everything() {
        let dependencies = format!("{USED}[dev-dependencies]\na.workspace = true\n");
        assert_eq!(found(&dependencies), Vec::<String>::new());
    }

    #[test]
    fn a_permission_that_nobody_uses_is_found() {
        assert_eq!(found(""), ["`it` does not depend on `wire`"]);
    }

    #[test]
    fn every_crate_has_a_row_and_every_row_a_crate() {
        let page = PAGE.replace("| `it` |", "| `gone` |");
        assert_eq!(
            found_in("[workspace]\n", &page, ""),
            [
                "`a` must not depend on `sidegate-it`: line 7 of ARCHITECTURE.md does not name it",
                "`sidegate-it` has no row in the table below `## Crates` of ARCHITECTURE.md",
                "there is no crate `gone`",
                "`examples/*` does not depend on `gone`",
            ]
        );
    }

    #[test]
    fn a_page_without_the_table_is_found() {
        assert_eq!(
            found_in("[workspace]\n", "# House\n", ""),
            ["no table of crates below the heading `## Crates`"]
        );
    }
}
