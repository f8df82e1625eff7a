//! Every source is readable for the other rules.

use super::finding::Finding;
use super::repository::Repository;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let broken = repository.sources().filter_map(|source| {
        let error = source.syntax.as_ref().err()?;
        let line = error.span().start().line;
        Some(Finding::new("syntax", &source.path, line, format!("does not parse: {error}")))
    });
    broken.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_source_is_found() {
        let repository = Repository::of(&[("a.rs", "fn a() {}"), ("b.rs", "\nfn b( {}")]);
        let findings = check(&repository);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].file.as_str(), findings[0].line), ("b.rs", 2));
    }
}
