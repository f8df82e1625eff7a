//! How many calls a process has open: counted for as long as each of them lives. Knows nothing of
//! what they are about.

use super::answer::CallError;
use crate::ending::EndSignal;
use crate::roster::{Entered, Roster};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Calls that broke off within this time belong to one cause.
const ONE_BREAK: Duration = Duration::from_secs(1);

/// The calls of one process.
#[derive(Default)]
pub(crate) struct Usage {
    open: AtomicUsize,
    idle: Notify,
    /// The streams among them.
    streams: Arc<Roster<Arc<EndSignal>>>,
    /// When a call broke off last, and how many did so around then. Locked only where one does.
    broken: Mutex<Option<(Instant, usize)>>,
    /// Nobody is left who could begin a call.
    released: CancellationToken,
}

impl Usage {
    /// Nobody can begin a call any more.
    pub(crate) fn release(&self) {
        self.released.cancel();
    }

    /// Waits until nobody can begin a call any more.
    pub(crate) async fn released(&self) {
        self.released.cancelled().await;
    }

    /// One more call is open, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InUse {
        self.open.fetch_add(1, Ordering::AcqRel);
        InUse { usage: self.clone(), broke_off: false }
    }

    /// A call is a stream, which can be told to end.
    pub(crate) fn enter_stream(&self, signal: Arc<EndSignal>) -> Entered<Arc<EndSignal>> {
        self.streams.enter(signal)
    }

    /// The streams that are open.
    pub(crate) fn streams(&self) -> &Arc<Roster<Arc<EndSignal>>> {
        &self.streams
    }

    /// How many calls are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until no call is open.
    pub(crate) async fn drained(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// Counts the calls of one process without keeping the process from being stopped.
#[derive(Clone)]
pub(crate) struct OpenCalls {
    usage: Arc<Usage>,
}

impl OpenCalls {
    /// Those of this process.
    pub(crate) fn of(usage: &Arc<Usage>) -> Self {
        Self { usage: usage.clone() }
    }

    /// How many are open now.
    pub(crate) fn now(&self) -> usize {
        self.usage.open()
    }

    /// How many are open or broke off within the last second: when a process dies, its connections
    /// break before its end is known.
    pub(crate) fn now_or_broken(&self) -> usize {
        // Under the lock no call can move from one count to the other.
        let broken = self.usage.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = broken.filter(|(last, _)| last.elapsed() <= ONE_BREAK);
        self.now() + recent.map_or(0, |(_, count)| count)
    }
}

/// Keeps an instance from being stopped while a call is open.
pub(crate) struct InUse {
    usage: Arc<Usage>,
    /// The call did not end in order.
    broke_off: bool,
}

impl InUse {
    /// The calls among which this one is.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The call came to nothing; where it broke off, its process may be found dead.
    pub(crate) fn note(&mut self, error: &CallError) {
        self.broke_off |= matches!(error, CallError::BrokeOff(_));
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let broken = self.broke_off.then(|| {
            let mut broken = self.usage.broken.lock().unwrap_or_else(PoisonError::into_inner);
            let before = broken.filter(|(last, _)| last.elapsed() <= ONE_BREAK);
            *broken = Some((Instant::now(), before.map_or(1, |(_, count)| count + 1)));
            broken
        });
        if self.usage.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.usage.idle.notify_waiters();
        }
        drop(broken);
    }
}
