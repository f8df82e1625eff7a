//! The open requests of one connection, each in a place that the next one takes over.
//!
//! Nobody but the connection's own thread touches them while no operator looks, so its lock is free, and a request that
//! comes and goes needs no memory. Knows nothing of how a request is answered.

use super::deadlines::{Deadlines, Ticket};
use super::request_id::RequestId;
use super::short_text::ShortText;
use crate::metrics::RouteMeter;
use http::{Method, StatusCode};
use sidegate_plugins::{EndSignal, StreamTask};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use tokio::time::Instant;

/// So many places are kept while nothing is open.
const KEPT: usize = 8;

/// What a request is, as its head says.
pub(crate) struct RequestHead {
    /// As the client, the log and the plugin are told.
    pub id: RequestId,
    /// The client's address where it is not the peer.
    pub client: Option<Arc<str>>,
    /// Its method, within a bound.
    pub method: Method,
    /// Its path without its query, within a bound.
    pub path: ShortText,
    /// When it was complete.
    pub start: Instant,
}

/// What is known of a request that is open.
pub(crate) struct OpenFacts {
    /// Of no other request of this gateway.
    pub number: u64,
    /// What its head says.
    pub head: RequestHead,
    /// The app that calls, where that is known.
    pub app: Option<u32>,
    /// Of its answer, once that begins.
    pub status: Option<StatusCode>,
    /// Tells its answer to end, where that is a stream.
    pub signal: Option<Arc<EndSignal>>,
    is_routed: bool,
    is_told_to_end: bool,
    /// What carries it, where it has its connection not for itself.
    stream: Option<StreamTask>,
    /// When its answer is cut, where an operator wants that; withdrawn when it leaves, or what comes after it on its
    /// connection would be cut.
    cut: Option<Ticket>,
}

/// A place of one request at a time.
#[derive(Default)]
struct Place {
    facts: Option<OpenFacts>,
    /// Where the request goes, or the one before it: mostly it is the same.
    route: Option<Arc<RouteMeter>>,
    /// Who answers it, or the one before it.
    task: Option<Waker>,
}

/// How a request is ended once its place need not be held any more.
pub(crate) enum Way {
    /// Its answer is told.
    Told(Arc<EndSignal>),
    /// Whoever answers it is woken, where that has begun to wait.
    Woken(Option<Waker>),
    /// Whoever drives the connection cuts its answer.
    Cut,
}

/// What is left of a request that is not open any more.
pub(crate) struct Left {
    /// What its head said.
    pub head: RequestHead,
    /// Whether an operator wanted it to end.
    pub is_told_to_end: bool,
}

/// The open requests of one connection.
#[derive(Default)]
pub(crate) struct ConnectionRequests(Mutex<Places>);

#[derive(Default)]
struct Places {
    all: Vec<Place>,
    free: Vec<usize>,
}

impl Places {
    /// A place that is free, made where none is.
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            if self.all.is_empty() {
                // Over HTTP/1 there is never another.
                self.all.reserve_exact(1);
            }
            self.all.push(Place::default());
            self.all.len() - 1
        })
    }

    /// Frees a place, and gives back what a crowd took when the last one of it has left.
    fn give(&mut self, place: usize) {
        self.free.push(place);
        if self.all.len() > KEPT && self.free.len() == self.all.len() {
            self.all.truncate(KEPT);
            self.all.shrink_to_fit();
            self.free = (0..KEPT).collect();
        }
    }
}

