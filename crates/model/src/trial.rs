//! A request that an operator tries out on a node's own port for clients, and what became of it.

use std::fmt;
use std::time::Duration;

/// Most bytes of a body, either way.
pub const MOST_BODY_BYTES: usize = 256 * 1024;
/// Most events of a stream that are waited for.
pub const MOST_EVENTS: usize = 20;
/// For how long a stream of events is followed.
pub const FOLLOW_EVENTS: Duration = Duration::from_secs(5);
/// How long a trial may take as a whole: the admin API ends what takes 30 s.
pub const LONGEST_TRIAL: Duration = Duration::from_secs(25);

/// The request.
#[derive(Clone, PartialEq, Eq)]
pub struct Trial {
    /// Its method.
    pub method: String,
    /// Path and query, as they would be sent.
    pub target: String,
    /// Its headers, but for those that say how it travels.
    pub headers: Vec<(String, String)>,
    /// What it brings.
    pub body: Vec<u8>,
}

/// Whatever is in it can be a secret.
impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The answer, as far as it was waited for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// What it brought, at most [`MOST_BODY_BYTES`].
    pub body: Vec<u8>,
    /// Why it ends there.
    pub end: TrialEnd,
    /// How long it took.
    pub duration: Duration,
}

impl fmt::Debug for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tried").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why what is shown of an answer ends where it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TrialEnd {
    /// It is all of it.
    #[default]
    Whole,
    /// More than [`MOST_BODY_BYTES`] came.
    TooLong,
    /// [`MOST_EVENTS`] have come, or what came within [`FOLLOW_EVENTS`].
    EnoughEvents,
    /// The time was up.
    TooLate,
    /// The connection broke, as it does when a plugin dies within its answer.
    Broken(String),
}
