//! What a process said last about its end: warnings and errors, the beginning of a panic, or else what it
//! printed without naming a level. Its routine lines say nothing of it. Pure.

use super::line::Line;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use tracing::Level;

/// How many lines can hold a word about the end.
const REMEMBERED: usize = 64;
/// How many are quoted.
const QUOTED: usize = 5;
/// How many are quoted of a panic: its text and where it was.
const QUOTED_OF_PANIC: usize = 3;
/// How much of each, in characters.
const LONGEST: usize = 300;

struct Quotable {
    text: String,
    weighs: bool,
    panics: bool,
}

/// The words of one process.
#[derive(Default)]
pub(super) struct FinalOutput(Mutex<VecDeque<Quotable>>);

impl FinalOutput {
    /// Takes a line of its stderr.
    pub(super) fn push(&self, line: &Line) {
        let weighs = matches!(line.level, Level::WARN | Level::ERROR);
        if line.message.trim().is_empty() || (line.names_level && !weighs) {
            return;
        }
        let mut output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if output.len() == REMEMBERED {
            output.pop_front();
        }
        let text = line.message.chars().take(LONGEST).collect();
        output.push_back(Quotable { text, weighs, panics: begins_panic(&line.message) });
    }

    /// The last ones, as one text.
    pub(super) fn quoted(&self) -> Option<String> {
        let output = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let panic = output.iter().rposition(|quotable| quotable.panics);
        let quoted: Vec<_> = match panic {
            Some(at) => output.iter().skip(at).take(QUOTED_OF_PANIC).collect(),
            None => {
                let some_weigh = output.iter().any(|quotable| quotable.weighs);
                let output = output.iter().rev().filter(|quotable| quotable.weighs || !some_weigh);
                let mut last: Vec<_> = output.take(QUOTED).collect();
                last.reverse();
                last
            }
        };
        let texts: Vec<_> = quoted.into_iter().map(|quotable| quotable.text.as_str()).collect();
        (!texts.is_empty()).then(|| texts.join(" | "))
    }
}

/// Of Go, of this SDK, and of Rust without it.
fn begins_panic(text: &str) -> bool {
    text.starts_with("panic: ")
        || text.starts_with("fatal error: ")
        || (text.starts_with("thread '") && text.contains(" panicked at "))
}

#[cfg(test)]
mod tests {
    use super::super::line::read_line;
    use super::*;

    fn quoted(lines: &[&str]) -> Option<String> {
        let output = FinalOutput::default();
        let mut panicking = false;
        for line in lines {
            output.push(&read_line(line, &mut panicking));
        }
        output.quoted()
    }

    #[test]
    fn routine_lines_are_no_last_words_and_warnings_come_before_plain_text() {
        let routine = r#"{"@level":"info","@message":"connected to the host"}"#;
        let tagged = "2026-11-22T10:16:43.765Z [INFO]  plugin: plugin address: network=unix";
        let failed = r#"{"@level":"error","@message":"no database"}"#;
        assert_eq!(quoted(&[routine, tagged]), None);
        assert_eq!(quoted(&[routine, "usage: x", "", tagged]).as_deref(), Some("usage: x"));
        assert_eq!(quoted(&["plain", failed, routine, "bye"]).as_deref(), Some("no database"));
        let many: Vec<_> = (0..100).map(|n| format!("line {n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(quoted(&many).unwrap(), "line 95 | line 96 | line 97 | line 98 | line 99");
    }

    #[test]
    fn of_a_panic_its_text_is_told_and_not_the_end_of_its_dump() {
        let mut dump =
            vec!["[WARN] hot", "panic: boom", "", "goroutine 1 [running]:", "main.main()"];
        dump.extend(["\t/src/x.go:5 +0x1d"; 20]);
        let output = quoted(&dump).unwrap();
        assert_eq!(output, "panic: boom | goroutine 1 [running]: | main.main()");
        let output =
            quoted(&["thread 'main' panicked at src/main.rs:3:5:", "no key", "note: run with"]);
        assert!(output.unwrap().contains("panicked at src/main.rs:3:5: | no key"));
        let sdk = r#"{"@level":"error","@message":"panic: on purpose","place":"src/x.rs:1:1"}"#;
        assert_eq!(quoted(&["plain", sdk]).as_deref(), Some("panic: on purpose"));
    }
}
