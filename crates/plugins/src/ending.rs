//! The word to end, from outside, to something that is open for long: a stream now, and whatever a
//! connection is handed over to. Who says it and what is done about it is known elsewhere.

use futures_util::task::AtomicWaker;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use tokio::task::AbortHandle;

/// Why something open is to end. A later one in this order outweighs those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ending {
    /// The process that answers was replaced or removed, and its drain is over.
    Drained = 1,
    /// The gateway stops, and its drain is over.
    Stopping,
    /// An operator ended this one thing.
    ByOperator,
    /// The operator, or the plugin, demands more of callers than this one has.
    Forbidden,
    /// The caller's token expired.
    Expired,
    /// The caller's app was switched off.
    Inactive,
    /// The caller's token is valid no more.
    Revoked,
}

impl Ending {
    const ALL: [Self; 7] = [
        Self::Drained,
        Self::Stopping,
        Self::ByOperator,
        Self::Forbidden,
        Self::Expired,
        Self::Inactive,
        Self::Revoked,
    ];

    /// In words for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Drained => "the drain of the plugin's old process was over",
            Self::Stopping => "the gateway stopped",
            Self::ByOperator => "an operator ended it",
            Self::Forbidden => "the caller may not call this any more",
            Self::Expired => "the caller's token expired",
            Self::Inactive => "the caller's app was switched off",
            Self::Revoked => "the caller's token was revoked",
        }
    }

    /// Whether it may not go on: then nothing more reaches its caller.
    pub fn is_refusal(self) -> bool {
        self >= Self::ByOperator
    }
}

/// The task that carries one open thing, so that it can be ended from outside.
#[derive(Debug, Clone, Default)]
pub struct StreamTask(Arc<OnceLock<AbortHandle>>);

impl StreamTask {
    /// It runs from now on. Counts once.
    pub fn started(&self, handle: AbortHandle) {
        let _ = self.0.set(handle);
    }

    /// Ends it, at its next turn; tells whether it is there to be ended.
    pub fn end(&self) -> bool {
        self.0.get().map(AbortHandle::abort).is_some()
    }
}

/// Carries the word to whoever drives one open thing.
#[derive(Debug, Default)]
pub struct EndSignal {
    word: AtomicU8,
    task: AtomicWaker,
    carrier: OnceLock<StreamTask>,
}

impl EndSignal {
    /// Says that it is to end; tells whether that is news.
    pub fn send(&self, ending: Ending) -> bool {
        let is_news = self.word.fetch_max(ending as u8, Ordering::AcqRel) < ending as u8;
        if is_news {
            self.task.wake();
        }
        is_news
    }

    /// It is carried by this, and ends with it.
    pub fn is_carried_by(&self, stream: StreamTask) {
        let _ = self.carrier.set(stream);
    }

    /// Ends it where it did not heed the word, if there is something that can be ended.
    pub fn force(&self) {
        if let Some(stream) = self.carrier.get() {
            stream.end();
        }
    }

    /// Why it is to end, if it is.
    pub fn get(&self) -> Option<Ending> {
        let word = self.word.load(Ordering::Acquire);
        Ending::ALL.into_iter().find(|ending| *ending as u8 == word)
    }

    /// Wakes `task` when the word comes. Whoever listens asks once more afterwards.
    pub fn listen(&self, task: &Waker) {
        self.task.register(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weightiest_word_counts_whatever_the_order() {
        let signal = EndSignal::default();
        assert_eq!(signal.get(), None);
        assert!(signal.send(Ending::Stopping));
        assert!(signal.send(Ending::Revoked));
        assert!(!signal.send(Ending::Drained));
        assert_eq!(signal.get(), Some(Ending::Revoked));
    }

    #[test]
    fn a_caller_who_may_not_go_on_outweighs_every_drain() {
        for ending in Ending::ALL {
            let is_drain = matches!(ending, Ending::Drained | Ending::Stopping);
            assert_eq!(ending.is_refusal(), !is_drain, "{ending:?}");
        }
    }
}
