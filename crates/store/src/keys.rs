//! The keys of the data: each namespace has its own, made once or in place of one before, kept in the database, and
//! sealed there by a key that is not in it. It knows no secret but these.

use crate::error::StoreError;
use crate::sql::{Row, Tx, params};
use crate::uniqueness;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::sealing::{CannotOpen, Keyring, SealingKey};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a key of the data is sealed for.
const CONTEXT: &str = "data key";
/// Where the key of digests lies among them. No namespace is called so: no edge ever gets it, and it is not replaced with
/// the keys of one, so that a digest of what did not change stays the same.
const DIGESTS: &str = "_digests";

/// The keys as they were seen last, and what opens those that another process makes.
#[derive(Debug)]
pub(crate) struct Keys {
    outer: Keyring,
    known: Mutex<Arc<DataKeys>>,
}

impl Keys {
    pub(crate) fn new(outer: Keyring, known: DataKeys) -> Self {
        Self { outer, known: Mutex::new(Arc::new(known)) }
    }

    /// The key from outside.
    pub(crate) fn outer(&self) -> &Keyring {
        &self.outer
    }

    /// Those that were seen last.
    pub(crate) fn known(&self) -> Arc<DataKeys> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that a transaction sees that has not changed them itself. The newest one tells whether they are others:
    /// none is ever removed, but a restored database may have fewer, and then another one by the same number.
    pub(crate) async fn seen_by(&self, tx: &mut Tx) -> Result<Arc<DataKeys>, StoreError> {
        let known = self.known();
        let row = tx.first(NEWEST, params![]).await?.ok_or_else(none)?;
        let row = row.of("data key");
        let sealed: &[u8] = row.get("sealed")?;
        if known.newest == (row.get("id")?, sealed.to_vec()) {
            return Ok(known);
        }
        let loaded = load(tx, &self.outer).await?.map(Arc::new).ok_or_else(none)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = loaded.clone();
        Ok(loaded)
    }
}

/// The keys of every namespace: of each the one that seals, and those that can still be read.
#[derive(Debug)]
pub(crate) struct DataKeys {
    /// The newest one as it is stored, with its number.
    newest: (i64, Vec<u8>),
    /// Whether each is sealed by the key from outside that seals now.
    pub(crate) is_current: bool,
    rings: BTreeMap<Namespace, Keyring>,
    /// None in a database of before, until it is opened for writing.
    digests: Option<SealingKey>,
}

impl DataKeys {
    /// Those of one namespace.
    pub(crate) fn of(&self, namespace: &Namespace) -> Result<&Keyring, StoreError> {
        self.rings.get(namespace).ok_or_else(none)
    }

    /// What digests are made with.
    pub(crate) fn digests(&self) -> Result<&SealingKey, StoreError> {
        match &self.digests {
            Some(key) => Ok(key),
            None => Ok(self.of(&Namespace::global())?.current()),
        }
    }

    /// Whether nothing is to be made or sealed anew.
    pub(crate) fn are_complete(&self) -> bool {
        self.is_current && self.digests.is_some()
    }
}

/// Whether there are keys already, which only the right key from outside can open.
pub(crate) async fn are_there(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.first("SELECT id FROM data_keys LIMIT 1", params![]).await?.is_some())
}

/// The keys of the data, if there are any.
pub(crate) async fn load(tx: &mut Tx, outer: &Keyring) -> Result<Option<DataKeys>, StoreError> {
    let rows = tx.all(ALL, params![]).await?;
    let (mut is_current, mut newest, mut digests) = (true, (0, Vec::new()), None);
    let mut keys = BTreeMap::<Namespace, Vec<SealingKey>>::new();
    for row in &rows {
        let row = row.of("data key");
        let sealed: &[u8] = row.get("sealed")?;
        is_current &= outer.is_by_current(sealed);
        let id: i64 = row.get("id")?;
        if id > newest.0 {
            newest = (id, sealed.to_vec());
        }
        let key = opened(sealed, outer)?;
        match row.get::<&str>("namespace")? {
            DIGESTS => digests = Some(key),
            _ => keys.entry(uniqueness::namespace(&row)?).or_default().push(key),
        }
    }
    let ring = |(namespace, keys): (Namespace, Vec<SealingKey>)| {
        // The one in use comes first.
        let mut keys = keys.into_iter();
        keys.next().map(|current| (namespace, Keyring::new(current, keys)))
    };
    let rings: BTreeMap<_, _> = keys.into_iter().filter_map(ring).collect();
    Ok((!rings.is_empty()).then_some(DataKeys { newest, is_current, rings, digests }))
}

