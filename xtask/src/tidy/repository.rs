//! What the rules look at: Rust sources, manifests, pages and a few other texts, read once.
//!
//! Generated sources and files that git ignores are left out; new files are in, committed or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The page that lists the crates, their folders and the invariants.
pub(super) const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// The manifest of the workspace, named by what is found of the workspace as a whole.
pub(super) const WORKSPACE: &str = "Cargo.toml";

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

    /// Whether it is no member of the workspace of the repository.
    pub(super) fn has_own_workspace(&self) -> bool {
        self.manifest.contains_key("workspace")
    }

    /// Path of something inside the package.
    pub(super) fn inside(&self, path: &str) -> String {
        if self.folder.is_empty() { path.to_owned() } else { format!("{}/{path}", self.folder) }
    }
}

/// All that the rules look at.
#[derive(Default)]
pub(super) struct Repository {
    /// Every file, read or not.
    files: BTreeSet<String>,
    sources: BTreeMap<String, Source>,
    /// What is no Rust, by path.
    texts: BTreeMap<String, String>,
    pub(super) packages: Vec<Package>,
    /// The manifest of the workspace.
    root: toml::Table,
}

impl Repository {
    /// Reads what git knows of and what it would not ignore.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut repository = Self::default();
        for path in list_files(root)? {
            let full = root.join(&path);
            if !full.is_file() {
                continue;
            }
            if is_of_interest(&path) {
                let text = fs::read_to_string(&full).with_context(|| format!("read {path}"))?;
                repository.add(&path, text)?;
            }
            repository.files.insert(path);
        }
        Ok(repository)
    }

    /// A repository that exists only in a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut repository = Self::default();
        for (path, text) in files {
            repository.add(path, (*text).to_owned()).unwrap();
            repository.files.insert((*path).to_owned());
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

    /// The text of a file that is no Rust.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Path and text of the files that are no Rust and end like this.
    pub(super) fn texts<'a>(&'a self, end: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        texts.filter(move |(path, _)| path.ends_with(end))
    }

    /// Whether there is such a file or folder.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains(path) || self.has_folder(path)
    }

    /// Whether there is such a folder.
    pub(super) fn has_folder(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.files.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
    }

    /// The real name of what a manifest depends on, however it calls it.
    pub(super) fn dependency_name<'a>(&'a self, key: &'a str, entry: &'a toml::Value) -> &'a str {
        let renamed = |entry: &'a toml::Value| entry.get("package").and_then(toml::Value::as_str);
        let workspace = || self.root.get("workspace")?.get("dependencies")?.get(key);
        let is_inherited = entry.get("workspace").is_some();
        let inherited = || workspace().filter(|_| is_inherited).and_then(renamed);
        renamed(entry).or_else(inherited).unwrap_or(key)
    }

    fn add(&mut self, path: &str, text: String) -> Result<()> {
        if path.ends_with(".rs") {
            let syntax = syn::parse_file(&text);
            let path = path.to_owned();
            self.sources.insert(path.clone(), Source { path, text, syntax });
        } else if !is_manifest(path) {
            self.texts.insert(path.to_owned(), text);
        } else {
            let manifest: toml::Table =
                text.parse().with_context(|| format!("{path} is no TOML"))?;
            let name = manifest.get("package").and_then(|package| package.get("name"));
            if let Some(name) = name.and_then(toml::Value::as_str).map(str::to_owned) {
                let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
                self.packages.push(Package { folder, name, manifest });
            } else if path == WORKSPACE {
                self.root = manifest;
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
    let is_text = [".md", ".go", ".ci/run"].iter().any(|end| path.ends_with(end));
    (path.ends_with(".rs") && !generated) || is_manifest(path) || is_text
}

fn is_manifest(path: &str) -> bool {
    path == WORKSPACE || path.ends_with("/Cargo.toml")
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
    fn files_and_their_folders_are_there() {
        let repository = Repository::of(&[("docs/a.md", ""), ("docs.md", "")]);
        assert!(repository.has("docs/a.md") && repository.has("docs"));
        assert!(repository.has_folder("docs") && !repository.has_folder("docs/a.md"));
        assert!(!repository.has("doc") && !repository.has("docs/a"));
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
