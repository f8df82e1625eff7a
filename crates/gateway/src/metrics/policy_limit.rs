//! The options by which an operator bounds how much of a plugin is used, as they are named in a label.

/// A limit that a request can exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyLimit {
    /// Requests a minute of an app.
    AppRateLimit,
    /// Requests a minute of all callers.
    RateLimit,
    /// Requests a minute of an anonymous client.
    RateLimitPerClient,
    /// Calls at one time.
    MaxConcurrent,
    /// The size of a request's body.
    MaxBody,
    /// The time of a single answer.
    Timeout,
    /// The pause within a stream.
    StreamIdleTimeout,
}

impl PolicyLimit {
    /// All of them, in the order of the enum.
    pub(super) const ALL: [Self; 7] = [
        Self::AppRateLimit,
        Self::RateLimit,
        Self::RateLimitPerClient,
        Self::MaxConcurrent,
        Self::MaxBody,
        Self::Timeout,
        Self::StreamIdleTimeout,
    ];

    /// The name of the option, or of what an app has.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AppRateLimit => "app_rate_limit",
            Self::RateLimit => "rate_limit",
            Self::RateLimitPerClient => "rate_limit_per_client",
            Self::MaxConcurrent => "max_concurrent",
            Self::MaxBody => "max_body",
            Self::Timeout => "timeout",
            Self::StreamIdleTimeout => "stream_idle_timeout",
        }
    }
}