/// The keys of the data, made where there are none. Those that a replaced key has sealed are sealed anew.
pub(crate) async fn load_or_make(
    tx: &mut Tx,
    now: UnixMillis,
    outer: &Keyring,
) -> Result<DataKeys, StoreError> {
    let Some(known) = load(tx, outer).await? else {
        make(tx, now, &Namespace::global(), outer).await?;
        insert(tx, now, DIGESTS, outer).await?;
        return load(tx, outer).await?.ok_or_else(none);
    };
    if known.digests.is_none() {
        insert(tx, now, DIGESTS, outer).await?;
    }
    for row in tx.all(ALL, params![]).await? {
        let row = row.of("data key");
        let sealed: &[u8] = row.get("sealed")?;
        if !outer.is_by_current(sealed) {
            let id: i64 = row.get("id")?;
            let anew = outer.current().seal(CONTEXT, opened(sealed, outer)?.bytes());
            let sql = "UPDATE data_keys SET sealed = $1 WHERE id = $2";
            tx.all(sql, params![anew.as_slice(), id]).await?;
        }
    }
    // Whether each was sealed by the key of now is told as it was found.
    let after = load(tx, outer).await?.ok_or_else(none)?;
    Ok(DataKeys { is_current: known.is_current, ..after })
}

/// Makes a key that seals in a namespace from now on; the one before can still be read.
pub(crate) async fn make(
    tx: &mut Tx,
    now: UnixMillis,
    namespace: &Namespace,
    outer: &Keyring,
) -> Result<(), StoreError> {
    retire(tx, now, namespace).await?;
    insert(tx, now, namespace.as_str(), outer).await
}

async fn insert(
    tx: &mut Tx,
    now: UnixMillis,
    place: &str,
    outer: &Keyring,
) -> Result<(), StoreError> {
    let key = SealingKey::generate().map_err(|e| no_randomness(&e))?;
    let sealed = outer.current().seal(CONTEXT, key.bytes());
    tx.all(INSERT, params![place, sealed.as_slice(), now]).await.map(drop)
}

/// Lets nothing be sealed any more by the key of a namespace.
pub(crate) async fn retire(
    tx: &mut Tx,
    now: UnixMillis,
    namespace: &Namespace,
) -> Result<(), StoreError> {
    let sql = "UPDATE data_keys SET retired_at = $1 WHERE namespace = $2 AND retired_at IS NULL";
    tx.all(sql, params![now, namespace.as_str()]).await.map(drop)
}

/// The keys of a namespace with their numbers, oldest first; the last one seals.
pub(crate) async fn numbered(
    tx: &mut Tx,
    namespace: &Namespace,
    outer: &Keyring,
) -> Result<Vec<(u64, SealingKey)>, StoreError> {
    let sql = "SELECT id, sealed FROM data_keys WHERE namespace = $1 ORDER BY id";
    let rows = tx.all(sql, params![namespace.as_str()]).await?;
    let key = |row: &Row| {
        let row = row.of("data key");
        Ok((row.number("id")?, opened(row.get("sealed")?, outer)?))
    };
    rows.iter().map(key).collect()
}

fn opened(sealed: &[u8], outer: &Keyring) -> Result<SealingKey, StoreError> {
    let bytes = outer.open(CONTEXT, sealed).map_err(|e| cannot_open(&e))?;
    let bytes = bytes.try_into().map_err(|_| cannot_open(&CannotOpen::Damaged))?;
    Ok(SealingKey::new(bytes))
}

const ALL: &str = "SELECT id, namespace, sealed FROM data_keys \
     ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, id";
const NEWEST: &str = "SELECT id, sealed FROM data_keys ORDER BY id DESC LIMIT 1";
const INSERT: &str = "INSERT INTO data_keys (namespace, sealed, created_at) VALUES ($1, $2, $3)";

fn none() -> StoreError {
    let problem = "the database has no key for its secrets; restore it from a backup".to_owned();
    StoreError::Keys { problem }
}

pub(crate) fn cannot_open(error: &CannotOpen) -> StoreError {
    let problem = match error {
        CannotOpen::UnknownKey(id) => format!(
            "the secrets in the database are sealed with key {id}, which was not given; give the file with that key, or restore it from a backup"
        ),
        CannotOpen::Damaged => {
            "a key in the database was changed; restore the database from a backup".to_owned()
        }
    };
    StoreError::Keys { problem }
}

fn no_randomness(error: &getrandom::Error) -> StoreError {
    StoreError::Keys { problem: format!("the system gives no randomness for a new key: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    #[tokio::test]
    async fn a_restored_database_with_another_key_by_the_same_number_is_not_read_by_the_one_before()
    {
        let outer = Keyring::single([7; 32]);
        let store = Store::open("sqlite::memory:", &outer).await.unwrap();
        let global = Namespace::global();
        store.rotate_data_keys(std::slice::from_ref(&global)).await.unwrap();
        let before = store.data_keys(&global).await.unwrap();
        // As if it had been restored to before that, and another process had made another key since.
        let other = SealingKey::new([9; 32]);
        let sealed = outer.current().seal(CONTEXT, other.bytes());
        let mut write = store.begin_write().await.unwrap();
        let row = write.tx.first(NEWEST, params![]).await.unwrap().unwrap();
        let id: i64 = row.of("data key").get("id").unwrap();
        let sql = "UPDATE data_keys SET sealed = $1 WHERE id = $2";
        write.tx.all(sql, params![sealed.as_slice(), id]).await.unwrap();
        write.aside(()).await.unwrap();
        let after = store.data_keys(&global).await.unwrap();
        assert_eq!(after.current().id(), other.id());
        assert!(after.get(before.current().id()).is_none());
    }
}
