//! Why a plugin process failed, in words for an operator.
//!
//! Names what is wrong, where, and what to do; never holds a value of the plugin's configuration
//! that the plugin did not print itself.

use super::launch::NotLaunched;
use super::sealed::LaunchRefusal;
use sidegate_model::plugin::InvalidCommand;
use sidegate_model::sha256::Sha256;
use sidegate_transport::pinned::{IdentityError, InvalidCertificate};
use sidegate_wire::HandshakeError;
use std::io;
use std::path::{Path, PathBuf};
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
    #[error("program {path} cannot be started: its guard process failed: {source}", path = path.display())]
    Guard { path: PathBuf, source: io::Error },
    #[error("program {path} cannot be read to check its bytes: {source}", path = path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("program {path} has the SHA-256 {found}, but option sha256 demands {demanded}: put the approved program there, or approve this one", path = path.display())]
    OtherBytes { path: PathBuf, found: Sha256, demanded: Sha256 },
    #[error("program {path} is a script, or of a format that another program runs: with option sha256 only a binary (ELF) can be started, because the checksum says nothing about that other program", path = .0.display())]
    Script(PathBuf),
    #[error("no place for its socket: {0}")]
    RunDir(String),
    #[error(
        "its socket {path} cannot be reached any more: {cause}; was the folder cleaned?", path = path.display()
    )]
    Undialable { path: PathBuf, cause: String },
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
    #[error("announced a TCP address, which is not supported: a plugin listens on a unix socket")]
    OnTcp,
    #[error(
        "announced a certificate, which nobody asked for: set the option mtls if it is to serve TLS"
    )]
    Certificate,
    #[error(
        "the option mtls is set but the plugin announced no certificate: it does not know how to serve TLS (PLUGIN_CLIENT_CERT); remove the option, or build the plugin with a library that does"
    )]
    NoCertificate,
    #[error("announced a certificate that cannot be used: {0}")]
    BadCertificate(#[from] InvalidCertificate),
    #[error("{0}")]
    Identity(#[from] IdentityError),
    #[error(
        "command {0:?} is not permitted by PLUGIN_COMMAND_ALLOWLIST: have it added to that list"
    )]
    NotListed(String),
    #[error("program {path} is not in a folder of PLUGIN_DIRS: put it into one of them", path = .0.display())]
    OutsideDirs(PathBuf),
    #[error(
        "option sha256 cannot hold for a plugin that runs elsewhere: nobody here sees its program; remove the option, or use a file:// command"
    )]
    UnseenBytes,
    #[error(
        "option mtls cannot hold for a plugin that runs elsewhere: certificates are handed over when a process is started here; remove the option, or use a file:// command"
    )]
    NoHandover,
    #[error("no address of it answers: {0}")]
    NoAddress(String),
    #[error("cannot be reached: {0}")]
    DialRemote(String),
    #[error("its connection was lost")]
    Lost,
    #[error("has not answered yet")]
    NotYet,
    #[error(
        "offers other endpoints than the addresses in service: bring all of them to one version and reload the plugin"
    )]
    OtherOffer,
    #[error("socket {path} cannot be reached: {cause}", path = path.display())]
    Dial { path: PathBuf, cause: String },
    #[error("{call} got no answer within {limit:?}")]
    Timeout { call: &'static str, limit: Duration },
    #[error("{call} failed: {code:?}: {message}")]
    Call { call: &'static str, code: tonic::Code, message: String },
    #[error("refused its configuration: {0}")]
    Refused(String),
    #[error("could not be asked within {limit:?}{words}")]
    NotAsked { limit: Duration, words: String },
    #[error("reports itself unhealthy")]
    Unhealthy,
    #[error("{exit}{words}")]
    Ended { exit: String, words: String },
    #[error("internal error of the gateway: {0}")]
    Internal(&'static str),
}

impl Fault {
    /// What another start of the same spec may come to.
    pub(super) fn retry_chance(&self) -> RetryChance {
        match self {
            Self::Command(_)
            | Self::OtherBytes { .. }
            | Self::Script(_)
            | Self::NotListed(_)
            | Self::UnseenBytes
            | Self::NoHandover
            | Self::OutsideDirs(_) => RetryChance::No,
            Self::Missing { .. }
            | Self::NotAFile(_)
            | Self::NotExecutable(_)
            | Self::Refused(_) => RetryChance::Slim,
            _ => RetryChance::Yes,
        }
    }

    /// Why a program did not become a process.
    pub(super) fn of_launch(path: &Path, demanded: Option<Sha256>, why: NotLaunched) -> Self {
        let path = path.to_owned();
        match why {
            NotLaunched::Guard(source) => Self::Guard { path, source },
            NotLaunched::Refused(LaunchRefusal::Exec(source)) => Self::Spawn { path, source },
            NotLaunched::Refused(LaunchRefusal::Copy(source)) => Self::Copy { path, source },
            NotLaunched::Refused(LaunchRefusal::Script) => Self::Script(path),
            NotLaunched::Refused(LaunchRefusal::Checksum(found)) => {
                let demanded = demanded.unwrap_or(found);
                Self::OtherBytes { path, found, demanded }
            }
        }
    }
}

/// Whether a start that failed may go well the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryChance {
    Yes,
    /// When somebody mends what is wrong; whoever asked for a first start is there to do so. Later, or
    /// when a machine boots, it may come by itself: a disk, a database, a file that is being replaced.
    Slim,
    No,
}

/// The last lines on stderr as the end of a sentence.
pub(super) fn quoted(words: Option<String>) -> String {
    words.map(|words| format!("; its last words: {words}")).unwrap_or_default()
}
