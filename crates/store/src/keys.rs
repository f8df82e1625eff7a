//! The keys of the data: made once, kept in the database, and sealed there by a key that is not in it.
//! It knows no secret but these.

use crate::error::StoreError;
use crate::revision::Write;
use crate::sql::{Tx, params};
use sidegate_model::sealing::{CannotOpen, Keyring, SealingKey};

/// What a key of the data is sealed for.
const CONTEXT: &str = "data key";
/// What is not of one namespace only. There are no others yet.
const GLOBAL: &str = "";

/// Whether there are keys already, which only the right key from outside can open.
pub(crate) async fn are_there(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.first("SELECT id FROM data_keys LIMIT 1", params![]).await?.is_some())
}

/// The keys of the data.
pub(crate) struct Known {
    /// All of them.
    pub(crate) ring: Keyring,
    /// Whether each is sealed by the key that seals now.
    pub(crate) is_current: bool,
}

/// The keys of the data, if there are any.
pub(crate) async fn load(tx: &mut Tx, outer: &Keyring) -> Result<Option<Known>, StoreError> {
    let rows = tx.all(ALL, params![GLOBAL]).await?;
    let mut is_current = true;
    let mut keys = Vec::new();
    for row in &rows {
        let sealed: &[u8] = row.of("data key").get("sealed")?;
        is_current &= outer.is_by_current(sealed);
        keys.push(opened(sealed, outer)?);
    }
    // The one in use comes first.
    let mut keys = keys.into_iter();
    let Some(current) = keys.next() else { return Ok(None) };
    Ok(Some(Known { ring: Keyring::new(current, keys), is_current }))
}

/// The keys of the data, made where there are none. Those that a replaced key has sealed are sealed anew.
pub(crate) async fn load_or_make(
    write: &mut Write,
    outer: &Keyring,
) -> Result<Keyring, StoreError> {
    let Some(known) = load(&mut write.tx, outer).await? else {
        let key = SealingKey::generate().map_err(|e| no_randomness(&e))?;
        let sealed = outer.current().seal(CONTEXT, key.bytes());
        write.tx.all(INSERT, params![GLOBAL, sealed.as_slice(), write.now]).await?;
        return Ok(Keyring::new(key, []));
    };
    for row in write.tx.all(ALL, params![GLOBAL]).await? {
        let row = row.of("data key");
        let sealed: &[u8] = row.get("sealed")?;
        if !outer.is_by_current(sealed) {
            let id: i64 = row.get("id")?;
            let anew = outer.current().seal(CONTEXT, opened(sealed, outer)?.bytes());
            let sql = "UPDATE data_keys SET sealed = $1 WHERE id = $2";
            write.tx.all(sql, params![anew.as_slice(), id]).await?;
        }
    }
    Ok(known.ring)
}

fn opened(sealed: &[u8], outer: &Keyring) -> Result<SealingKey, StoreError> {
    let bytes = outer.open(CONTEXT, sealed).map_err(|e| cannot_open(&e))?;
    let bytes = bytes.try_into().map_err(|_| cannot_open(&CannotOpen::Damaged))?;
    Ok(SealingKey::new(bytes))
}

const ALL: &str = "SELECT id, sealed FROM data_keys WHERE namespace = $1 \
     ORDER BY CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, id";
const INSERT: &str = "INSERT INTO data_keys (namespace, sealed, created_at) VALUES ($1, $2, $3)";

fn cannot_open(error: &CannotOpen) -> StoreError {
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
