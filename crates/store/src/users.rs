//! Users of the console: how they are kept, found and changed. It never meets a password, only what is kept of one. They
//! are no desired state: no node sees them, and no revision counts them.

use crate::console_sessions;
use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use crate::view::StoreView;
use sidegate_model::audit::Change;
use sidegate_model::console_session::ConsoleSessionId;
use sidegate_model::role::Role;
use sidegate_model::user::{Identity, PasswordHash, User, UserId, check_name};

/// How errors call one.
pub(crate) const WHAT: &str = "user";

/// Most users there are.
pub(crate) const MOST: u64 = 10_000;

/// A user to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// What people decide of them.
    pub draft: UserDraft,
    /// What is kept of their password; none where they get one later.
    pub password: Option<PasswordHash>,
}

impl NewUser {
    /// One who may sign in once they have a password.
    pub fn new(name: &str, role: Role) -> Self {
        let draft = UserDraft { name: name.to_owned(), role, is_enabled: true };
        Self { draft, password: None }
    }
}

/// What people decide of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDraft {
    /// Unique name, see [`check_name`].
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub is_enabled: bool,
}

impl UserDraft {
    /// What is decided of a user who is there.
    pub fn of(user: &User) -> Self {
        Self { name: user.name.clone(), role: user.role, is_enabled: user.is_enabled }
    }

    fn validate(&self) -> Result<(), StoreError> {
        check_name(&self.name).map_err(|problem| StoreError::Invalid {
            what: WHAT,
            problems: vec![format!("name: {problem}")],
        })
    }
}

const INSERT: &str = "INSERT INTO users (name, role, is_enabled, password, password_changed_at, \
     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING *";

const UPDATE: &str = "UPDATE users SET name = $2, role = $3, is_enabled = $4, updated_at = $5 \
     WHERE id = $1 RETURNING *";

const SET_PASSWORD: &str = "UPDATE users SET password = $2, password_changed_at = $3, \
     updated_at = $3 WHERE id = $1 RETURNING *";

impl Store {
    /// Saves a new user.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken or there are too many.
    pub async fn create_user(&self, new: &NewUser) -> Result<User, StoreError> {
        new.draft.validate()?;
        let mut write = self.begin_write().await?;
        require_free(&mut write.tx, &new.draft.name, None).await?;
        let total = total(&mut write.tx).await?;
        if total >= MOST {
            let detail = format!("there are {total} already, which is the most; delete some");
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        let params = params![
            new.draft.name.as_str(),
            new.draft.role.as_str(),
            new.draft.is_enabled,
            new.password.as_ref().map(|password| password.0.clone()),
            new.password.as_ref().map(|_| write.now),
            write.now,
        ];
        let row = write.tx.first(INSERT, params).await?;
        let user = read(row.as_ref().expect("an insert returns its row"))?;
        let change = Change::created(&user).detail(&format!("with the role {}", user.role));
        write.changed_aside(user, change).await
    }

    /// Gives a user what `amend` makes of what is stored; one who may no more sign in is signed in nowhere then.
    ///
    /// # Errors
    /// What `amend` says, [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`] and those of
    /// [`Store::create_user`].
    pub async fn amend_user<E, M>(
        &self,
        id: UserId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<User, E>
    where
        E: From<StoreError>,
        M: FnOnce(&User) -> Result<UserDraft, E>,
    {
        let mut write = self.begin_write().await?;
        let before = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &before.version())?;
        let draft = amend(&before)?;
        draft.validate()?;
        if draft == UserDraft::of(&before) {
            return Ok(write.aside(before).await?);
        }
        require_free(&mut write.tx, &draft.name, Some(id)).await?;
        let now = write.later_than(before.updated_at);
        let params = params![id.0, draft.name.as_str(), draft.role.as_str(), draft.is_enabled, now];
        let row = write.tx.first(UPDATE, params).await?;
        let user = read(row.as_ref().expect("it was there a moment ago"))?;
        if !user.is_enabled {
            console_sessions::end_all_of(&mut write.tx, id, None).await?;
        }
        let change = Change::changed(&before, &user);
        Ok(write.changed_aside(user, change).await?)
    }

    /// Gives a user another password and ends their sessions and links, but for one session.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] for one who signs in by way of a provider.
    pub async fn set_password(
        &self,
        id: UserId,
        password: &PasswordHash,
        but: Option<ConsoleSessionId>,
    ) -> Result<User, StoreError> {
        let mut write = self.begin_write().await?;
        let before = require(&mut write.tx, id).await?;
        if let Some(identity) = &before.identity {
            let detail =
                format!("they sign in by way of {}, and have no password here", identity.issuer);
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        let now = write.later_than(before.updated_at);
        let params = params![id.0, password.0.as_str(), now];
        let row = write.tx.first(SET_PASSWORD, params).await?;
        let user = read(row.as_ref().expect("it was there a moment ago"))?;
        console_sessions::end_all_of(&mut write.tx, id, but).await?;
        let change = Change::changed(&before, &user);
        write.changed_aside(user, change).await
    }

    /// Removes a user, who is signed in nowhere then, and returns who it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn delete_user(
        &self,
        id: UserId,
        precondition: &Precondition,
    ) -> Result<User, StoreError> {
        let mut write = self.begin_write().await?;
        let user = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &user.version())?;
        write.tx.all("DELETE FROM users WHERE id = $1", params![id.0]).await?;
        let change = Change::deleted(&user);
        write.changed_aside(user, change).await
    }
}

