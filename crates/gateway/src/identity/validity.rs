//! When a certificate ends, read from its bytes. Knows just as much of X.509 as leads there, and judges
//! nothing: whether a certificate is any good is for others to say.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which old certificates do not have.
const VERSION: u8 = 0xa0;

/// The moment after which a certificate is not valid, in seconds since the Unix epoch.
pub(crate) fn not_after(certificate: &[u8]) -> Option<i64> {
    let whole = tagged(SEQUENCE, certificate)?.value;
    let mut told = tagged(SEQUENCE, whole)?.value;
    if let Some(version) = tagged(VERSION, told) {
        told = version.rest;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        told = element(told)?.rest;
    }
    let begin = element(tagged(SEQUENCE, told)?.value)?;
    let end = element(begin.rest)?;
    moment(end.tag, std::str::from_utf8(end.value).ok()?)
}

/// One element of a certificate, and what follows it.
struct Element<'a> {
    tag: u8,
    value: &'a [u8],
    rest: &'a [u8],
}

/// The first element, if it has this tag.
fn tagged(tag: u8, bytes: &[u8]) -> Option<Element<'_>> {
    element(bytes).filter(|element| element.tag == tag)
}

/// The first element.
fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(*first), bytes),
        // More than four bytes of length would be more than any certificate has.
        0x81..=0x84 => {
            let (length, bytes) = bytes.split_at_checked(usize::from(first - 0x80))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), bytes)
        }
        _ => return None,
    };
    let (value, rest) = bytes.split_at_checked(length)?;
    Some(Element { tag: *tag, value, rest })
}

/// Reads `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn moment(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 => {
            let year: i16 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let at = DateTime::new(year, month, day, part(4)?, part(6)?, part(8)?, 0).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate of which only the frame is there.
    fn certificate(version: &[u8], end: &[u8]) -> Vec<u8> {
        fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
            let value = parts.concat();
            let length = u8::try_from(value.len()).unwrap();
            [&[tag, 0x81, length][..], &value].concat()
        }
        let begin = wrap(UTC_TIME, &[b"200101000000Z"]);
        let validity = wrap(SEQUENCE, &[&begin, end]);
        let told = wrap(
            SEQUENCE,
            &[version, &wrap(2, &[&[7]]), &wrap(SEQUENCE, &[]), &wrap(SEQUENCE, &[]), &validity],
        );
        wrap(SEQUENCE, &[&told])
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_forms_of_time() {
        let version: &[u8] = &[VERSION, 3, 2, 1, 2];
        let short = [&[UTC_TIME, 13][..], b"491231235959Z"].concat();
        assert_eq!(not_after(&certificate(version, &short)), Some(2_524_607_999));
        assert_eq!(not_after(&certificate(&[], &short)), Some(2_524_607_999));
        let long = [&[GENERALIZED_TIME, 15][..], b"40960101000000Z"].concat();
        assert_eq!(not_after(&certificate(version, &long)), Some(67_090_118_400));
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let short = [&[UTC_TIME, 13][..], b"491331235959Z"].concat();
        assert_eq!(not_after(&certificate(&[], &short)), None);
        let whole = certificate(&[], &[]);
        for end in 0..whole.len() {
            assert_eq!(not_after(&whole[..end]), None);
        }
        assert_eq!(not_after(&[SEQUENCE, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
