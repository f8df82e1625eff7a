//! Which crates may depend on which: the boundaries of the house.
//!
//! Dependencies of tests are free; those of build scripts and single platforms are not.

use toml::Table;

use super::finding::Finding;
use super::repository::{Package, Repository};

/// A folder below `crates/` and the crates of this house that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("transport", &["sidegate-wire"]),
    ("sdk", &["sidegate-transport", "sidegate-wire"]),
    ("model", &["sidegate-wire"]),
    ("plugins", &["sidegate-model", "sidegate-transport", "sidegate-wire"]),
    ("gateway", &["sidegate-plugins", "sidegate-model", "sidegate-transport", "sidegate-wire"]),
    ("store", &["sidegate-model"]),
    ("control", &["sidegate-model", "sidegate-store", "sidegate-wire"]),
    (
        "sidegate",
        &[
            "sidegate-gateway",
            "sidegate-plugins",
            "sidegate-control",
            "sidegate-store",
            "sidegate-model",
            "sidegate-wire",
        ],
    ),
];

/// What the example plugins may depend on.
const ALLOWED_TO_EXAMPLES: &[&str] = &["sidegate-sdk"];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let packages = repository.packages.iter();
    let bound = packages.filter(|package| is_bound(package));
    bound.flat_map(|package| judge(repository, package)).collect()
}

fn judge(repository: &Repository, package: &Package) -> Vec<Finding> {
    let finding = |message| Finding::new("crate-graph", &package.manifest_path(), 1, message);
    let name = &package.name;
    let Some(allowed) = allowed(package) else {
        return vec![finding(format!("`{name}` has no row in the table of allowed dependencies"))];
    };
    let ours = |wanted: &str| repository.packages.iter().any(|package| package.name == wanted);
    let mut findings = Vec::new();
    for wanted in dependencies(&package.manifest) {
        if ours(&wanted) && !allowed.contains(&wanted.as_str()) {
            let message = format!("`{name}` must not depend on `{wanted}`");
            findings.push(finding(message).of_item(wanted));
        }
    }
    findings
}

/// Whether the table has to say something about this package.
fn is_bound(package: &Package) -> bool {
    package.folder.starts_with("crates/") || package.folder.starts_with("examples/")
}

/// What the table says about this package.
fn allowed(package: &Package) -> Option<&'static [&'static str]> {
    if package.folder.starts_with("examples/") {
        return Some(ALLOWED_TO_EXAMPLES);
    }
    let folder = package.folder.strip_prefix("crates/")?;
    ALLOWED.iter().find(|(name, _)| *name == folder).map(|(_, allowed)| *allowed)
}

/// Names of the packages that a manifest depends on outside of tests.
fn dependencies(manifest: &Table) -> Vec<String> {
    let mut names = Vec::new();
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values).filter_map(toml::Value::as_table);
    for table in platforms.chain([manifest]) {
        for kind in ["dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(toml::Value::as_table);
            names.extend(entries.into_iter().flatten().map(|(key, entry)| {
                let renamed = entry.get("package").and_then(toml::Value::as_str);
                renamed.unwrap_or(key).to_owned()
            }));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(folder: &str, dependencies: &str) -> Vec<String> {
        let path = format!("{folder}/Cargo.toml");
        let manifest = format!("[package]\nname = \"it\"\n{dependencies}");
        let repository = Repository::of(&[
            (path.as_str(), manifest.as_str()),
            ("crates/wire/Cargo.toml", "[package]\nname = \"sidegate-wire\"\n"),
            ("crates/store/Cargo.toml", "[package]\nname = \"sidegate-store\"\n"),
        ]);
        check(&repository).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn only_allowed_crates_of_the_house_may_be_used() {
        let dependencies = "[dependencies]\nsidegate-wire.workspace = true\nserde = \"1\"\n";
        assert_eq!(found("crates/model", dependencies), Vec::<String>::new());
        assert_eq!(
            found("examples/echo", dependencies),
            ["`it` must not depend on `sidegate-wire`"]
        );
        assert_eq!(found("e2e", dependencies), Vec::<String>::new());
    }

    #[test]
    fn new_names_and_platforms_hide_nothing() {
        let message = ["`it` must not depend on `sidegate-store`"];
        let renamed = "[dependencies]\ndb = { package = \"sidegate-store\" }\n";
        assert_eq!(found("crates/gateway", renamed), message);
        let platform = "[target.'cfg(unix)'.build-dependencies]\nsidegate-store = \"1\"\n";
        assert_eq!(found("crates/gateway", platform), message);
    }

    #[test]
    fn tests_may_use_everything() {
        let dependencies = "[dev-dependencies]\nsidegate-store.workspace = true\n";
        assert_eq!(found("crates/gateway", dependencies), Vec::<String>::new());
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        let message = ["`it` has no row in the table of allowed dependencies"];
        assert_eq!(found("crates/common", ""), message);
    }
}
