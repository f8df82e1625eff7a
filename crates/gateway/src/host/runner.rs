//! One process from its start to its end: spawned, connected, initialised, watched, stopped.
//!
//! Follows orders and tells what happened; what follows from it is decided in `state`. Cleans up
//! after itself on every way out.

use super::connect::{await_handshake, dial};
use super::exit::Exit;
use super::fault::{Fault, last_words};
use super::flight::{FlightRecorder, Recording};
use super::oom::MemoryWatch;
use super::process::Process;
use super::run_dir::RunDir;
use super::session::Session;
use super::settings::{HostLimits, HostSettings};
use super::state::Serial;
use crate::instance::{Features, Instance, SMALL_MESSAGE_BYTES};
use futures_util::FutureExt as _;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::record::InstanceEnd;
use sidegate_model::sha256::Sha256;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};

/// What a request needs beside its body, in bytes, for the warning about large bodies.
const HEADER_ROOM: usize = 64 * 1024;
/// Between two looks whether any request still remembers a draining instance.
const DRAIN_LOOK: Duration = Duration::from_millis(10);

/// What all processes of the host share.
pub(super) struct Setup {
    pub(super) settings: HostSettings,
    pub(super) run_dir: RunDir,
    /// Bounds how many start at once.
    pub(super) starts: Semaphore,
}

/// What a process is to do now; a later one never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Run,
    Drain,
    Stop,
}

/// A process that passed every step of its start.
pub(super) struct Ready {
    pub(super) instance: Arc<Instance>,
    pub(super) endpoints: Arc<EndpointTable>,
    pub(super) pid: u32,
    /// Of the program, where it could be read.
    pub(super) sha256: Option<Sha256>,
    pub(super) warnings: Vec<String>,
    /// From the beginning of its start to its last step.
    pub(super) start_duration: Duration,
}

/// What happened to a process.
pub(super) enum News {
    Started(Box<Ready>),
    Failed {
        reason: String,
        hopeless: bool,
    },
    Drained,
    /// Nothing is left of it. Always comes, and last.
    Gone,
}

/// Looks after one process.
pub(super) struct Runner {
    pub(super) serial: Serial,
    pub(super) spec: Arc<PluginSpec>,
    pub(super) setup: Arc<Setup>,
    pub(super) recorder: Arc<FlightRecorder>,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) news: mpsc::Sender<(Serial, News)>,
}

/// Why a process that served does so no more.
enum Ending {
    Ordered,
    Exited,
    Unwell(Fault),
}

/// A process and its record.
struct Body {
    process: Process,
    flight: Recording,
    memory: MemoryWatch,
}

/// How many of the last lines can hold a word about the cause of death.
const LAST_WORDS: usize = 20;

impl Body {
    /// Takes down why it is given up, and how it ended where it has.
    fn record(&self, fault: &Fault, in_flight: usize) {
        let exit = self.process.exited().now_or_never();
        let lines = self.flight.recent().last(LAST_WORDS);
        self.flight.ended(InstanceEnd {
            exit: exit.and_then(Exit::told),
            out_of_memory: exit.and_then(|exit| self.memory.evidence(exit, &lines)),
            in_flight,
            reason: fault.to_string(),
            ..InstanceEnd::default()
        });
    }

    /// Ends what is left of one that was given up.
    async fn bury(mut self) {
        if let Some(sha256) = self.process.sha256().await {
            self.flight.runs(Some(sha256));
        }
        let exit = self.process.end(Duration::ZERO).await;
        self.flight.exited(exit.told());
    }

    /// Ends it in order.
    async fn end(self, grace: Duration, in_flight: usize) {
        let exit = self.process.end(grace).await;
        self.flight.ended(InstanceEnd {
            exit: exit.told(),
            in_order: true,
            in_flight,
            reason: format!("stopped by the gateway: {exit}"),
            ..InstanceEnd::default()
        });
    }
}

impl Runner {
    /// Carries the process through its life.
    pub(super) async fn run(mut self) {
        self.live().await;
        self.tell(News::Gone).await;
    }

