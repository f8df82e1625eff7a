//! Which version an edge is to its control plane. A build with debug assertions, which nobody releases, can be told to
//! be another one: so a story has an edge of an earlier or a later version, which is all there but for what that one knows.

use sidegate_sync::Features;

/// What an edge says of itself.
pub(super) struct Version {
    /// Its number.
    pub(super) number: String,
    /// What it knows.
    pub(super) features: Features,
}

impl Version {
    /// That of this build, or of the one that a story wants.
    pub(super) fn of_this_build() -> Self {
        told().unwrap_or_else(|| Self {
            number: env!("CARGO_PKG_VERSION").to_owned(),
            features: Features::of_this_version(),
        })
    }

    /// A number, and then what is known, with blanks between.
    #[cfg(any(debug_assertions, test))]
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let number = words.next()?.to_owned();
        Some(Self { number, features: Features::of(words) })
    }
}

#[cfg(debug_assertions)]
fn told() -> Option<Version> {
    let environment = crate::config::layers::Environment::of_process();
    Version::parse(environment.get("SIDEGATE_STORY_VERSION")?.to_str()?)
}

#[cfg(not(debug_assertions))]
fn told() -> Option<Version> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_another_version_who_was_not_told_to_be() {
        let ours = Version::of_this_build();
        assert_eq!(ours.number, env!("CARGO_PKG_VERSION"));
        assert_eq!(ours.features, Features::of_this_version());
        let older = Version::parse("0.3.9 a b").unwrap();
        assert_eq!((&*older.number, older.features), ("0.3.9", Features::of(["b", "a"])));
        assert!(Version::parse(" ").is_none());
    }
}
