//! Why a plugin process failed, in words for an operator.
//!
//! Names what is wrong, where, and what to do; never holds a value of the plugin's configuration
//! that the plugin did not print itself.

use sidegate_model::plugin::InvalidCommand;
use sidegate_wire::HandshakeError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can end a process, or keep it from starting.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Command(#[from] InvalidCommand),
    #[error("program {path} cannot be used: {source}; give the absolute path of an existing program", path = path.display())]
    Missing { path: PathBuf, source: io::Error },
    #[error("program {path} is not a regular file", path = .0.display())]
    NotAFile(PathBuf),
    #[error("program {path} is not executable: set its executable bit (chmod +x)", path = .0.display())]
    NotExecutable(PathBuf),
    #[error("program {path} cannot be started: {source}", path = path.display())]
    Spawn { path: PathBuf, source: io::Error },
    #[error("private folder in {path} cannot be made: {source}", path = path.display())]
    PrivateDir { path: PathBuf, source: io::Error },
    #[error("private folder {path} leaves no room for a socket's path (107 bytes): choose a shorter runtime folder", path = .0.display())]
    PathTooLong(PathBuf),
    #[error("{exit} before its handshake{words}")]
    EndedEarly { exit: String, words: String },
    #[error("closed its stdout without a handshake{words}")]
    Silent { words: String },
    #[error("no handshake within {limit:?}{words}")]
    Late { limit: Duration, words: String },
    #[error("{0}")]
    Handshake(#[from] HandshakeError),
    #[error(
        "announced {0}, which is not supported: a plugin listens on a unix socket, without TLS"
    )]
    Unsupported(&'static str),
    #[error("socket {path} cannot be reached: {cause}", path = path.display())]
    Dial { path: PathBuf, cause: String },
    #[error("{call} got no answer within {limit:?}")]
    Timeout { call: &'static str, limit: Duration },
    #[error("{call} failed: {code:?}: {message}")]
    Call { call: &'static str, code: tonic::Code, message: String },
    #[error("refused its configuration: {0}")]
    Refused(String),
    #[error("reports itself unhealthy")]
    Unhealthy,
    #[error("{exit}{words}")]
    Ended { exit: String, words: String },
    #[error("internal error of the gateway: {0}")]
    Internal(&'static str),
}

impl Fault {
    /// Another start of the same spec cannot end differently.
    pub(super) fn is_hopeless(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

/// The last lines on stderr as the end of a sentence.
pub(super) fn last_words(words: Option<String>) -> String {
    words.map(|words| format!("; its last words: {words}")).unwrap_or_default()
}
