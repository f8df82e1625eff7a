//! When tokens were last used at an edge, on its way to the control plane: one telling after the other, each said until
//! it is kept. Whoever tells knows nothing of streams, and the machine nothing of tokens.

use crate::limits::MAX_TOKEN_USES;
use crate::message;
use sidegate_model::UnixMillis;
use sidegate_model::token::TokenId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// After how long it is said again what is not kept: the control plane may not reach its database.
const AGAIN: Duration = Duration::from_secs(10);

/// The last use of some tokens, at most [`MAX_TOKEN_USES`]; of each only the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenUses(BTreeMap<TokenId, UnixMillis>);

impl TokenUses {
    /// Adds one, where [`Self::is_full`] did not say before that there is no room.
    pub fn add(&mut self, token: TokenId, at: UnixMillis) {
        if !self.is_full() || self.0.contains_key(&token) {
            let newest = self.0.entry(token).or_insert(at);
            *newest = at.max(*newest);
        }
    }

    /// Whether there is no room for another token.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX_TOKEN_USES
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of how many tokens.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// When a token was last used, where that is among them.
    pub fn get(&self, token: TokenId) -> Option<UnixMillis> {
        self.0.get(&token).copied()
    }

    fn to_message(&self, number: u64) -> message::TokenUses {
        let uses =
            self.0.iter().map(|(token, at)| message::TokenUse { token_id: token.0, at: *at });
        message::TokenUses { number, uses: uses.collect() }
    }
}

/// Whoever tells.
#[derive(Debug)]
pub struct UseTeller {
    number: u64,
    said: watch::Sender<Option<message::TokenUses>>,
    kept: watch::Receiver<Option<u64>>,
}

/// Where it is told: one after the other, every link of an edge has the same.
#[derive(Debug, Clone)]
pub struct UseLine {
    /// What is to be said until it is kept.
    pub(super) said: watch::Receiver<Option<message::TokenUses>>,
    /// The number of what was kept last; nothing while there is nobody who keeps it.
    pub(super) kept: watch::Sender<Option<u64>>,
}

impl UseTeller {
    /// Numbers what it tells from here on: more than any process of this edge did before, as the time in milliseconds is.
    pub fn new(numbers_before: u64) -> (Self, UseLine) {
        let (said, to_say) = watch::channel(None);
        let (kept_to, kept) = watch::channel(None);
        (Self { number: numbers_before, said, kept }, UseLine { said: to_say, kept: kept_to })
    }

    /// Whether there is a control plane just now that keeps what it is told.
    pub fn is_heard(&self) -> bool {
        self.kept.borrow().is_some()
    }

    /// Tells these. It is over once the control plane keeps them, however long that takes.
    pub async fn tell(&mut self, uses: &TokenUses) {
        self.number += 1;
        let (number, message) = (self.number, uses.to_message(self.number));
        loop {
            self.said.send_replace(Some(message.clone()));
            let kept = self.kept.wait_for(|kept| *kept == Some(number));
            match timeout(AGAIN, kept).await.map(|kept| kept.is_ok()) {
                Ok(true) => break,
                // There is no link any more, and there will be none.
                Ok(false) => std::future::pending().await,
                Err(_) => {}
            }
        }
        self.said.send_replace(None);
    }
}

impl Default for UseLine {
    /// Of an edge that tells nothing.
    fn default() -> Self {
        UseTeller::new(0).1
    }
}

/// What the machine has to say of it.
#[derive(Debug, Default)]
pub(super) struct Uses {
    told: Option<message::TokenUses>,
    is_new: bool,
    /// The control plane of this stream keeps it.
    is_taken: bool,
    kept: u64,
}

impl Uses {
    /// This is to be said; nothing, where all is kept.
    pub(super) fn told(&mut self, told: Option<message::TokenUses>) {
        self.is_new = true;
        self.told = told;
    }

    /// It is not known yet whether the control plane takes it.
    pub(super) fn reconnected(&mut self) {
        self.is_new = true;
        self.is_taken = false;
    }

    /// Whether the control plane takes it.
    pub(super) fn welcome(&mut self, welcome: &message::Welcome) {
        self.is_taken = welcome.keeps_token_uses;
    }

    /// What was told under this number is kept.
    pub(super) fn kept(&mut self, kept: message::TokenUsesKept) {
        self.kept = kept.number;
    }

    /// The number of what was kept last; nothing where the control plane of this stream keeps nothing.
    pub(super) fn last_kept(&self) -> Option<u64> {
        self.is_taken.then_some(self.kept)
    }

    /// What is to be said, once for each time that it is told and each stream.
    pub(super) fn next(&mut self) -> Option<message::TokenUses> {
        if !self.is_taken || !std::mem::take(&mut self.is_new) {
            return None;
        }
        self.told.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_token_the_newest_use_is_told_and_of_no_more_than_there_is_room_for() {
        let mut uses = TokenUses::default();
        for number in 0..MAX_TOKEN_USES as u32 {
            assert!(!uses.is_full());
            uses.add(TokenId(number), 500);
        }
        assert!(uses.is_full());
        uses.add(TokenId(7), 400);
        uses.add(TokenId(8), 600);
        uses.add(TokenId(u32::MAX), 600);
        assert_eq!((uses.get(TokenId(7)), uses.get(TokenId(8))), (Some(500), Some(600)));
        assert_eq!((uses.get(TokenId(u32::MAX)), uses.len()), (None, MAX_TOKEN_USES));
        assert_eq!(uses.to_message(1).uses.len(), MAX_TOKEN_USES);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_is_said_again_until_exactly_that_is_kept() {
        let (mut teller, mut line) = UseTeller::new(40);
        let mut uses = TokenUses::default();
        uses.add(TokenId(1), 500);
        let telling = tokio::spawn(async move {
            teller.tell(&uses).await;
            teller
        });
        for _ in 0..3 {
            line.said.changed().await.unwrap();
            assert_eq!(line.said.borrow_and_update().as_ref().unwrap().number, 41);
            // Of a process before, whose words came late.
            line.kept.send_replace(Some(40));
        }
        line.kept.send_replace(Some(41));
        let teller = telling.await.unwrap();
        assert_eq!((line.said.borrow().clone(), teller.number), (None, 41));
    }
}
