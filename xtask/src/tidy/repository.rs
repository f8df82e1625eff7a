//! What the rules look at: Rust sources, manifests and the architecture page, read once.
//!
//! Generated sources and files that git ignores are left out; new files are in, committed or not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The page that lists the invariants.
pub(super) const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// A Rust source with its syntax tree, or with the reason why there is none.
pub(super) struct Source {
    /// Path below the root, with `/` between its parts.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) syntax: Result<syn::File, syn::Error>,
}

/// A Cargo package.
pub(super) struct Package {
    /// Folder of the manifest, without a slash at the end; empty at the root.
    pub(super) folder: String,
    pub(super) name: String,
    pub(super) manifest: toml::Table,
}

impl Package {
    /// Path of the manifest.
    pub(super) fn manifest_path(&self) -> String {
        self.inside("Cargo.toml")
    }

    /// Path of something inside the package.
    pub(super) fn inside(&self, path: &str) -> String {
        if self.folder.is_empty() { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }
}

/// All that the rules look at.
#[derive(Default)]
pub(super) struct Repository {
    sources: BTreeMap<String, Source>,
    pub(super) packages: Vec<Package>,
    pub(super) architecture: Option<String>,
}

impl Repository {
    /// Reads what git knows of and what it would not ignore.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut repository = Self::default();
        for path in list_files(root)? {
            let full = root.join(&path);
            if !is_of_interest(&path) || !full.is_file() {
                continue;
            }
            let text = fs::read_to_string(&full).with_context(|| format!("read {path}"))?;
            repository.add(&path, text)?;
        }
        Ok(repository)
    }

    /// A repository that exists only in a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut repository = Self::default();
        for (path, text) in files {
            repository.add(path, (*text).to_owned()).unwrap();
        }
        repository
    }

    /// Every source, sorted by path.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// The source with this path.
    pub(super) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }

    fn add(&mut self, path: &str, text: String) -> Result<()> {
        if path.ends_with(".rs") {
            let syntax = syn::parse_file(&text);
            let path = path.to_owned();
            self.sources.insert(path.clone(), Source { path, text, syntax });
        } else if path == ARCHITECTURE {
            self.architecture = Some(text);
        } else {
            let manifest: toml::Table =
                text.parse().with_context(|| format!("{path} is no TOML"))?;
            let name = manifest.get("package").and_then(|package| package.get("name"));
            if let Some(name) = name.and_then(toml::Value::as_str).map(str::to_owned) {
                let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
                self.packages.push(Package { folder, name, manifest });
            }
        }
        Ok(())
    }
}

fn list_files(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("start git")?;
    ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn is_of_interest(path: &str) -> bool {
    let generated = path.split('/').any(|part| part == "generated");
    let manifest = path == "Cargo.toml" || path.ends_with("/Cargo.toml");
    (path.ends_with(".rs") && !generated) || manifest || path == ARCHITECTURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_sources_are_of_no_interest() {
        assert!(is_of_interest("crates/a/src/lib.rs"));
        assert!(is_of_interest("Cargo.toml"));
        assert!(!is_of_interest("crates/a/src/generated/a.rs"));
        assert!(!is_of_interest("docs/NotCargo.toml"));
    }

    #[test]
    fn packages_know_their_folder() {
        let repository = Repository::of(&[
            ("Cargo.toml", "[workspace]\n"),
            ("crates/a/Cargo.toml", "[package]\nname = \"sidegate-a\"\n"),
        ]);
        let [package] = repository.packages.as_slice() else { panic!("one package") };
        assert_eq!(package.name, "sidegate-a");
        assert_eq!(package.manifest_path(), "crates/a/Cargo.toml");
    }
}
