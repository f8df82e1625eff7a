//! Tokens over time: when they were last used, and how one takes another one's place. As `tokens`, it never meets
//! the text of one.

use crate::error::StoreError;
use crate::precondition::Precondition;
use crate::revision::{Changes, Written};
use crate::sql::params;
use crate::store::Store;
use crate::tokens::{NewTokenRow, insert, read, require};
use sidegate_model::UnixMillis;
use sidegate_model::audit::Change;
use sidegate_model::namespace::Namespace;
use sidegate_model::token::{Token, TokenHash, TokenId};

/// How one token takes the place of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotation {
    /// SHA-256 of the new one's text.
    pub hash: TokenHash,
    /// The first characters of its text.
    pub hint: String,
    /// When the new one ends.
    pub end: NewEnd,
    /// For how long the old one is valid still, in milliseconds, where it does not end before.
    pub overlap: UnixMillis,
}

/// When a new token ends that takes the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewEnd {
    /// It lasts as long as the old one was made for.
    LikeTheOld,
    /// Then; `None` is never.
    At(Option<UnixMillis>),
}

/// Two tokens of which one takes the place of the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotated {
    /// The new one.
    pub new: Token,
    /// The one before, as it is now.
    pub old: Token,
}

impl NewEnd {
    fn of(self, old: &Token, now: UnixMillis) -> Option<UnixMillis> {
        match self {
            Self::LikeTheOld => {
                old.expires_at.map(|end| now.saturating_add(end.saturating_sub(old.created_at)))
            }
            Self::At(end) => end,
        }
    }
}

/// Why a token cannot be replaced, if that is so.
fn refusal(old: &Token, now: UnixMillis) -> Option<String> {
    let id = old.id;
    match old.replaced_by {
        Some(successor) => {
            Some(format!("token {id} is replaced by token {successor} already; rotate that one"))
        }
        None if old.is_expired(now) => Some(format!("token {id} has expired; make a new one")),
        None => None,
    }
}

impl Store {
    /// Saves a new token that takes the place of another one, and lets that one end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`]; [`StoreError::Conflict`] for a token that has
    /// ended or is replaced already.
    pub async fn rotate_token(
        &self,
        id: TokenId,
        rotation: &Rotation,
        precondition: &Precondition,
    ) -> Result<Written<Rotated>, StoreError> {
        let mut write = self.begin_write().await?;
        let old = require(&mut write.tx, id).await?;
        precondition.check("token", id, &old.version())?;
        if let Some(detail) = refusal(&old, write.now) {
            return Err(StoreError::Conflict { what: "token", detail });
        }
        let new = NewTokenRow {
            app_id: old.app_id,
            name: old.name.clone(),
            hash: rotation.hash,
            hint: rotation.hint.clone(),
            scopes: old.scopes.clone(),
            expires_at: rotation.end.of(&old, write.now),
        };
        new.validate()?;
        let new = insert(&mut write, &new).await?;
        let end = write.now.saturating_add(rotation.overlap);
        let sql = "UPDATE tokens SET expires_at = $1, replaced_by = $2, updated_at = $3 \
                   WHERE id = $4 RETURNING *";
        let end = old.expires_at.map_or(end, |before| before.min(end));
        let params = params![end, new.id.0, write.later_than(old.updated_at), id.0];
        let row = write.tx.first(sql, params).await?;
        let before = old;
        let old = read(&row.ok_or_else(|| StoreError::not_found("token", id))?)?;
        let changes = Changes::from(Change::created(&new)).and(Change::changed(&before, &old));
        write.changed(Rotated { new, old }, changes).await
    }

    /// Keeps when tokens were last used, all of it or nothing. What is kept already and later stays, and what is
    /// there no more is left out. It is no change of desired state.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_token_uses(&self, uses: &[(TokenId, UnixMillis)]) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "UPDATE tokens SET last_used_at = $2 \
                   WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)";
        for (id, time) in uses {
            write.tx.all(sql, params![id.0, *time]).await?;
        }
        write.aside(()).await
    }

    /// The same of an edge of this namespace: those of others are left out, too, which it does not serve.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_token_uses_of(
        &self,
        namespace: &Namespace,
        uses: &[(TokenId, UnixMillis)],
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "UPDATE tokens SET last_used_at = $2 \
                   WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2) \
                   AND app_id IN (SELECT id FROM apps WHERE namespace IN ('', $3))";
        for (id, time) in uses {
            write.tx.all(sql, params![id.0, *time, namespace.as_str()]).await?;
        }
        write.aside(()).await
    }
}
