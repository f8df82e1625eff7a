//! The open requests of one shard, so that an operator can see them, and end one.
//!
//! Finds them through the connections of the shard. Knows nothing of how a request is answered.

use super::connection::ClientConnection;
use super::connection_requests::{OpenFacts, Way};
use super::open_streams::OpenStreams;
use crate::metrics::{RouteMeter, UNMATCHED};
use sidegate_model::UnixMillis;
use sidegate_model::traffic::{self, FoundRoute, OpenRequestFilter, OpenRequests};
use sidegate_plugins::{Ending, Entered, Roster};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The connections of one shard, with their open requests.
pub(crate) struct ListedRequests {
    connections: Arc<Roster<Arc<ClientConnection>>>,
    next: AtomicU64,
    /// Between two numbers, so that no two shards give the same.
    step: u64,
}

/// A request that was found, the oldest being the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    start: Instant,
    number: u64,
    /// Its connection, by its place among those that were kept.
    place: usize,
}

/// As an operator is told it.
fn told(
    facts: &OpenFacts,
    route: Option<&RouteMeter>,
    peer: &str,
    (now, clock): (Instant, UnixMillis),
) -> traffic::OpenRequest {
    let duration = now.saturating_duration_since(facts.head.start);
    traffic::OpenRequest {
        number: facts.number,
        request_id: facts.head.id.to_string(),
        client: facts.head.client.as_deref().unwrap_or(peer).to_owned(),
        method: facts.head.method.to_string(),
        path: facts.head.path.as_str().to_owned(),
        route: route.and_then(found_route),
        app: facts.app,
        started_at: clock - i64::try_from(duration.as_millis()).unwrap_or(clock),
        duration,
        status: facts.status.map(|status| status.as_u16()),
        is_stream: facts.signal.is_some(),
    }
}

/// Where requests go that these are the counts of; `None` for those that go nowhere.
pub(crate) fn found_route(route: &RouteMeter) -> Option<FoundRoute> {
    let name = route.name();
    (name != UNMATCHED)
        .then(|| FoundRoute { plugin: name.plugin.to_owned(), route: name.route.to_owned() })
}

impl ListedRequests {
    /// None yet, of this one of so many shards. Numbers go on from the time in seconds, so that those of another process
    /// are not taken for this one's.
    pub(crate) fn new(shard: usize, shards: usize, seconds: u64) -> Self {
        let number = |count: usize| u64::try_from(count).unwrap_or(1);
        let step = number(shards).max(1);
        let first = (seconds << 24).div_ceil(step) * step + number(shard);
        Self { connections: Arc::default(), next: AtomicU64::new(first), step }
    }

    /// The requests of this connection are found until what this gives is dropped.
    pub(crate) fn connect(
        &self,
        connection: &Arc<ClientConnection>,
    ) -> Entered<Arc<ClientConnection>> {
        self.connections.enter(connection.clone())
    }

