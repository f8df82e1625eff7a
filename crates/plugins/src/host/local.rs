//! One process from its start to its end: spawned, connected, initialised, watched, stopped.
//!
//! Follows orders and tells what happened; what follows from it is decided in `state`. Cleans up
//! after itself on every way out.

use super::assignment::{
    Affected, Assignment, Directive, ProcessEvent, release_after, unless_stopped,
};
use super::exit::Exit;
use super::fault::{Fault, quoted};
use super::oom::MemoryWatch;
use super::process::{OrderedEnd, Process, Program};
use super::recorder::Recording;
use super::session::Session;
use super::start::{Established, Start};
use crate::instance::InstanceControl;
use crate::services::EventRecipient;
use futures_util::FutureExt as _;
use sidegate_model::record::InstanceEnd;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Between two tries whether a socket can be reached.
const DOUBT_PAUSE: Duration = Duration::from_millis(250);

/// How long calls may take to notice that their process is gone.
const CALLS_BREAK: Duration = Duration::from_millis(100);

/// A signal for all processes of a service may reach a plugin before the gateway; so long is waited
/// whether it comes.
const SAME_SIGNAL: Duration = Duration::from_millis(500);

/// Why a process that served does so no more.
enum Ending {
    Ordered,
    /// Another process gets the requests; this one finishes those it has.
    Replaced,
    Exited,
    Unwell(Fault),
    /// It lives, but no new connection to it can be made.
    Undialable(Fault),
}

/// The session of a process, and the task that closes it early once the process is replaced.
struct ClosingSession {
    session: Session,
    /// Tells whether the plugin answered in time.
    early: JoinSet<bool>,
}

/// What is watched of a process that serves, or finishes what it has.
struct WatchedProcess<'a> {
    process: &'a Process,
    session: &'a Session,
    instance: &'a InstanceControl,
    /// Where it must be possible to connect; `None` where it takes no new requests any more.
    dial: Option<&'a Path>,
    /// Another process gets the requests already.
    is_replaced: bool,
}

/// A process and its record.
struct RunningProcess {
    process: Process,
    recording: Recording,
    memory: MemoryWatch,
    /// Why it gets no requests any more, although it finishes those it has.
    lost: Option<String>,
}

/// How many of the last lines can hold a word about the cause of death.
const FINAL_LINES: usize = 20;

impl RunningProcess {
    /// Takes down why it is given up, and how it ended where it has.
    fn record(&self, fault: &Fault, in_flight: usize) {
        let exit = self.process.exited().now_or_never();
        let lines = self.recording.recent().last(FINAL_LINES);
        self.recording.ended(InstanceEnd {
            exit: exit.and_then(Exit::told),
            out_of_memory: exit.and_then(|exit| self.memory.evidence(exit, &lines)),
            in_flight,
            reason: fault.to_string(),
            ..InstanceEnd::default()
        });
    }

    /// Ends what is left of one that was given up.
    async fn clean_up(mut self) {
        if let Some(sha256) = self.process.sha256().await {
            self.recording.runs(Some(sha256));
        }
        let OrderedEnd { exit, killed } = self.process.end(Duration::ZERO).await;
        // What we did to it is not how it ended.
        if !killed {
            self.recording.exited(exit.told());
        }
    }