    async fn live(&mut self) {
        let setup = self.setup.clone();
        let Some(Ok(permit)) = unless_stopped(&mut self.orders, setup.starts.acquire()).await
        else {
            return;
        };
        let begun = Instant::now();
        let limits = setup.settings.limits.with(&self.spec.options);
        let (memory, flight) = (MemoryWatch::begin(), self.recorder.begin());
        let run_dir = setup.run_dir.path();
        let recent = flight.recent().clone();
        let process = match Process::spawn(&self.spec, run_dir, &setup.settings, recent).await {
            Ok(process) => process,
            Err(fault) => {
                flight.ended(InstanceEnd { reason: fault.to_string(), ..InstanceEnd::default() });
                return self.fail(&fault).await;
            }
        };
        flight.spawned(process.pid());
        let mut body = Body { process, flight, memory };
        let start = establish(&mut body.process, &self.spec, (&setup.settings, &limits), begun);
        let slot = limits.start_slot;
        let established = tokio::select! {
            established = unless_stopped(&mut self.orders, start) => established,
            never = release_after(slot, permit) => never,
        };
        match established {
            None => body.end(Duration::ZERO, 0).await,
            Some(Ok((session, ready))) => self.serve(body, session, ready).await,
            Some(Err(fault)) => self.give_up(body, fault, 0).await,
        }
    }

    async fn serve(&mut self, body: Body, session: Session, ready: Ready) {
        let instance = ready.instance.clone();
        body.flight.runs(ready.sha256);
        body.flight.ready(instance.open_calls());
        self.tell(News::Started(Box::new(ready))).await;
        let fault = match self.watch(&body.process, &session, &instance).await {
            Ending::Ordered => return self.stop(body, session, &instance).await,
            Ending::Unwell(fault) => fault,
            Ending::Exited => Fault::Internal("the process ended"),
        };
        let in_flight = instance.open_calls().now_or_broken();
        instance.close();
        self.give_up(body, fault, in_flight).await;
        drop(session);
    }

    /// Records and tells what went wrong, then ends what is left.
    async fn give_up(&self, mut body: Body, fault: Fault, in_flight: usize) {
        let fault = explain(fault, &mut body.process).await;
        let (plugin, pid) = (&self.spec.name, body.process.pid());
        tracing::warn!(plugin, pid, in_flight, %fault, "plugin process is given up");
        body.record(&fault, in_flight);
        self.fail(&fault).await;
        body.bury().await;
    }

    async fn watch(
        &mut self,
        process: &Process,
        session: &Session,
        instance: &Arc<Instance>,
    ) -> Ending {
        let exited = process.exited();
        let unwell = session.unwell();
        tokio::pin!(exited, unwell);
        let mut drained = false;
        loop {
            let order = *self.orders.borrow_and_update();
            if order == Order::Stop {
                return Ending::Ordered;
            }
            tokio::select! {
                biased;
                _ = &mut exited => return Ending::Exited,
                changed = self.orders.changed() => if changed.is_err() {
                    return Ending::Ordered;
                },
                fault = &mut unwell => return Ending::Unwell(fault),
                () = forgotten(instance), if order == Order::Drain && !drained => {
                    drained = true;
                    self.tell(News::Drained).await;
                }
            }
        }
    }

    async fn stop(&self, body: Body, session: Session, instance: &Instance) {
        let exited = body.process.exited();
        let in_flight = instance.in_flight();
        let gone = tokio::select! {
            _ = exited => true,
            () = session.say_goodbye() => false,
        };
        let kill_grace = self.setup.settings.limits.kill_grace;
        let (plugin, pid) = (&self.spec.name, body.process.pid());
        body.end(if gone { Duration::ZERO } else { kill_grace }, in_flight).await;
        instance.close();
        tracing::info!(plugin, pid, "plugin process stopped");
    }

    async fn fail(&self, fault: &Fault) {
        let hopeless = fault.is_hopeless();
        self.tell(News::Failed { reason: fault.to_string(), hopeless }).await;
    }

    async fn tell(&self, news: News) {
        // Nobody listens only when the host itself is being torn down.
        let _ = self.news.send((self.serial, news)).await;
    }
}

