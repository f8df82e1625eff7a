//! The deadlines of one connection, watched by whoever drives the connection: of answers, which
//! cannot keep a deadline themselves, because one whose reader has stalled is not polled; and of
//! calls, for which a timer each would cost more than all else that is done for them here.
//!
//! The watcher sleeps until the earliest deadline that it knew of when it last looked. Mostly that
//! was met long ago; nothing is done about it before that moment comes.

use sidegate_plugins::StreamTask;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What waits for the moment of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// Nothing; the place is free.
    None,
    /// An answer, which ends with its stream, or else with its connection.
    Answer(Instant),
    /// A call, which is woken.
    Call(Instant),
    /// A call, or the answer of a stream, whose moment has passed.
    Late,
}

impl Entry {
    fn moment(self) -> Option<Instant> {
        match self {
            Self::Answer(at) | Self::Call(at) => Some(at),
            Self::None | Self::Late => None,
        }
    }
}

#[derive(Debug)]
struct Place {
    entry: Entry,
    /// Whom to wake.
    task: Option<Waker>,
    /// What an answer ends with, where it has its connection not for itself.
    stream: Option<StreamTask>,
}

/// What is late.
#[derive(Debug, Default)]
struct Passed {
    calls: Vec<Waker>,
    streams: Vec<StreamTask>,
    connection: bool,
}

#[derive(Debug, Default)]
struct Pending {
    places: Vec<Place>,
    free: Vec<usize>,
    /// When the watcher looks next: not later than the first of the deadlines.
    looks_at: Option<Instant>,
}

/// Deadlines that have not been met or withdrawn.
#[derive(Debug, Default)]
pub struct Deadlines {
    pending: Mutex<Pending>,
    earlier: Notify,
}

/// A deadline that was added; to be withdrawn where it was.
#[derive(Debug)]
#[must_use = "a deadline that nobody withdraws passes"]
pub struct Ticket(usize);

/// The deadline of a call, withdrawn when dropped.
struct OfCall<'a> {
    deadlines: &'a Deadlines,
    place: usize,
}

/// A call came to no end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late;

impl Pending {
    /// Takes a place; tells also whether the watcher would look too late.
    fn add(&mut self, entry: Entry) -> (usize, bool) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { entry: Entry::None, task: None, stream: None });
            self.places.len() - 1
        });
        self.places[place].entry = entry;
        let looks_too_late = self.looks_at.is_none_or(|looks_at| entry.moment() < Some(looks_at));
        if looks_too_late {
            self.looks_at = entry.moment();
        }
        (place, looks_too_late)
    }

    fn withdraw(&mut self, place: usize) {
        self.places[place].entry = Entry::None;
        self.places[place].stream = None;
        if place > 0 {
            self.places[place].task = None;
        }
        // The first place keeps its task for the next call: over HTTP/1 it is the same one.
        self.free.push(place);
    }

    /// Marks what is late, and tells it.
    fn look(&mut self, now: Instant) -> Passed {
        let mut passed = Passed::default();
        for place in &mut self.places {
            match place.entry {
                Entry::Answer(at) if at <= now => match place.stream.take() {
                    Some(stream) => {
                        place.entry = Entry::Late;
                        passed.streams.push(stream);
                    }
                    None => passed.connection = true,
                },
                Entry::Call(at) if at <= now => {
                    place.entry = Entry::Late;
                    passed.calls.extend(place.task.clone());
                }
                _ => {}
            }
        }
        self.looks_at = self.places.iter().filter_map(|place| place.entry.moment()).min();
        passed
    }
}

impl Deadlines {
    /// Adds the deadline of an answer, whose passing ends its stream, or the connection that it has
    /// for itself.
    pub fn add(&self, at: Instant, stream: Option<StreamTask>) -> Ticket {
        Ticket(self.enter(Entry::Answer(at), |place| place.stream = stream))
    }

    /// The answer has left.
    pub fn withdraw(&self, Ticket(place): Ticket) {
        self.with(|pending| pending.withdraw(place));
    }

