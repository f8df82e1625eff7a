//! The promises of the limit, under every order of events.

use super::*;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

fn options(max: u32, queue: u32, millis: u64) -> Option<ConcurrencyOptions> {
    let queue_timeout = Some(Duration::from_millis(millis));
    Some(ConcurrencyOptions { max, queue: Some(queue), queue_timeout })
}

fn limit(max: u32, queue: u32, millis: u64) -> Arc<ConcurrencyLimit> {
    let limit = Arc::new(ConcurrencyLimit::default());
    limit.heed(options(max, queue, millis));
    limit
}

fn inside(limit: &Arc<ConcurrencyLimit>) -> Arc<Ticket> {
    match limit.enter() {
        Ok(Entry::Inside(ticket)) => ticket,
        other => panic!("{other:?}"),
    }
}

fn waits(limit: &Arc<ConcurrencyLimit>) -> Waiting {
    match limit.enter() {
        Ok(Entry::Waits(waiting)) => waiting,
        other => panic!("{other:?}"),
    }
}

fn counts(limit: &ConcurrencyLimit) -> (u32, usize) {
    let ConcurrencyFigures { inside, waiting, .. } = limit.figures();
    (inside, waiting)
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_comes_in_when_somebody_leaves_in_the_order_of_coming() {
    let limit = limit(1, 2, 5000);
    let first = inside(&limit);
    let mut second = waits(&limit).admitted().boxed();
    let mut third = waits(&limit).admitted().boxed();
    assert!(third.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
    assert_eq!(limit.enter().unwrap_err().max, 1, "the queue is full");
    tokio::time::advance(Duration::from_millis(700)).await;
    drop(first);
    assert_eq!(counts(&limit), (1, 1), "the place is taken before he is awake");
    assert!(third.as_mut().now_or_never().is_none());
    let second = second.await.unwrap();
    let figures = limit.figures();
    assert_eq!((figures.waits, figures.waited), (1, Duration::from_millis(700)));
    drop(second);
    drop(third.await.unwrap());
    assert_eq!(counts(&limit), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_long_enough_is_turned_away() {
    let limit = limit(1, 5, 200);
    let _inside = inside(&limit);
    let begun = Instant::now();
    let busy = waits(&limit).admitted().await.unwrap_err();
    assert_eq!((busy.max, busy.retry_after_seconds), (1, 1));
    assert_eq!((begun.elapsed(), counts(&limit)), (Duration::from_millis(200), (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn waiting_in_vain_is_refused_at_once() {
    let limit = limit(2, 100, 1000);
    let both = (inside(&limit), inside(&limit));
    tokio::time::advance(Duration::from_millis(500)).await;
    drop(both);
    let _both = (inside(&limit), inside(&limit));
    // Each of them lasts half a second, and two at a time: the fifth would wait for 1.25 s.
    let waiting: Vec<_> = (0..4).map(|_| waits(&limit)).collect();
    assert_eq!(limit.peek(), Err(PluginBusy { max: 2, retry_after_seconds: 2 }));
    assert_eq!(limit.enter().unwrap_err().retry_after_seconds, 2);
    drop(waiting);
    assert_eq!(limit.peek(), Ok(Some(Duration::from_millis(250))));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_lasted_for_hours_turns_nobody_away_for_long() {
    let limit = limit(1, 5, 1000);
    let long = inside(&limit);
    tokio::time::advance(Duration::from_secs(10 * 3600)).await;
    drop(long);
    for _ in 0..8 {
        drop(inside(&limit));
    }
    let _inside = inside(&limit);
    drop(waits(&limit));
}

#[tokio::test(start_paused = true)]
async fn another_limit_counts_at_once_also_for_those_that_wait() {
    let limit = limit(1, 9, 5000);
    let mut all = vec![inside(&limit)];
    let waiting: Vec<_> = (0..4).map(|_| waits(&limit).admitted()).collect();
    limit.heed(options(3, 9, 5000));
    assert_eq!(counts(&limit), (3, 2));
    limit.heed(options(1, 9, 5000));
    all.pop();
    assert_eq!(counts(&limit), (2, 2), "nobody comes in before it is less than the limit");
    limit.heed(None);
    assert_eq!(counts(&limit), (4, 0));
    for waiting in waiting {
        all.push(waiting.await.unwrap());
    }
    // Counted all the same, so that a limit that comes back knows of them.
    all.push(inside(&limit));
    limit.heed(options(5, 0, 5000));
    limit.enter().unwrap_err();
    drop(all);
    assert_eq!(counts(&limit), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_the_queue_and_a_place_that_was_given_to_him_goes_on() {
    let limit = limit(1, 3, 5000);
    let first = inside(&limit);
    let (second, third, fourth) = (waits(&limit), waits(&limit), waits(&limit));
    drop(third);
    assert_eq!(counts(&limit), (1, 2));
    drop(first);
    drop(second);
    assert_eq!(counts(&limit), (1, 0));
    drop(fourth.admitted().await.unwrap());
    assert_eq!(counts(&limit), (0, 0));
}

/// What can happen.
#[derive(Debug, Clone)]
enum Step {
    Enter,
    Leave(usize),
    GoAway(usize),
    Look(usize),
    Change(Option<u32>),
    Time(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Enter),
        3 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::GoAway),
        2 => any::<usize>().prop_map(Step::Look),
        1 => proptest::option::of(1_u32..5).prop_map(Step::Change),
        1 => (0_u64..400).prop_map(Step::Time),
    ];
    proptest::collection::vec(step, 1..200)
}

type Waits = BoxFuture<'static, Result<Arc<Ticket>, PluginBusy>>;

/// What those see that come and go.
struct World {
    limit: Arc<ConcurrencyLimit>,
    max: Option<u32>,
    inside: Vec<Arc<Ticket>>,
    /// In the order of coming; also those that were let in and do not know it yet.
    waiting: Vec<Waits>,
}

impl World {
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Enter => {
                let queued = self.limit.figures().waiting;
                match self.limit.enter() {
                    Ok(Entry::Inside(ticket)) => {
                        assert_eq!(queued, 0, "it overtook");
                        self.inside.push(ticket);
                    }
                    Ok(Entry::Waits(waiting)) => self.waiting.push(waiting.admitted().boxed()),
                    Err(busy) => assert_eq!(Some(busy.max), self.max),
                }
            }
            Step::Leave(n) if !self.inside.is_empty() => {
                self.inside.swap_remove(n % self.inside.len());
            }
            Step::GoAway(n) if !self.waiting.is_empty() => {
                drop(self.waiting.remove(n % self.waiting.len()));
            }
            Step::Look(n) if !self.waiting.is_empty() => self.look(n % self.waiting.len()),
            Step::Change(max) => {
                self.max = max;
                self.limit.heed(max.and_then(|max| options(max, 6, 300)));
            }
            _ => {}
        }
    }

    /// Looks whether one that waits comes in, and with it all that came before it.
    fn look(&mut self, at: usize) {
        let Some(outcome) = self.waiting[at].as_mut().now_or_never() else { return };
        drop(self.waiting.remove(at));
        let Ok(ticket) = outcome else { return };
        self.inside.push(ticket);
        for mut earlier in self.waiting.drain(..at) {
            let ticket = earlier.as_mut().now_or_never().expect("it was overtaken");
            self.inside.push(ticket.expect("it was overtaken"));
        }
    }

    fn look_at_all(&mut self) {
        for at in (0..self.waiting.len()).rev() {
            if at < self.waiting.len() {
                self.look(at);
            }
        }
    }
}

/// What must hold after a step, whatever it was.
fn check(world: &World, step: &Step, inside_before: u32) {
    let (inside, waiting) = counts(&world.limit);
    let may_be = world.max.unwrap_or(u32::MAX);
    assert!(inside <= may_be || inside <= inside_before, "{step:?}: one too many came in");
    assert!(waiting == 0 || inside >= may_be, "{step:?}: somebody waits for nothing");
    assert!(waiting <= 6, "{step:?}: the queue has a bound");
    let known = world.inside.len() + world.waiting.len() - waiting;
    assert_eq!(usize::try_from(inside).unwrap(), known, "{step:?}: places are lost");
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_the_promises_of_the_limit(max in 1_u32..5, steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (inside, waiting) = (Vec::new(), Vec::new());
            let mut world = World { limit: limit(max, 6, 300), max: Some(max), inside, waiting };
            for step in steps {
                let (inside_before, _) = counts(&world.limit);
                if let Step::Time(millis) = step {
                    tokio::time::advance(Duration::from_millis(millis)).await;
                    world.look_at_all();
                }
                world.take(&step);
                check(&world, &step, inside_before);
            }
            // Whoever leaves lets the next one in, until nobody is left.
            while !(world.waiting.is_empty() && world.inside.is_empty()) {
                world.inside.clear();
                world.look_at_all();
            }
            assert_eq!(counts(&world.limit), (0, 0));
        });
    }
}

/// Threads that come, wait and go at once.
#[test]
fn never_more_than_the_limit_are_inside_and_everybody_is_served() {
    const MAX: u32 = 4;
    let limit = limit(MAX, 1000, 60_000);
    let (now, most, served) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let come = async || {
        let ticket = match limit.enter() {
            Ok(Entry::Inside(ticket)) => ticket,
            Ok(Entry::Waits(waiting)) => waiting.admitted().await.unwrap(),
            Err(busy) => panic!("{busy:?}"),
        };
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        now.fetch_sub(1, Ordering::SeqCst);
        drop(ticket);
        served.fetch_add(1, Ordering::SeqCst);
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(futures_util::future::join_all((0..200).map(|_| come())));
            });
        }
    });
    assert_eq!((served.into_inner(), counts(&limit)), (800, (0, 0)));
    assert!(most.into_inner() <= MAX);
}
