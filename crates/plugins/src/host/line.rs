//! From bytes to lines, and from a line to what it means.
//!
//! A plugin's lines come in several shapes (JSON with `@level`, JSON with `level`, text with a tag,
//! plain text, panics); [`read_line`] tells them apart. Pure: nothing is logged here.

use serde_json::{Map, Value};
use tracing::Level;

/// Longest line that is passed on in one piece, in bytes.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// Cuts a stream of bytes into lines, and lines that are too long into pieces.
#[derive(Default)]
pub(super) struct LineCutter {
    partial: Vec<u8>,
}

impl LineCutter {
    /// Takes bytes and gives each line that is complete, without its newline.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let room = MAX_LINE_BYTES - self.partial.len();
            let end = bytes.iter().take(room).position(|b| *b == b'\n');
            match end {
                Some(end) if self.partial.is_empty() => line(&bytes[..end]),
                Some(end) => {
                    self.partial.extend_from_slice(&bytes[..end]);
                    line(&std::mem::take(&mut self.partial));
                }
                None => self.partial.extend_from_slice(&bytes[..room.min(bytes.len())]),
            }
            bytes = &bytes[end.map_or(room.min(bytes.len()), |end| end + 1)..];
            if self.partial.len() == MAX_LINE_BYTES {
                line(&std::mem::take(&mut self.partial));
            }
        }
    }

    /// What came after the last newline.
    pub(super) fn rest(self) -> Option<Vec<u8>> {
        (!self.partial.is_empty()).then_some(self.partial)
    }
}

/// A line as it was meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    /// The level is the plugin's own word.
    pub(super) names_level: bool,
    pub(super) message: String,
    pub(super) module: Option<String>,
    /// The request it is about.
    pub(super) request_id: Option<String>,
    /// The trace it belongs to.
    pub(super) trace_id: Option<String>,
    /// Further fields as JSON.
    pub(super) fields: Option<String>,
}

/// Reads one line. `panicking` remembers that a panic began: its dump has no level of its own.
pub(super) fn read_line(text: &str, panicking: &mut bool) -> Line {
    if text.starts_with('{')
        && let Ok(Value::Object(fields)) = serde_json::from_str(text)
    {
        return read_json(fields, text);
    }
    *panicking |= text.starts_with("panic: ") || text.starts_with("fatal error: ");
    match tagged(text) {
        Some((level, rest)) => Line { names_level: true, ..Line::plain(level, rest) },
        None if *panicking => Line::plain(Level::ERROR, text),
        // A program that names no level means to be read.
        None => Line::plain(Level::INFO, without_time(text)),
    }
}

impl Line {
    fn plain(level: Level, text: &str) -> Self {
        let message = harmless(text);
        let (module, request_id, trace_id, fields) = (None, None, None, None);
        Self { level, names_level: false, message, module, request_id, trace_id, fields }
    }
}

fn read_json(mut fields: Map<String, Value>, text: &str) -> Line {
    let mut take = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Some(text),
        Some(other) => Some(other.to_string()),
        None => None,
    };
    let level = take("@level").or_else(|| take("level")).and_then(|name| level_of(&name));
    let message = take("@message").or_else(|| take("message")).or_else(|| take("msg"));
    for time in ["@timestamp", "time", "timestamp", "ts"] {
        take(time);
    }
    let Some(message) = message else {
        return Line::plain(level.unwrap_or(Level::DEBUG), text);
    };
    let [module, request_id, trace_id] =
        ["@module", "request_id", "trace_id"].map(|key| take(key).map(|text| harmless(&text)));
    Line {
        level: level.unwrap_or(Level::DEBUG),
        // What is written for machines is routine.
        names_level: true,
        message: harmless(&message),
        module,
        request_id,
        trace_id,
        fields: (!fields.is_empty()).then(|| harmless(&Value::Object(fields).to_string())),
    }
}

/// Finds a level in brackets at the beginning, behind a time at most.
fn tagged(text: &str) -> Option<(Level, &str)> {
    let (name, rest) = without_time(text).strip_prefix('[')?.split_once(']')?;
    Some((level_of(name)?, rest.trim_start()))
}

/// Skips `2026-11-22T10:16:43.765Z ` or `2026/11/22 10:16:43 `.
fn without_time(text: &str) -> &str {
    let time_word = |word: &str| {
        word.len() >= 8
            && word.starts_with(|c: char| c.is_ascii_digit())
            && word.bytes().all(|b| b.is_ascii_digit() || b"-/:.,TZ+".contains(&b))
            && word.bytes().any(|b| b":/-".contains(&b))
    };
    let mut rest = text;
    for _ in 0..2 {
        match rest.split_once(' ') {
            Some((word, behind)) if time_word(word) => rest = behind.trim_start(),
            _ => break,
        }
    }
    rest
}

