//! How an edge redeems its join token: once, within its time, and again only by the same key, for an answer can get
//! lost.

use super::edges::{self, WHAT};
use crate::error::StoreError;
use crate::sql::{Tx, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::audit::Change;
use sidegate_model::clock::now_millis;
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
        // Whoever has no token that works makes nobody wait who writes.
        let mut read = self.begin_read().await?;
        let looked = look(&mut read, token, (secret, key, now_millis())).await?;
        drop(read);
        if let Look::Decided(decided) = looked {
            return Ok(*decided);
        }
        let mut write = self.begin_write().await?;
        let now = write.now;
        let edge = match look(&mut write.tx, token, (secret, key, now)).await? {
            Look::Decided(decided) => return Ok(*decided),
            Look::Joins(edge) => edge,
        };
        let row = write.tx.first(JOIN, params![edge.id.0, key.0, write.now]).await?;
        let joined = edges::read(&row.ok_or_else(|| StoreError::not_found(WHAT, edge.id))?)?;
        let change = Change::changed(&*edge, &joined).detail("joined by its join token");
        write.changed_fleet(Ok(joined), change).await
    }
}

/// What is to be done about a token.
enum Look {
    /// Nothing.
    Decided(Box<Redeemed>),
    /// It works, and nobody has used it.
    Joins(Box<Edge>),
}

async fn look(
    tx: &mut Tx,
    token: &str,
    (secret, key, now): (&Sha256, &Sha256, UnixMillis),
) -> Result<Look, StoreError> {
    let decided = |redeemed: Redeemed| Ok(Look::Decided(Box::new(redeemed)));
    let sql = "SELECT * FROM edges WHERE join_token_id = $1";
    let Some(row) = tx.first(sql, params![token]).await? else {
        return decided(Err(JoinRefusal::Unknown));
    };
    let edge = edges::read(&row)?;
    let Some(stored) = &edge.join_token else { return decided(Err(JoinRefusal::Unknown)) };
    // Of hashes of random secrets a difference in time tells nothing.
    if stored.secret_hash != *secret || edge.revoked_at.is_some() {
        return decided(Err(JoinRefusal::Unknown));
    }
    if now >= stored.expires_at {
        return decided(Err(JoinRefusal::Expired));
    }
    match &edge.joined {
        Some(joined) if joined.key == *key => decided(Ok(edge)),
        Some(_) => decided(Err(JoinRefusal::Used)),
        None => Ok(Look::Joins(Box::new(edge))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::sealing::Keyring;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn whoever_has_no_token_that_works_waits_for_nobody_who_writes() {
        let folder = tempfile::tempdir().unwrap();
        let dsn = format!("sqlite://{}/joining.db", folder.path().display());
        let store = Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap();
        let writing = store.begin_write().await.unwrap();
        let (secret, key) = (Sha256([1; 32]), Sha256([2; 32]));
        let redeemed = store.redeem_join_token("none", &secret, &key);
        let redeemed = timeout(Duration::from_secs(3), redeemed).await.expect("it waits");
        assert_eq!(redeemed.unwrap(), Err(JoinRefusal::Unknown));
        drop(writing);
        store.close().await;
    }
}
