//! Event streams under load: each client reads one from its first event to its end, then opens the
//! next. A stream counts as complete only if every event came, once and in order.

use crate::client::Version;
use crate::gateway::Gateway;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

/// How many events, and how many milliseconds between them.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Events of one stream.
    pub events: usize,
    /// From one to the next.
    pub interval_ms: u64,
}

/// Streams of the plugin `lab`, being read.
pub struct Streams {
    is_over: Arc<AtomicBool>,
    readers: JoinSet<Streamed>,
}

/// What became of streams.
#[derive(Debug, Default)]
pub struct Streamed {
    /// How many came to their end with every event.
    pub complete: usize,
    /// What happened to the others.
    pub broken: Vec<String>,
}

impl Streams {
    /// No streams yet.
    pub fn none() -> Self {
        Self { is_over: Arc::default(), readers: JoinSet::new() }
    }

    /// Adds readers; each has a connection of its own.
    pub async fn add(&mut self, gateway: &Gateway, version: Version, readers: usize, pace: Pace) {
        let Pace { events, interval_ms } = pace;
        let path = format!("/plugins/lab/sse?n={events}&interval_ms={interval_ms}");
        for _ in 0..readers {
            let connection = gateway.connection(version).await;
            let (path, is_over) = (path.clone(), self.is_over.clone());
            self.readers.spawn(async move {
                let mut streamed = Streamed::default();
                while !is_over.load(Ordering::Relaxed) {
                    match connection.request("GET", &path).try_send().await {
                        Ok(answer) if answer.status == 200 => {
                            streamed.count(is_complete(answer.text(), events));
                        }
                        Ok(answer) => streamed.broken.push(answer.describe()),
                        Err(broken) => {
                            streamed.broken.push(format!("{broken:?}"));
                            break;
                        }
                    }
                }
                streamed
            });
        }
    }

    /// Lets every reader finish its last stream; tells what became of all.
    ///
    /// # Panics
    /// With a reader that got an answer that breaks a promise about every answer.
    pub async fn end(mut self) -> Streamed {
        self.is_over.store(true, Ordering::Relaxed);
        let mut sum = Streamed::default();
        while let Some(ended) = self.readers.join_next().await {
            let streamed = ended.expect("a reader of a stream got a bad answer");
            sum.complete += streamed.complete;
            sum.broken.extend(streamed.broken);
        }
        sum
    }
}

impl Streamed {
    fn count(&mut self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.complete += 1,
            Err(problem) => self.broken.push(problem),
        }
    }

    /// Asserts that no stream was broken, and that at least so many were read to their end.
    ///
    /// # Panics
    /// When not.
    #[track_caller]
    pub fn is_spotless(&self, at_least: usize) {
        assert!(self.broken.is_empty(), "{} and {:#?}", self.complete, self.broken);
        assert!(self.complete >= at_least, "only {} streams were read", self.complete);
    }
}

fn is_complete(text: &str, events: usize) -> Result<(), String> {
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    let ids: Vec<_> = ids.map(|id| id.parse::<usize>().unwrap_or(usize::MAX)).collect();
    let is_whole = text.ends_with("\n\n") && ids.iter().copied().eq(0..events);
    if is_whole { Ok(()) } else { Err(format!("of {events} events came {ids:?}")) }
}
