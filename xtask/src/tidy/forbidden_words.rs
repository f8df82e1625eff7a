//! Nothing unfinished and nothing of a debugging session is left in a source.

use super::finding::Finding;
use super::repository::Repository;

/// In two pieces each, so that this file does not find itself.
const WORDS: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("FIX", "ME"),
];

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        for (index, line) in source.text.lines().enumerate() {
            for word in WORDS.iter().filter(|word| holds_word(line, word)) {
                let message = format!("`{word}` is left over");
                findings.push(Finding::new("forbidden-words", &source.path, index + 1, message));
            }
        }
    }
    findings
}

fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || character == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_found_on_its_line() {
        let text: String = WORDS.iter().map(|word| format!("a();\n    {word}\n")).collect();
        let findings = check(&Repository::of(&[("a.rs", &text)]));
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 4, 6, 8]);
    }

    #[test]
    fn longer_words_are_others() {
        let word = WORDS[2];
        assert!(holds_word(&format!("std::{word}a)"), word));
        assert!(!holds_word(&format!("my_{word}a)"), word));
        assert!(!holds_word(&word.replace('!', ""), word));
    }
}
