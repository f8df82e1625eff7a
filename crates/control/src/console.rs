//! Who signs in to the console, and how long that holds: what is asked of the store, on whose behalf, and the limits of
//! trying. Reading order: `passwords` (made and compared, a few at a time), `attempts` (how often one may fail), `oidc` (who
//! vouches for somebody), then this file. Knows no request.

pub(crate) mod attempts;
pub(crate) mod oidc;
pub(crate) mod passwords;

use crate::control::AuditedControl;
use attempts::Attempts;
use oidc::OidcSignIn;
use oidc::provider::OidcProvider;
use passwords::Passwords;
use sidegate_model::UnixMillis;
use sidegate_model::console_session::{ConsoleSession, ConsoleSessionId, SignedInVia};
use sidegate_model::sealing::Keyring;
use sidegate_model::token::TokenHash;
use sidegate_model::user::{Identity, PasswordHash, User, UserId};
use sidegate_store::{
    NewConsoleLink, NewConsoleSession, NewUser, Precondition, Proof, StoreError, UserDraft, Vouched,
};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How the console is to behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// After how long a session ends that nobody uses.
    pub idle_timeout: Duration,
    /// After how long a session ends in any case.
    pub session_lifetime: Duration,
    /// Whether sessions may only read.
    pub read_only: bool,
    /// Where browsers find the admin port, where that is another place than the one they ask: an origin such as
    /// `https://gateway.example.com`, before which somebody else speaks TLS.
    pub origin: Option<String>,
    /// By way of whom people sign in. They are sent back to the origin above, without which nobody is.
    pub oidc: Vec<OidcProvider>,
    /// Whether names and passwords are taken. Links and admin tokens are in any case.
    pub password_sign_in: bool,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(30 * 60),
            session_lifetime: Duration::from_secs(12 * 60 * 60),
            read_only: false,
            origin: None,
            oidc: Vec::new(),
            password_sign_in: true,
        }
    }
}

impl ConsoleSettings {
    /// The first of these in milliseconds.
    pub(crate) fn idle_millis(&self) -> UnixMillis {
        UnixMillis::try_from(self.idle_timeout.as_millis()).unwrap_or(UnixMillis::MAX)
    }

    /// The second of these in milliseconds.
    pub(crate) fn lifetime_millis(&self) -> UnixMillis {
        UnixMillis::try_from(self.session_lifetime.as_millis()).unwrap_or(UnixMillis::MAX)
    }

    /// Whether somebody could still begin such a session: not where its provider is none any more, or passwords are not taken.
    pub(crate) fn still_lets_in(&self, session: &ConsoleSession) -> bool {
        let is_known = |issuer: &String| self.oidc.iter().any(|one| one.issuer == *issuer);
        let is_taken = self.password_sign_in || session.via != SignedInVia::Password;
        is_taken && session.issuer.as_ref().is_none_or(is_known)
    }

    /// How old the last use of a session may be before it is noted anew: not with each request, and often enough that
    /// a session that is used does not end.
    pub(crate) fn use_interval(&self) -> UnixMillis {
        (self.idle_millis() / 4).min(60_000)
    }
}

/// What signing in needs besides the store. Copies share their limits.
#[derive(Clone)]
pub(crate) struct SigningIn {
    /// Makes and compares passwords.
    pub(crate) passwords: Passwords,
    /// Counts who failed.
    pub(crate) attempts: Attempts,
    /// Asks those who vouch.
    pub(crate) oidc: Arc<OidcSignIn>,
}

impl SigningIn {
    /// By these settings, with keys that every process of one control plane has.
    pub(crate) fn new(settings: &ConsoleSettings, keys: &Keyring) -> Self {
        let keys = keys.derived("sign-ins to the console");
        let oidc = Arc::new(OidcSignIn::new(settings.oidc.clone(), keys));
        Self { passwords: Passwords::default(), attempts: Attempts::default(), oidc }
    }
}

/// What is kept of a root token in its sessions and links, so that they end with it. What is kept of tokens opens
/// nothing by itself, and this does not even tell two gateways' root tokens to be the same as what is kept elsewhere.
pub(crate) fn root_fingerprint(token: &TokenHash) -> TokenHash {
    let mut text = "console:".to_owned();
    for byte in token.0 {
        let _ = write!(text, "{byte:02x}");
    }
    TokenHash::of(&text)
}

