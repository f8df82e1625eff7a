//! The keys by which edges know their control plane: the one that signs what is published, and that of the authority
//! of certificates. They are sealed by the key from outside, not by one that edges get. It does not know what the
//! bytes of a key are.

use crate::error::StoreError;
use crate::keys as data_keys;
use crate::revision::Write;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::audit::{Change, Place, Thing, ThingKind};
use sidegate_model::namespace::Namespace;
use sidegate_model::sealing::{CannotOpen, Keyring, SealingKey};
use std::fmt;

/// How errors call one.
const WHAT: &str = "key";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Signs what is published.
    Signer,
    /// Makes certificates.
    Authority,
}

impl KeyPurpose {
    const ALL: [Self; 2] = [Self::Signer, Self::Authority];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signer => "signer",
            Self::Authority => "authority",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// Where a key is in its life: edges know one that is next before it is used, and one that was used for a while after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyState {
    /// Edges are told of it, and nothing is made with it yet.
    Next,
    /// It is used.
    Current,
    /// What was made with it still counts.
    Previous,
}

impl KeyState {
    const ALL: [Self; 3] = [Self::Next, Self::Current, Self::Previous];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A key to be kept.
pub struct NewFleetKey {
    /// What everybody may see of it.
    pub public: Vec<u8>,
    /// What nobody may.
    pub secret: Vec<u8>,
}

/// A key with its secret part.
#[derive(Clone, PartialEq, Eq)]
pub struct FleetKey {
    /// Number, given by the store.
    pub id: u32,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// What everybody may see of it.
    pub public: Vec<u8>,
    /// What nobody may.
    pub secret: Vec<u8>,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When another one took its place.
    pub retired_at: Option<UnixMillis>,
}

impl fmt::Debug for FleetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FleetKey({} {} {})", self.purpose.as_str(), self.id, self.state.as_str())
    }
}

const ALL: &str = "SELECT * FROM sealed_keys WHERE purpose = $1 ORDER BY id";
const INSERT: &str = "INSERT INTO sealed_keys (purpose, public, sealed, state, created_at) \
     VALUES ($1, $2, $3, $4, $5) RETURNING *";

impl Store {
    /// All keys for a purpose, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where one cannot be opened, [`StoreError::Unavailable`].
    pub async fn fleet_keys(&self, purpose: KeyPurpose) -> Result<Vec<FleetKey>, StoreError> {
        load(&mut self.begin_read().await?, purpose, self.keys.outer()).await
    }

    /// The keys for a purpose; one is made where there is none in use, by one process at a time.
    ///
    /// # Errors
    /// Those of [`Store::fleet_keys`].
    pub async fn fleet_keys_or<M>(
        &self,
        purpose: KeyPurpose,
        make: M,
    ) -> Result<Vec<FleetKey>, StoreError>
    where
        M: FnOnce() -> NewFleetKey + Send,
    {
        let is_there = |keys: &[FleetKey]| keys.iter().any(|key| key.state == KeyState::Current);
        let known = self.fleet_keys(purpose).await?;
        if is_there(&known) {
            return Ok(known);
        }
        let mut write = self.begin_write().await?;
        let mut known = load(&mut write.tx, purpose, self.keys.outer()).await?;
        if is_there(&known) {
            return Ok(known);
        }
        let key = self.insert(&mut write, (purpose, KeyState::Current), &make()).await?;
        let change = change(&key, "was made");
        known.push(key);
        write.changed_fleet(known, change).await
    }

    /// Keeps one more key, which is next where it is to be made known first.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for another one that is current; [`StoreError::Unavailable`].
    pub async fn add_fleet_key(
        &self,
        purpose: KeyPurpose,
        state: KeyState,
        new: &NewFleetKey,
    ) -> Result<FleetKey, StoreError> {
        let mut write = self.begin_write().await?;
        let known = load(&mut write.tx, purpose, self.keys.outer()).await?;
        let is_next = |key: &FleetKey| state == KeyState::Next && key.state == state;
        if let Some(next) = known.into_iter().find(is_next) {
            // Two at once are one: edges are told of one at a time.
            return Ok(next);
        }
        let key = self.insert(&mut write, (purpose, state), new).await?;
        let change = change(&key, "was made, and is made known first");
        write.changed_fleet(key, change).await
    }

