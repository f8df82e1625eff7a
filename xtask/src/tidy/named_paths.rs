//! Every path that the entrance pages name exists: what stands in backticks, and where links lead.
//!
//! A path is looked for at the root, as `crate/module` below the crate's `src`, and beside what was
//! named before in the same section, or in the same row of a table. So a page may say a long path
//! once and short ones after it.

use super::finding::Finding;
use super::page::{Line, code_words, lines};
use super::repository::{ARCHITECTURE, Repository};

const RULE: &str = "named-paths";

/// Where what is built lies, which nobody commits.
const MADE: [&str; 3] = ["target/", "ui/dist", "ui/test-results"];
const PAGES: &[&str] = &[ARCHITECTURE, "README.md", "CONTRIBUTING.md"];
/// How the names of files end that are looked for even without a folder before them.
const ENDS: &[&str] = &[".rs", ".md", ".toml", ".sql", ".proto", ".txt", ".sh"];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let pages = PAGES.iter().filter_map(|page| Some((*page, repository.text(page)?)));
    pages.flat_map(|(name, page)| judge(repository, name, page)).collect()
}

fn judge(repository: &Repository, name: &str, page: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named = Named { repository, folders: Vec::new() };
    for line in lines(page) {
        if line.text.starts_with(['#', '|']) {
            named.folders.clear();
        }
        let missing = named.missing(line).into_iter().chain(dead_links(repository, line));
        findings.extend(missing.map(|message| Finding::new(RULE, name, line.number, message)));
    }
    findings
}

/// Folders that were named already, the latest last.
struct Named<'a> {
    repository: &'a Repository,
    folders: Vec<String>,
}

impl Named<'_> {
    /// What a line names that does not exist.
    fn missing(&mut self, line: Line<'_>) -> Vec<String> {
        if line.text.matches('`').count() % 2 == 1 {
            return vec!["a backtick has no other on its line".to_owned()];
        }
        let mut messages = Vec::new();
        for word in code_words(line.text).filter(|word| is_path(word)) {
            match self.find(word.trim_end_matches("/*").trim_end_matches('/')) {
                Some(path) => self.remember(path),
                None => messages.push(format!("there is no `{word}`")),
            }
        }
        messages
    }

    fn find(&self, path: &str) -> Option<String> {
        let below_crate =
            path.split_once('/').map(|(name, rest)| format!("crates/{name}/src/{rest}"));
        let beside = self.folders.iter().rev().map(|folder| format!("{folder}/{path}"));
        let places = [path.to_owned(), format!("crates/{path}")].into_iter();
        let mut places = places.chain(below_crate).chain(beside);
        // A module may be said without its ending.
        places.find_map(|place| {
            let file = format!("{place}.rs");
            let has = |path: &String| self.repository.has(path);
            Some(place).filter(has).or_else(|| Some(file).filter(has))
        })
    }

    fn remember(&mut self, path: String) {
        let above = path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        self.folders.extend(above);
        if self.repository.has_folder(&path) {
            self.folders.push(path);
        }
    }
}

/// Whether this is a path of the repository, and not one of HTTP or of a reader's machine.
fn is_path(word: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let is_elsewhere = ["/", "./", "../"].iter().any(|start| word.starts_with(start));
    let is_made = MADE.iter().any(|start| word.starts_with(start));
    let is_path = word.contains('/') || ENDS.iter().any(|end| word.ends_with(end));
    is_path && !is_elsewhere && !is_made && word.trim_end_matches("/*").bytes().all(allowed)
}

/// Links of a line that lead to no file of the repository.
fn dead_links(repository: &Repository, line: Line<'_>) -> Vec<String> {
    let targets = line.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter_map(|target| target.split('#').next());
    let files = files.filter(|file| !file.is_empty() && !file.contains("://"));
    let dead = files.filter(|file| !repository.has(file.trim_end_matches('/')));
    dead.map(|file| format!("the link leads nowhere: {file}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let repository = Repository::of(&[
            (ARCHITECTURE, page),
            ("crates/gateway/src/edge/head.rs", ""),
            ("crates/gateway/src/lane.rs", ""),
            ("docs/config.md", ""),
        ]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    fn is_fine(page: &str) {
        assert_eq!(found(page), Vec::<String>::new(), "{page}");
    }

    fn is_missing(page: &str, path: &str) {
        let line = page.lines().count();
        assert_eq!(
            found(page),
            [format!("ARCHITECTURE.md:{line}: named-paths: there is no `{path}`")]
        );
    }

    #[test]
    fn what_exists_may_be_named_in_full_or_below_its_crate() {
        is_fine("`crates/gateway/src/edge/head.rs`, `docs/`, `docs/config.md`, `crates/*`\n");
        is_fine("`ui/dist`, `target/debug/sidegate`\n");
        is_fine("`gateway/edge/head.rs`, `gateway/lane`, `gateway/edge`\n");
        is_missing("`gateway/edge/tail.rs`\n", "gateway/edge/tail.rs");
        is_missing("`doc/config.md`\n", "doc/config.md");
    }

    #[test]
    fn short_paths_stand_beside_what_was_named_before() {
        is_fine("In `crates/gateway/src/`:\n\n1. `edge/head.rs`, `head.rs`; `lane.rs`\n");
        is_missing("`lane.rs`\n", "lane.rs");
        is_missing("`gateway/edge/head.rs`\n\n## Next\n`head.rs`\n", "head.rs");
        is_missing("| `gateway/lane.rs` |\n| `lane.rs` |\n", "lane.rs");
    }

    #[test]
    fn what_is_no_path_of_the_repository_is_left_alone() {
        is_fine("`edge`, `Arc<Snapshot>`, `/plugins/{slug}/`, `./data`, `GET /a.rs`, `a::b`\n");
        is_fine("```\n`no/listing.rs`\n```\n");
    }

    #[test]
    fn links_lead_to_files() {
        is_fine("[a](docs/config.md#x), [b](docs/), [c](https://example.com/x), [d](#here)\n");
        assert_eq!(
            found("[a](docs/gone.md)\n"),
            ["ARCHITECTURE.md:1: named-paths: the link leads nowhere: docs/gone.md"]
        );
    }

    #[test]
    fn a_backtick_that_is_not_closed_hides_nothing() {
        assert_eq!(
            found("a `b\n"),
            ["ARCHITECTURE.md:1: named-paths: a backtick has no other on its line"]
        );
    }
}