    /// Ends it in order.
    async fn end(self, grace: Duration, in_flight: usize, closing: &CancellationToken) {
        let OrderedEnd { exit, killed } = self.process.end(grace).await;
        // A signal that was not ours is no order, unless it is the one that stops the gateway too.
        let leaves_with_us = closing.is_cancelled() && exit.is_obedient();
        let is_ordered = killed || exit.signal.is_none() || leaves_with_us;
        let in_order = self.lost.is_none() && is_ordered;
        let ordered = || match (in_order, killed) {
            (true, true) => "stopped by the gateway, which had to end it by force".to_owned(),
            (true, false) => format!("stopped by the gateway: {exit}"),
            (false, _) => exit.to_string(),
        };
        self.recording.ended(InstanceEnd {
            exit: exit.told().filter(|_| !killed),
            in_order,
            in_flight,
            reason: self.lost.unwrap_or_else(ordered),
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
        let (setup, steps) = (self.assignment.setup.clone(), self.assignment.steps());
        if setup.starts.available_permits() == 0 {
            steps.awaits("other plugins that are being started").await;
        }
        let Some(Ok(permit)) =
            unless_stopped(&mut self.assignment.directives, setup.starts.acquire()).await
        else {
            return;
        };
        let begun = Instant::now();
        let limits = setup.settings.limits.with(&self.assignment.spec.options);
        let (memory, recording) = (MemoryWatch::begin(), self.assignment.recorder.begin());
        let run_dir = &setup.run_dir;
        let recent = recording.recent().clone();
        let process = match Process::spawn(
            &self.assignment.spec,
            Program::of_gateway(self.program),
            run_dir,
            &setup.settings,
            recent,
        )
        .await
        {
            Ok(process) => process,
            Err(fault) => {
                recording
                    .ended(InstanceEnd { reason: fault.to_string(), ..InstanceEnd::default() });
                return self.assignment.fail(&fault, Affected::default()).await;
            }
        };
        recording.spawned(process.pid());
        let mut running = RunningProcess { process, recording, memory, lost: None };
        let spec = &self.assignment.spec;
        let start = Start { spec, setup: &setup, limits: &limits, steps: &steps, begun };
        let start = start.establish(&mut running.process);
        let slot = limits.start_slot;
        let established = tokio::select! {
            established = unless_stopped(&mut self.assignment.directives, start) => established,
            never = release_after(slot, permit) => never,
        };
        match established {
            None => running.end(Duration::ZERO, 0, &setup.closing).await,
            Some(Ok(established)) => self.serve(running, established).await,
            Some(Err(fault)) => self.give_up(running, fault, 0).await,
        }
    }

    async fn serve(&mut self, mut running: RunningProcess, established: Established) {
        let Established { session, ready, socket } = established;
        let (instance, recipient) = (ready.instance.control(), ready.recipient.clone());
        let mut closing = ClosingSession { session, early: JoinSet::new() };
        running.recording.runs(ready.sha256);
        running.recording.ready(instance.open_calls());
        self.assignment.tell(ProcessEvent::Started(Box::new(ready))).await;
        let fault = loop {
            let watched = WatchedProcess {
                process: &running.process,
                session: &closing.session,
                instance: &instance,
                dial: running.lost.is_none().then_some(socket.as_path()),
                is_replaced: !closing.early.is_empty(),
            };
            match self.watch(watched).await {
                Ending::Replaced => {
                    let stop = self.assignment.setup.closing.clone();
                    let close = closing.session.close_session();
                    closing.early.spawn(retire(recipient.clone(), stop, close));
                }
                Ending::Ordered => return self.stop(running, closing, &instance).await,
                Ending::Unwell(fault) => break fault,
                Ending::Exited => break Fault::Internal("the process ended"),
                Ending::Undialable(fault) => {
                    let victim = Affected { pid: Some(running.process.pid()), in_flight: 0 };
                    running.lost = Some(fault.to_string());
                    self.assignment
                        .tell(ProcessEvent::Leaving { reason: fault.to_string(), victim })
                        .await;
                }
            }
        };
        if let Some(recipient) = &recipient {
            // The next one shall not wait for this one's end with its events.
            recipient.end();
        }
        let in_flight = broken_with(&instance).await;
        self.give_up(running, fault, in_flight).await;
        drop(closing);
    }

    /// Whether a process ended by the very signal that tells the gateway to stop.
    async fn left_with_us(&self, process: &Process) -> bool {
        let exit = process.exited().now_or_never();
        let stops = self.assignment.setup.closing.cancelled();
        exit.is_some_and(Exit::is_obedient) && timeout(SAME_SIGNAL, stops).await.is_ok()
    }

    /// Records and tells what went wrong, then ends what is left.
    async fn give_up(&self, mut running: RunningProcess, fault: Fault, in_flight: usize) {
        if self.left_with_us(&running.process).await {
            return self.depart(running, in_flight).await;
        }
        let fault = explain(fault, &mut running.process).await;
        let (plugin, pid) = (&self.assignment.spec.name, running.process.pid());
        tracing::debug!(plugin, pid, in_flight, %fault, "plugin process is given up");
        running.record(&fault, in_flight);
        self.assignment.fail(&fault, Affected { pid: Some(pid), in_flight }).await;
        running.clean_up().await;
    }

    /// Records an end that is no failure.
    async fn depart(&self, running: RunningProcess, in_flight: usize) {
        let (plugin, pid) = (&self.assignment.spec.name, running.process.pid());
        let exit = running.process.exited().await;
        if in_flight > 0 {
            tracing::warn!(
                plugin,
                pid,
                in_flight,
                "a plugin ended by the signal that stops the gateway, and its open requests with it; \
                 systemd's KillMode=mixed signals the gateway alone"
            );
        } else {
            tracing::info!(plugin, pid, %exit, "a plugin ended by the signal that stops the gateway");
        }
        running.recording.ended(InstanceEnd {
            exit: exit.told(),
            in_order: true,
            in_flight,
            reason: format!("ended with the gateway: {exit}"),
            ..InstanceEnd::default()
        });
        self.assignment.tell(ProcessEvent::Departed).await;
        running.clean_up().await;
    }

    /// Waits until it ends or must be ended.
    async fn watch(&mut self, watched: WatchedProcess<'_>) -> Ending {
        let WatchedProcess { process, session, instance, dial, is_replaced } = watched;
        let exited = process.exited();
        let unwell = session.unwell();
        let ping_every = self.assignment.setup.settings.limits.of(&self.assignment.spec).ping_every;
        let undialable = undialable(dial, instance, ping_every);
        tokio::pin!(exited, unwell, undialable);
        let mut drained = false;
        loop {
            let directive = *self.assignment.directives.borrow_and_update();
            match directive {
                Directive::Stop => return Ending::Ordered,
                Directive::Drain if !is_replaced => return Ending::Replaced,
                Directive::Run | Directive::Drain => {}
            }
            tokio::select! {
                biased;
                _ = &mut exited => return Ending::Exited,
                changed = self.assignment.directives.changed() => if changed.is_err() {
                    return Ending::Ordered;
                },
                fault = &mut unwell => return Ending::Unwell(fault),
                fault = &mut undialable, if directive == Directive::Run => {
                    // One that dies closes its socket a moment before.
                    let dies = timeout(CALLS_BREAK * 3, exited).await.is_ok();
                    return if dies { Ending::Exited } else { Ending::Undialable(fault) };
                }
                () = instance.released(), if (directive == Directive::Drain || dial.is_none()) && !drained => {
                    drained = true;
                    self.assignment.tell(ProcessEvent::Drained).await;
                }
            }
        }
    }

    async fn stop(
        &self,
        running: RunningProcess,
        mut closing: ClosingSession,
        instance: &InstanceControl,
    ) {
        let exited = running.process.exited();
        instance.end_streams().await;
        let in_flight = instance.open_calls().now_or_broken();
        let gone = tokio::select! {
            exit = exited => Some(exit),
            () = async {
                // Its session may have been closed when it was replaced.
                let closed = closing.early.join_next().await.and_then(Result::ok);
                closing.session.say_goodbye(&self.assignment.spec.name, closed).await;
            } => None,
        };
        if gone.is_some_and(|exit| exit.signal.is_some()) {
            // Nobody here sends signals before the goodbye is over: this was its own end.
            let in_flight = broken_with(instance).await;
            return self.give_up(running, Fault::Internal("the process ended"), in_flight).await;
        }
        let kill_grace = self.assignment.setup.settings.limits.kill_grace;
        let (plugin, pid) = (&self.assignment.spec.name, running.process.pid());
        let grace = if gone.is_some() { Duration::ZERO } else { kill_grace };
        running.end(grace, in_flight, &self.assignment.setup.closing).await;
        instance.close();
        tracing::info!(plugin, pid, "plugin process stopped");
    }
}

/// Ends the events and the session of a process that was replaced. Tells whether it answered in time.
async fn retire(
    recipient: Option<Arc<EventRecipient>>,
    stop: CancellationToken,
    close_session: impl Future<Output = Result<(), Fault>>,
) -> bool {
    if let Some(recipient) = recipient {
        tokio::select! {
            () = recipient.succeeded() => {}
            () = stop.cancelled() => {}
        }
        recipient.end();
    }
    close_session.await.is_ok()
}

/// Waits until no new connection to a socket can be made: tried whenever somebody could not make one, and
/// looked for now and then.
async fn undialable(socket: Option<&Path>, instance: &InstanceControl, every: Duration) -> Fault {
    let Some(socket) = socket else { return std::future::pending().await };
    loop {
        let in_doubt = timeout(every, instance.doubted()).await.is_ok();
        let is_there = tokio::fs::symlink_metadata(socket).await.is_ok();
        if is_there && !in_doubt {
            continue;
        }
        match UnixStream::connect(socket).await {
            Err(error) if is_nobody(&error) => {
                let (path, cause) = (socket.to_owned(), error.to_string());
                return Fault::Undialable { path, cause };
            }
            _ => tokio::time::sleep(DOUBT_PAUSE).await,
        }
    }
}

/// Whether a dial failed because there is nobody; one who is busy is there.
fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound};
    matches!(error.kind(), ConnectionRefused | NotADirectory | NotFound)
}

/// Closes an instance whose process is gone or given up; tells how many calls broke off with it.
async fn broken_with(instance: &InstanceControl) -> usize {
    instance.close();
    // Calls end as their connections do; one that nobody asks for is counted as it is.
    let _ = timeout(CALLS_BREAK, instance.drained()).await;
    instance.open_calls().now_or_broken()
}

/// Where the process has ended, that explains a failed call better than the call does.
pub(super) async fn explain(fault: Fault, process: &mut Process) -> Fault {
    if !matches!(fault, Fault::Call { .. } | Fault::Dial { .. } | Fault::Internal(_)) {
        return fault;
    }
    match process.ended_just_now().await {
        Some(exit) => {
            Fault::Ended { exit: exit.to_string(), words: quoted(process.final_output()) }
        }
        None => fault,
    }
}