    /// Lets the key that is next, if there is one, take the place of the one in use; gives all that there are then.
    ///
    /// # Errors
    /// Those of [`Store::fleet_keys`].
    pub async fn promote_fleet_key(&self, id: u32) -> Result<Vec<FleetKey>, StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "SELECT purpose, state FROM sealed_keys WHERE id = $1";
        let row = write.tx.first(sql, params![id]).await?;
        let row = row.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        let purpose = row.of(WHAT).word("purpose", KeyPurpose::parse)?;
        if row.of(WHAT).word("state", KeyState::parse)? != KeyState::Next {
            return load(&mut write.tx, purpose, self.keys.outer()).await;
        }
        let retire = "UPDATE sealed_keys SET state = 'previous', retired_at = $2 \
             WHERE purpose = $1 AND state = 'current'";
        write.tx.all(retire, params![purpose.as_str(), write.now]).await?;
        let promote = "UPDATE sealed_keys SET state = 'current' WHERE id = $1";
        write.tx.all(promote, params![id]).await?;
        let keys = load(&mut write.tx, purpose, self.keys.outer()).await?;
        let key = keys.iter().find(|key| key.id == id);
        let key = key.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        let change = change(key, "is used from now on");
        write.changed_fleet(keys, change).await
    }

    /// Forgets a key that is not in use.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for one that is in use; [`StoreError::NotFound`].
    pub async fn remove_fleet_key(&self, id: u32) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let row = write.tx.first("SELECT * FROM sealed_keys WHERE id = $1", params![id]).await?;
        let key = read(&row.ok_or_else(|| StoreError::not_found(WHAT, id))?, self.keys.outer())?;
        if key.state == KeyState::Current {
            let detail = format!("key {id} is in use");
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        write.tx.all("DELETE FROM sealed_keys WHERE id = $1", params![id]).await?;
        write.changed_fleet((), change(&key, "was forgotten")).await
    }

    /// The keys of a namespace's data with their numbers, oldest first; the last one seals.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where one cannot be opened, [`StoreError::Unavailable`].
    pub async fn numbered_data_keys(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<(u64, SealingKey)>, StoreError> {
        data_keys::numbered(&mut self.begin_read().await?, namespace, self.keys.outer()).await
    }

    /// Notes in the audit log that somebody was shown the keys of what edges of a namespace see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then they must not be shown.
    pub async fn note_keys_shown(&self, namespace: &Namespace) -> Result<(), StoreError> {
        let write = self.begin_write().await?;
        let thing = Thing { kind: ThingKind::Key, id: 0, name: "data keys".to_owned() };
        let change = of(thing).detail(&format!("those of namespace {namespace} were shown"));
        write.changed_aside((), change).await
    }

    async fn insert(
        &self,
        write: &mut Write,
        (purpose, state): (KeyPurpose, KeyState),
        new: &NewFleetKey,
    ) -> Result<FleetKey, StoreError> {
        let sealed = self.keys.outer().current().seal(context(purpose), &new.secret);
        let params = params![
            purpose.as_str(),
            new.public.as_slice(),
            sealed.as_slice(),
            state.as_str(),
            write.now,
        ];
        let row = write.tx.first(INSERT, params).await?;
        read(row.as_ref().expect("an insert returns its row"), self.keys.outer())
    }
}

/// Whether all of them are sealed by the key that seals now.
pub(crate) async fn are_current(tx: &mut Tx, outer: &Keyring) -> Result<bool, StoreError> {
    let rows = tx.all("SELECT id, sealed FROM sealed_keys", params![]).await?;
    for row in &rows {
        if !outer.is_by_current(row.of(WHAT).get("sealed")?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Seals those anew that a key has sealed which was replaced.
pub(crate) async fn seal_anew(write: &mut Write, outer: &Keyring) -> Result<(), StoreError> {
    for row in write.tx.all("SELECT * FROM sealed_keys", params![]).await? {
        if outer.is_by_current(row.of(WHAT).get("sealed")?) {
            continue;
        }
        let key = read(&row, outer)?;
        let sealed = outer.current().seal(context(key.purpose), &key.secret);
        let sql = "UPDATE sealed_keys SET sealed = $1 WHERE id = $2";
        write.tx.all(sql, params![sealed.as_slice(), key.id]).await?;
    }
    Ok(())
}

async fn load(
    tx: &mut Tx,
    purpose: KeyPurpose,
    outer: &Keyring,
) -> Result<Vec<FleetKey>, StoreError> {
    let rows = tx.all(ALL, params![purpose.as_str()]).await?;
    rows.iter().map(|row| read(row, outer)).collect()
}

/// What it is sealed for.
fn context(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Signer => "signing key",
        KeyPurpose::Authority => "key of the authority",
    }
}

fn change(key: &FleetKey, what: &str) -> Change {
    let name = key.purpose.as_str().to_owned();
    let thing = Thing { kind: ThingKind::Key, id: key.id, name };
    of(thing).detail(what)
}

fn of(thing: Thing) -> Change {
    let (place, hint) = (Place::Nowhere, None);
    Change { thing, place, hint, before: None, after: None, fields: Vec::new(), detail: None }
}

fn read(row: &Row, outer: &Keyring) -> Result<FleetKey, StoreError> {
    let row = row.of(WHAT);
    let purpose = row.word("purpose", KeyPurpose::parse)?;
    let secret = outer.open(context(purpose), row.get("sealed")?).map_err(|e| cannot_open(&e))?;
    Ok(FleetKey {
        id: row.number("id")?,
        purpose,
        public: row.get("public")?,
        secret,
        state: row.word("state", KeyState::parse)?,
        created_at: row.get("created_at")?,
        retired_at: row.get("retired_at")?,
    })
}

fn cannot_open(error: &CannotOpen) -> StoreError {
    let problem = match error {
        CannotOpen::UnknownKey(id) => format!(
            "the keys of the control plane are sealed with key {id}, which was not given; give the file with that key, or restore it from a backup"
        ),
        CannotOpen::Damaged => {
            "a key of the control plane in the database was changed; restore the database from a backup".to_owned()
        }
    };
    StoreError::Keys { problem }
}
