//! Whatever comes is read as the other reader reads it: the seeds, and what some seconds make of them.
//!
//! `SIDEGATE_FUZZ_SECONDS` says how many, each of as many inputs as a common machine tries in it, so that a fast
//! machine tries no others than a slow one. `SIDEGATE_FUZZ_SEED` says which inputs; without it they are the same each time.

use crate::repository::seeds;
use sidegate_fuzz::search::{Budget, Start};
use sidegate_fuzz::{TARGETS, search};
use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "who runs the test says there how long")]
fn number(name: &str, without: u64) -> u64 {
    std::env::var(name).ok().map_or(without, |text| text.parse().unwrap())
}

fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seconds = number("SIDEGATE_FUZZ_SECONDS", 1);
    let inputs = seconds.saturating_mul(target.inputs_per_second);
    // A machine that is slower by far looks for less.
    let time = Duration::from_secs(seconds.saturating_mul(6));
    let number = number("SIDEGATE_FUZZ_SEED", 1);
    let start = Start { seeds: seeds(name), words: target.words, number };
    match search(target.check, start, Budget { time, inputs }) {
        Ok(tried) => println!("{name}: {tried} inputs"),
        Err(found) => panic!(
            "{name}: {}\ninput of {} bytes, which belongs into fuzz/seeds/{name}/ once it holds:\n{}",
            found.says,
            found.input.len(),
            found.input.escape_ascii()
        ),
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        /// The targets that are tested here.
        pub(crate) const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

targets! {
    admin_body bootstrap codec dsn duration forwarded guard handshake hpack http1 http2_client join_token jwt log_line
    manifest options paths plugin_seal sync_manifest sync_stream trust_bundle
}
