//! A future beside a busy one: polled only when it asked for that itself.
//!
//! A task that is woken polls all that it waits for. What waits for something rare, such as a
//! timer or a word to stop, would be asked with each request and cost more than the request itself
//! spends on it. Knows nothing of what is waited for.

use futures_util::task::AtomicWaker;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is left alone until it wakes its task.
pub(crate) struct PollWhenWoken<F> {
    future: F,
    flag: Arc<WakeFlag>,
    /// What the future gets for a waker: its own flag.
    waker: Waker,
    /// The task that the flag wakes.
    task: Option<Waker>,
}

/// Remembers that a future wants to be polled, and wakes its task.
struct WakeFlag {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F> PollWhenWoken<F> {
    /// Will be polled once, and then when it asks.
    pub(crate) fn new(future: F) -> Self {
        let flag = Arc::new(WakeFlag { woken: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { future, waker: flag.clone().into(), flag, task: None }
    }

    /// The future.
    pub(crate) fn get(&self) -> &F {
        &self.future
    }

    /// The future, to be changed: it will be polled again.
    pub(crate) fn change(&mut self) -> &mut F {
        self.flag.woken.store(true, Ordering::Release);
        &mut self.future
    }

    fn is_asked_by_another(&self, waker: &Waker) -> bool {
        !self.task.as_ref().is_some_and(|task| task.will_wake(waker))
    }
}

impl<F: Future + Unpin> Future for PollWhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.is_asked_by_another(cx.waker()) {
            this.flag.task.register(cx.waker());
            this.task = Some(cx.waker().clone());
        }
        if !this.flag.woken.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        // Waking forgets the task. In this order: who wakes from here on finds it again.
        this.flag.task.register(cx.waker());
        this.flag.woken.swap(false, Ordering::AcqRel);
        let polled = Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker));
        // A timer that has ended says so as often as it is asked.
        this.flag.woken.fetch_or(polled.is_ready(), Ordering::Release);
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::noop_waker;
    use std::pin::pin;
    use std::time::Duration;
    use tokio::time::{Instant, Sleep, sleep};

    struct Counted<'a>(&'a mut usize, Pin<&'a mut Sleep>);

    impl Future for Counted<'_> {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            *self.0 += 1;
            self.1.as_mut().poll(cx)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_polled_when_it_asks_however_often_its_task_wakes() {
        let begun = Instant::now();
        let mut polls = 0;
        let timer = pin!(sleep(Duration::from_secs(10)));
        let mut rare = PollWhenWoken::new(Counted(&mut polls, timer));
        let busy = async {
            loop {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = &mut rare => {}
            () = busy => {}
        }
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert_eq!(polls, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_changed_timer_counts_and_another_task_may_take_over() {
        let begun = Instant::now();
        let mut rare = PollWhenWoken::new(Box::pin(sleep(Duration::from_secs(10))));
        let nobody = noop_waker();
        assert!(Pin::new(&mut rare).poll(&mut Context::from_waker(&nobody)).is_pending());
        rare.change().as_mut().reset(begun + Duration::from_secs(3));
        assert_eq!(rare.get().deadline(), begun + Duration::from_secs(3));
        let asking_twice = tokio::spawn(async move {
            (&mut rare).await;
            rare.await;
        });
        asking_twice.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 3);
    }
}
