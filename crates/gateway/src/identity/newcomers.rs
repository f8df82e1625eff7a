//! Clients of issuers that speak for no app yet, where an operator lets apps be made for them on first sight. A request only
//! asks: whoever has desired state makes the app, beside all requests, and the request waits for it at most for a while.
//! Only somebody whose JWT was found good comes as far as this.

use sidegate_model::issuer::IssuerId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::time::Instant;

/// How long a request waits for its app.
pub(crate) const WAIT: Duration = Duration::from_secs(5);
/// How long it is remembered that no app could be made for a client, so that it is not asked for with each request.
const PAUSE: Duration = Duration::from_secs(10);
/// Most apps that are asked for in one [`PAUSE`], for each issuer.
const MOST_IN_PAUSE: u32 = 20;
/// Most that wait to be made.
const QUEUE: usize = 64;
/// Most of these for each issuer, so that one whose clients come without end leaves room to others.
const QUEUE_EACH: usize = MOST_IN_PAUSE as usize;
/// Most requests that wait for apps.
const PLACES: usize = 256;
/// Most of these for each issuer.
const PLACES_EACH: u32 = 64;
/// Most clients that something is remembered of.
const MOST_KNOWN: usize = 1024;

type Key = (IssuerId, String);

/// What came of an app that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeApp {
    /// It is there, or will be in a moment.
    Made,
    /// It is not to be made, for this reason.
    Refused(&'static str),
    /// It could not be made now.
    Failed,
}

/// How far one is that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It may be there soon: what serves is worth another look once more than so many are done.
    Soon(u64),
    /// It is not made, for this reason.
    No(&'static str),
    /// Nobody can tell now.
    Unknown(&'static str),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Asked,
    Done(MadeApp, Instant),
}

#[derive(Default)]
struct Table {
    clients: HashMap<Key, State>,
    /// How many were asked for since when.
    asked: HashMap<IssuerId, (Instant, u32)>,
    /// How many requests wait.
    waiting: HashMap<IssuerId, u32>,
}

/// A place for a request that waits, which is given back with it.
pub(crate) struct Place<'a> {
    among: &'a Newcomers,
    issuer: IssuerId,
    _one_of_all: SemaphorePermit<'a>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut waiting) = self.among.table().waiting.entry(self.issuer) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }
}

/// Those that were asked for; one for all shards.
pub(crate) struct Newcomers {
    maker: Option<mpsc::Sender<Newcomer>>,
    table: Mutex<Table>,
    done: watch::Sender<u64>,
    places: Semaphore,
}

/// A client for which an app is wanted. Dropped without a word it is one that could not be made.
pub struct Newcomer {
    key: Key,
    among: Arc<Newcomers>,
    is_told: bool,
}

/// Where newcomers come out, for whoever has desired state.
pub struct NewcomerQueue(mpsc::Receiver<Newcomer>);

/// Where they go in. Without one no app is ever made.
#[derive(Clone)]
pub struct NewcomerSender(mpsc::Sender<Newcomer>);

/// A queue of newcomers, for a gateway that is beside what has desired state.
pub fn newcomers() -> (NewcomerSender, NewcomerQueue) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (NewcomerSender(sender), NewcomerQueue(receiver))
}

impl NewcomerQueue {
    /// The next one; `None` once there is no gateway any more.
    pub async fn next(&mut self) -> Option<Newcomer> {
        self.0.recv().await
    }
}

impl Newcomer {
    /// Whose client it is.
    pub fn issuer(&self) -> IssuerId {
        self.key.0
    }

    /// What it is called there.
    pub fn client(&self) -> &str {
        &self.key.1
    }

    /// Says what came of it.
    pub fn tell(mut self, made: MadeApp) {
        self.is_told = true;
        self.among.note(&self.key, made);
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        if !self.is_told {
            self.among.note(&self.key, MadeApp::Failed);
        }
    }
}

