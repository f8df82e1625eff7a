//! How much of what plugins answered their pages may wait for readers, in all and of one user, so that nobody takes what is
//! for others. Knows nothing of what it is.

use super::error::ApiError;
use sidegate_model::plugin_page::PageUser;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all of them may hold, in units.
const MOST_HELD: usize = 64 * 1024;
/// What one user may hold: two of the largest files.
const MOST_OF_ONE: usize = 16 * 1024;
/// Bytes of a unit.
const UNIT: usize = 1024;
/// When it is worth another try.
const RETRY_AFTER: u32 = 5;

/// Memory for the answers of all pages.
pub(crate) struct PageMemory {
    all: Arc<Semaphore>,
    /// Units of those who hold some.
    held: Mutex<HashMap<PageUser, usize>>,
}

/// A part of it, free again when it is dropped.
pub(super) struct Share {
    memory: Arc<PageMemory>,
    _of_all: OwnedSemaphorePermit,
    user: PageUser,
    units: usize,
}

impl Default for PageMemory {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MOST_HELD)), held: Mutex::default() }
    }
}

impl PageMemory {
    fn held(&self) -> MutexGuard<'_, HashMap<PageUser, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses whoever holds all that one user may, before anything is asked for them.
    ///
    /// # Errors
    /// Then.
    pub(super) fn check(&self, user: &PageUser) -> Result<(), ApiError> {
        match self.held().get(user) {
            Some(held) if *held >= MOST_OF_ONE => Err(too_much_of_one()),
            _ => Ok(()),
        }
    }

    /// Room for so many bytes that are for this user.
    ///
    /// # Errors
    /// When too much is held for them, or by others.
    pub(super) fn take(self: &Arc<Self>, user: &PageUser, bytes: usize) -> Result<Share, ApiError> {
        let units = bytes.div_ceil(UNIT);
        let mut held = self.held();
        let before = held.get(user).copied().unwrap_or_default();
        if before + units > MOST_OF_ONE {
            return Err(too_much_of_one());
        }
        // It is no more than one user may have, so the number is none of those that are too large.
        let many = u32::try_from(units).unwrap_or(u32::MAX);
        let of_all = self.all.clone().try_acquire_many_owned(many).map_err(|_| too_much())?;
        held.insert(user.clone(), before + units);
        Ok(Share { memory: self.clone(), _of_all: of_all, user: user.clone(), units })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.memory.held();
        match held.get_mut(&self.user) {
            Some(held) if *held > self.units => *held -= self.units,
            _ => {
                held.remove(&self.user);
            }
        }
    }
}

fn mib(units: usize) -> usize {
    units * UNIT / (1024 * 1024)
}

fn too_much_of_one() -> ApiError {
    let most = mib(MOST_OF_ONE);
    let detail = format!(
        "answers of plugins for {most} MiB that you asked for are not read yet: read them or close their connections, then try again"
    );
    ApiError::too_many(detail, RETRY_AFTER)
}

fn too_much() -> ApiError {
    let most = mib(MOST_HELD);
    let detail = format!(
        "answers of plugins for {most} MiB are not read yet by those who asked for them: try again in a moment"
    );
    ApiError::unavailable_for(detail, RETRY_AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use sidegate_model::actor::Who;
    use sidegate_model::user::UserId;

    const EIGHT_MIB: usize = 8 * 1024 * 1024;

    fn user(id: u32) -> PageUser {
        PageUser::from(&Who::of_user(UserId(id), "jane"))
    }

    #[test]
    fn one_user_takes_nothing_of_another_and_all_of_them_no_more_than_there_is() {
        let memory = Arc::<PageMemory>::default();
        let refusal = |user: &PageUser| match memory.take(user, 1) {
            Ok(_) => None,
            Err(refused) => {
                let detail = refused.detail();
                Some((refused.into_response().status().as_u16(), detail))
            }
        };
        let mut shares: Vec<_> =
            (0..2).map(|_| memory.take(&user(1), EIGHT_MIB).unwrap()).collect();
        let (status, detail) = refusal(&user(1)).unwrap();
        assert_eq!(status, 429);
        assert!(detail.contains("16 MiB that you asked for"), "{detail}");
        assert!(memory.check(&user(1)).is_err() && memory.check(&user(2)).is_ok());
        assert!(memory.take(&user(1), 0).is_ok());
        for id in 2..5 {
            shares.extend((0..2).map(|_| memory.take(&user(id), EIGHT_MIB).unwrap()));
        }
        let (status, detail) = refusal(&user(9)).unwrap();
        assert_eq!(status, 503);
        assert!(detail.contains("64 MiB"), "{detail}");
        shares.pop();
        assert_eq!(refusal(&user(9)), None);
        shares.clear();
        assert!(memory.held().is_empty());
        assert_eq!(memory.all.available_permits(), MOST_HELD);
    }
}
