//! Patterns of a schema, in so far as they mean the same here as in ECMA 262, which schemas are
//! written for.

use super::findings::Budget;
use regex_lite::{Regex, RegexBuilder};
use std::collections::HashMap;

/// Sizes of a built pattern, in bytes; one that does not fit the last is not understood.
const SIZES: [usize; 5] = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18];
/// Bytes of a built pattern for which a character of a text costs one unit of work.
const BYTES_A_STEP: usize = 32;
/// What is read in another way elsewhere.
const AMBIGUOUS: [&str; 10] = ["[]", "[^]", "[:", "\\A", "\\z", "\\a", "\\<", "\\>", "\\b{", "\\U"];
/// Classes that hold other characters elsewhere, beyond ASCII.
const CLASSES: [&str; 8] = ["\\w", "\\W", "\\d", "\\D", "\\s", "\\S", "\\b", "\\B"];

/// A pattern, and what a character of a text costs.
struct Pattern {
    regex: Regex,
    cost: usize,
    /// What texts it cannot be held against.
    has_line_ends: bool,
    has_classes: bool,
}

impl Pattern {
    /// Engines differ at the ends of lines, and in what a letter is.
    fn is_ambiguous(&self, text: &str) -> bool {
        (self.has_line_ends && text.contains(['\n', '\r', '\u{2028}', '\u{2029}']))
            || (self.has_classes && !text.is_ascii())
    }
}

/// The patterns of a schema that were needed, each built once.
#[derive(Default)]
pub(super) struct Patterns<'a>(HashMap<&'a str, Option<Pattern>>);

impl<'a> Patterns<'a> {
    /// Whether a text matches a pattern; `None` where nobody can tell.
    pub(super) fn matches(
        &mut self,
        pattern: &'a str,
        text: &str,
        budget: &mut Budget,
    ) -> Option<bool> {
        if !budget.spend_size(pattern.len() / BYTES_A_STEP) {
            return None;
        }
        let built = self.0.entry(pattern).or_insert_with(|| build(pattern, budget)).as_ref()?;
        let cost = built.cost.saturating_mul(text.len() + 1);
        if built.is_ambiguous(text) || !budget.spend_size(cost) {
            return None;
        }
        Some(built.regex.is_match(text))
    }
}

fn build(pattern: &str, budget: &mut Budget) -> Option<Pattern> {
    if AMBIGUOUS.iter().any(|part| pattern.contains(part)) {
        return None;
    }
    SIZES.iter().filter(|size| **size >= pattern.len()).find_map(|size| {
        let regex = || RegexBuilder::new(pattern).size_limit(*size).build().ok();
        let regex = if budget.spend_size(*size) { regex() } else { None };
        regex.map(|regex| Pattern {
            regex,
            cost: size / BYTES_A_STEP,
            has_line_ends: pattern.contains(['.', '$']),
            has_classes: CLASSES.iter().any(|class| pattern.contains(class)),
        })
    })
}