/// Everything between the start of the process and its first request.
async fn establish(
    process: &mut Process,
    spec: &Arc<PluginSpec>,
    (settings, limits): (&HostSettings, &HostLimits),
    begun: Instant,
) -> Result<(Session, Ready), Fault> {
    let socket = await_handshake(process, limits.start).await?;
    let session = Session::open(dial(&socket).await?, process.sink(), limits.clone());
    let exited = process.exited();
    let set_up = async {
        let features = session.initialize(spec).await?;
        let registrations = session.registrations().await?;
        session.ping().await?;
        Ok::<_, Fault>((features, registrations))
    };
    let (features, registrations) = tokio::select! {
        answers = set_up => answers?,
        _ = exited => return Err(Fault::Internal("the process ended")),
    };
    let features = Features::from_announced(&features);
    let endpoints = Arc::new(EndpointTable::build(registrations));
    let ready = Ready {
        instance: Instance::new(spec.clone(), &socket, features, settings.shards),
        warnings: warnings(spec, &endpoints, features, settings.max_body_bytes),
        endpoints,
        pid: process.pid(),
        sha256: process.sha256().await,
        start_duration: begun.elapsed(),
    };
    Ok((session, ready))
}

/// What an operator should know although the plugin runs.
fn warnings(
    spec: &PluginSpec,
    endpoints: &EndpointTable,
    features: Features,
    max_body_bytes: usize,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if spec.slug.is_none() && !endpoints.endpoints().is_empty() {
        warnings.push("Plugin has endpoint registrations but no 'slug' in config".to_owned());
    }
    if max_body_bytes.saturating_add(HEADER_ROOM) > SMALL_MESSAGE_BYTES && !features.large_messages
    {
        warnings.push(format!(
            "bodies of up to {max_body_bytes} bytes are allowed, but this plugin takes requests of \
             {SMALL_MESSAGE_BYTES} bytes at most: larger ones are answered with 413"
        ));
    }
    warnings.extend(endpoints.problems().iter().cloned());
    warnings
}

/// Where the process has ended, that explains a failed call better than the call does.
async fn explain(fault: Fault, process: &mut Process) -> Fault {
    if !matches!(fault, Fault::Call { .. } | Fault::Dial { .. } | Fault::Internal(_)) {
        return fault;
    }
    match process.ended_just_now().await {
        Some(exit) => {
            Fault::Ended { exit: exit.to_string(), words: last_words(process.last_words()) }
        }
        None => fault,
    }
}

/// Waits until no request holds the instance: neither an open call nor a generation that names it
/// and may still lead to one. Whoever waits here holds the last reference.
async fn forgotten(instance: &Arc<Instance>) {
    loop {
        instance.drained().await;
        if Arc::strong_count(instance) == 1 {
            return;
        }
        tokio::time::sleep(DRAIN_LOOK).await;
    }
}

/// Lets go of the permit after a while. Never returns.
async fn release_after<T>(slot: Duration, permit: SemaphorePermit<'_>) -> T {
    tokio::time::sleep(slot).await;
    drop(permit);
    std::future::pending().await
}

async fn unless_stopped<T>(
    orders: &mut watch::Receiver<Order>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        _ = orders.wait_for(|order| *order == Order::Stop) => None,
        result = work => Some(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::plugin::{PluginId, PluginOptions};

    #[test]
    fn bodies_that_a_plugin_cannot_take_are_warned_about_unless_it_takes_large_messages() {
        let spec = PluginSpec {
            id: PluginId(1),
            name: String::new(),
            slug: None,
            command: String::new(),
            config: serde_json::Map::new(),
            options: PluginOptions::default(),
            reloads: 0,
        };
        let none = EndpointTable::default();
        let count = |features, max| warnings(&spec, &none, features, max).len();
        let small = Features::default();
        let large = Features { large_messages: true, ..small };
        let just = SMALL_MESSAGE_BYTES - HEADER_ROOM;
        assert_eq!((count(small, just), count(small, just + 1)), (0, 1));
        assert_eq!(count(large, usize::MAX), 0);
    }
}
