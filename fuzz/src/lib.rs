//! Everything that reads foreign bytes, held against another reader of the same bytes: the HTTP library,
//! a literal reading of the standard, generated code, another decoder.
//!
//! Each module is a target: a function from any bytes to a [`Verdict`], the implementation that is
//! tried as a parameter, so that a test can try a wrong one. [`search`] makes inputs out of the seeds in
//! `fuzz/seeds/`, as a test and on stable; `fuzz/cargo-fuzz` does the same with libFuzzer.

pub mod codec;
pub mod dice;
pub mod forwarded;
pub mod guard;
pub mod hpack;
pub mod http1;
pub mod http2_client;
pub mod mutate;
pub mod paths;
pub mod pieces;
pub mod plugin_seal;
pub mod search;
pub mod snapshots;
pub mod texts;
pub mod verdict;

pub use search::search;
pub use verdict::Verdict;

use snapshots::{bootstrap, sync_manifest, sync_stream, trust_bundle};
use texts::{admin_body, dsn, duration, handshake, join_token, jwt, log_line, manifest, options};

/// Something that reads foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its folder of seeds.
    pub name: &'static str,
    /// Tries it.
    pub check: fn(&[u8]) -> Verdict,
    /// Words that belong into its inputs.
    pub words: &'static [&'static [u8]],
    /// How many inputs a common machine tries in a second, unoptimised: what a search of so many seconds is made of.
    pub inputs_per_second: u64,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "admin_body",
        check: admin_body::check,
        words: admin_body::WORDS,
        inputs_per_second: 4_000,
    },
    Target {
        name: "bootstrap",
        check: bootstrap::check,
        words: bootstrap::WORDS,
        inputs_per_second: 3_000,
    },
    Target { name: "codec", check: codec::check, words: codec::WORDS, inputs_per_second: 10_000 },
    Target { name: "dsn", check: dsn::check, words: dsn::WORDS, inputs_per_second: 20_000 },
    Target {
        name: "duration",
        check: duration::check,
        words: duration::WORDS,
        inputs_per_second: 25_000,
    },
    Target {
        name: "forwarded",
        check: forwarded::check,
        words: forwarded::WORDS,
        inputs_per_second: 5_000,
    },
    Target { name: "guard", check: guard::check, words: guard::WORDS, inputs_per_second: 400 },
    Target {
        name: "handshake",
        check: handshake::check,
        words: handshake::WORDS,
        inputs_per_second: 25_000,
    },
    Target { name: "hpack", check: hpack::check, words: hpack::WORDS, inputs_per_second: 700 },
    Target { name: "http1", check: http1::check, words: http1::WORDS, inputs_per_second: 4_000 },
    Target {
        name: "http2_client",
        check: http2_client::check,
        words: http2_client::WORDS,
        inputs_per_second: 2_500,
    },
    Target {
        name: "join_token",
        check: join_token::check,
        words: join_token::WORDS,
        inputs_per_second: 3_500,
    },
    Target { name: "jwt", check: jwt::check, words: jwt::WORDS, inputs_per_second: 2_000 },
    Target {
        name: "log_line",
        check: log_line::check,
        words: log_line::WORDS,
        inputs_per_second: 8_000,
    },
    Target {
        name: "manifest",
        check: manifest::check,
        words: manifest::WORDS,
        inputs_per_second: 2_500,
    },
    Target {
        name: "options",
        check: options::check,
        words: options::WORDS,
        inputs_per_second: 2_000,
    },
    Target { name: "paths", check: paths::check, words: paths::WORDS, inputs_per_second: 5_000 },
    Target {
        name: "plugin_seal",
        check: plugin_seal::check,
        words: plugin_seal::WORDS,
        inputs_per_second: 2_000,
    },
    Target {
        name: "sync_manifest",
        check: sync_manifest::check,
        words: sync_manifest::WORDS,
        inputs_per_second: 60_000,
    },
    Target {
        name: "sync_stream",
        check: sync_stream::check,
        words: sync_stream::WORDS,
        inputs_per_second: 2_000,
    },
    Target {
        name: "trust_bundle",
        check: trust_bundle::check,
        words: trust_bundle::WORDS,
        inputs_per_second: 6_000,
    },
];

/// Tries one input.
///
/// # Panics
/// When it breaks a promise, or there is no such target.
pub fn must_hold(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let verdict = target.map(|target| (target.check)(input));
    assert!(matches!(verdict, Some(Ok(_))), "{name}: {verdict:?}");
}
