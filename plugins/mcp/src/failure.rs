//! What goes wrong between the plugin and a server. Its words are for the log.

/// Why a server gave no answer that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Nobody is there.
    #[error("it is not reached: {0}")]
    Away(String),
    /// It did not answer in time.
    #[error("it did not answer in time")]
    Slow,
    /// It said more at once than is read.
    #[error("it sent a message of more than {0} bytes")]
    TooLarge(usize),
    /// It does not keep to the protocol.
    #[error("it broke the protocol: {0}")]
    Broken(String),
    /// It refuses what the plugin presents, which the client has no part in.
    #[error("it refused what this plugin presents (HTTP {0})")]
    Unauthorized(u16),
    /// Its process is over, and whoever asked it need not ask again.
    #[error("its process has ended")]
    Ended,
    /// As many of its processes, or streams, are there as may be, by the setting that is named.
    #[error("no more of its processes or streams may be ({0})")]
    Busy(&'static str),
}

impl Failure {
    /// What the log calls a call that ended so.
    pub(crate) fn outcome(&self) -> &'static str {
        if *self == Self::Slow { "timed_out" } else { "failed" }
    }
}
