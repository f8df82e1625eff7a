//! Durations, as operators write them.

use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_model::duration::{InvalidDuration, MAX_DURATION, format_duration, parse_duration};
use std::time::Duration;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"ns",
    b"us",
    b"\xc2\xb5s",
    b"\xce\xbcs",
    b"ms",
    b"s",
    b"m",
    b"h",
    b"d",
    b"1.5h",
    b"0",
    b"+",
    b"-",
    b".",
    b"1h30m",
    b"106751d",
    b"9223372036854775807ns",
    b"0.0000000001s",
    b"999999999999",
];

/// The reader that is tried.
pub type Reader = fn(&str) -> Result<Duration, InvalidDuration>;

/// Tries the gateway's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(parse_duration, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let duration = read(&text);
    same("a duration", &duration.as_ref().ok().copied(), &literal(&text))?;
    match duration {
        Ok(duration) => {
            let written = format_duration(duration);
            same("what reads back", &read(&written).ok(), &Some(duration))?;
            Ok(Outcome::of(&(written.len(), text.len().min(20))))
        }
        Err(error) => {
            let told = error.to_string();
            ensure(told.chars().count() < 600, || "it quotes too much".into())?;
            ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))?;
            Ok(Outcome::of(&std::mem::discriminant(&error)))
        }
    }
}

/// Numbers with units, added up without losing a digit.
fn literal(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let chars: Vec<char> = text.chars().collect();
    let is_digit = |at: usize| chars.get(at).is_some_and(|c| c.is_ascii_digit() || *c == '.');
    let (mut at, mut sum) = (0, 0_u128);
    while at < chars.len() {
        let start = at;
        while is_digit(at) {
            at += 1;
        }
        let number: String = chars[start..at].iter().collect();
        let start = at;
        while at < chars.len() && !is_digit(at) {
            at += 1;
        }
        let unit: String = chars[start..at].iter().collect();
        sum = sum.checked_add(nanos(&number, unit_nanos(&unit)?)?)?;
    }
    let nanos = u64::try_from(sum).ok().map(Duration::from_nanos)?;
    (!chars.is_empty() && nanos <= MAX_DURATION).then_some(nanos)
}

fn unit_nanos(unit: &str) -> Option<u128> {
    let minute = 60_000_000_000;
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => minute,
        "h" => 60 * minute,
        "d" => 24 * 60 * minute,
        _ => return None,
    })
}

fn nanos(number: &str, unit: u128) -> Option<u128> {
    let mut parts = number.split('.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    if parts.next().is_some() || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digit = |byte: u8| u128::from(byte - b'0');
    let mut all = 0_u128;
    for byte in whole.bytes() {
        all = all.checked_mul(10)?.checked_add(digit(byte))?;
    }
    // From the last digit to the first: what is cut off never comes back.
    let below = fraction.bytes().rev().fold(0, |below, byte| (below + digit(byte) * unit) / 10);
    all.checked_mul(unit)?.checked_add(below)
}