impl Newcomers {
    /// None yet.
    pub(crate) fn new(maker: Option<NewcomerSender>) -> Arc<Self> {
        let maker = maker.map(|NewcomerSender(sender)| sender);
        let (table, done) = (Mutex::default(), watch::Sender::default());
        Arc::new(Self { maker, table, done, places: Semaphore::new(PLACES) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, key: &Key, made: MadeApp) {
        self.table().clients.insert(key.clone(), State::Done(made, Instant::now()));
        self.done.send_modify(|done| *done += 1);
    }

    /// Asks for the app of a client, once for all that wait for it.
    pub(crate) fn ask(self: &Arc<Self>, issuer: IssuerId, client: &str) -> Asked {
        let Some(maker) = &self.maker else {
            return Asked::No(
                "its client speaks for no app that is here, and none is made at an edge",
            );
        };
        let now = Instant::now();
        let mut table = self.table();
        // What is done is noted in the table first, so that none that is seen as asked for is missed.
        let soon = Asked::Soon(*self.done.borrow());
        let Table { clients, asked, .. } = &mut *table;
        if clients.len() >= MOST_KNOWN {
            clients
                .retain(|_, state| !matches!(state, State::Done(_, at) if at.elapsed() >= PAUSE));
        }
        if asked.len() >= MOST_KNOWN {
            asked.retain(|_, (since, _)| since.elapsed() < PAUSE);
        }
        let is_full = clients.len() >= MOST_KNOWN;
        let being_made = clients
            .iter()
            .filter(|((of, _), state)| *of == issuer && matches!(state, State::Asked));
        let is_at_its_share = being_made.count() >= QUEUE_EACH;
        let entry = match clients.entry((issuer, client.to_owned())) {
            Entry::Occupied(known) => match known.get() {
                State::Asked => return soon,
                State::Done(made, at) if now - *at < PAUSE => {
                    return match made {
                        MadeApp::Made => soon,
                        MadeApp::Refused(why) => Asked::No(why),
                        MadeApp::Failed => {
                            Asked::Unknown("the app of its client could not be made")
                        }
                    };
                }
                State::Done(..) => Entry::Occupied(known),
            },
            vacant => vacant,
        };
        let (since, count) = asked.entry(issuer).or_insert((now, 0));
        if now - *since >= PAUSE {
            (*since, *count) = (now, 0);
        }
        if is_full || *count >= MOST_IN_PAUSE {
            return Asked::Unknown("too many clients that are new have come");
        }
        let place = maker.try_reserve().ok().filter(|_| !is_at_its_share);
        let Some(place) = place else {
            return Asked::Unknown("too many apps of new clients wait to be made");
        };
        *count += 1;
        let key = (issuer, client.to_owned());
        place.send(Newcomer { key, among: self.clone(), is_told: false });
        entry.insert_entry(State::Asked);
        soon
    }

    /// A place for a request that waits for an app of this issuer; `None` where too many do.
    pub(crate) fn place(&self, issuer: IssuerId) -> Option<Place<'_>> {
        let one_of_all = self.places.try_acquire().ok()?;
        let mut table = self.table();
        let waiting = table.waiting.entry(issuer).or_default();
        if *waiting >= PLACES_EACH {
            return None;
        }
        *waiting += 1;
        Some(Place { among: self, issuer, _one_of_all: one_of_all })
    }

    /// Waits until more than so many were made, or were not.
    pub(crate) async fn another(&self, seen: u64) {
        // It lives as long as this.
        let _ = self.done.subscribe().wait_for(|done| *done > seen).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: IssuerId = IssuerId(1);

    #[tokio::test(start_paused = true)]
    async fn an_app_is_asked_for_once_and_again_only_after_a_while() {
        let (sender, mut queue) = newcomers();
        let all = Newcomers::new(Some(sender));
        assert!(matches!(all.ask(ISSUER, "a"), Asked::Soon(_)));
        assert!(matches!(all.ask(ISSUER, "a"), Asked::Soon(_)));
        let asked = queue.next().await.unwrap();
        assert_eq!((asked.issuer(), asked.client()), (ISSUER, "a"));
        asked.tell(MadeApp::Refused("no"));
        assert_eq!(all.ask(ISSUER, "a"), Asked::No("no"));
        assert!(matches!(all.ask(ISSUER, "b"), Asked::Soon(_)));
        drop(queue.next().await.unwrap());
        assert!(matches!(all.ask(ISSUER, "b"), Asked::Unknown(_)), "nobody said what came of it");
        tokio::time::advance(PAUSE).await;
        assert!(matches!(all.ask(ISSUER, "a"), Asked::Soon(_)));
        assert_eq!(queue.next().await.unwrap().client(), "a");
    }

    #[tokio::test(start_paused = true)]
    async fn newcomers_are_bounded_in_rate_number_and_where_nobody_makes_apps() {
        let (sender, mut queue) = newcomers();
        let all = Newcomers::new(Some(sender));
        for number in 0..MOST_IN_PAUSE {
            assert!(matches!(all.ask(ISSUER, &number.to_string()), Asked::Soon(_)));
        }
        assert!(matches!(all.ask(ISSUER, "more"), Asked::Unknown(_)));
        assert!(matches!(all.ask(IssuerId(2), "more"), Asked::Soon(_)), "of another issuer");
        for _ in 0..=MOST_IN_PAUSE {
            queue.next().await.unwrap().tell(MadeApp::Made);
        }
        tokio::time::advance(PAUSE).await;
        assert!(matches!(all.ask(ISSUER, "more"), Asked::Soon(_)));
        drop(queue);
        assert!(matches!(all.ask(ISSUER, "none"), Asked::Unknown(_)), "nobody takes them");
        assert!(matches!(Newcomers::new(None).ask(ISSUER, "a"), Asked::No(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_issuer_takes_neither_the_queue_nor_the_places_of_others() {
        let (sender, mut queue) = newcomers();
        let all = Newcomers::new(Some(sender));
        // Whoever makes them is slow, and new clients come all the time.
        let mut asked = 0;
        for number in 0..10 * MOST_IN_PAUSE {
            if number % MOST_IN_PAUSE == 0 {
                tokio::time::advance(PAUSE).await;
            }
            asked += u32::from(matches!(all.ask(ISSUER, &number.to_string()), Asked::Soon(_)));
        }
        assert_eq!(asked, MOST_IN_PAUSE);
        assert!(matches!(all.ask(IssuerId(2), "a"), Asked::Soon(_)), "of another issuer");
        queue.next().await.unwrap().tell(MadeApp::Made);
        assert!(matches!(all.ask(ISSUER, "one more"), Asked::Soon(_)), "there is room again");
        let mut places: Vec<_> = std::iter::from_fn(|| all.place(ISSUER)).collect();
        assert_eq!(places.len(), PLACES_EACH as usize);
        assert!(all.place(IssuerId(2)).is_some(), "of another issuer");
        places.pop();
        assert!(all.place(ISSUER).is_some());
        drop(places);
        assert!(all.table().waiting.is_empty());
    }
}
