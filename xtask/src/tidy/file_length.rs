//! No source has more than 500 lines, not counting blank lines and comments, and half of them have
//! at most 130.

use super::finding::Finding;
use super::repository::{Repository, WORKSPACE};

const RULE: &str = "file-length";
const LIMIT: usize = 500;
const MEDIAN_LIMIT: usize = 130;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut lengths = Vec::new();
    let mut findings = Vec::new();
    for source in repository.sources() {
        let lines = net_lines(&source.text);
        lengths.push(lines);
        if lines > LIMIT {
            let message = format!("{lines} net lines, {LIMIT} are allowed");
            findings.push(Finding::new(RULE, &source.path, 1, message));
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN_LIMIT {
        let message = format!(
            "half of all sources have {median} net lines or more, {MEDIAN_LIMIT} are allowed"
        );
        findings.push(Finding::new(RULE, WORKSPACE, 1, message));
    }
    findings
}

/// Lines that hold more than space and comments.
fn net_lines(text: &str) -> usize {
    let mut in_comment = false;
    let mut count = 0;
    for line in text.lines().map(str::trim) {
        if in_comment || line.starts_with("/*") {
            in_comment = !line.contains("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        assert_eq!(net_lines("//! A.\n\n/* b\nc\n*/\n/* d */\nfn e() {} // f\n    // g\n"), 1);
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let text = "fn a();\n".repeat(LIMIT);
        let longer = format!("{text}fn b();\n");
        let short = [("c.rs", ""), ("d.rs", ""), ("e.rs", "")];
        let files = [("a.rs", text.as_str()), ("b.rs", longer.as_str())].into_iter().chain(short);
        let findings = check(&Repository::of(&files.collect::<Vec<_>>()));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "501 net lines, 500 are allowed");
    }

    #[test]
    fn most_files_are_short() {
        let long = "fn a();\n".repeat(MEDIAN_LIMIT + 1);
        let short = Repository::of(&[("a.rs", &long), ("b.rs", ""), ("c.rs", "")]);
        assert!(check(&short).is_empty());
        let findings = check(&Repository::of(&[("a.rs", &long), ("b.rs", &long), ("c.rs", "")]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].file, WORKSPACE);
    }
}