    /// What comes of a call, if that is known by its deadline. Keeps no time of its own: somebody
    /// must be waiting for [`Deadlines::passed`].
    ///
    /// # Errors
    /// [`Late`]; the call is then to be dropped.
    pub async fn within<F: Future>(
        &self,
        end: Instant,
        mut call: Pin<&mut F>,
    ) -> Result<F::Output, Late> {
        let mut entered: Option<OfCall<'_>> = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = call.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            match &entered {
                Some(entered) if entered.is_late(cx.waker()) => Poll::Ready(Err(Late)),
                Some(_) => Poll::Pending,
                None => {
                    let place = self.enter(Entry::Call(end), |place| {
                        remember(&mut place.task, cx.waker());
                    });
                    entered = Some(OfCall { deadlines: self, place });
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits until the deadline of an answer passes that nobody withdrew and that has no stream;
    /// meanwhile ends streams, and wakes calls, whose deadline passes.
    pub async fn passed(&self) {
        loop {
            let Some(looks_at) = self.with(|pending| pending.looks_at) else {
                self.earlier.notified().await;
                continue;
            };
            let now = Instant::now();
            if looks_at > now {
                tokio::select! {
                    () = sleep_until(looks_at) => {}
                    () = self.earlier.notified() => {}
                }
                continue;
            }
            let Passed { calls, streams, connection } = self.with(|pending| pending.look(now));
            calls.into_iter().for_each(Waker::wake);
            let ended = streams.iter().filter(|stream| stream.end()).count();
            if connection || ended < streams.len() {
                return;
            }
        }
    }

    fn enter(&self, entry: Entry, furnish: impl FnOnce(&mut Place)) -> usize {
        let (place, looks_too_late) = self.with(|pending| {
            let (place, looks_too_late) = pending.add(entry);
            furnish(&mut pending.places[place]);
            (place, looks_too_late)
        });
        if looks_too_late {
            self.earlier.notify_one();
        }
        place
    }

    fn with<T>(&self, change: impl FnOnce(&mut Pending) -> T) -> T {
        change(&mut self.pending.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl OfCall<'_> {
    fn is_late(&self, task: &Waker) -> bool {
        self.deadlines.with(|pending| {
            let place = &mut pending.places[self.place];
            remember(&mut place.task, task);
            place.entry == Entry::Late
        })
    }
}

impl Drop for OfCall<'_> {
    fn drop(&mut self) {
        self.deadlines.with(|pending| pending.withdraw(self.place));
    }
}

fn remember(known: &mut Option<Waker>, task: &Waker) {
    match known {
        // Copies nothing where it is the same task.
        Some(known) => known.clone_from(task),
        None => *known = Some(task.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::stream_tasks::StreamTasks;
    use hyper::rt::Executor as _;
    use std::future::pending;
    use std::pin::pin;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::sleep;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn watched() -> (Arc<Deadlines>, JoinHandle<()>) {
        let deadlines = Arc::new(Deadlines::default());
        let watched = deadlines.clone();
        (deadlines, tokio::spawn(async move { watched.passed().await }))
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_deadline_that_still_holds_counts() {
        let begun = Instant::now();
        let deadlines = Arc::new(Deadlines::default());
        let _late = deadlines.add(begun + seconds(9), None);
        let withdrawn = deadlines.add(begun + seconds(1), None);
        deadlines.withdraw(withdrawn);
        let watching = tokio::spawn({
            let deadlines = deadlines.clone();
            async move { deadlines.passed().await }
        });
        tokio::task::yield_now().await;
        let _early = deadlines.add(begun + seconds(4), None);
        watching.await.unwrap();
        assert_eq!(begun.elapsed(), seconds(4));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_late_ends_with_its_stream_alone() {
        let (deadlines, watching) = watched();
        let (tasks, begun) = (StreamTasks::default(), Instant::now());
        let (word, said) = oneshot::channel::<()>();
        let stream = tasks.next();
        tasks.execute(async move {
            let _word = word;
            pending::<()>().await;
        });
        let late = deadlines.add(begun + seconds(2), Some(stream));
        said.await.unwrap_err();
        assert_eq!(begun.elapsed(), seconds(2));
        deadlines.withdraw(late);
        assert!(!watching.is_finished(), "its connection goes on");
        // Of one without a task the connection is all that can be ended.
        let _late = deadlines.add(begun + seconds(5), Some(StreamTask::default()));
        watching.await.unwrap();
        assert_eq!(begun.elapsed(), seconds(5));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_one_connection_end_each_at_its_own_deadline() {
        let (deadlines, watching) = watched();
        let begun = Instant::now();
        let calls = [5, 2, 9, 2].map(|limit| {
            let deadlines = deadlines.clone();
            tokio::spawn(async move {
                let call = pin!(pending::<()>());
                assert_eq!(deadlines.within(begun + seconds(limit), call).await, Err(Late));
                assert_eq!(begun.elapsed(), seconds(limit));
            })
        });
        for call in calls {
            call.await.unwrap();
        }
        assert!(!watching.is_finished(), "late calls do not end their connection");
        watching.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_ends_in_time_is_not_disturbed_by_those_before_it() {
        let (deadlines, watching) = watched();
        for _ in 0..20 {
            let end = Instant::now() + seconds(3);
            let call = pin!(async {
                sleep(seconds(2)).await;
                7
            });
            assert_eq!(deadlines.within(end, call).await, Ok(7));
        }
        assert_eq!(deadlines.with(|pending| pending.places.len()), 1);
        watching.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_leaves_nothing_behind() {
        let (deadlines, watching) = watched();
        for _ in 0..3 {
            let call = pin!(pending::<()>());
            let within = deadlines.within(Instant::now() + seconds(5), call);
            assert!(tokio::time::timeout(seconds(1), within).await.is_err());
        }
        let free = |pending: &mut Pending| (pending.places.len(), pending.free.len());
        assert_eq!(deadlines.with(free), (1, 1));
        sleep(seconds(10)).await;
        assert_eq!(deadlines.with(|pending| pending.looks_at), None);
        watching.abort();
    }
}
