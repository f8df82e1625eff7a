//! Logs of the server: to stderr, as text for people or as JSON for machines.
//!
//! It knows levels and forms, not what is logged.

use crate::config::resolved::Log;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Libraries that talk about every frame; below `warn` they would bury everything else.
const CHATTY: &[&str] = &["sqlx", "tonic", "tower"];
/// Libraries that warn of what the other end of a connection does. Anybody can make them do so, a
/// hundred thousand times a second and without any token: what they warn of is not logged.
const TALKING_TO_STRANGERS: &[&str] = &["h2", "hyper", "hyper_util", "rustls"];

/// Starts logging for this process, once; in colour where that is welcome and stderr is a terminal.
pub(crate) fn start(log: &Log, colour: bool) {
    let level = level(&log.level);
    let mut targets = Targets::new().with_default(level);
    for library in CHATTY {
        targets = targets.with_target(*library, level.min(LevelFilter::WARN));
    }
    for library in TALKING_TO_STRANGERS {
        targets = targets.with_target(*library, level.min(LevelFilter::ERROR));
    }
    let form = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    // A second start would mean a second server in this process; the first one's logs stay.
    let _ = if log.json {
        registry.with(form.json().flatten_event(true).with_filter(targets)).try_init()
    } else {
        use std::io::IsTerminal as _;
        let colour = colour && std::io::stderr().is_terminal();
        registry.with(form.with_ansi(colour).with_filter(targets)).try_init()
    };
}

fn level(word: &str) -> LevelFilter {
    match word {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "warn" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        "off" => LevelFilter::OFF,
        _ => LevelFilter::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::LOG_LEVELS;

    #[test]
    fn every_word_of_the_setting_is_a_level_and_only_info_is_info() {
        let infos = LOG_LEVELS.iter().filter(|word| level(word) == LevelFilter::INFO).count();
        assert_eq!(infos, 1);
    }
}
