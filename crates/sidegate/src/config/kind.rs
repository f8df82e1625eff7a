//! What the text of a setting must be, and how the documentation calls that.

/// What the text of a setting must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A TCP port; 0 lets the system choose.
    Port,
    /// An IP address, or `localhost`.
    Host,
    /// A file or folder.
    Path,
    /// Any text.
    Text,
    /// A text that is never shown.
    Secret,
    /// The same, where it is good for one use only, so that it may be an argument.
    OneTimeSecret,
    /// A whole number, at least this.
    Number(u64),
    /// A duration such as `1m30s`, more than zero.
    Duration,
    /// A duration, where zero has a meaning of its own.
    DurationOrZero,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// IP addresses and networks, separated by commas.
    Networks,
    /// A level, and levels of single targets.
    Levels,
}

impl Kind {
    /// How the documentation calls it.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Port => "port".into(),
            Self::Host => "IP address".into(),
            Self::Path => "path".into(),
            Self::Text => "text".into(),
            Self::Secret => "secret".into(),
            Self::OneTimeSecret => "secret for one use".into(),
            Self::Number(0) => "number".into(),
            Self::Number(least) => format!("number ≥ {least}"),
            Self::Duration => "duration > 0".into(),
            Self::DurationOrZero => "duration".into(),
            Self::Switch => "true or false".into(),
            Self::Word(words) => words.join(", "),
            Self::Networks => "networks".into(),
            Self::Levels => format!("levels: {}", super::levels::WORDS.join(", ")),
        }
    }
}
