//! Tests wait for what they expect instead of sleeping: only the file that polls for them may sleep.

use syn::visit::{self, Visit};

use super::finding::Finding;
use super::module_paths::{Import, imports};
use super::repository::{Repository, Source};

/// The name of the files that may sleep, one in each harness: they poll with a deadline.
const POLLER: &str = "eventually.rs";

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let tests = repository.sources().filter(|source| is_test(&source.path));
    tests.flat_map(sleeps).collect()
}

fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let below_tests = folders.split('/').any(|folder| folder == "tests");
    (below_tests || path.starts_with("e2e/")) && name != POLLER
}

fn sleeps(source: &Source) -> Vec<Finding> {
    let mut lines: Vec<usize> = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if code.contains("thread::sleep") || code.contains("time::sleep") {
            lines.push(index + 1);
        }
    }
    // Imports in braces do not show on one line.
    if let Ok(syntax) = &source.syntax {
        let mut imported = ImportedSleeps::default();
        imported.visit_file(syntax);
        lines.extend(imported.lines);
    }
    lines.sort_unstable();
    lines.dedup();
    let finding = |line| {
        let message = format!("a test must not sleep; wait with the harness's {POLLER}");
        Finding::new("sleeping-tests", &source.path, line, message)
    };
    lines.into_iter().map(finding).collect()
}

#[derive(Default)]
struct ImportedSleeps {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for ImportedSleeps {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let sleeps = |import: &Import| {
            let parts: Vec<&str> = import.path.iter().map(String::as_str).collect();
            matches!(parts.as_slice(), [.., "thread" | "time", "sleep" | "sleep_until"])
        };
        self.lines
            .extend(imports(item).iter().filter(|import| sleeps(import)).map(|import| import.line));
        visit::visit_item_use(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEPING: &str = "use tokio::time::{\n    Duration,\n    sleep,\n};\nfn a() {\n    std::thread::sleep(b);\n}\n";

    fn lines(path: &str) -> Vec<usize> {
        let findings = check(&Repository::of(&[(path, SLEEPING)]));
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn sleeping_is_found_in_tests_however_it_is_written() {
        assert_eq!(lines("crates/a/tests/b.rs"), [3, 6]);
        assert_eq!(lines("e2e/src/lib.rs"), [3, 6]);
    }

    #[test]
    fn others_may_sleep() {
        assert_eq!(lines("crates/a/src/tests.rs"), Vec::<usize>::new());
        assert_eq!(lines(POLLER), Vec::<usize>::new());
    }

    #[test]
    fn words_about_sleeping_do_not_count() {
        let text = "// never thread::sleep\nfn a() {}\n";
        assert!(check(&Repository::of(&[("e2e/tests/a.rs", text)])).is_empty());
    }
}