    /// A number for a request.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(self.step, Ordering::Relaxed)
    }

    /// The oldest of those that are looked for, and how many there are of them.
    fn find(
        &self,
        filter: &OpenRequestFilter,
        at: (Instant, UnixMillis),
    ) -> (Vec<traffic::OpenRequest>, usize) {
        // As little as possible while no client may come or go.
        let mut oldest: BinaryHeap<Found> = BinaryHeap::new();
        let mut count = 0;
        let mut kept: Vec<Arc<ClientConnection>> = Vec::new();
        self.connections.each(|connection| {
            connection.requests.each(|facts, route| {
                let start = facts.head.start;
                let is_old = at.0.saturating_duration_since(start) >= filter.min_duration;
                let is_for = |plugin| route.is_some_and(|route| route.name().plugin == plugin);
                if !is_old || !filter.plugin.as_deref().is_none_or(is_for) {
                    return;
                }
                count += 1;
                let number = facts.number;
                if oldest.len() < filter.most {
                    oldest.push(Found { start, number, place: kept.len() });
                    kept.push(connection.clone());
                } else if let Some(mut youngest) = oldest.peek_mut()
                    && youngest.start > start
                {
                    kept[youngest.place] = connection.clone();
                    *youngest = Found { start, number, place: youngest.place };
                }
            });
        });
        let told = oldest.iter().filter_map(|found| {
            let connection = &kept[found.place];
            let mut request = None;
            connection.requests.each(|facts, route| {
                if facts.number == found.number {
                    request = Some(told(facts, route, &connection.peer_text, at));
                }
            });
            // One that has left meanwhile is not open.
            request
        });
        (told.collect(), count)
    }

    /// Ends the request with this number, wherever it is: one without an answer gets an error for one, an answer is cut.
    /// Tells whether it is open here.
    fn end(&self, number: u64, streams: &OpenStreams) -> bool {
        let mut found = None;
        self.connections.each(|connection| {
            if found.is_none() {
                found = connection.requests.begin_end(number, &connection.deadlines);
            }
        });
        // Not under the lock: what ends leaves. Whoever is told or woken is this request's, also when it has left.
        match &found {
            Some(Way::Told(signal)) => streams.end_one(signal, Ending::ByOperator),
            Some(Way::Woken(Some(task))) => task.wake_by_ref(),
            Some(Way::Woken(None) | Way::Cut) | None => {}
        }
        found.is_some()
    }
}

/// The oldest open requests of all shards.
pub(crate) fn oldest(
    shards: &[ListedRequests],
    filter: &OpenRequestFilter,
    clock: UnixMillis,
) -> OpenRequests {
    let now = Instant::now();
    let mut all = Vec::new();
    let mut count = 0;
    for shard in shards {
        let (found, of_shard) = shard.find(filter, (now, clock));
        count += of_shard;
        all.extend(found);
    }
    all.sort_by_key(|open| std::cmp::Reverse(open.duration));
    all.truncate(filter.most);
    OpenRequests { oldest: all, count }
}

/// Ends the request with this number; tells whether it is open.
pub(crate) fn end(shards: &[ListedRequests], streams: &[OpenStreams], number: u64) -> bool {
    shards.iter().zip(streams).any(|(shard, streams)| shard.end(number, streams))
}

