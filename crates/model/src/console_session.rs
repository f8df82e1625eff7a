//! Sessions of the console: a browser that is signed in, as the user or the admin token that it signed in with; and links
//! that let one in once. As with tokens, only the SHA-256 of their secrets is kept.

use crate::UnixMillis;
use crate::actor::Who;
use crate::role::Role;
use crate::token::TokenHash;
use std::net::IpAddr;

/// How long a link is good.
pub const LINK_LIFE: UnixMillis = 10 * 60 * 1000;

/// Number of a session; never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsoleSessionId(pub u32);

impl std::fmt::Display for ConsoleSessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How a session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SignedInVia {
    /// With a name and a password.
    Password,
    /// With an admin token.
    AdminToken,
    /// With a link.
    Link,
    /// By way of an OpenID Connect provider.
    Oidc,
}

impl SignedInVia {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Password, Self::AdminToken, Self::Link, Self::Oidc];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::AdminToken => "admin_token",
            Self::Link => "link",
            Self::Oidc => "oidc",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == text)
    }
}

/// A session that is stored, with whoever it is for as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Number, given by the store.
    pub id: ConsoleSessionId,
    /// Whose it is.
    pub who: Who,
    /// What they may do now.
    pub role: Role,
    /// For one of `root`: of which root token, so that it ends with that.
    pub root: Option<TokenHash>,
    /// When the admin token ends whose it is.
    pub token_expires_at: Option<UnixMillis>,
    /// SHA-256 of the key that its requests show beside the cookie.
    pub key: TokenHash,
    /// How it began.
    pub via: SignedInVia,
    /// Of which provider the user is, where they are one's.
    pub issuer: Option<String>,
    /// From which address.
    pub peer: Option<IpAddr>,
    /// When.
    pub created_at: UnixMillis,
    /// When it was last used, to within a minute.
    pub last_used_at: UnixMillis,
    /// When it ends, whatever is done with it.
    pub expires_at: UnixMillis,
}

impl ConsoleSession {
    /// When it ends where it is used no more.
    pub fn idle_expires_at(&self, idle: UnixMillis) -> UnixMillis {
        self.last_used_at.saturating_add(idle).min(self.ends_at())
    }

    /// When it ends, whatever is done with it: with the admin token whose it is, at the latest.
    pub fn ends_at(&self) -> UnixMillis {
        self.token_expires_at.map_or(self.expires_at, |end| end.min(self.expires_at))
    }

    /// Whether it has ended at `now`, where unused ones end after `idle`.
    pub fn has_ended(&self, now: UnixMillis, idle: UnixMillis) -> bool {
        now >= self.idle_expires_at(idle)
    }
}

/// A link into the console that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleLink {
    /// Number, given by the store.
    pub id: u32,
    /// Who made it, and whom it lets in.
    pub who: Who,
    /// When it stops to be good.
    pub expires_at: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(token_expires_at: Option<UnixMillis>) -> ConsoleSession {
        ConsoleSession {
            id: ConsoleSessionId(1),
            who: Who::Root,
            role: Role::Admin,
            root: None,
            token_expires_at,
            key: TokenHash::of("key"),
            via: SignedInVia::Link,
            issuer: None,
            peer: None,
            created_at: 0,
            last_used_at: 10,
            expires_at: 100,
        }
    }

    #[test]
    fn a_session_ends_unused_or_at_its_end_or_with_its_token_whichever_is_first() {
        let own = session(None);
        assert!(!own.has_ended(39, 30) && own.has_ended(40, 30));
        assert!(!own.has_ended(99, 1000) && own.has_ended(100, 1000));
        let of_token = session(Some(20));
        assert!(!of_token.has_ended(19, 30) && of_token.has_ended(20, 30));
    }

    #[test]
    fn every_way_in_is_read_as_it_is_written() {
        for via in SignedInVia::ALL {
            assert_eq!(SignedInVia::parse(via.as_str()), Some(via));
        }
        assert_eq!(SignedInVia::parse("cookie"), None);
    }
}