impl AuditedControl {
    /// Registers a user.
    ///
    /// # Errors
    /// Those of [`Store::create_user`](sidegate_store::Store::create_user).
    pub async fn create_user(self, new: &NewUser) -> Result<User, StoreError> {
        self.into_store().create_user(new).await
    }

    /// Changes a user, which counts at once, everywhere.
    ///
    /// # Errors
    /// Those of [`Store::amend_user`](sidegate_store::Store::amend_user).
    pub async fn update_user<E, M>(
        self,
        id: UserId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<User, E>
    where
        E: From<StoreError>,
        M: FnOnce(&User) -> Result<UserDraft, E>,
    {
        self.into_store().amend_user(id, precondition, amend).await
    }

    /// Gives a user another password and ends their sessions but for one.
    ///
    /// # Errors
    /// Those of [`Store::set_password`](sidegate_store::Store::set_password).
    pub async fn set_password(
        self,
        id: UserId,
        password: &PasswordHash,
        but: Option<ConsoleSessionId>,
    ) -> Result<User, StoreError> {
        self.into_store().set_password(id, password, but).await
    }

    /// Forgets a user and ends their sessions.
    ///
    /// # Errors
    /// Those of [`Store::delete_user`](sidegate_store::Store::delete_user).
    pub async fn delete_user(
        self,
        id: UserId,
        precondition: &Precondition,
    ) -> Result<User, StoreError> {
        self.into_store().delete_user(id, precondition).await
    }

    /// The user for whom their provider vouches.
    ///
    /// # Errors
    /// Those of [`Store::vouched_user`](sidegate_store::Store::vouched_user).
    pub async fn vouched_user(self, vouched: &Vouched) -> Result<User, StoreError> {
        self.into_store().vouched_user(vouched).await
    }

    /// Ends all sessions of whoever is this one at their provider.
    ///
    /// # Errors
    /// Those of [`Store::end_sessions_of`](sidegate_store::Store::end_sessions_of).
    pub async fn end_sessions_of(self, identity: &Identity) -> Result<Option<User>, StoreError> {
        self.into_store().end_sessions_of(identity).await
    }

    /// Begins a session, where what was proved still holds.
    ///
    /// # Errors
    /// Those of [`Store::begin_console_session`](sidegate_store::Store::begin_console_session).
    pub async fn begin_session(
        self,
        new: &NewConsoleSession,
        proof: &Proof,
    ) -> Result<Option<ConsoleSession>, StoreError> {
        self.into_store().begin_console_session(new, proof).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// Those of [`Store::end_console_session`](sidegate_store::Store::end_console_session).
    pub async fn end_session(self, id: ConsoleSessionId) -> Result<(), StoreError> {
        self.into_store().end_console_session(id).await
    }

    /// Ends all sessions of whoever has this one.
    ///
    /// # Errors
    /// Those of [`Store::end_console_sessions_like`](sidegate_store::Store::end_console_sessions_like).
    pub async fn end_sessions_like(self, id: ConsoleSessionId) -> Result<(), StoreError> {
        self.into_store().end_console_sessions_like(id).await
    }

    /// Keeps a link.
    ///
    /// # Errors
    /// Those of [`Store::create_console_link`](sidegate_store::Store::create_console_link).
    pub async fn create_console_link(self, new: &NewConsoleLink) -> Result<(), StoreError> {
        self.into_store().create_console_link(new).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_noted_once_a_minute_and_often_enough_for_a_short_life() {
        let with_idle = |idle_timeout| ConsoleSettings { idle_timeout, ..Default::default() };
        assert_eq!(ConsoleSettings::default().use_interval(), 60_000);
        assert_eq!(with_idle(Duration::from_secs(2)).use_interval(), 500);
    }

    #[test]
    fn another_root_token_has_another_fingerprint_and_neither_is_what_opens_the_api() {
        let [a, b] = ["a", "b"].map(|text| root_fingerprint(&TokenHash::of(text)));
        assert_ne!(a, b);
        assert_ne!(a, TokenHash::of("a"));
    }
}
