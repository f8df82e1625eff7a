//! No source has more than 500 lines, not counting blank lines and comments.

use super::finding::Finding;
use super::repository::Repository;

const LIMIT: usize = 500;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        let lines = net_lines(&source.text);
        if lines > LIMIT {
            let message = format!("{lines} net lines, {LIMIT} are allowed");
            findings.push(Finding::new("file-length", &source.path, 1, message));
        }
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
        let repository = Repository::of(&[("a.rs", &text), ("b.rs", &longer)]);
        let findings = check(&repository);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, "501 net lines, 500 are allowed");
    }
}
