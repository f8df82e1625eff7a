//! Reading YAML 1.2, of which JSON is a part, into values that know their line.
//!
//! Only what can be written as JSON is read: no tags, no aliases (which can make a small file enormous), no
//! numbers that would come out as others. Two members of one name are a mistake, not a choice.

use super::node::{Content, Node};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::Number;
use std::collections::BTreeSet;

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong, and what to do.
    pub(crate) what: String,
}

/// Every document of a text. An empty one has none.
///
/// # Errors
/// All that is wrong; but behind a mistake of syntax nothing can be read.
pub(crate) fn read(text: &str) -> Result<Vec<Node>, Vec<Wrong>> {
    let mut reader = Reader { parser: Parser::new_from_str(text), wrong: Vec::new() };
    let documents = reader.documents();
    match documents {
        Ok(documents) if reader.wrong.is_empty() => Ok(documents),
        Ok(_) => Err(reader.wrong),
        Err(error) => {
            let what = format!("this is neither YAML nor JSON: {}", error.info());
            reader.wrong.push(Wrong { line: error.marker().line(), what });
            Err(reader.wrong)
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    wrong: Vec<Wrong>,
}

type Found<T> = Result<T, ScanError>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Found<(Event<'a>, Span)> {
        let ended = (Event::StreamEnd, Span::default());
        self.parser.next_event().unwrap_or(Ok(ended))
    }

    fn documents(&mut self) -> Found<Vec<Node>> {
        let mut documents = Vec::new();
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(documents),
                (Event::DocumentStart(_), _) => {
                    let (event, span) = self.next()?;
                    // A document with nothing but comments is none.
                    let is_empty = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty());
                    let node = self.node(event, span, 0)?;
                    if !is_empty {
                        documents.push(node);
                    }
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, line: usize, what: impl Into<String>) {
        self.wrong.push(Wrong { line, what: what.into() });
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Found<Node> {
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(ScanError::new(
                span.start,
                format!("it is nested deeper than {MAX_DEPTH}"),
            ));
        }
        let is_tagged = match &event {
            Event::Scalar(.., tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                tag.is_some()
            }
            _ => false,
        };
        if is_tagged {
            self.tell(line, "tags (!…) are not read here: leave it out");
        }
        let content = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text).unwrap_or_else(|what| {
                self.tell(line, what);
                Content::Null
            }),
            Event::Scalar(text, ..) => Content::Text(text.into_owned()),
            Event::SequenceStart(..) => Content::List(self.items(depth)?),
            Event::MappingStart(..) => Content::Members(self.members(depth)?),
            Event::Alias(_) => {
                self.tell(line, "aliases (*…) are not read here: write out what is meant");
                Content::Null
            }
            _ => Content::Null,
        };
        Ok(Node { line, content })
    }

    fn items(&mut self, depth: usize) -> Found<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Found<Vec<(String, Node)>> {
        let (mut members, mut names) = (Vec::new(), BTreeSet::new());
        loop {
            let (event, span) = self.next()?;
            let name = match event {
                Event::MappingEnd | Event::StreamEnd => return Ok(members),
                Event::Scalar(text, ..) => text.into_owned(),
                other => {
                    self.node(other, span, depth + 1)?;
                    self.tell(span.start.line(), "a name is a text");
                    String::new()
                }
            };
            let (event, at) = self.next()?;
            let mut member = self.node(event, at, depth + 1)?;
            // What stands at a name is found there, not where its first entry begins.
            member.line = span.start.line();
            if !names.insert(name.clone()) {
                self.tell(member.line, format!("{name:?} stands here twice: say it once"));
                continue;
            }
            members.push((name, member));
        }
    }
}

