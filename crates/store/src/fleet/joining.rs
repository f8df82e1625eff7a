//! How an edge redeems its join token: once, within its time, and again only by the same key, for an answer can get
//! lost.

use super::edges::{self, WHAT};
use crate::error::StoreError;
use crate::sql::params;
use crate::store::Store;
use sidegate_model::audit::Change;
use sidegate_model::edge::Edge;
use sidegate_model::sha256::Sha256;

/// Why a join token is not taken. Whoever presents one is told no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefusal {
    /// There is no such token, or its secret is another.
    #[error("the join token is not valid: make a new one with `sidegate edge join-token`")]
    Unknown,
    /// Its time is over.
    #[error("the join token has expired: make a new one with `sidegate edge join-token`")]
    Expired,
    /// Another key redeemed it.
    #[error(
        "the join token was used by another edge already: make a new one with `sidegate edge join-token`"
    )]
    Used,
}

/// What came of a join token that was presented.
pub type Redeemed = Result<Edge, JoinRefusal>;

const JOIN: &str = "UPDATE edges SET joined_key = $2, joined_at = $3 WHERE id = $1 RETURNING *";

impl Store {
    /// Lets whoever has this key be the edge for which the token was made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then nothing is known of the token.
    pub async fn redeem_join_token(
        &self,
        token: &str,
        secret: &Sha256,
        key: &Sha256,
    ) -> Result<Redeemed, StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "SELECT * FROM edges WHERE join_token_id = $1";
        let Some(row) = write.tx.first(sql, params![token]).await? else {
            return Ok(Err(JoinRefusal::Unknown));
        };
        let edge = edges::read(&row)?;
        let Some(stored) = &edge.join_token else { return Ok(Err(JoinRefusal::Unknown)) };
        // Of hashes of random secrets a difference in time tells nothing.
        if stored.secret_hash != *secret || edge.revoked_at.is_some() {
            return Ok(Err(JoinRefusal::Unknown));
        }
        if write.now >= stored.expires_at {
            return Ok(Err(JoinRefusal::Expired));
        }
        match edge.joined {
            Some(joined) if joined.key == *key => return Ok(Ok(edge)),
            Some(_) => return Ok(Err(JoinRefusal::Used)),
            None => {}
        }
        let row = write.tx.first(JOIN, params![edge.id.0, key.0, write.now]).await?;
        let joined = edges::read(&row.ok_or_else(|| StoreError::not_found(WHAT, edge.id))?)?;
        let change = Change::changed(&edge, &joined).detail("joined by its join token");
        write.changed_fleet(Ok(joined), change).await
    }
}
