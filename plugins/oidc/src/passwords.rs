//! Passwords: compared by argon2id, four at a time and some more that wait. Whoever is unknown costs as much as
//! whoever is known.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use sidegate_sdk::{Error, Result};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// At most so many at a time: each takes 19 MiB and a core.
const AT_ONCE: usize = 4;
/// Those included that wait.
const PLACES: usize = 16;
/// How long one may wait.
const WAIT: Duration = Duration::from_secs(3);

/// Looks like what is kept of a password; no password has it.
const OF_NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2lkZWdhdGUtbm9ib2R5IQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is kept of a new password.
pub(crate) fn hash(password: &str) -> Result<String> {
    let mut salt = [0_u8; 16];
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("no hash: {error}"));
    getrandom::fill(&mut salt).map_err(|error| failed(&error))?;
    let made: Result<PasswordHash, _> =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(made.map_err(|error| failed(&error))?.to_string())
}

/// Too many ask at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Where passwords are compared.
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
    /// Whether what is kept is of this password. Where nothing is kept the answer is no, and takes as long as that
    /// of `like`, what is kept of somebody else.
    pub(crate) async fn matches(
        &self,
        password: String,
        kept: Option<String>,
        like: Option<String>,
    ) -> Result<bool, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let running = timeout(WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let running = running.map_err(|_| Busy)?.map_err(|_| Busy)?;
        // Given back when the work is over, also where nobody waits for it any more.
        let task = tokio::task::spawn_blocking(move || {
            let _held = (place, running);
            let is_kept = kept.is_some();
            let text = kept.or(like).unwrap_or_else(|| OF_NOBODY.to_owned());
            let hash = PasswordHash::new(&text).ok();
            let verify = |hash: PasswordHash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            };
            hash.is_some_and(verify) && is_kept
        });
        task.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_of_the_same_user_matches() {
        let passwords = Passwords::default();
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !kept.contains("horse"));
        assert_ne!(kept, hash("correct horse").unwrap(), "each has a salt of its own");
        for (password, own, like, expected) in [
            ("correct horse", Some(&kept), None, true),
            ("correct horsf", Some(&kept), None, false),
            ("correct horse", None, Some(&kept), false),
            ("correct horse", None, None, false),
        ] {
            let said = passwords.matches(password.to_owned(), own.cloned(), like.cloned()).await;
            assert_eq!(said, Ok(expected), "{password} {own:?} {like:?}");
        }
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_told_at_once() {
        let passwords = Passwords::default();
        let taken = passwords.places.clone().acquire_many_owned(PLACES as u32).await.unwrap();
        assert_eq!(passwords.matches("x".to_owned(), None, None).await, Err(Busy));
        drop(taken);
        assert_eq!(passwords.matches("x".to_owned(), None, None).await, Ok(false));
    }
}
