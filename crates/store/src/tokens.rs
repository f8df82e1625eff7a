//! Tokens: how they are kept, listed and revoked. It never meets the text of a token, only its
//! SHA-256 and a short hint. What becomes of them over time is told in `token_life`.

use crate::apps;
use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::{Changes, Write, Written};
use crate::sql::{Param, Row, Tx, json_text, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::audit::Change;
use sidegate_model::last_use::LastUse;
use sidegate_model::namespace::Namespace;
use sidegate_model::scope;
use sidegate_model::token::{TOKEN_PREFIX, Token, TokenHash, TokenId};

/// Longest hint: the prefix and a few characters, so that nobody stores a token as its own hint.
const MAX_HINT_CHARS: usize = TOKEN_PREFIX.len() + 8;

/// A token to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTokenRow {
    /// The app it speaks for.
    pub app_id: AppId,
    /// What the operator calls it, up to 255 characters; may be empty.
    pub name: String,
    /// SHA-256 of its text.
    pub hash: TokenHash,
    /// The first characters of its text.
    pub hint: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it stops to be valid; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

/// Which tokens to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenFilter {
    /// Only those of this app.
    pub app: Option<AppId>,
    /// Only those with exactly this name; names of tokens are not unique.
    pub name: Option<String>,
    /// Only those that are valid at this time still.
    pub ends_after: Option<UnixMillis>,
    /// Only those that end before this time.
    pub ends_before: Option<UnixMillis>,
    /// Only those that were not used since this time, nor made.
    pub unused_since: Option<UnixMillis>,
    /// Only those of apps in this namespace.
    pub namespace: Option<Namespace>,
}

impl NewTokenRow {
    pub(crate) fn validate(&self) -> Result<(), StoreError> {
        let mut problems = Vec::new();
        if self.name.chars().count() > 255 || self.name.chars().any(char::is_control) {
            problems.push("name: give at most 255 printable characters".to_owned());
        }
        if self.hint.chars().count() > MAX_HINT_CHARS {
            problems.push(format!("hint: give at most {MAX_HINT_CHARS} characters of the token"));
        }
        if self.scopes.len() > scope::MAX_SCOPES {
            problems.push(format!("scopes: give at most {}", scope::MAX_SCOPES));
        }
        problems.extend(self.scopes.iter().filter_map(|scope| scope::check(scope).err()));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Invalid { what: "token", problems })
        }
    }
}

impl Store {
    /// Saves a new token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such app, [`StoreError::Invalid`],
    /// [`StoreError::Conflict`] when the same token is stored already.
    pub async fn create_token(&self, new: &NewTokenRow) -> Result<Written<Token>, StoreError> {
        new.validate()?;
        let mut write = self.begin_write().await?;
        apps::require(&mut write.tx, new.app_id).await?;
        let token = insert(&mut write, new).await?;
        let change = Change::created(&token);
        write.changed(token, change).await
    }

    /// The token with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn token(&self, id: TokenId) -> Result<Token, StoreError> {
        require(&mut self.begin_read().await?, id).await
    }

    /// One page of the tokens that pass `filter`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_tokens(
        &self,
        filter: &TokenFilter,
        page: Page,
    ) -> Result<Listing<Token>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first(COUNT, filter_params(filter)).await?;
        let total = total.map_or(Ok(0), |row| row.of("token").number("total"))?;
        let mut params = filter_params(filter);
        params.extend(params![page.size(), page.offset()]);
        let rows = tx.all(LIST, params).await?;
        Ok(Listing { items: rows.iter().map(read).collect::<Result<_, _>>()?, total, page })
    }

    /// Removes a token and returns what it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn revoke_token(
        &self,
        id: TokenId,
        precondition: &Precondition,
    ) -> Result<Written<Token>, StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "DELETE FROM tokens WHERE id = $1 RETURNING *";
        let row = write.tx.first(sql, params![id.0]).await?;
        let token = read(&row.ok_or_else(|| StoreError::not_found("token", id))?)?;
        precondition.check("token", id, &token.version())?;
        // What it took the place of can be rotated again.
        let sql = "UPDATE tokens SET replaced_by = NULL WHERE replaced_by = $1 RETURNING *";
        let mut changes = Changes::from(Change::deleted(&token));
        for row in &write.tx.all(sql, params![id.0]).await? {
            let after = read(row)?;
            let before = Token { replaced_by: Some(id), ..after.clone() };
            changes = changes.and(Change::changed(&before, &after));
        }
        write.changed(token, changes).await
    }
}

