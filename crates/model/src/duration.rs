//! Durations as operators write them: `300ms`, `1h30m`, `1.5h`, `30d`.
//!
//! The forms are those of Go, because the environment files of existing installations use them.
//! One extension: `d` is a day of exactly 24 hours. This file knows text only, no clock and no
//! setting.

use std::fmt::Write as _;
use std::time::Duration;

/// A text that is no duration. The message names the text and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDuration {
    /// Nothing that reads as number and unit.
    #[error(
        "duration {0:?} is not valid: write numbers with units, as in 300ms, 1h30m, 1.5h or 30d"
    )]
    Form(String),
    /// A number without unit.
    #[error("duration {0:?} has a number without a unit: add ns, us, ms, s, m, h or d, as in {0}s")]
    MissingUnit(String),
    /// A unit that does not exist.
    #[error(
        "duration {text:?}: {unit:?} is not a unit: use ns, us, ms, s, m (minutes), h or d (24 hours)"
    )]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// What stands in the place of a unit.
        unit: String,
    },
    /// Less than nothing.
    #[error("duration {0:?} is negative: write 0 or more")]
    Negative(String),
    /// More than [`MAX_DURATION`].
    #[error("duration {0:?} is too long: the longest is about 292 years")]
    TooLong(String),
}

/// The longest duration that can be written: what fits into 63 bits of nanoseconds, as in Go.
pub const MAX_DURATION: Duration = Duration::from_nanos(i64::MAX as u64);

const NANOSECOND: u64 = 1;
const MICROSECOND: u64 = 1_000 * NANOSECOND;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Reads a duration: one or more numbers, each with its unit, or a plain `0`.
///
/// Units are `ns`, `us` (or `µs`), `ms`, `s`, `m` (minutes), `h` and `d` (24 hours), in lower case
/// only: `1M` is an error and not a guess between minutes and months. Numbers may have a fraction;
/// what is below a nanosecond is cut off.
///
/// # Errors
/// [`InvalidDuration`] names the text and what would be right.
///
/// ```
/// use sidegate_model::duration::parse_duration;
/// use std::time::Duration;
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
/// assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
/// assert!(parse_duration("5").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, InvalidDuration> {
    let shown = || beginning(text, 100);
    if text.starts_with('-') {
        return Err(InvalidDuration::Negative(shown()));
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(InvalidDuration::Form(shown()));
    }
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(length_while(rest, |c| c.is_ascii_digit() || c == '.'));
        let (unit, after) =
            after.split_at(length_while(after, |c| !c.is_ascii_digit() && c != '.'));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
            return Err(InvalidDuration::Form(shown()));
        }
        if unit.is_empty() {
            return Err(InvalidDuration::MissingUnit(shown()));
        }
        let unit_nanos = unit_nanos(unit).ok_or_else(|| InvalidDuration::UnknownUnit {
            text: shown(),
            unit: beginning(unit, 20),
        })?;
        nanos = part_nanos(whole, fraction, unit_nanos)
            .and_then(|part| nanos.checked_add(part))
            .filter(|sum| *sum <= MAX_DURATION.as_nanos())
            .ok_or_else(|| InvalidDuration::TooLong(shown()))?;
        rest = after;
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| InvalidDuration::TooLong(shown()))
}

/// Writes a duration so that [`parse_duration`] reads the same value again, in the fewest parts.
///
/// ```
/// use sidegate_model::duration::format_duration;
/// use std::time::Duration;
/// assert_eq!(format_duration(Duration::from_secs(5400)), "1h30m");
/// assert_eq!(format_duration(Duration::from_micros(1500)), "1.5ms");
/// assert_eq!(format_duration(Duration::ZERO), "0s");
/// ```
pub fn format_duration(duration: Duration) -> String {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    if nanos < SECOND {
        let units = [(MILLISECOND, "ms"), (MICROSECOND, "us"), (NANOSECOND, "ns")];
        let (unit, name) =
            units.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or((NANOSECOND, "ns"));
        write_part(&mut out, nanos, unit, name);
        return out;
    }
    if nanos >= HOUR {
        write_part(&mut out, nanos - nanos % HOUR, HOUR, "h");
    }
    if nanos % HOUR >= MINUTE {
        write_part(&mut out, nanos % HOUR - nanos % MINUTE, MINUTE, "m");
    }
    if nanos % MINUTE > 0 {
        write_part(&mut out, nanos % MINUTE, SECOND, "s");
    }
    out
}

