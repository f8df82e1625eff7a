//! Whatever comes is read as the other reader reads it: the seeds, and what some seconds make of them.
//!
//! `SIDEGATE_FUZZ_SECONDS` says how many, `SIDEGATE_FUZZ_SEED` which inputs; without it they are the same
//! each time.

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
    let time = Duration::from_secs(number("SIDEGATE_FUZZ_SECONDS", 1));
    let number = number("SIDEGATE_FUZZ_SEED", 1);
    let start = Start { seeds: seeds(name), words: target.words, number };
    match search(target.check, start, Budget { time, inputs: u64::MAX }) {
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
    admin_body bootstrap codec dsn duration forwarded guard handshake hpack http1 http2_client join_token log_line
    manifest options paths sync_manifest sync_stream trust_bundle
}
