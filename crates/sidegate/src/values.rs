//! Reading single values of flags, so that a wrong one is refused with words instead of being
//! taken for another flag.
//!
//! It knows texts and numbers, not what they are for.

use sidegate_model::app::MAX_RATE_LIMIT;
use std::time::Duration;

/// A duration. For flags that take whatever follows them, also what begins with a hyphen.
///
/// # Errors
/// Says what is wrong and how durations are written.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text.starts_with("--") {
        return Err("this is a flag: the duration is missing, for example 15s or 24h".to_owned());
    }
    sidegate_model::duration::parse_duration(text).map_err(|e| e.to_string())
}

/// Requests a minute.
///
/// # Errors
/// Says which numbers there are.
pub(crate) fn rate_limit(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|limit| *limit <= MAX_RATE_LIMIT);
    number.ok_or_else(|| {
        format!(
            "write requests a minute, a whole number from 0 to {MAX_RATE_LIMIT}; 0 is unlimited"
        )
    })
}

/// An amount of money.
///
/// # Errors
/// Says which amounts there are.
pub(crate) fn amount(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|amount: &f64| amount.is_finite() && *amount >= 0.0);
    number.ok_or_else(|| "write a number that is 0 or more, for example 12.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_less_than_nothing_is_refused_with_words() {
        assert!(duration("-1h").unwrap_err().contains("negative"));
        assert!(duration("--app").unwrap_err().contains("missing"));
        assert!(rate_limit("-1").unwrap_err().contains("from 0"));
        assert!(rate_limit("2147483648").is_err());
        for bad in ["-0.5", "nan", "inf", "x"] {
            assert!(amount(bad).unwrap_err().contains("0 or more"), "{bad}");
        }
    }

    #[test]
    fn what_is_right_is_read() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!((rate_limit("0"), rate_limit("2147483647")), (Ok(0), Ok(MAX_RATE_LIMIT)));
        assert_eq!(amount("12.5"), Ok(12.5));
    }
}
