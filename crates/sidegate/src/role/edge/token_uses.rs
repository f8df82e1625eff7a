//! When tokens were last used here, told to the control plane. Whoever serves notes it in the token, which snapshots share,
//! and no request waits for any of this: it is collected now and then and told a bounded part at a time. What is not told yet
//! stays in the tokens, each with its newest use, so a control plane that is away for long costs nothing.

use sidegate_model::snapshot::{Snapshot, TokenTable};
use sidegate_model::token::Token;
use sidegate_sync::edge::{Contact, TokenUses, UseTeller};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// How often it is looked who was let in.
const LOOK: Duration = Duration::from_secs(5);
/// Tokens looked at before somebody else has a turn on this thread.
const LOOKED_AT: usize = 10_000;
/// How long the last telling may take.
const AT_THE_END: Duration = Duration::from_secs(3);

/// Collects what tokens note.
struct Collector {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What was looked through last. Requests that were begun with tokens of it may have noted their use there while
    /// others took their place.
    seen: TokenTable,
    /// Where to go on: all have their turn, however many are used all the time.
    shard: u8,
}

impl Collector {
    /// What was noted since the last time, as far as there is room.
    async fn collect(&mut self) -> TokenUses {
        let (mut uses, mut looked_at) = (TokenUses::default(), 0);
        let current = self.snapshots.borrow().tokens.clone();
        if !self.seen.is_same(&current) {
            let replaced = (0..=u8::MAX).filter(|shard| !self.seen.is_same_part(&current, *shard));
            for shard in replaced {
                take(&mut uses, self.seen.part(shard), &mut looked_at).await;
            }
            if uses.is_full() {
                return uses;
            }
            self.seen = current;
        }
        for _ in 0..=u8::MAX {
            take(&mut uses, self.seen.part(self.shard), &mut looked_at).await;
            if uses.is_full() {
                break;
            }
            self.shard = self.shard.wrapping_add(1);
        }
        uses
    }
}

async fn take(
    uses: &mut TokenUses,
    tokens: impl Iterator<Item = &Arc<Token>>,
    looked_at: &mut usize,
) {
    for token in tokens {
        if uses.is_full() {
            return;
        }
        if let Some(at) = token.last_used.collect() {
            uses.add(token.id, at);
        }
        *looked_at += 1;
        if looked_at.is_multiple_of(LOOKED_AT) {
            tokio::task::yield_now().await;
        }
    }
}

/// Tells when tokens were last used.
pub(super) struct UseTelling {
    collector: Collector,
    teller: UseTeller,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

/// By which all is told that was noted so far.
pub(super) struct LastUses(mpsc::Sender<oneshot::Sender<()>>);

impl UseTelling {
    pub(super) fn new(
        snapshots: watch::Receiver<Arc<Snapshot>>,
        teller: UseTeller,
    ) -> (Self, LastUses) {
        let (ask, asked) = mpsc::channel(1);
        let seen = snapshots.borrow().tokens.clone();
        let collector = Collector { snapshots, seen, shard: 0 };
        (Self { collector, teller, asked }, LastUses(ask))
    }

    /// Tells now and then, until it is dropped.
    pub(super) async fn keep_told(mut self) {
        let mut asked = None;
        loop {
            while self.teller.is_heard() {
                let uses = self.collector.collect().await;
                if uses.is_empty() {
                    break;
                }
                self.teller.tell(&uses).await;
            }
            drop::<Option<oneshot::Sender<()>>>(asked);
            asked = tokio::select! {
                Some(asked) = self.asked.recv() => Some(asked),
                () = sleep(LOOK) => None,
            };
        }
    }
}

impl LastUses {
    /// Waits for a while until all is told that was noted so far, where somebody hears it.
    pub(super) async fn told(&self, contact: &watch::Sender<Contact>) {
        if matches!(*contact.borrow(), Contact::Lost(_)) {
            return;
        }
        let telling = async {
            let (done, told) = oneshot::channel();
            if self.0.send(done).await.is_ok() {
                // It is dropped then.
                let _ = told.await;
            }
        };
        if timeout(AT_THE_END, telling).await.is_err() {
            tracing::info!("when tokens were last used could not be told in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::UnixMillis;
    use sidegate_model::app::AppId;
    use sidegate_model::last_use::LastUse;
    use sidegate_model::token::{TokenHash, TokenId};

    const MINUTE: UnixMillis = 60_000;

    fn token(number: u32) -> Token {
        Token {
            id: TokenId(number),
            app_id: AppId(1),
            name: String::new(),
            hash: TokenHash::of(&number.to_string()),
            hint: String::new(),
            scopes: vec![],
            expires_at: None,
            created_at: 0,
            updated_at: 0,
            replaced_by: None,
            last_used: LastUse::default(),
        }
    }

    fn collector(tokens: u32) -> (Collector, watch::Sender<Arc<Snapshot>>) {
        let tokens = (0..tokens).map(token).collect();
        let (sender, snapshots) =
            watch::channel(Arc::new(Snapshot { tokens, ..Snapshot::default() }));
        let seen = snapshots.borrow().tokens.clone();
        (Collector { snapshots, seen, shard: 0 }, sender)
    }

    fn touch(snapshot: &Snapshot, number: u32, at: UnixMillis) {
        snapshot.tokens[&TokenHash::of(&number.to_string())].last_used.touch(at);
    }

    #[tokio::test]
    async fn what_was_used_is_collected_once_and_in_bounded_parts_in_which_all_have_their_turn() {
        let (mut collector, sender) = collector(2500);
        assert!(collector.collect().await.is_empty());
        let snapshot = sender.borrow().clone();
        (0..2500).for_each(|number| touch(&snapshot, number, MINUTE));
        let mut collected = Vec::new();
        for minute in 2..4 {
            let uses = collector.collect().await;
            assert_eq!(uses.len(), 1000);
            collected.extend((0..2500).filter(|number| uses.get(TokenId(*number)).is_some()));
            // Those that were collected are used again, which keeps nobody else waiting.
            collected.iter().for_each(|number| touch(&snapshot, *number, minute * MINUTE));
        }
        let (last, collected) = (collector.collect().await, collected);
        let all = |number| collected.contains(&number) || last.get(TokenId(number)).is_some();
        assert!((0..2500).all(all));
        let mut left = Vec::new();
        loop {
            match collector.collect().await {
                uses if uses.is_empty() => break,
                uses => left.push(uses),
            }
        }
        let newest = |number: u32| {
            let later = left.iter().filter_map(|uses| uses.get(TokenId(number)));
            later.chain(last.get(TokenId(number))).max()
        };
        assert!(collected.iter().all(|number| newest(*number) == Some(3 * MINUTE)));
    }

    #[tokio::test]
    async fn a_use_that_is_noted_in_a_token_just_replaced_is_collected() {
        let (mut collector, sender) = collector(2);
        let before = sender.borrow().clone();
        let tokens: TokenTable = (0..2).map(token).collect();
        sender.send_replace(Arc::new(Snapshot { tokens, ..Snapshot::default() }));
        touch(&before, 0, MINUTE);
        touch(&sender.borrow(), 0, 2 * MINUTE);
        touch(&before, 1, MINUTE);
        let uses = collector.collect().await;
        let times = [0, 1].map(|number| uses.get(TokenId(number)));
        assert_eq!(times, [Some(2 * MINUTE), Some(MINUTE)]);
        assert!(collector.collect().await.is_empty());
    }
}
