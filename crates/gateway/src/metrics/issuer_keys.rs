//! The keys of issuers in the text format.

use super::exposition::{announce, escape};
use sidegate_model::issuer_keys::IssuerKeysReport;
use std::fmt::Write as _;

/// The keys of an issuer, by its name.
pub(crate) type NamedKeys = (String, IssuerKeysReport);

/// Writes them.
pub(super) fn write(out: &mut String, all: &[NamedKeys]) {
    let mut gauge = |name: &str, help: &str, of: fn(&IssuerKeysReport) -> Option<i64>| {
        announce(out, name, "gauge", help);
        for (issuer, keys) in all {
            if let Some(value) = of(keys) {
                // Writing to a text cannot fail.
                let _ = writeln!(out, "{name}{{issuer=\"{}\"}} {value}", escape(issuer));
            }
        }
    };
    gauge("sidegate_issuer_keys", "Keys of an issuer that JWTs are verified with now", |keys| {
        let count = if keys.are_good { keys.keys } else { 0 };
        Some(i64::try_from(count).unwrap_or(i64::MAX))
    });
    let help = "When the keys of an issuer were last fetched";
    gauge("sidegate_issuer_keys_fetched_timestamp_seconds", help, |keys| {
        keys.fetched_at.map(|at| at / 1000)
    });
    let name = "sidegate_issuer_key_fetches";
    announce(out, name, "counter", "How often the keys of an issuer were asked for");
    for (issuer, keys) in all {
        let issuer = escape(issuer);
        for (outcome, count) in
            [("fetched", keys.asked.saturating_sub(keys.failed)), ("failed", keys.failed)]
        {
            let labels = format!("issuer=\"{issuer}\",outcome=\"{outcome}\"");
            let _ = writeln!(out, "{name}_total{{{labels}}} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_too_old_are_none() {
        let keys = IssuerKeysReport {
            keys: 2,
            fetched_at: Some(1_900_000_000_500),
            asked: 7,
            failed: 3,
            ..IssuerKeysReport::default()
        };
        let good = IssuerKeysReport { are_good: true, ..keys.clone() };
        let mut out = String::new();
        write(&mut out, &[("a".to_owned(), good), ("b\"".to_owned(), keys)]);
        for line in [
            "sidegate_issuer_keys{issuer=\"a\"} 2",
            "sidegate_issuer_keys{issuer=\"b\\\"\"} 0",
            "sidegate_issuer_keys_fetched_timestamp_seconds{issuer=\"a\"} 1900000000",
            "sidegate_issuer_key_fetches_total{issuer=\"a\",outcome=\"fetched\"} 4",
            "sidegate_issuer_key_fetches_total{issuer=\"a\",outcome=\"failed\"} 3",
        ] {
            assert!(out.lines().any(|written| written == line), "{line}\n{out}");
        }
    }
}
