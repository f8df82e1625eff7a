//! Every source below `src/` and `tests/` of a package is compiled: some `mod` leads to it.
//!
//! A test file that nothing names would never fail.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::module_tree::ModuleTree;
use super::repository::{Package, Repository};

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    repository.packages.iter().flat_map(|package| forgotten(repository, package)).collect()
}

fn forgotten(repository: &Repository, package: &Package) -> Vec<Finding> {
    let mut roots = source_roots(repository, package);
    roots.extend(test_roots(repository, package));
    let reached: BTreeSet<String> = roots
        .iter()
        .flat_map(|root| ModuleTree::read(repository, root).modules)
        .map(|module| module.file)
        .collect();
    let mut findings = Vec::new();
    for folder in ["src", "tests"] {
        for path in files_below(repository, &package.inside(folder)) {
            if !reached.contains(path) {
                let message = "no `mod` leads to this file, so it is never compiled".to_owned();
                findings.push(Finding::new("forgotten-files", path, 1, message));
            }
        }
    }
    findings
}

/// The root files of a package's library and programs.
pub(super) fn source_roots(repository: &Repository, package: &Package) -> Vec<String> {
    let folder = package.inside("src");
    let mut roots = declared_roots(package, &["lib", "bin"]);
    roots.extend([format!("{folder}/lib.rs"), format!("{folder}/main.rs")]);
    roots.extend(target_files(repository, &format!("{folder}/bin")));
    existing(repository, roots)
}

/// The root files of a package's tests. Next to `tests/main.rs` every file has to be its module.
fn test_roots(repository: &Repository, package: &Package) -> Vec<String> {
    let folder = package.inside("tests");
    let main = format!("{folder}/main.rs");
    let mut roots = declared_roots(package, &["test"]);
    if repository.source(&main).is_some() {
        roots.push(main);
    } else {
        roots.extend(target_files(repository, &folder));
    }
    existing(repository, roots)
}

/// What the manifest names with `path = …`.
fn declared_roots(package: &Package, kinds: &[&str]) -> Vec<String> {
    let mut roots = Vec::new();
    for target in kinds.iter().filter_map(|kind| package.manifest.get(*kind)) {
        let tables = target.as_array().map_or(std::slice::from_ref(target), Vec::as_slice);
        let paths = tables.iter().filter_map(|table| table.get("path")?.as_str());
        roots.extend(paths.map(|path| package.inside(path)));
    }
    roots
}

/// `folder/*.rs` and `folder/*/main.rs`: what Cargo takes for targets by itself.
fn target_files(repository: &Repository, folder: &str) -> Vec<String> {
    let is_target = |path: &&str| {
        let inside = &path[folder.len() + 1..];
        match inside.split_once('/') {
            None => true,
            Some((_, file)) => file == "main.rs",
        }
    };
    files_below(repository, folder).filter(is_target).map(str::to_owned).collect()
}

fn files_below<'a>(repository: &'a Repository, folder: &str) -> impl Iterator<Item = &'a str> {
    let prefix = format!("{folder}/");
    let paths = repository.sources().map(|source| source.path.as_str());
    paths.filter(move |path| path.starts_with(&prefix))
}

fn existing(repository: &Repository, mut roots: Vec<String>) -> Vec<String> {
    roots.retain(|path| repository.source(path).is_some());
    roots.sort();
    roots.dedup();
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("e2e/Cargo.toml", "[package]\nname = \"e2e\"\n");

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repository::of(files)).into_iter().map(|finding| finding.file).collect()
    }

    #[test]
    fn next_to_a_main_every_test_file_must_be_a_module() {
        let files = [
            MANIFEST,
            ("e2e/src/lib.rs", ""),
            ("e2e/tests/main.rs", "mod stories; mod one;"),
            ("e2e/tests/one.rs", ""),
            ("e2e/tests/two.rs", ""),
            ("e2e/tests/stories/mod.rs", ""),
            ("e2e/tests/stories/three.rs", ""),
        ];
        assert_eq!(found(&files), ["e2e/tests/stories/three.rs", "e2e/tests/two.rs"]);
    }

    #[test]
    fn without_a_main_every_file_is_a_target() {
        let files = [
            MANIFEST,
            ("e2e/tests/one.rs", "mod shared;"),
            ("e2e/tests/shared/mod.rs", ""),
            ("e2e/tests/two/main.rs", ""),
            ("e2e/tests/two/three.rs", ""),
        ];
        assert_eq!(found(&files), ["e2e/tests/two/three.rs"]);
    }

    #[test]
    fn sources_are_reached_from_any_target() {
        let manifest = "[package]\nname = \"a\"\n[[bin]]\nname = \"x\"\npath = \"src/odd.rs\"\n";
        let files = [
            ("Cargo.toml", manifest),
            ("src/lib.rs", "#[cfg(test)] mod a;"),
            ("src/a.rs", ""),
            ("src/bin/b.rs", ""),
            ("src/odd.rs", ""),
            ("src/lost.rs", ""),
        ];
        assert_eq!(found(&files), ["src/lost.rs"]);
    }
}
