//! The last use of tokens on its way to the database. Whoever serves notes it in the token, which snapshots share; here it
//! is collected now and then and written a little at a time. Nobody waits for that, and a disk that fails delays
//! nothing else. Knows no request and no caller.

use sidegate_model::UnixMillis;
use sidegate_model::snapshot::{Snapshot, TokenTable};
use sidegate_model::token::{Token, TokenId};
use sidegate_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Uses written in one transaction; other writes come in between.
const AT_ONCE: usize = 1000;
/// Tokens looked at before somebody else has a turn on this thread.
const LOOKED_AT: usize = 10_000;

/// Collects and writes the last use of tokens. Copies share what they have seen.
#[derive(Clone)]
pub(crate) struct TokenUses {
    store: Store,
    desired: watch::Receiver<Arc<Snapshot>>,
    /// What was looked through last. Requests that were begun with tokens of it may have noted their use there
    /// while others took their place.
    seen: Arc<SeenTokens>,
}

#[expect(
    clippy::disallowed_types,
    reason = "a round lasts until it is written, over awaits; no request takes part"
)]
type SeenTokens = tokio::sync::Mutex<TokenTable>;

/// What is written in one transaction, and where it came from.
#[derive(Default)]
struct Batch {
    tokens: Vec<Arc<Token>>,
    uses: Vec<(TokenId, UnixMillis)>,
}

impl Batch {
    fn add(&mut self, token: &Arc<Token>) {
        if let Some(time) = token.last_used.collect() {
            self.tokens.push(token.clone());
            self.uses.push((token.id, time));
        }
    }

    async fn write(&mut self, store: &Store) -> Result<usize, StoreError> {
        let Self { tokens, uses } = std::mem::take(self);
        if uses.is_empty() {
            return Ok(0);
        }
        let written = store.note_token_uses(&uses).await;
        if written.is_err() {
            tokens.iter().for_each(|token| token.last_used.give_back());
        }
        written.map(|()| uses.len())
    }
}

impl TokenUses {
    pub(crate) fn new(store: Store, desired: watch::Receiver<Arc<Snapshot>>) -> Self {
        let seen = Arc::new(SeenTokens::new(desired.borrow().tokens.clone()));
        Self { store, desired, seen }
    }

    /// Writes what was noted since the last time; tells how many tokens that were.
    ///
    /// # Errors
    /// When the store cannot be written; what was not is written the next time.
    pub(crate) async fn write(&self) -> Result<usize, StoreError> {
        let mut seen = self.seen.lock().await;
        let current = self.desired.borrow().tokens.clone();
        let mut written = 0;
        if !seen.is_same(&current) {
            written += self.write_those_of(&seen).await?;
            *seen = current.clone();
        }
        Ok(written + self.write_those_of(&current).await?)
    }

    async fn write_those_of(&self, tokens: &TokenTable) -> Result<usize, StoreError> {
        let (mut written, mut batch) = (0, Batch::default());
        for (number, token) in tokens.iter().enumerate() {
            batch.add(token);
            if batch.uses.len() == AT_ONCE {
                written += batch.write(&self.store).await?;
            }
            if number % LOOKED_AT == LOOKED_AT - 1 {
                tokio::task::yield_now().await;
            }
        }
        Ok(written + batch.write(&self.store).await?)
    }

    /// Writes now and then, until it is dropped.
    pub(crate) async fn keep_written(self, interval: Duration) {
        let mut is_failing = false;
        loop {
            tokio::time::sleep(interval).await;
            let outcome = self.write().await;
            match &outcome {
                Ok(0) => {}
                Ok(tokens) => tracing::debug!(tokens, "wrote when tokens were last used"),
                // Once, because the disk may fail for long.
                Err(error) if !is_failing => {
                    tracing::warn!(%error, "when tokens were last used is not written for now: the store cannot be written");
                }
                Err(_) => {}
            }
            if is_failing && outcome.is_ok() {
                tracing::info!("when tokens were last used is written again");
            }
            is_failing = outcome.is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::app::AppDraft;
    use sidegate_model::sealing::Keyring;
    use sidegate_model::token::TokenHash;
    use sidegate_store::NewTokenRow;

    const MINUTE: UnixMillis = 60_000;

    async fn store_with(tokens: usize) -> Store {
        let store = Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap();
        let app = store.create_app(&AppDraft::new("a", "o@example.com")).await.unwrap().value;
        for number in 0..tokens {
            let row = NewTokenRow {
                app_id: app.id,
                name: String::new(),
                hash: TokenHash::of(&number.to_string()),
                hint: String::new(),
                scopes: vec![],
                expires_at: None,
            };
            store.create_token(&row).await.unwrap();
        }
        store
    }

    async fn published(store: &Store) -> (TokenUses, watch::Sender<Arc<Snapshot>>) {
        let snapshot = Arc::new(store.load_snapshot().await.unwrap());
        let (sender, desired) = watch::channel(snapshot);
        (TokenUses::new(store.clone(), desired), sender)
    }

    fn touch(snapshot: &Snapshot, number: usize, time: UnixMillis) {
        snapshot.tokens[&TokenHash::of(&number.to_string())].last_used.touch(time);
    }

    async fn kept(store: &Store, number: u32) -> Option<UnixMillis> {
        store.token(TokenId(number + 1)).await.unwrap().last_used.time()
    }

    #[tokio::test]
    async fn what_was_used_is_written_once_and_in_bounded_steps() {
        let store = store_with(AT_ONCE + 5).await;
        let (uses, sender) = published(&store).await;
        let revision = store.revision().await.unwrap();
        assert_eq!(uses.write().await.unwrap(), 0);
        for number in 0..AT_ONCE + 3 {
            touch(&sender.borrow(), number, MINUTE);
        }
        assert_eq!(uses.write().await.unwrap(), AT_ONCE + 3);
        assert_eq!(uses.write().await.unwrap(), 0);
        assert_eq!((kept(&store, 0).await, kept(&store, 1003).await), (Some(MINUTE), None));
        assert_eq!(store.revision().await.unwrap(), revision);
    }

    #[tokio::test]
    async fn a_use_that_is_noted_in_a_token_just_replaced_is_written() {
        let store = store_with(2).await;
        let (uses, sender) = published(&store).await;
        let before = sender.borrow().clone();
        sender.send_replace(Arc::new(store.load_snapshot().await.unwrap()));
        touch(&before, 0, MINUTE);
        touch(&sender.borrow(), 1, 2 * MINUTE);
        touch(&sender.borrow(), 0, MINUTE);
        assert_eq!(uses.write().await.unwrap(), 3);
        assert_eq!(
            (kept(&store, 0).await, kept(&store, 1).await),
            (Some(MINUTE), Some(2 * MINUTE))
        );
        assert_eq!(uses.write().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_written_the_next_time() {
        let (store, closed) = (store_with(1).await, store_with(1).await);
        let (uses, sender) = published(&store).await;
        touch(&sender.borrow(), 0, MINUTE);
        closed.close().await;
        let failing = TokenUses { store: closed, ..uses.clone() };
        for _ in 0..2 {
            failing.write().await.unwrap_err();
        }
        assert_eq!(uses.write().await.unwrap(), 1);
        assert_eq!(kept(&store, 0).await, Some(MINUTE));
    }
}