fn length_while(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => NANOSECOND,
        // The second is U+00B5, the third U+03BC; keyboards have either.
        "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    })
}

/// As much of a text as fits into so many characters when it is quoted, however it is escaped.
fn beginning(text: &str, mut room: usize) -> String {
    let fits = |c: &char| {
        let left = room.checked_sub(c.escape_debug().count());
        room = left.unwrap_or_default();
        left.is_some()
    };
    text.chars().take_while(fits).collect()
}

fn part_nanos(whole: &str, fraction: &str, unit_nanos: u64) -> Option<u128> {
    let unit = u128::from(unit_nanos);
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // From the last digit to the first: what is cut off on the way would be cut off at the end.
    let digits = fraction.bytes().rev().map(|digit| u128::from(digit - b'0'));
    let tail = digits.fold(0, |tail, digit| (tail + digit * unit) / 10);
    whole.checked_mul(unit)?.checked_add(tail)
}

fn write_part(out: &mut String, nanos: u64, unit: u64, name: &str) {
    let (whole, rest) = (nanos / unit, nanos % unit);
    let _ = write!(out, "{whole}");
    if rest > 0 {
        // Only powers of ten have a rest here, so the fraction is exact.
        let width = unit.ilog10() as usize;
        let fraction = format!("{rest:0width$}");
        let _ = write!(out, ".{}", fraction.trim_end_matches('0'));
    }
    out.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_digit_of_a_fraction_is_lost() {
        let day = Ok(Duration::from_secs(9216));
        assert_eq!(parse_duration("0.1066666666666666667d"), day);
        let long = format!("0.1{}66667d", "0".repeat(3000));
        assert_eq!(parse_duration(&long), Ok(Duration::from_secs(8640)));
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let rows = [
            ("0", 0),
            ("0s", 0),
            ("+5s", 5 * SECOND),
            ("300ms", 300 * MILLISECOND),
            ("1h30m", 90 * MINUTE),
            ("1.5h", 90 * MINUTE),
            (".5s", SECOND / 2),
            ("1.s", SECOND),
            ("1m1m", 2 * MINUTE),
            ("10us", 10 * MICROSECOND),
            ("10µs", 10 * MICROSECOND),
            ("10μs", 10 * MICROSECOND),
            ("7ns", 7),
            ("0.9999999999999999999999s", SECOND - 1),
            ("30d", 30 * DAY),
            ("1d12h", 36 * HOUR),
            ("9223372036854775807ns", i64::MAX as u64),
        ];
        for (text, nanos) in rows {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        let rows = [
            ("", "is not valid"),
            ("s", "is not valid"),
            (".s", "is not valid"),
            ("1.2.3s", "is not valid"),
            (" 5s", "is not valid"),
            ("3600", "without a unit"),
            ("1h30", "without a unit"),
            ("1M", "\"M\" is not a unit"),
            ("5 s", "\" s\" is not a unit"),
            ("1y", "\"y\" is not a unit"),
            ("1H", "\"H\" is not a unit"),
            ("-5s", "negative"),
            ("9223372036854775808ns", "too long"),
            ("999999999999999999999999999999999999999999h", "too long"),
            ("200000d", "too long"),
        ];
        for (text, reason) in rows {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(nanos in prop_oneof![
            0..=i64::MAX as u64,
            0..1_000_000_u64,
            (0..1_000_000_u64).prop_map(|s| s * SECOND),
        ]) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,30}", odd in "[0-9.hmsdnµ]{0,60}") {
            let _ = parse_duration(&text);
            let _ = parse_duration(&odd);
        }
    }
}