impl StoreView {
    /// The user with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn user(&self, id: UserId) -> Result<User, StoreError> {
        require(&mut self.store.begin_read().await?, id).await
    }

    /// The user with exactly this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn user_by_name(&self, name: &str) -> Result<User, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let row = tx.first("SELECT * FROM users WHERE name = $1", params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found(WHAT, format!("{name:?}")))?)
    }

    /// One page of all users, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_users(&self, page: Page) -> Result<Listing<User>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let total = total(&mut tx).await?;
        let sql = "SELECT * FROM users ORDER BY id LIMIT $1 OFFSET $2";
        let rows = tx.all(sql, params![page.size(), page.offset()]).await?;
        Ok(Listing { items: rows.iter().map(read).collect::<Result<_, _>>()?, total, page })
    }
}

pub(crate) async fn total(tx: &mut Tx) -> Result<u64, StoreError> {
    let total = tx.first("SELECT count(*) AS total FROM users", params![]).await?;
    total.map_or(Ok(0), |row| row.of(WHAT).number("total"))
}

pub(crate) async fn require(tx: &mut Tx, id: UserId) -> Result<User, StoreError> {
    let row = tx.first("SELECT * FROM users WHERE id = $1", params![id.0]).await?;
    read(&row.ok_or_else(|| StoreError::not_found(WHAT, id))?)
}

async fn require_free(tx: &mut Tx, name: &str, own: Option<UserId>) -> Result<(), StoreError> {
    let row = tx.first("SELECT id FROM users WHERE name = $1", params![name]).await?;
    let holder = row.map(|row| row.of(WHAT).number("id").map(UserId)).transpose()?;
    match holder.filter(|holder| Some(*holder) != own) {
        None => Ok(()),
        Some(holder) => {
            let detail = format!("the name {name:?} is taken by user {holder}; choose another");
            Err(StoreError::Conflict { what: WHAT, detail })
        }
    }
}

pub(crate) fn read(row: &Row) -> Result<User, StoreError> {
    let row = row.of(WHAT);
    let issuer = row.get::<Option<String>>("identity_issuer")?;
    let identity = issuer.zip(row.get("identity_subject")?);
    Ok(User {
        id: UserId(row.number("id")?),
        name: row.get("name")?,
        role: row.word("role", Role::parse)?,
        is_enabled: row.get("is_enabled")?,
        password: row.get::<Option<String>>("password")?.map(PasswordHash),
        identity: identity.map(|(issuer, subject)| Identity { issuer, subject }),
        password_changed_at: row.get("password_changed_at")?,
        last_signed_in_at: row.get("last_signed_in_at")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