/// The seconds from which numbers go on.
pub(crate) fn first_number(clock: UnixMillis) -> u64 {
    u64::try_from(clock).map_or(0, |millis| Duration::from_millis(millis).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::connection::{OpenRequest, Peer};
    use crate::edge::connection_requests::RequestHead;
    use crate::log::Logs;
    use crate::metrics::Metrics;
    use futures_util::FutureExt as _;
    use http::StatusCode;
    use sidegate_model::public_endpoints::PublicMode;
    use sidegate_plugins::Scheme;
    use std::pin::pin;

    fn connection() -> Arc<ClientConnection> {
        let addr = ([192, 0, 2, 1], 1).into();
        let peer = Peer { addr, is_proxy: false, scheme: Scheme::Http };
        ClientConnection::new(peer, 0, Metrics::new(1).shard(0), Logs::none().access)
    }

    fn requests() -> (ListedRequests, OpenStreams) {
        (ListedRequests::new(0, 1, 0), OpenStreams::new(PublicMode::Allow))
    }

    /// An open request of a connection, which leaves when this is dropped.
    struct Entered<'a> {
        connection: &'a Arc<ClientConnection>,
        number: u64,
        place: usize,
    }

    impl<'a> Entered<'a> {
        fn new(
            requests: &ListedRequests,
            connection: &'a Arc<ClientConnection>,
        ) -> (OpenRequest, Self) {
            let open = connection.begin(None);
            let number = requests.number();
            let place = connection.requests.enter(number, RequestHead::example(), None);
            (open, Self { connection, number, place })
        }

        /// Its answer begins; tells whether it was told to end before.
        fn answered(&self) -> bool {
            self.connection.requests.answered(self.place, StatusCode::OK, None)
        }
    }

    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            self.connection.requests.leave(self.place, &self.connection.deadlines).expect("once");
        }
    }

    /// Whether whoever drives the connection would cut it now.
    fn is_cut(connection: &ClientConnection) -> bool {
        pin!(connection.deadlines.passed()).now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_ended_is_cut_and_what_comes_after_it_is_not() {
        let ((requests, streams), connection) = (requests(), connection());
        let _connected = requests.connect(&connection);
        let (open, listed) = Entered::new(&requests, &connection);
        assert!(requests.end(listed.number, &streams));
        assert!(connection.requests.listen(listed.place, futures_util::task::noop_waker_ref()));
        assert!(!is_cut(&connection), "it has no answer yet, and gets an error for one");
        assert!(listed.answered());
        assert!(requests.end(listed.number, &streams));
        assert!(requests.end(listed.number, &streams), "it still is there");
        assert!(is_cut(&connection));
        let number = listed.number;
        drop((listed, open));
        let (_open, next) = Entered::new(&requests, &connection);
        assert!(!next.answered());
        assert!(!requests.end(number, &streams), "it has left");
        assert!(!is_cut(&connection));
    }

    const TURNS: u64 = 20_000;

    fn spin(times: u64) {
        for _ in 0..times {
            std::hint::spin_loop();
        }
    }

    /// Waits for another thread and gives it no time to get ahead, as long as both have a core.
    fn spin_until(is_so: impl Fn() -> bool) {
        let begun = std::time::Instant::now();
        while !(0..2_000).any(|_| is_so()) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the other thread is stuck");
            std::thread::yield_now();
        }
    }

    // By the real clock, which another thread has too.
    #[tokio::test]
    async fn a_request_that_leaves_while_it_is_ended_takes_its_end_along() {
        let ((requests, streams), connection) = (requests(), connection());
        let _connected = requests.connect(&connection);
        // What is to be ended in which turn, and the turn that was begun.
        let (wanted, turn_of_wanted, begun) = <(AtomicU64, AtomicU64, AtomicU64)>::default();
        let ended = std::thread::scope(|threads| {
            let ender = threads.spawn(|| {
                let end = |turn| {
                    spin_until(|| turn_of_wanted.load(Ordering::SeqCst) == turn);
                    let number = wanted.load(Ordering::SeqCst);
                    begun.store(turn, Ordering::SeqCst);
                    // A little later each time: before the request leaves, meanwhile and afterwards.
                    spin(turn % 200);
                    requests.end(number, &streams)
                };
                (1..=TURNS).filter(|turn| end(*turn)).count()
            });
            for turn in 1..=TURNS {
                let (open, listed) = Entered::new(&requests, &connection);
                listed.answered();
                wanted.store(listed.number, Ordering::SeqCst);
                turn_of_wanted.store(turn, Ordering::SeqCst);
                spin_until(|| begun.load(Ordering::SeqCst) == turn);
                // As its record does it: the connection is free for the next one, and then it leaves.
                drop(open);
                drop(listed);
            }
            ender.join().expect("it ends them all")
        });
        assert!(ended > 0, "some were there when they were ended");
        assert!(!is_cut(&connection), "all have left, and nobody was meant who came later");
    }

    #[tokio::test]
    async fn the_oldest_are_found_wherever_they_came_and_what_has_left_is_not() {
        let (requests, _) = requests();
        let connections = [connection(), connection(), connection()];
        let _connected: Vec<_> = connections.iter().map(|each| requests.connect(each)).collect();
        // By turns on each of them.
        let mut open: Vec<_> =
            (0..9).map(|n| Entered::new(&requests, &connections[n % 3])).collect();
        let numbers: Vec<_> = open.iter().map(|(_, entered)| entered.number).collect();
        let filter = OpenRequestFilter { most: 4, ..OpenRequestFilter::default() };
        let found = || {
            let OpenRequests { oldest, count } =
                oldest(std::slice::from_ref(&requests), &filter, 0);
            (oldest.iter().map(|open| open.number).collect::<Vec<_>>(), count)
        };
        assert_eq!(found(), (numbers[..4].to_vec(), 9));
        open.drain(1..3);
        assert_eq!(found(), ([&numbers[..1], &numbers[3..6]].concat(), 7));
        open.clear();
        assert_eq!(found(), (vec![], 0));
    }
}
