//! The keys of namespaces as the database has them, for what plugins seal: looked up now and then, and remembered while the
//! database is away.

use sidegate_model::namespace::Namespace;
use sidegate_model::plugin_sealing::{KeysFuture, Look, NamespaceKeys};
use sidegate_model::sealing::Keyring;
use sidegate_store::Store;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long keys are taken for the newest ones. Another process may have made one meanwhile.
const KNOWN_FOR: Duration = Duration::from_secs(10);
/// The same where something cannot be opened: whatever plugins are sent, the database is not asked more often.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the database may take. Those that were seen last count where it does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keys of namespaces.
pub(crate) struct StoredKeys {
    store: Store,
    seen: Mutex<BTreeMap<Namespace, Seen>>,
}

/// Keys, and when they were looked up, or when that was tried in vain.
#[derive(Clone)]
struct Seen {
    keys: Option<Arc<Keyring>>,
    at: Instant,
}

impl StoredKeys {
    /// Those of this database.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, seen: Mutex::default() }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<Namespace, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn of(&self, namespace: &Namespace, look: Look) -> Option<Arc<Keyring>> {
        let enough = match look {
            Look::Known => KNOWN_FOR,
            Look::Again => AGAIN_AFTER,
        };
        let before = self.seen().get(namespace).cloned();
        if let Some(seen) = &before
            && seen.at.elapsed() < enough
        {
            // Who has none asks again as soon as that is allowed.
            let is_enough = seen.keys.is_some() || seen.at.elapsed() < AGAIN_AFTER;
            if is_enough {
                return seen.keys.clone();
            }
        }
        let keys = match timeout(PATIENCE, self.store.data_keys(namespace)).await {
            Ok(Ok(keys)) => Some(Arc::new(keys)),
            Ok(Err(error)) => {
                tracing::debug!(%namespace, %error, "keys cannot be looked up");
                before.and_then(|seen| seen.keys)
            }
            Err(_) => before.and_then(|seen| seen.keys),
        };
        let seen = Seen { keys: keys.clone(), at: Instant::now() };
        self.seen().insert(namespace.clone(), seen);
        keys
    }
}

impl NamespaceKeys for StoredKeys {
    fn keys<'a>(&'a self, namespace: &'a Namespace, look: Look) -> KeysFuture<'a> {
        Box::pin(self.of(namespace, look))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn stored() -> (Store, StoredKeys) {
        let store = Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap();
        (store.clone(), StoredKeys::new(store))
    }

    async fn current(keys: &StoredKeys, look: Look) -> Option<sidegate_model::sealing::KeyId> {
        let keys = keys.keys(&Namespace::global(), look).await;
        keys.map(|keys| keys.current().id())
    }

    #[tokio::test]
    async fn a_key_that_took_the_place_of_another_is_seen_when_its_time_has_come() {
        let (store, keys) = stored().await;
        let first = current(&keys, Look::Known).await.unwrap();
        store.rotate_data_keys(&[Namespace::global()]).await.unwrap();
        assert_eq!(current(&keys, Look::Known).await, Some(first));
        let age = |by| {
            let mut seen = keys.seen();
            let seen = seen.get_mut(&Namespace::global()).unwrap();
            seen.at = seen.at.checked_sub(by).unwrap();
        };
        age(AGAIN_AFTER);
        assert_eq!(current(&keys, Look::Known).await, Some(first));
        let second = current(&keys, Look::Again).await.unwrap();
        assert_ne!(first, second);
        store.rotate_data_keys(&[Namespace::global()]).await.unwrap();
        assert_eq!(current(&keys, Look::Again).await, Some(second), "asked a moment ago");
        age(KNOWN_FOR);
        assert_ne!(current(&keys, Look::Known).await, Some(second));
    }

    #[tokio::test]
    async fn keys_that_were_seen_count_while_the_database_is_away() {
        let (store, keys) = stored().await;
        let first = current(&keys, Look::Known).await;
        assert!(first.is_some());
        store.close().await;
        keys.seen().get_mut(&Namespace::global()).unwrap().at -= KNOWN_FOR;
        assert_eq!(current(&keys, Look::Known).await, first);
        assert_eq!(current(&keys, Look::Again).await, first);
        let never_seen = keys.keys(&Namespace::parse("berlin").unwrap(), Look::Known).await;
        assert!(never_seen.is_none());
    }
}
