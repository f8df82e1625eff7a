//! Every invariant of the architecture page names a test, and the test exists.

use super::finding::Finding;
use super::page::{code_words, section};
use super::repository::{ARCHITECTURE, Repository};

const RULE: &str = "invariants";
const HEADING: &str = "## Invariants";

/// One item of the numbered list.
struct Invariant {
    line: usize,
    text: String,
}

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let Some(page) = repository.text(ARCHITECTURE) else {
        return vec![Finding::new(RULE, ARCHITECTURE, 1, "the page is missing".to_owned())];
    };
    let invariants = invariants(page);
    if invariants.is_empty() {
        let message = format!("no numbered list below the heading `{HEADING}`");
        return vec![Finding::new(RULE, ARCHITECTURE, 1, message)];
    }
    invariants.iter().flat_map(|invariant| judge(repository, invariant)).collect()
}

fn judge(repository: &Repository, invariant: &Invariant) -> Vec<Finding> {
    let names: Vec<&str> = code_words(&invariant.text).filter(|name| is_name(name)).collect();
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| has_function(repository, name));
    let finding = |message| Finding::new(RULE, ARCHITECTURE, invariant.line, message);
    if known.is_empty() && unknown.is_empty() {
        return vec![finding("the invariant names no test in backticks".to_owned())];
    }
    // Among real tests a short name may well be something else than a test.
    let missing =
        unknown.into_iter().filter(|name| known.is_empty() || name.matches('_').count() > 1);
    missing.map(|name| finding(format!("no function is called `{name}`"))).collect()
}

/// The items of the numbered list below the heading, each with its continued lines.
fn invariants(page: &str) -> Vec<Invariant> {
    let mut invariants: Vec<Invariant> = Vec::new();
    for line in section(page, HEADING) {
        if is_numbered(line.text) {
            invariants.push(Invariant { line: line.number, text: line.text.to_owned() });
        } else if let Some(last) = invariants.last_mut() {
            last.text.push('\n');
            last.text.push_str(line.text);
        }
    }
    invariants
}

fn is_numbered(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && line[digits..].starts_with(". ")
}

fn is_name(word: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word.contains('_')
        && word.bytes().all(allowed)
}

/// Searches the text, since tests may be written inside macros.
fn has_function(repository: &Repository, name: &str) -> bool {
    let needle = format!("fn {name}");
    repository.sources().any(|source| {
        source
            .text
            .match_indices(&needle)
            .any(|(start, found)| source.text[start + found.len()..].starts_with(['(', '<']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let tests = "#[test]\nfn bodies_are_read_late() {}\nfn longer_name_x() {}\n";
        let repository = Repository::of(&[(ARCHITECTURE, page), ("a.rs", tests)]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_invariant_with_a_test_is_fine() {
        let page = "# House\n\n## Invariants\n\n1. `edge` reads bodies late, below `max_bytes`\n   (`bodies_are_read_late`).\n\n## Words\n\n1. Free.\n";
        assert_eq!(found(page), Vec::<String>::new());
    }

    #[test]
    fn an_invariant_without_a_test_is_found() {
        let page = "## Invariants\n\n1. Late bodies: `bodies_are_read_late`.\n2. `edge` is good.\n";
        assert_eq!(
            found(page),
            ["ARCHITECTURE.md:4: invariants: the invariant names no test in backticks"]
        );
    }

    #[test]
    fn a_test_that_is_gone_is_found_even_next_to_another() {
        let page =
            "## Invariants\n1. A: `longer_name`.\n2. B: `bodies_are_read_late`, `this_is_gone`.\n";
        assert_eq!(
            found(page),
            [
                "ARCHITECTURE.md:2: invariants: no function is called `longer_name`",
                "ARCHITECTURE.md:3: invariants: no function is called `this_is_gone`",
            ]
        );
    }

    #[test]
    fn a_missing_page_or_list_is_found() {
        assert_eq!(check(&Repository::of(&[])).len(), 1);
        assert_eq!(found("# House\n").len(), 1);
    }
}
