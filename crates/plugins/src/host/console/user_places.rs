//! How many questions of one user one plugin may have at a time, and how many files they may fetch of it, so that no user takes
//! all places.

use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_page::{PageFailure, PageUser};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of each kind, of one user at one plugin: from when they wait for its process until they are answered. So many files a
/// browser fetches from one place at a time.
const MOST_OF_ONE: usize = 8;

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// A question.
    Call,
    /// A file.
    Asset,
}

/// Whose place it is, and what for.
type Key = (PluginId, PageUser, Purpose);
type Taken = HashMap<Key, usize>;

/// Who has how many places.
#[derive(Default)]
pub(super) struct UserPlaces(Mutex<Taken>);

/// A place of a user, free again when it is dropped.
pub(super) struct UserPlace {
    places: Arc<UserPlaces>,
    of: Key,
}

impl UserPlaces {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one for this user.
    ///
    /// # Errors
    /// Where the user has as many as one may.
    pub(super) fn take(
        self: &Arc<Self>,
        plugin: PluginId,
        user: PageUser,
        purpose: Purpose,
    ) -> Result<UserPlace, PageFailure> {
        let of = (plugin, user, purpose);
        let mut taken = self.taken();
        let count = taken.get(&of).copied().unwrap_or_default();
        if count >= MOST_OF_ONE {
            let what = match purpose {
                Purpose::Call => "calls",
                Purpose::Asset => "files",
            };
            return Err(PageFailure::TooMany(format!(
                "{MOST_OF_ONE} {what} of yours are open at this plugin already: wait for their answers, or try again in a moment"
            )));
        }
        taken.insert(of.clone(), count + 1);
        Ok(UserPlace { places: self.clone(), of })
    }
}

impl UserPlace {
    pub(super) fn user(&self) -> &str {
        &self.of.1.name
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        match taken.get_mut(&self.of) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::actor::Who;
    use sidegate_model::user::UserId;

    #[test]
    fn one_user_takes_no_place_of_another_and_leaves_nothing_behind() {
        let places = Arc::new(UserPlaces::default());
        let jane = PageUser::from(&Who::of_user(UserId(7), "jane"));
        let joe = PageUser { key: "user:8".to_owned(), ..jane.clone() };
        let take = |user: &PageUser| places.take(PluginId(1), user.clone(), Purpose::Call);
        let mut of_jane: Vec<_> = (0..MOST_OF_ONE).map(|_| take(&jane).unwrap()).collect();
        assert!(matches!(take(&jane), Err(PageFailure::TooMany(why)) if why.contains("8 calls")));
        assert!(places.take(PluginId(2), jane.clone(), Purpose::Call).is_ok());
        let file = || places.take(PluginId(1), jane.clone(), Purpose::Asset);
        let of_files: Vec<_> = (0..MOST_OF_ONE).map(|_| file().unwrap()).collect();
        assert!(matches!(file(), Err(PageFailure::TooMany(why)) if why.contains("8 files")));
        drop(of_files);
        assert_eq!(take(&joe).unwrap().user(), "user:jane", "one who is called the same");
        of_jane.pop();
        of_jane.push(take(&jane).unwrap());
        drop(of_jane);
        assert!(places.taken().is_empty());
    }
}
