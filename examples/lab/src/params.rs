//! Reads numbers from paths and queries, within bounds. What is wrong is told to the client.

use std::time::Duration;

use sidegate_sdk::{Error, Request, Result};

/// The longest wait anybody may ask for, an hour. In milliseconds.
const WAIT_MS: u64 = 3_600_000;

/// A whole number up to `max`; `what` names it to the client.
pub(crate) fn number(what: &str, text: &str, max: u64) -> Result<u64> {
    let number = text.parse::<u64>().ok().filter(|number| *number <= max);
    number.ok_or_else(|| {
        Error::public(400, format!("`{what}` must be a whole number from 0 to {max}"))
    })
}

/// A number in the query, or `default`.
pub(crate) fn query_number(req: &Request, name: &str, default: u64, max: u64) -> Result<u64> {
    req.query(name).map_or(Ok(default), |text| number(name, &text, max))
}

/// A time in milliseconds in the query, or `default_ms`.
pub(crate) fn query_wait(req: &Request, name: &str, default_ms: u64) -> Result<Duration> {
    query_number(req, name, default_ms, WAIT_MS).map(Duration::from_millis)
}

/// A status that HTTP can carry.
pub(crate) fn status(what: &str, text: &str) -> Result<u16> {
    let status = text.parse().ok().filter(|status| (100..=999).contains(status));
    status.ok_or_else(|| Error::public(400, format!("`{what}` must be a status from 100 to 999")))
}
