//! Load: many clients at the same time, each of which asks anew as soon as it is answered. Counts
//! what they got; whether that is good is for the story to say.

use crate::answer::Answer;
use crate::body::BrokenOff;
use crate::client::{Connection, Version};
use crate::eventually::eventually;
use crate::gateway::Gateway;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

/// How many clients share one connection over HTTP/2.
const CLIENTS_PER_CONNECTION: usize = 4;

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<Tally>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicUsize,
}

/// What clients got.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many answers of each status.
    pub statuses: BTreeMap<u16, usize>,
    /// Requests without a whole answer, in words.
    pub broken: Vec<String>,
    /// Requests that could not be sent on their connection, and were not answered by anybody.
    pub unsent: usize,
    /// Every different body of an answer with status 200.
    pub bodies: BTreeSet<String>,
    /// The first few answers of another status, in words.
    pub refusals: Vec<String>,
    /// The most requests of a single client that were not answered with 200.
    pub worst: usize,
    /// When the last one of them began.
    pub last_failure_began: Option<Instant>,
}

impl Load {
    /// Lets `clients` ask for `path` again and again over connections that are kept: over HTTP/1.1
    /// each has its own, over HTTP/2 some share one.
    pub async fn begin(gateway: &Gateway, version: Version, clients: usize, path: &str) -> Self {
        let mut load = Self { shared: Arc::default(), clients: JoinSet::new() };
        load.add(gateway, version, clients, path).await;
        load
    }

    /// Adds more clients.
    pub async fn add(&mut self, gateway: &Gateway, version: Version, clients: usize, path: &str) {
        let mut connection = None;
        for number in 0..clients {
            let is_shared = version == Version::Http2 && number % CLIENTS_PER_CONNECTION != 0;
            if !is_shared {
                connection = Some(gateway.connection(version).await);
            }
            let client = Client {
                addr: gateway.addr(),
                version,
                path: path.to_owned(),
                connection: connection.clone().expect("the first one is always opened"),
            };
            self.clients.spawn(client.ask(self.shared.clone()));
        }
    }

    /// How many requests were answered so far, with whatever status.
    pub fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Waits for so many more answers.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn answers(&self, more: usize) {
        let target = self.answered() + more;
        let what = format!("{more} more answers");
        eventually(&what, async || (self.answered() >= target).then_some(())).await;
    }

    /// Lets every client finish its last request; tells what they got.
    ///
    /// # Panics
    /// With a client that got an answer that breaks a promise about every answer.
    pub async fn end(mut self) -> Tally {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        while let Some(ended) = self.clients.join_next().await {
            sum.take_in(ended.expect("a client of the load got a bad answer"));
        }
        sum
    }
}

struct Client {
    addr: SocketAddr,
    version: Version,
    path: String,
    connection: Connection,
}

impl Client {
    async fn ask(mut self, shared: Arc<Shared>) -> Tally {
        let mut tally = Tally::default();
        while !shared.is_over.load(Ordering::Relaxed) {
            let began = Instant::now();
            match self.connection.request("GET", &self.path).try_send().await {
                Ok(answer) => {
                    tally.count(&answer, began);
                    shared.answered.fetch_add(1, Ordering::Relaxed);
                }
                // It was not even sent, for the connection had been closed in order.
                Err(BrokenOff { error, .. }) if error.is_canceled() || error.is_closed() => {
                    tally.unsent += 1;
                    tally.last_failure_began = Some(began);
                    self.connection = Connection::open(self.addr, self.version).await;
                }
                Err(broken) => {
                    tally.broken.push(format!("{broken:?}"));
                    tally.last_failure_began = Some(began);
                    self.connection = Connection::open(self.addr, self.version).await;
                }
            }
        }
        tally.worst = tally.not_ok();
        tally
    }
}

impl Tally {
    fn count(&mut self, answer: &Answer, began: Instant) {
        *self.statuses.entry(answer.status.as_u16()).or_default() += 1;
        if answer.status == 200 {
            self.bodies.insert(answer.text().to_owned());
        } else {
            self.refusals.push(answer.describe());
            self.last_failure_began = Some(began);
        }
    }

    fn take_in(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        self.broken.extend(other.broken);
        self.unsent += other.unsent;
        self.bodies.extend(other.bodies);
        self.refusals.extend(other.refusals);
        self.refusals.truncate(8);
        self.worst = self.worst.max(other.worst);
        self.last_failure_began = self.last_failure_began.max(other.last_failure_began);
    }

    /// How many answers had this status.
    pub fn of(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// How many requests were not answered with 200.
    pub fn not_ok(&self) -> usize {
        self.statuses.values().sum::<usize>() - self.of(200) + self.broken.len() + self.unsent
    }

    /// Asserts that every request that was sent was answered with 200; connections may have been
    /// closed between two requests.
    ///
    /// # Panics
    /// When not.
    #[track_caller]
    pub fn lost_nothing(mut self, at_least: usize) {
        self.unsent = 0;
        self.is_spotless(at_least);
    }

    /// Asserts that every request was answered with 200, and that there were at least so many.
    ///
    /// # Panics
    /// When not.
    #[track_caller]
    pub fn is_spotless(&self, at_least: usize) {
        assert_eq!(
            self.not_ok(),
            0,
            "{:?}\n{:#?}\n{:#?}",
            self.statuses,
            self.broken,
            self.refusals
        );
        assert!(self.of(200) >= at_least, "only {} requests were made", self.of(200));
    }
}