/// Every token, for the snapshot.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Token>, StoreError> {
    tx.all("SELECT * FROM tokens", params![]).await?.iter().map(read).collect()
}

/// The token with this number.
pub(crate) async fn require(tx: &mut Tx, id: TokenId) -> Result<Token, StoreError> {
    let row = tx.first("SELECT * FROM tokens WHERE id = $1", params![id.0]).await?;
    read(&row.ok_or_else(|| StoreError::not_found("token", id))?)
}

/// Adds a token of an app that is there.
pub(crate) async fn insert(write: &mut Write, new: &NewTokenRow) -> Result<Token, StoreError> {
    require_new_hash(&mut write.tx, new.hash).await?;
    let params = params![
        new.app_id.0,
        new.name.as_str(),
        new.hash.0,
        new.hint.as_str(),
        json_text(&new.scopes),
        new.expires_at,
        write.now,
    ];
    let row = write.tx.first(INSERT, params).await?;
    read(row.as_ref().expect("an insert returns its row"))
}

const INSERT: &str = "INSERT INTO tokens (app_id, name, hash, hint, scopes, expires_at, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING *";

/// Ranges serve both one app and all of them, and tokens with and without an end, with one statement; no name
/// is any name. One that was never used counts from when it was made.
macro_rules! filtered {
    ($select:literal, $order:literal) => {
        concat!(
            $select,
            " FROM tokens WHERE app_id BETWEEN $1 AND $2 AND name = coalesce($3, name) \
             AND coalesce(expires_at, 9223372036854775807) BETWEEN $4 AND $5 \
             AND coalesce(last_used_at, created_at) < $6 \
             AND ($7 OR app_id IN (SELECT id FROM apps WHERE namespace = $8))",
            $order
        )
    };
}
const COUNT: &str = filtered!("SELECT count(*) AS total", "");
const LIST: &str = filtered!("SELECT *", " ORDER BY id LIMIT $9 OFFSET $10");

/// `$1` to `$8` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &TokenFilter) -> Vec<Param> {
    let (low, high) = filter.app.map_or((0, u32::MAX), |app| (app.0, app.0));
    let first_end = filter.ends_after.map_or(UnixMillis::MIN, |time| time.saturating_add(1));
    let last_end = filter.ends_before.map_or(UnixMillis::MAX, |time| time.saturating_sub(1));
    let unused_since = filter.unused_since.unwrap_or(UnixMillis::MAX);
    let namespace = filter.namespace.as_ref().map_or("", Namespace::as_str);
    let name = filter.name.clone();
    let anywhere = filter.namespace.is_none();
    params![low, high, name, first_end, last_end, unused_since, anywhere, namespace]
}

async fn require_new_hash(tx: &mut Tx, hash: TokenHash) -> Result<(), StoreError> {
    let sql = "SELECT id FROM tokens WHERE hash = $1";
    let Some(row) = tx.first(sql, params![hash.0]).await? else {
        return Ok(());
    };
    let holder = TokenId(row.of("token").number("id")?);
    let detail = format!("it is stored already as token {holder}; make a new one");
    Err(StoreError::Conflict { what: "token", detail })
}

/// A row as the token that it is.
pub(crate) fn read(row: &Row) -> Result<Token, StoreError> {
    let row = row.of("token");
    let (created_at, updated_at): (UnixMillis, UnixMillis) =
        (row.get("created_at")?, row.get("updated_at")?);
    let replaced_by: Option<i64> = row.get("replaced_by")?;
    Ok(Token {
        id: TokenId(row.number("id")?),
        app_id: AppId(row.number("app_id")?),
        name: row.get("name")?,
        hash: TokenHash(row.hash("hash")?),
        hint: row.get("hint")?,
        scopes: row.json("scopes")?,
        expires_at: row.get("expires_at")?,
        created_at,
        // Of before there were changes it is 0.
        updated_at: updated_at.max(created_at),
        replaced_by: replaced_by.map(|_| row.number("replaced_by").map(TokenId)).transpose()?,
        last_used: LastUse::kept(row.get("last_used_at")?),
    })
}
