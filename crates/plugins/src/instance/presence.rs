//! Whether one address of a plugin is in service: set by who looks after it, read by every call. And
//! whether it still is, for those who have made a new connection.
//!
//! Knows neither addresses nor calls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, oneshot};

/// One address.
#[derive(Debug)]
pub struct Presence {
    /// Changed under the lock of `askers` only.
    up: AtomicBool,
    doubt: Notify,
    /// Those who wait to hear that it is still in service.
    askers: Mutex<Vec<oneshot::Sender<()>>>,
    asked: Notify,
}

/// For each address of an instance whether it is in service now.
pub(crate) type InService = Arc<[Presence]>;

impl Presence {
    /// An address that is in service, or not yet.
    pub fn new(up: bool) -> Self {
        Self {
            up: AtomicBool::new(up),
            doubt: Notify::new(),
            askers: Mutex::default(),
            asked: Notify::new(),
        }
    }

    /// Whether calls may go there.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Takes it into service, or out of it; whoever waits to hear that it still is hears that it is not.
    pub fn set(&self, up: bool) {
        let mut askers = self.askers();
        self.up.store(up, Ordering::Relaxed);
        if !up {
            askers.clear();
        }
    }

    /// Waits until who looks after it has made sure that it is in service still, which it was before this
    /// was asked. Tells whether it is.
    pub async fn confirmed(&self) -> bool {
        let (tell, told) = oneshot::channel();
        {
            let mut askers = self.askers();
            if !self.is_up() {
                return false;
            }
            askers.retain(|asker| !asker.is_closed());
            askers.push(tell);
        }
        self.asked.notify_one();
        told.await.is_ok()
    }

    /// Waits until somebody asks whether it is still in service; one who asked before counts.
    pub async fn asked(&self) -> Askers {
        self.asked.notified().await;
        Askers(std::mem::take(&mut *self.askers()))
    }

    fn askers(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.askers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call did not reach it: who looks after it should look now.
    pub fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Waits until somebody has a doubt; one that came before counts.
    pub async fn doubted(&self) {
        self.doubt.notified().await;
    }
}

/// Those who wait to hear that an address is still in service. Dropped, they hear that it is not.
#[derive(Debug)]
pub struct Askers(Vec<oneshot::Sender<()>>);

impl Askers {
    /// It was, after all of them had asked.
    pub fn confirm(self) {
        // Who waits no more needs no answer.
        self.0.into_iter().for_each(|asker| _ = asker.send(()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn who_asks_waits_for_an_answer_and_hears_no_when_the_address_is_out_of_service() {
        let presence = Presence::new(true);
        let (mut one, mut two) = (Box::pin(presence.confirmed()), Box::pin(presence.confirmed()));
        assert!((&mut one).now_or_never().is_none() && (&mut two).now_or_never().is_none());
        let askers = presence.asked().await;
        let mut late = Box::pin(presence.confirmed());
        assert!((&mut late).now_or_never().is_none());
        askers.confirm();
        assert!(one.await && two.await);
        assert!((&mut late).now_or_never().is_none(), "it asked after what is known");
        presence.set(false);
        presence.set(true);
        assert!(!late.await, "another process may be there by now");
        presence.set(false);
        assert!(!presence.confirmed().await);
    }
}
