//! Tokens: how they are kept, listed and revoked. It never meets the text of a token, only its
//! SHA-256 and a short hint.

use crate::apps;
use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::Written;
use crate::sql::{Param, Row, Tx, json_text, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
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
}

impl NewTokenRow {
    fn validate(&self) -> Result<(), StoreError> {
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
        let token = read(row.as_ref().expect("an insert returns its row"))?;
        write.changed(token).await
    }

    /// The token with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn token(&self, id: TokenId) -> Result<Token, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT * FROM tokens WHERE id = $1", params![id.0]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("token", id))?)
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
        write.changed(token).await
    }
}

/// Every token, for the snapshot.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Token>, StoreError> {
    tx.all("SELECT * FROM tokens", params![]).await?.iter().map(read).collect()
}

const INSERT: &str = "INSERT INTO tokens (app_id, name, hash, hint, scopes, expires_at, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *";

/// A range of apps serves both one app and all of them with one statement; no name is any name.
const COUNT: &str = "SELECT count(*) AS total FROM tokens WHERE app_id BETWEEN $1 AND $2 AND \
     name = coalesce($3, name)";
const LIST: &str = "SELECT * FROM tokens WHERE app_id BETWEEN $1 AND $2 AND \
     name = coalesce($3, name) ORDER BY id LIMIT $4 OFFSET $5";

/// `$1` to `$3` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &TokenFilter) -> Vec<Param> {
    let (low, high) = filter.app.map_or((0, u32::MAX), |app| (app.0, app.0));
    params![low, high, filter.name.clone()]
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

fn read(row: &Row) -> Result<Token, StoreError> {
    let row = row.of("token");
    Ok(Token {
        id: TokenId(row.number("id")?),
        app_id: AppId(row.number("app_id")?),
        name: row.get("name")?,
        hash: TokenHash(row.hash("hash")?),
        hint: row.get("hint")?,
        scopes: row.json("scopes")?,
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
    })
}
