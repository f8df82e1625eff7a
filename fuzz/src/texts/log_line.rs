//! What plugins print: cut into lines, and each line read.

use crate::pieces::Pieces;
use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_plugins::host::fuzzing::{LogLine, cut_lines, read_log_line};

/// Words that belong into it.
pub const WORDS: &[&[u8]] = &[
    b"\n",
    b"[INFO] ",
    b"[ERROR]",
    b"2026-11-22T10:16:43.765Z ",
    b"2026/11/22 10:16:43 ",
    br#"{"@level":"warn","@message":"hot"}"#,
    br#""level":"error""#,
    br#""msg":"x""#,
    br#""request_id":"r""#,
    br#""\u001b[2J""#,
    b"panic: ",
    b"fatal error: ",
    b"goroutine 1 [running]:",
    b"\x1b[31m",
    b"\r",
    b"\xc2\x85",
    b"{",
    b"}",
    b"[",
    b"]",
];

/// The readers that are tried.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Cuts pieces into lines.
    pub cut: fn(&[&[u8]]) -> Vec<Vec<u8>>,
    /// Reads a line.
    pub read: fn(&str, &mut bool) -> LogLine,
}

/// The gateway's.
pub const READERS: Readers = Readers { cut: cut_lines, read: read_log_line };

/// Tries the gateway's.
///
/// # Errors
/// What they read otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(READERS, input)
}

/// Tries readers.
///
/// # Errors
/// What they read otherwise.
pub fn check_with(readers: Readers, input: &[u8]) -> Verdict {
    let pieces = Pieces::of(input);
    let lines = (readers.cut)(&pieces.cuts);
    let mut expected: Vec<Vec<u8>> =
        pieces.whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    expected.pop_if(|last| last.is_empty());
    same("lines", &lines, &expected)?;
    let mut panicking = false;
    let mut shapes = Vec::new();
    for line in &lines {
        let text = String::from_utf8_lossy(line);
        let read = (readers.read)(&text, &mut panicking);
        check_line(&text, &read)?;
        shapes.push((read.level, read.others.len(), text.starts_with('{')));
    }
    shapes.truncate(3);
    Ok(Outcome::of(&shapes))
}

/// Whatever a plugin prints steers nobody's terminal, and its words are kept.
fn check_line(text: &str, read: &LogLine) -> Result<(), String> {
    let steers = |text: &String| text.chars().any(|c| c.is_control() && c != '\t');
    let parts = || read.others.iter().chain([&read.message]);
    ensure(!parts().any(steers), || format!("it steers a terminal: {read:?}"))?;
    // A time before the words is left out; it has these two letters.
    let is_word = |c: &char| c.is_alphabetic() && !matches!(c, 'T' | 'Z');
    let letters = |text: &str| text.chars().filter(is_word).count();
    let is_plain = !text.starts_with('{') && !text.contains(['[', ']']);
    ensure(!is_plain || letters(text) <= letters(&read.message), || {
        format!("words are lost of {text:?}: {read:?}")
    })
}