fn level_of(name: &str) -> Option<Level> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "trace" => Level::TRACE,
        "debug" => Level::DEBUG,
        "info" => Level::INFO,
        "warn" | "warning" => Level::WARN,
        "error" | "err" | "fatal" | "panic" | "critical" => Level::ERROR,
        _ => return None,
    })
}

pub(super) fn level_name(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    }
}

/// The text without anything that could steer a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Level, String) {
        let line = read_line(text, &mut false);
        (line.level, line.message)
    }

    #[test]
    fn every_shape_of_line_gets_its_level_and_its_words() {
        let rows = [
            (
                r#"{"@level":"warn","@message":"hot","@timestamp":"2026-11-22T10:28:12.523486Z","n":1}"#,
                Level::WARN,
                "hot",
            ),
            (r#"{"level":"info","time":"2026-11-22T10:28:12Z","message":"up"}"#, Level::INFO, "up"),
            (
                "2026-11-22T10:16:43.765Z [INFO]  echo: plugin address: network=unix",
                Level::INFO,
                "echo: plugin address: network=unix",
            ),
            ("2026/11/22 10:16:43 plain go log", Level::INFO, "plain go log"),
            (
                "2026/11/22 10:16:43 [ERROR] [Plugin 9] bad [k v]",
                Level::ERROR,
                "[Plugin 9] bad [k v]",
            ),
            ("[TRACE] deep", Level::TRACE, "deep"),
            ("panic: runtime error", Level::ERROR, "panic: runtime error"),
            (
                "fatal error: all goroutines are asleep",
                Level::ERROR,
                "fatal error: all goroutines are asleep",
            ),
            ("just words", Level::INFO, "just words"),
            ("[not a level] x", Level::INFO, "[not a level] x"),
            ("{not json", Level::INFO, "{not json"),
        ];
        for (text, level, message) in rows {
            assert_eq!(read(text), (level, message.to_owned()), "{text}");
        }
    }

    #[test]
    fn json_without_a_message_is_kept_whole_and_further_fields_stay() {
        assert_eq!(read(r#"{"a":1}"#), (Level::DEBUG, r#"{"a":1}"#.to_owned()));
        let line = read_line(r#"{"@level":"info","@message":"m","@module":"x","n":1}"#, &mut false);
        assert_eq!(line.module.as_deref(), Some("x"));
        assert_eq!(line.fields.as_deref(), Some(r#"{"n":1}"#));
        assert_eq!((line.request_id, line.trace_id), (None, None));
    }

    #[test]
    fn what_the_gateway_knows_by_name_stands_apart_from_the_fields() {
        let text = r#"{"@message":"paid","request_id":"req_1","trace_id":7,"order":7}"#;
        let line = read_line(text, &mut false);
        assert_eq!(line.request_id.as_deref(), Some("req_1"));
        assert_eq!(line.trace_id.as_deref(), Some("7"));
        assert_eq!(line.fields.as_deref(), Some(r#"{"order":7}"#));
        let alone = read_line(r#"{"@message":"m","request_id":"a\u001bb"}"#, &mut false);
        assert_eq!((alone.request_id.as_deref(), alone.fields), (Some("a\u{fffd}b"), None));
    }

    #[test]
    fn the_dump_after_a_panic_is_an_error_too() {
        let mut panicking = false;
        read_line("panic: boom", &mut panicking);
        assert_eq!(read_line("goroutine 1 [running]:", &mut panicking).level, Level::ERROR);
        assert_eq!(read_line("[INFO] tagged", &mut panicking).level, Level::INFO);
    }

    #[test]
    fn control_characters_do_not_reach_the_log() {
        assert_eq!(read("a\u{1b}[31mb\rc").1, "a\u{fffd}[31mb\u{fffd}c");
    }

    proptest! {
        #[test]
        fn cutting_loses_nothing_wherever_the_bytes_are_cut(
            lines in proptest::collection::vec("[a-z]{0,9}", 0..8),
            at in 1..7usize,
        ) {
            let text = lines.join("\n");
            let mut cutter = LineCutter::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(at) {
                cutter.push(piece, |l| found.push(String::from_utf8_lossy(l).into_owned()));
            }
            found.extend(cutter.rest().map(|l| String::from_utf8_lossy(&l).into_owned()));
            prop_assert_eq!(found.join("\n"), text.strip_suffix('\n').unwrap_or(&text));
        }

        #[test]
        fn long_lines_come_in_bounded_pieces(size in 0..300_000usize, step in 1..70_000usize) {
            let text = vec![b'x'; size];
            let mut cutter = LineCutter::default();
            let mut pieces = Vec::new();
            for piece in text.chunks(step) {
                cutter.push(piece, |l| pieces.push(l.len()));
            }
            pieces.extend(cutter.rest().map(|l| l.len()));
            prop_assert_eq!(pieces.iter().sum::<usize>(), size);
            prop_assert!(pieces.iter().all(|n| *n <= MAX_LINE_BYTES && *n > 0));
        }
    }
}