/// What a text without quotes means, by the core schema of YAML 1.2.
fn plain(text: &str) -> Result<Content, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Content::Null),
        "true" | "True" | "TRUE" => return Ok(Content::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Content::Bool(false)),
        _ => {}
    }
    if !reads_as_number(text) {
        return Ok(Content::Text(text.to_owned()));
    }
    let number: Option<Number> = serde_json::from_str(text).ok();
    let number = number.filter(|number| number.is_i64() || number.is_u64() || has_fraction(text));
    number.map(Content::Number).ok_or_else(|| {
        format!("{text} is not a number of JSON: write it in quotes, or as a number like 12 or 1.5")
    })
}

fn has_fraction(text: &str) -> bool {
    text.contains(['.', 'e', 'E'])
}

/// Whether YAML takes it for a number, whatever JSON does.
pub(super) fn reads_as_number(text: &str) -> bool {
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if [".inf", ".Inf", ".INF"].contains(&bare) || [".nan", ".NaN", ".NAN"].contains(&text) {
        return true;
    }
    let all =
        |digits: &str, radix: u32| !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, 8);
    }
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (bare, None),
    };
    let exponent_fits = exponent
        .is_none_or(|exponent| all(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), 10));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let mantissa_fits = match (whole, fraction) {
        ("", "") => false,
        ("", digits) | (digits, "") => all(digits, 10),
        (whole, fraction) => all(whole, 10) && all(fraction, 10),
    };
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn one(text: &str) -> Value {
        read(text).unwrap().remove(0).value()
    }

    #[test]
    fn yaml_and_json_come_to_the_same() {
        let yaml = "# a\na: 1\nb:\n  - x\n  - y: null\n    z: 'no'\nc: |\n  one\n  two\n";
        let expected = json!({"a": 1, "b": ["x", {"y": null, "z": "no"}], "c": "one\ntwo\n"});
        assert_eq!(one(yaml), expected);
        assert_eq!(one(&expected.to_string()), expected);
        assert_eq!(one(&format!("{expected:#}")), expected);
    }

    #[test]
    fn words_are_texts_and_only_what_json_can_say_is_a_number() {
        let text = "[yes, no, on, 1.2.3, 8MiB, 1h, 10, -1.5, 1e3, true, ~, 0.10.0]";
        let expected = json!([
            "yes", "no", "on", "1.2.3", "8MiB", "1h", 10, -1.5, 1000.0, true, null, "0.10.0"
        ]);
        assert_eq!(one(text), expected);
        for odd in ["0x1F", "007", "+1", ".5", "1.", ".inf", "99999999999999999999", "0o7"] {
            let wrong = read(&format!("a: 1\nb: {odd}\n")).unwrap_err();
            assert_eq!(wrong[0].line, 2, "{odd}");
            assert!(wrong[0].what.contains("in quotes"), "{wrong:?}");
        }
    }

    #[test]
    fn everything_knows_its_line_and_all_mistakes_are_told_at_once() {
        let text = "a: 1\nb: !x 2\nc: &n 3\nd: *n\na: 4\n";
        let wrong = read(text).unwrap_err();
        let lines: Vec<_> = wrong.iter().map(|wrong| wrong.line).collect();
        assert_eq!(lines, [2, 4, 5], "{wrong:?}");
        let documents = read("---\na:\n  b: 1\n---\n# nothing\n").unwrap();
        assert_eq!(documents.len(), 1);
        let Content::Members(members) = &documents[0].content else { panic!("{documents:?}") };
        assert_eq!(members[0].1.line, 2);
    }

    #[test]
    fn what_is_no_yaml_or_has_no_end_of_depth_is_an_error_and_no_panic() {
        for text in ["a: [", "a: b: c", "{\"a\": }x", "%"] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_err());
    }

    proptest! {
        #[test]
        fn whatever_a_text_is_it_is_read_or_refused(text in "[a-z0-9:#~*&!|>'\"%@{}\\[\\],?_ .\n\t-]{0,60}|\\PC{0,40}") {
            match read(&text) {
                Ok(documents) => drop(documents.iter().map(Node::value).collect::<Vec<_>>()),
                Err(wrong) => prop_assert!(!wrong.is_empty()),
            }
        }
    }
}
