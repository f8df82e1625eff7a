//! What an operator says about the streams of one plugin. Values only; how they are written is told
//! in [`crate::options`].

use std::time::Duration;

/// How streams of one plugin are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOptions {
    /// How long one may last, in place of the node's limit; zero is no limit.
    pub timeout: Option<Duration>,
    /// How one ends that the gateway itself ends.
    pub end: StreamEnd,
    /// A stream ends when its caller would no longer be let in.
    pub recheck: bool,
}

/// How a stream ends that the gateway itself ends: at its limit, at the end of a drain, at a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StreamEnd {
    /// Events that a client listens to end in order, between two of them; all else is aborted.
    #[default]
    BetweenEvents,
    /// Everything is aborted.
    Abort,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { timeout: None, end: StreamEnd::default(), recheck: true }
    }
}

impl StreamEnd {
    /// How the values are written.
    pub const WORDS: &'static [&'static str] = &["clean", "abort"];

    /// The one of [`StreamEnd::WORDS`] that is read as this.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BetweenEvents => "clean",
            Self::Abort => "abort",
        }
    }

    /// Reads one of [`StreamEnd::WORDS`].
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "clean" => Some(Self::BetweenEvents),
            "abort" => Some(Self::Abort),
            _ => None,
        }
    }
}

impl StreamOptions {
    /// How long a stream may last where the node's limit is `node`; `None` is no limit.
    ///
    /// ```
    /// use sidegate_model::stream_options::StreamOptions;
    /// use std::time::Duration;
    /// let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    /// let limit = |timeout| StreamOptions { timeout, ..StreamOptions::default() }.limit(minute);
    /// assert_eq!(limit(None), Some(minute));
    /// assert_eq!(limit(Some(hour)), Some(hour));
    /// assert_eq!(limit(Some(Duration::ZERO)), None);
    /// ```
    pub fn limit(&self, node: Duration) -> Option<Duration> {
        Some(self.timeout.unwrap_or(node)).filter(|limit| !limit.is_zero())
    }
}
