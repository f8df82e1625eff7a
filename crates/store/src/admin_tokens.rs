//! Admin tokens: how they are kept, found and revoked. It never meets the text of one, only its SHA-256 and a short
//! hint. They are no desired state: no node sees them, and no revision counts them.

use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::admin_token::{AdminToken, AdminTokenId, check_name};
use sidegate_model::audit::Change;
use sidegate_model::role::Role;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, TokenHash};

/// Longest hint: the prefix and a few characters, so that nobody stores a token as its own hint.
const MAX_HINT_CHARS: usize = ADMIN_TOKEN_PREFIX.len() + 8;

/// How errors call one.
const WHAT: &str = "admin token";

/// An admin token to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdminToken {
    /// Unique name, see [`check_name`].
    pub name: String,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// The first characters of its text.
    pub hint: String,
    /// What its holder may do.
    pub role: Role,
    /// When it stops to be valid; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

impl NewAdminToken {
    fn validate(&self) -> Result<(), StoreError> {
        let name = check_name(&self.name).err().map(|problem| format!("name: {problem}"));
        let hint = (self.hint.chars().count() > MAX_HINT_CHARS)
            .then(|| format!("hint: give at most {MAX_HINT_CHARS} characters of the token"));
        let problems: Vec<_> = name.into_iter().chain(hint).collect();
        if problems.is_empty() { Ok(()) } else { Err(StoreError::Invalid { what: WHAT, problems }) }
    }
}

const INSERT: &str = "INSERT INTO admin_tokens (name, hash, hint, role, expires_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING *";

const NOTE_USE: &str = "UPDATE admin_tokens SET last_used_at = $2 \
     WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";

impl Store {
    /// Saves a new admin token.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken or the same token is stored already.
    pub async fn create_admin_token(&self, new: &NewAdminToken) -> Result<AdminToken, StoreError> {
        new.validate()?;
        let mut write = self.begin_write().await?;
        require_free(&mut write.tx, new).await?;
        let params = params![
            new.name.as_str(),
            new.hash.0,
            new.hint.as_str(),
            new.role.as_str(),
            new.expires_at,
            write.now,
        ];
        let row = write.tx.first(INSERT, params).await?;
        let token = read(row.as_ref().expect("an insert returns its row"))?;
        let change = Change::created(&token).detail(&format!("with the role {}", token.role));
        write.changed_aside(token, change).await
    }

    /// The admin token with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn admin_token(&self, id: AdminTokenId) -> Result<AdminToken, StoreError> {
        require(&mut self.begin_read().await?, id).await
    }

    /// The admin token with exactly this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn admin_token_by_name(&self, name: &str) -> Result<AdminToken, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT * FROM admin_tokens WHERE name = $1", params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found(WHAT, format!("{name:?}")))?)
    }

    /// The admin token with this hash, ended or not; none where it was revoked or never was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then nothing is known of it.
    pub async fn admin_token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<AdminToken>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT * FROM admin_tokens WHERE hash = $1", params![hash.0]).await?;
        row.as_ref().map(read).transpose()
    }

    /// One page of all admin tokens, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_admin_tokens(&self, page: Page) -> Result<Listing<AdminToken>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first("SELECT count(*) AS total FROM admin_tokens", params![]).await?;
        let total = total.map_or(Ok(0), |row| row.of(WHAT).number("total"))?;
        let sql = "SELECT * FROM admin_tokens ORDER BY id LIMIT $1 OFFSET $2";
        let rows = tx.all(sql, params![page.size(), page.offset()]).await?;
        Ok(Listing { items: rows.iter().map(read).collect::<Result<_, _>>()?, total, page })
    }

    /// Removes an admin token and returns what it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn revoke_admin_token(
        &self,
        id: AdminTokenId,
        precondition: &Precondition,
    ) -> Result<AdminToken, StoreError> {
        let mut write = self.begin_write().await?;
        let token = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &token.version())?;
        write.tx.all("DELETE FROM admin_tokens WHERE id = $1", params![id.0]).await?;
        let change = Change::deleted(&token);
        write.changed_aside(token, change).await
    }

    /// Keeps when admin tokens were last used. What is kept already and later stays, and what is there no more is
    /// left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_admin_token_uses(
        &self,
        uses: &[(AdminTokenId, UnixMillis)],
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        for (id, time) in uses {
            write.tx.all(NOTE_USE, params![id.0, *time]).await?;
        }
        write.aside(()).await
    }
}

async fn require(tx: &mut Tx, id: AdminTokenId) -> Result<AdminToken, StoreError> {
    let row = tx.first("SELECT * FROM admin_tokens WHERE id = $1", params![id.0]).await?;
    read(&row.ok_or_else(|| StoreError::not_found(WHAT, id))?)
}

async fn require_free(tx: &mut Tx, new: &NewAdminToken) -> Result<(), StoreError> {
    let sql = "SELECT id, name FROM admin_tokens WHERE name = $1 OR hash = $2 ORDER BY id";
    let Some(row) = tx.first(sql, params![new.name.as_str(), new.hash.0]).await? else {
        return Ok(());
    };
    let row = row.of(WHAT);
    let (holder, name) = (AdminTokenId(row.number("id")?), row.get::<String>("name")?);
    let detail = if name == new.name {
        format!("the name {name:?} is taken by admin token {holder}; choose another")
    } else {
        format!("it is stored already as admin token {holder}; make a new one")
    };
    Err(StoreError::Conflict { what: WHAT, detail })
}

fn read(row: &Row) -> Result<AdminToken, StoreError> {
    let row = row.of(WHAT);
    Ok(AdminToken {
        id: AdminTokenId(row.number("id")?),
        name: row.get("name")?,
        hash: TokenHash(row.hash("hash")?),
        hint: row.get("hint")?,
        role: row.word("role", Role::parse)?,
        expires_at: row.get("expires_at")?,
        last_used_at: row.get("last_used_at")?,
        created_at: row.get("created_at")?,
    })
}
