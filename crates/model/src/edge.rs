//! Edges: gateways elsewhere that get what a control plane publishes. Knows nothing of how they are reached or how
//! certificates are made.

use crate::UnixMillis;
use crate::name::{NUMBER_AS_NAME, reads_as_number};
use crate::namespace::Namespace;
use crate::sha256::Sha256;

/// Number of an edge; never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeId(pub u32);

impl std::fmt::Display for EdgeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An edge as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Number, given by the store.
    pub id: EdgeId,
    /// Unique name, see [`check_name`].
    pub name: String,
    /// What it gets beside the global namespace; for life.
    pub namespace: Namespace,
    /// Set once by the store.
    pub created_at: UnixMillis,
    /// The join token that was made last, if it was not taken back.
    pub join_token: Option<JoinToken>,
    /// How it joined last.
    pub joined: Option<Joined>,
    /// Certificates that were issued before this time no longer count.
    pub certificates_after: UnixMillis,
    /// Since when it is barred.
    pub revoked_at: Option<UnixMillis>,
    /// When it was last connected, to within a minute.
    pub last_seen_at: Option<UnixMillis>,
    /// Its version at that time; empty where it never came.
    pub last_version: String,
}

impl Edge {
    /// A text for its content: another content has another one.
    pub fn version(&self) -> String {
        let joined = self.joined.map_or(0, |joined| joined.at);
        format!("{:x}-{:x}-{joined:x}", self.id.0, self.certificates_after)
    }
}

/// A join token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// By which it is found.
    pub id: String,
    /// SHA-256 of its secret.
    pub secret_hash: Sha256,
    /// Until when it can be redeemed.
    pub expires_at: UnixMillis,
}

/// Who redeemed a join token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// SHA-256 of the public key of the edge.
    pub key: Sha256,
    /// When.
    pub at: UnixMillis,
}

/// Where an edge is in its life, as far as one look at what is stored can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeState {
    /// It has not joined yet.
    Waiting,
    /// It is connected to one of the control plane's processes.
    Connected,
    /// It joined, and is not connected now.
    Offline,
    /// It is barred.
    Revoked,
}

impl EdgeState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Connected, Self::Offline, Self::Revoked];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connected => "connected",
            Self::Offline => "offline",
            Self::Revoked => "revoked",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Checks the name of an edge, which stands in certificates and addresses.
///
/// # Errors
/// What is wrong and what would be right.
///
/// ```
/// use sidegate_model::edge::check_name;
/// assert!(check_name("berlin-2").is_ok());
/// assert!(check_name("Berlin/2").is_err());
/// ```
pub fn check_name(name: &str) -> Result<(), String> {
    let is_name = Namespace::parse(name).is_ok_and(|name| !name.is_global());
    if !is_name {
        return Err(
            "use 1 to 63 characters from a-z, 0-9 and '-', with a letter or digit at both ends"
                .to_owned(),
        );
    }
    if reads_as_number(name) {
        return Err(format!("{name:?} reads as a number: {NUMBER_AS_NAME}"));
    }
    Ok(())
}
