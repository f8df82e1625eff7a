//! How long servers may take to be reached, whoever reaches them, and why one was not.

use std::error::Error;
use std::iter;
use std::time::Duration;

/// How long it may take to reach a server.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// An error and what it came of, in words: never one that has the address in it, in which there may be a secret.
pub(super) fn causes(error: Option<&(dyn Error + 'static)>) -> String {
    let all = iter::successors(error, |error| (*error).source());
    let text: Vec<_> = all.map(ToString::to_string).collect();
    if text.is_empty() { "the connection failed".to_owned() } else { text.join(": ") }
}
