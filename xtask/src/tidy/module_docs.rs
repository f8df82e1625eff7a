//! Every source begins with a `//!` comment that says what the file is for.

use super::finding::Finding;
use super::repository::Repository;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let bare = repository.sources().filter(|source| !is_documented(&source.text));
    let finding = |path: &str| {
        let message = "the file does not begin with a `//!` comment".to_owned();
        Finding::new("module-docs", path, 1, message)
    };
    bare.map(|source| finding(&source.path)).collect()
}

fn is_documented(text: &str) -> bool {
    let words = text.lines().next().and_then(|line| line.strip_prefix("//!"));
    words.is_some_and(|words| !words.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_needs_words_at_its_very_beginning() {
        assert!(is_documented("//! Words.\n"));
        assert!(!is_documented("//!\n//! Words.\n"));
        assert!(!is_documented("\n//! Words.\n"));
        assert!(!is_documented("// Words.\n"));
        assert!(!is_documented(""));
    }

    #[test]
    fn the_file_is_named() {
        let repository = Repository::of(&[("a.rs", "//! A.\n"), ("b.rs", "fn b() {}\n")]);
        let findings = check(&repository);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].file, "b.rs");
    }
}
