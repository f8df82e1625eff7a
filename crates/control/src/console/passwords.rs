//! Passwords: what is kept of them is made, and a given one compared with it, by argon2id on threads of their own, two at a
//! time and some more that wait. Whoever is unknown costs as much as whoever is known.

use argon2::password_hash::phc;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use sidegate_model::user::PasswordHash;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// At most so many at a time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Those included that wait.
const PLACES: usize = 10;
/// How long one may wait.
const WAIT: Duration = Duration::from_secs(5);

/// Looks like what is kept of a password; no password has it.
const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2lkZWdhdGUtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password was neither made nor compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNow {
    /// Too many are waiting.
    Busy,
    /// The system has no randomness or memory.
    Failed,
}

/// Copies share the places.
#[derive(Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let [places, running] = [PLACES, AT_ONCE].map(|count| Arc::new(Semaphore::new(count)));
        Self { places, running }
    }
}

impl Passwords {
    /// What to keep of a new password.
    pub(crate) async fn make(&self, password: String) -> Result<PasswordHash, NotNow> {
        let made = self.run(move || {
            let mut salt = [0_u8; 16];
            getrandom::fill(&mut salt).ok()?;
            let made: Result<phc::PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            made.ok().map(|made| PasswordHash(made.to_string()))
        });
        made.await?.ok_or(NotNow::Failed)
    }

    /// Whether what is kept is of this password. Where nothing is kept the answer is no, and comes as late.
    pub(crate) async fn matches(
        &self,
        password: String,
        kept: Option<PasswordHash>,
    ) -> Result<bool, NotNow> {
        let compared = self.run(move || {
            let is_kept = kept.is_some();
            let kept = kept.map_or_else(|| OF_NOBODY.to_owned(), |PasswordHash(text)| text);
            let kept = phc::PasswordHash::new(&kept).ok()?;
            match Argon2::default().verify_password(password.as_bytes(), &kept) {
                Ok(()) => Some(is_kept),
                Err(argon2::password_hash::Error::PasswordInvalid) => Some(false),
                Err(_) => None,
            }
        });
        compared.await?.ok_or(NotNow::Failed)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotNow> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| NotNow::Busy)?;
        let running = timeout(WAIT, self.running.clone().acquire_owned()).await;
        let running = running.map_err(|_| NotNow::Busy)?.map_err(|_| NotNow::Failed)?;
        // Given back when the work is over, also where nobody waits for it any more.
        let task = tokio::task::spawn_blocking(move || {
            let _held = (place, running);
            work()
        });
        task.await.map_err(|_| NotNow::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_matches_and_nothing_of_it_is_kept() {
        let passwords = Passwords::default();
        let kept = passwords.make("correct horse".to_owned()).await.unwrap();
        assert!(kept.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.0);
        assert!(!kept.0.contains("horse"));
        let again = passwords.make("correct horse".to_owned()).await.unwrap();
        assert_ne!(kept, again, "each has a salt of its own");
        for (password, expected) in [("correct horse", true), ("correct horsf", false), ("", false)]
        {
            let matches = passwords.matches(password.to_owned(), Some(kept.clone())).await;
            assert_eq!(matches, Ok(expected), "{password}");
        }
    }

    #[tokio::test]
    async fn of_nobody_no_password_is_right() {
        let passwords = Passwords::default();
        assert_eq!(passwords.matches("anything at all".to_owned(), None).await, Ok(false));
    }

    #[tokio::test]
    async fn what_is_kept_and_damaged_is_no_answer() {
        let damaged = PasswordHash("plain text".to_owned());
        let compared = Passwords::default().matches("x".to_owned(), Some(damaged)).await;
        assert_eq!(compared, Err(NotNow::Failed));
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_told_at_once() {
        let passwords = Passwords::default();
        let taken = passwords.places.clone().acquire_many_owned(PLACES as u32).await.unwrap();
        assert_eq!(passwords.matches("x".to_owned(), None).await, Err(NotNow::Busy));
        drop(taken);
        assert_eq!(passwords.matches("x".to_owned(), None).await, Ok(false));
    }
}
