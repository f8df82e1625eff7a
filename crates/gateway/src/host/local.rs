//! One process from its start to its end: spawned, connected, initialised, watched, stopped.
//!
//! Follows orders and tells what happened; what follows from it is decided in `state`. Cleans up
//! after itself on every way out.

use super::assignment::{
    Assignment, News, Order, Ready, Setup, Victim, forgotten, release_after, unless_stopped,
    warnings,
};
use super::broker::Broker;
use super::connect::{await_handshake, dial};
use super::door::Porter;
use super::exit::Exit;
use super::fault::{Fault, last_words};
use super::flight::Recording;
use super::oom::MemoryWatch;
use super::process::Process;
use super::session::Session;
use super::settings::HostLimits;
use crate::instance::{Features, Instance};
use futures_util::FutureExt as _;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::record::InstanceEnd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long calls may take to notice that their process is gone.
const CALLS_BREAK: Duration = Duration::from_millis(100);

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
        let (exit, _) = self.process.end(Duration::ZERO).await;
        self.flight.exited(exit.told());
    }

    /// Ends it in order.
    async fn end(self, grace: Duration, in_flight: usize) {
        let (exit, killed) = self.process.end(grace).await;
        // A signal that was not ours is no order.
        let in_order = killed || exit.signal.is_none();
        self.flight.ended(InstanceEnd {
            exit: exit.told(),
            in_order,
            in_flight,
            reason: if in_order {
                format!("stopped by the gateway: {exit}")
            } else {
                exit.to_string()
            },
            ..InstanceEnd::default()
        });
    }
}

/// Looks after one process.
pub(super) struct Local<'a> {
    pub(super) assignment: &'a mut Assignment,
    pub(super) program: &'a Path,
}

impl Local<'_> {
    /// Carries the process through its life.
    pub(super) async fn live(&mut self) {
        let setup = self.assignment.setup.clone();
        let Some(Ok(permit)) =
            unless_stopped(&mut self.assignment.orders, setup.starts.acquire()).await
        else {
            return;
        };
        let begun = Instant::now();
        let limits = setup.settings.limits.with(&self.assignment.spec.options);
        let (memory, flight) = (MemoryWatch::begin(), self.assignment.recorder.begin());
        let run_dir = setup.run_dir.path();
        let recent = flight.recent().clone();
        let process = match Process::spawn(
            (&self.assignment.spec, self.program),
            run_dir,
            &setup.settings,
            recent,
        )
        .await
        {
            Ok(process) => process,
            Err(fault) => {
                flight.ended(InstanceEnd { reason: fault.to_string(), ..InstanceEnd::default() });
                return self.assignment.fail(&fault, Victim::default()).await;
            }
        };
        flight.spawned(process.pid());
        let mut body = Body { process, flight, memory };
        let start = establish(&mut body.process, &self.assignment.spec, (&setup, &limits), begun);
        let slot = limits.start_slot;
        let established = tokio::select! {
            established = unless_stopped(&mut self.assignment.orders, start) => established,
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
        self.assignment.tell(News::Started(Box::new(ready))).await;
        let fault = match self.watch(&body.process, &session, &instance).await {
            Ending::Ordered => return self.stop(body, session, &instance).await,
            Ending::Unwell(fault) => fault,
            Ending::Exited => Fault::Internal("the process ended"),
        };
        let in_flight = broken_with(&instance).await;
        self.give_up(body, fault, in_flight).await;
        drop(session);
    }

    /// Records and tells what went wrong, then ends what is left.
    async fn give_up(&self, mut body: Body, fault: Fault, in_flight: usize) {
        let fault = explain(fault, &mut body.process).await;
        let (plugin, pid) = (&self.assignment.spec.name, body.process.pid());
        tracing::debug!(plugin, pid, in_flight, %fault, "plugin process is given up");
        body.record(&fault, in_flight);
        self.assignment.fail(&fault, Victim { pid: Some(pid), in_flight }).await;
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
            let order = *self.assignment.orders.borrow_and_update();
            if order == Order::Stop {
                return Ending::Ordered;
            }
            tokio::select! {
                biased;
                _ = &mut exited => return Ending::Exited,
                changed = self.assignment.orders.changed() => if changed.is_err() {
                    return Ending::Ordered;
                },
                fault = &mut unwell => return Ending::Unwell(fault),
                () = forgotten(instance), if order == Order::Drain && !drained => {
                    drained = true;
                    self.assignment.tell(News::Drained).await;
                }
            }
        }
    }

    async fn stop(&self, body: Body, session: Session, instance: &Instance) {
        let exited = body.process.exited();
        let in_flight = instance.open_calls().now_or_broken();
        let gone = tokio::select! {
            exit = exited => Some(exit),
            () = session.say_goodbye(&self.assignment.spec.name) => None,
        };
        if gone.is_some_and(|exit| exit.signal.is_some()) {
            // Nobody here sends signals before the goodbye is over: this was its own end.
            let in_flight = broken_with(instance).await;
            return self.give_up(body, Fault::Internal("the process ended"), in_flight).await;
        }
        let kill_grace = self.assignment.setup.settings.limits.kill_grace;
        let (plugin, pid) = (&self.assignment.spec.name, body.process.pid());
        let grace = if gone.is_some() { Duration::ZERO } else { kill_grace };
        body.end(grace, in_flight).await;
        instance.close();
        tracing::info!(plugin, pid, "plugin process stopped");
    }
}

/// Closes an instance whose process is gone or given up; tells how many calls broke off with it.
async fn broken_with(instance: &Instance) -> usize {
    instance.close();
    // Calls end as their connections do; one that nobody asks for is counted as it is.
    let _ = tokio::time::timeout(CALLS_BREAK, instance.drained()).await;
    instance.open_calls().now_or_broken()
}

/// Everything between the start of the process and its first request.
async fn establish(
    process: &mut Process,
    spec: &Arc<PluginSpec>,
    (setup, limits): (&Setup, &HostLimits),
    begun: Instant,
) -> Result<(Session, Ready), Fault> {
    let socket = await_handshake(process, limits.start).await?;
    let channel = dial(&socket).await?;
    let asks = (spec.id, setup.services.clone());
    let acceptor = socket.tls.as_ref().map(|tls| tls.acceptor.clone());
    let porter = Porter::new(asks, process.family(), acceptor);
    let broker = Broker::open(channel.clone(), process.dir(), porter);
    let mut session = Session::open(channel, process.sink(), limits.clone(), broker);
    let exited = process.exited();
    let set_up = async {
        let features = session.initialize(spec).await?;
        let (registrations, manifest) = tokio::join!(session.registrations(), session.manifest());
        session.ping().await?;
        Ok::<_, Fault>((features, registrations?, manifest))
    };
    let (features, registrations, manifest) = tokio::select! {
        answers = set_up => answers?,
        _ = exited => return Err(Fault::Internal("the process ended")),
    };
    session.keep_sessions(spec);
    let features = Features::from_announced(&features);
    let endpoints = Arc::new(EndpointTable::build(registrations));
    let max_body_bytes = setup.settings.max_body_bytes;
    let ready = Ready {
        instance: Instance::new(
            spec.clone(),
            (&socket.path, socket.connector()),
            features,
            setup.settings.shards,
        ),
        warnings: warnings(spec, &endpoints, features, max_body_bytes),
        endpoints,
        manifest,
        pid: Some(process.pid()),
        sha256: process.sha256().await,
        start_duration: begun.elapsed(),
    };
    Ok((session, ready))
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
