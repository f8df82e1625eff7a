//! Whole lines that wait to be written, at most so many bytes of them. What comes when it is full is
//! dropped and counted; nobody ever waits for room.
//!
//! Knows neither who writes them nor what they say.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How it stands after a line came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// There is much room.
    Low,
    /// This line filled a quarter of it.
    High,
    /// There was no room for the line.
    Full,
}

/// Lines that wait.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Vec<u8>>,
    limit: usize,
    dropped: AtomicU64,
}

impl Queue {
    /// An empty queue for so many bytes. The last line may go beyond.
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: Mutex::default(), limit, dropped: AtomicU64::new(0) }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        // Whoever panicked while writing a line left a piece of one: no reason to log no more.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the line that `write` appends, if there is room or the line `needs_none`.
    pub(super) fn add(
        &self,
        write: impl FnOnce(&mut Vec<u8>),
        needs_none: impl FnOnce() -> bool,
    ) -> Filling {
        let mut waiting = self.waiting();
        let before = waiting.len();
        if before >= self.limit && !needs_none() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Filling::Full;
        }
        write(&mut waiting);
        let high = self.limit / 4;
        if before < high && waiting.len() >= high { Filling::High } else { Filling::Low }
    }

    /// Gives everything that waits in exchange for an empty buffer.
    pub(super) fn take(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        std::mem::swap(&mut *self.waiting(), buffer);
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Lines for which there was no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_whole_and_counted() {
        let queue = Queue::new(8);
        let add = |text: &[u8]| queue.add(|out| out.extend_from_slice(text), || false);
        assert_eq!((add(b"1\n"), add(b"22\n")), (Filling::High, Filling::Low));
        assert_eq!(
            (add(b"333\n"), add(b"4\n"), add(b"5\n")),
            (Filling::Low, Filling::Full, Filling::Full)
        );
        assert_eq!(queue.add(|out| out.extend_from_slice(b"6\n"), || true), Filling::Low);
        let mut taken = Vec::from("old");
        queue.take(&mut taken);
        assert_eq!((taken.as_slice(), queue.dropped()), (&b"1\n22\n333\n6\n"[..], 2));
        assert!(queue.is_empty());
        assert_ne!(add(b"7\n"), Filling::Full, "there is room again");
    }
}
