//! How much is logged: a level for everything, and levels of their own for single targets, written
//! `info,access=off`.
//!
//! It reads texts; `logging.rs` makes them count.

use std::fmt;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The words for levels. The last two are what other gateways call the level `error`.
pub(crate) const WORDS: &[&str] =
    &["trace", "debug", "info", "warn", "error", "off", "fatal", "panic"];

/// The target of requests; its lines have the level `info`.
pub(crate) const ACCESS: &str = "access";

/// Libraries that talk about every frame; below `warn` they would bury everything else.
const CHATTY: &[&str] = &["sqlx", "tonic", "tower"];

/// Libraries that warn of what the other end of a connection does. Anybody can make them do so, a
/// hundred thousand times a second and without any token: what they warn of is not logged.
const TALKING_TO_STRANGERS: &[&str] = &["h2", "hyper", "hyper_util", "rustls"];

/// What logs besides, each with everything whose name goes on with `::`.
const TALKERS: &[&str] = &[
    ACCESS,
    "panic",
    "plugin",
    "sidegate",
    "sidegate_control",
    "sidegate_gateway",
    "sidegate_model",
    "sidegate_plugins",
    "sidegate_store",
    "sidegate_transport",
    "sidegate_wire",
];

/// A level for everything, and those of single targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Levels {
    text: String,
    default: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

impl Levels {
    /// Reads `info` or `info,access=off,hyper=debug`.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_lowercase();
        let mut levels = Self { text: text.clone(), default: LevelFilter::INFO, targets: vec![] };
        let mut has_default = false;
        for part in text.split(',').map(str::trim) {
            let Some((target, word)) = part.split_once('=') else {
                levels.default = level(part)?;
                if std::mem::replace(&mut has_default, true) {
                    return Err(format!("{part:?} is a second level for everything: keep one"));
                }
                continue;
            };
            let (target, level) = (known(target.trim())?, level(word.trim())?);
            if levels.targets.iter().any(|(named, _)| named == target) {
                return Err(format!("{target} is named twice: keep one"));
            }
            levels.targets.push((target.to_owned(), level));
        }
        Ok(levels)
    }

    /// Whether requests are told.
    pub(crate) fn tell_requests(&self) -> bool {
        let own = self.targets.iter().find(|(target, _)| target == ACCESS);
        own.map_or(self.default, |(_, level)| *level) >= LevelFilter::INFO
    }

    /// What is let through.
    pub(crate) fn filter(&self) -> Targets {
        let chatty = CHATTY.iter().map(|name| (*name, self.default.min(LevelFilter::WARN)));
        let strange = LevelFilter::ERROR.min(self.default);
        let strangers = TALKING_TO_STRANGERS.iter().map(|name| (*name, strange));
        // What looks after plugins was a part of the gateway once, and is meant with it still.
        let moved = self.targets.iter().filter_map(|(name, level)| {
            let part = name.strip_prefix("sidegate_gateway")?;
            Some((format!("sidegate_plugins{part}"), *level))
        });
        // The later one counts.
        let own = self.targets.iter().map(|(name, level)| (name.as_str(), *level));
        let targets = Targets::new().with_default(self.default).with_targets(chatty);
        targets.with_targets(strangers).with_targets(moved).with_targets(own)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn level(word: &str) -> Result<LevelFilter, String> {
    Ok(match word {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        "off" => LevelFilter::OFF,
        _ => return Err(format!("{word:?} is not valid: use one of {}", WORDS.join(", "))),
    })
}

fn known(target: &str) -> Result<&str, String> {
    let root = target.split_once("::").map_or(target, |(root, _)| root);
    let all = || TALKERS.iter().chain(CHATTY).chain(TALKING_TO_STRANGERS);
    if all().any(|name| *name == root) {
        return Ok(target);
    }
    let names = all().copied().collect::<Vec<_>>().join(", ");
    Err(format!("nothing logs as {target:?}: use one of {names}, or a part of one as in a::b"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn every_word_is_a_level_and_only_info_is_info() {
        let of = |word: &&&str| level(word) == Ok(LevelFilter::INFO);
        assert!(WORDS.iter().all(|word| level(word).is_ok()));
        assert_eq!(WORDS.iter().filter(of).count(), 1);
    }

    #[test]
    fn a_target_has_the_level_of_its_own_else_the_one_for_everything() {
        let levels = Levels::parse(" Info , access=OFF,hyper=debug,sidegate_gateway::host=trace");
        let levels = levels.unwrap();
        assert!(!levels.tell_requests());
        let filter = levels.filter();
        for (target, level, passes) in [
            ("sidegate_store", Level::INFO, true),
            ("sidegate_store", Level::DEBUG, false),
            ("sidegate_gateway::host::process", Level::TRACE, true),
            ("sidegate_plugins::host::process", Level::TRACE, true),
            ("sidegate_plugins::services", Level::DEBUG, false),
            ("access", Level::ERROR, false),
            ("hyper::proto", Level::DEBUG, true),
            ("tonic", Level::WARN, true),
            ("tonic", Level::INFO, false),
            ("h2", Level::ERROR, true),
            ("h2", Level::WARN, false),
        ] {
            assert_eq!(filter.would_enable(target, &level), passes, "{target} {level}");
        }
        assert!(Levels::parse("warn,access=info").unwrap().tell_requests());
        assert!(!Levels::parse("warn").unwrap().tell_requests());
        assert!(Levels::parse("plugin=warn").unwrap().tell_requests(), "info is the usual level");
    }

    #[test]
    fn what_names_no_level_or_nobody_or_somebody_twice_is_refused() {
        for (text, word) in [
            ("loud", "trace, debug"),
            ("", "trace, debug"),
            ("info,", "trace, debug"),
            ("info,acess=off", "access"),
            ("info,access=of", "trace, debug"),
            ("info,access=off,access=info", "twice"),
            ("info,warn", "second"),
            ("=info", "access"),
        ] {
            let problem = Levels::parse(text).unwrap_err();
            assert!(problem.contains(word), "{text}: {problem}");
        }
    }
}