impl ConnectionRequests {
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, place: usize, act: impl FnOnce(&mut Place) -> R) -> Option<R> {
        self.places().all.get_mut(place).map(act)
    }

    /// Takes in a request, and tells its place. It leaves by [`ConnectionRequests::leave`].
    pub(crate) fn enter(
        &self,
        number: u64,
        head: RequestHead,
        stream: Option<StreamTask>,
    ) -> usize {
        let mut places = self.places();
        let place = places.take();
        places.all[place].facts = Some(OpenFacts {
            number,
            head,
            app: None,
            status: None,
            signal: None,
            is_routed: false,
            is_told_to_end: false,
            stream,
            cut: None,
        });
        place
    }

    /// The request has left; `None` where it did before.
    pub(crate) fn leave(&self, place: usize, deadlines: &Deadlines) -> Option<Left> {
        let mut places = self.places();
        let facts = places.all.get_mut(place)?.facts.take()?;
        places.give(place);
        drop(places);
        if let Some(cut) = facts.cut {
            deadlines.withdraw(cut);
        }
        Some(Left { head: facts.head, is_told_to_end: facts.is_told_to_end })
    }

    /// It is known where the request goes and which app calls, as far as it is.
    pub(crate) fn settled(&self, place: usize, route: Option<&Arc<RouteMeter>>, app: Option<u32>) {
        self.with(place, |place| {
            let Some(facts) = &mut place.facts else { return };
            facts.app = app;
            facts.is_routed = route.is_some();
            if let Some(route) = route
                && !place.route.as_ref().is_some_and(|before| Arc::ptr_eq(before, route))
            {
                place.route = Some(route.clone());
            }
        });
    }

    /// Its answer begins, and is told to end by `signal` where it is a stream; tells whether an operator wanted the request
    /// to end before.
    pub(crate) fn answered(
        &self,
        place: usize,
        status: StatusCode,
        signal: Option<&Arc<EndSignal>>,
    ) -> bool {
        let is_told = self.with(place, |place| {
            place.facts.as_mut().is_some_and(|facts| {
                facts.status = Some(status);
                facts.signal = signal.cloned();
                facts.is_told_to_end
            })
        });
        is_told.unwrap_or_default()
    }

    /// Wakes `task` when the request is to end; tells whether that is so already.
    pub(crate) fn listen(&self, place: usize, task: &Waker) -> bool {
        let is_told = self.with(place, |place| {
            match &mut place.task {
                Some(before) => before.clone_from(task),
                none => *none = Some(task.clone()),
            }
            place.facts.as_ref().is_some_and(|facts| facts.is_told_to_end)
        });
        is_told.unwrap_or_default()
    }

    /// Looks through all, with where they go: none enters or leaves meanwhile.
    pub(crate) fn each(&self, mut look: impl FnMut(&OpenFacts, Option<&RouteMeter>)) {
        for place in &self.places().all {
            if let Some(facts) = &place.facts {
                look(facts, place.route.as_deref().filter(|_| facts.is_routed));
            }
        }
    }

    /// Begins to end the request with this number; `None` where it is not here. It is in its place until this is over, so
    /// it cannot leave meanwhile.
    pub(crate) fn begin_end(&self, number: u64, deadlines: &Deadlines) -> Option<Way> {
        let mut places = self.places();
        let mut occupied = places.all.iter_mut().filter_map(|Place { facts, task, .. }| {
            facts.as_mut().filter(|facts| facts.number == number).map(|facts| (facts, task))
        });
        let (facts, task) = occupied.next()?;
        facts.is_told_to_end = true;
        Some(match (&facts.signal, facts.status) {
            (Some(signal), _) => Way::Told(signal.clone()),
            // A task of an earlier request is woken for nothing.
            (None, None) => Way::Woken(task.clone()),
            (None, Some(_)) => {
                // It passes at once.
                facts
                    .cut
                    .get_or_insert_with(|| deadlines.add(Instant::now(), facts.stream.clone()));
                Way::Cut
            }
        })
    }
}

#[cfg(test)]
impl RequestHead {
    /// Of some request.
    pub(crate) fn example() -> Self {
        Self {
            id: RequestId::of(&http::HeaderMap::new()),
            client: None,
            method: Method::GET,
            path: "/plugins/p/x".into(),
            start: Instant::now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_taken_again_and_what_a_crowd_took_is_given_back() {
        let (requests, deadlines) = (ConnectionRequests::default(), Deadlines::default());
        let enter = |number| requests.enter(number, RequestHead::example(), None);
        assert_eq!([enter(1), enter(2), enter(3)], [0, 1, 2]);
        requests.leave(1, &deadlines).expect("it was there");
        assert!(requests.leave(1, &deadlines).is_none(), "it has left");
        assert_eq!(enter(4), 1);
        let mut numbers = Vec::new();
        requests.each(|facts, _| numbers.push(facts.number));
        assert_eq!(numbers, [1, 4, 3]);
        let all: Vec<_> = (5..100).map(enter).chain(0..3).collect();
        for place in all {
            requests.leave(place, &deadlines).expect("it was there");
        }
        assert_eq!(requests.places().all.len(), KEPT);
        assert!(requests.places().all.capacity() < 2 * KEPT);
        assert!(enter(100) < KEPT);
    }
}
