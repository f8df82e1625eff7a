//! Looks after the one process that a plugin has beside the console: starts it for whoever asks, ends it once nobody does, or
//! once the plugin is removed, switched off or configured otherwise,
//! and tells everybody who waits when it is gone.

use super::asking::Asking;
use super::beside::{Beside, program_of};
use super::finishing::Finishing;
use super::pauses::Pauses;
use super::starts::{Begun, MOST_SLOW, Turn};
use super::user_places::UserPlace;
use super::{MOST_WAITING, Shared};
use crate::host::fault::Fault;
use serde_json::{Map, Value};
use sidegate_model::plugin::PluginSpec;
use sidegate_model::plugin_page::PageFailure;
use sidegate_model::snapshot::Snapshot;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// What is configured may be known here so much later than to whoever asked.
const KNOWN_LATER: Duration = Duration::from_secs(2);

/// The setting that is the gateway's.
const SLUG: &str = "slug";

/// Somebody wants to ask a plugin something.
pub(super) struct Demand {
    pub(super) spec: Arc<PluginSpec>,
    pub(super) want: Want,
    pub(super) reply: Reply,
}

type Reply = oneshot::Sender<Result<Asking, PageFailure>>;

/// What somebody wants of a plugin.
pub(super) enum Want {
    /// What it tells of itself when it is started.
    Look,
    /// A file or an answer, for the user who has this place: code of the plugin runs for them.
    Work(UserPlace),
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    demands: mpsc::Receiver<Demand>,
    /// Those that came while another waited for its turn; they are the next.
    early: VecDeque<Demand>,
    running: Option<Beside>,
    /// What failed last.
    failed: Option<Arc<PluginSpec>>,
    /// What took longer than its turn to start.
    slow: Option<Arc<PluginSpec>>,
    pauses: Pauses,
    /// As what it started last.
    good: Option<Arc<PluginSpec>>,
    /// Of those that stand in.
    pauses_of_stand_ins: Pauses,
    /// Those that were replaced and finish what they are asked.
    finishing: Finishing,
}

enum Event {
    Closing,
    Demanded(Demand),
    Gone(Fault),
    Idle,
    /// It is not what is configured any more.
    Outdated,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, demands: mpsc::Receiver<Demand>) -> Self {
        let (pauses, finishing) = (Pauses::default(), Finishing::default());
        Self {
            shared,
            demands,
            early: VecDeque::new(),
            running: None,
            failed: None,
            slow: None,
            pauses,
            good: None,
            pauses_of_stand_ins: Pauses::default(),
            finishing,
        }
    }

    /// Works until everything is told to end.
    pub(super) async fn run(mut self) {
        loop {
            match self.next().await {
                Event::Closing => break,
                Event::Demanded(demand) => self.answer(demand).await,
                Event::Gone(fault) => {
                    if let Some(running) = self.running.take() {
                        let (ran, spec) = (running.began.elapsed(), running.spec.clone());
                        let stands_in = running.stands_in();
                        let why = running.give_up(fault).await;
                        if stands_in {
                            self.pauses_of_stand_ins.failed(Instant::now(), ran, &why);
                        } else {
                            self.note_failure(&spec, ran, &why);
                        }
                    }
                }
                Event::Idle => {
                    if let Some(running) = self.running.take() {
                        self.finishing.take(running);
                    }
                }
                Event::Outdated => {
                    if let Some(running) = self.running.take() {
                        let plugin = &running.spec;
                        tracing::debug!(
                            plugin = plugin.name,
                            "the plugin of a process beside the console is not the same any more"
                        );
                        self.shared.told.forget(plugin);
                        self.finishing.take(running);
                    }
                }
            }
        }
        if let Some(running) = self.running.take() {
            running.end(&CancellationToken::new()).await;
        }
        // They have nobody left who waits.
        self.finishing.shutdown().await;
    }

    async fn next(&mut self) -> Event {
        if let Some(early) = self.early.pop_front() {
            return Event::Demanded(early);
        }
        let idle = self.shared.settings.idle;
        loop {
            let running = self.running.as_ref();
            tokio::select! {
                () = self.shared.closing.cancelled() => return Event::Closing,
                fault = gone(running) => return Event::Gone(fault),
                demand = self.demands.recv() => return match demand {
                    Some(demand) => Event::Demanded(demand),
                    None => Event::Closing,
                },
                () = idle_for(running, idle) => return Event::Idle,
                () = outdated(running, self.shared.services.snapshots()) => return Event::Outdated,
                Some(()) = self.finishing.ended() => {}
            }
        }
    }

    async fn answer(&mut self, demand: Demand) {
        let Demand { spec, want, mut reply } = demand;
        if reply.is_closed() {
            return;
        }
        if let Some(replaced) = self.running.take_if(|running| !running.spec.same_process(&spec)) {
            self.finishing.take(replaced);
        }
        if self.running.is_none() {
            let is_look = matches!(want, Want::Look);
            match self.started_somehow(&spec, is_look, &mut reply).await {
                Ok(started) => {
                    self.shared.told.note(spec.clone(), started.told().clone());
                    self.running = Some(started);
                }
                Err(failure) => {
                    // Whoever asked may have gone.
                    let _ = reply.send(Err(failure));
                    return;
                }
            }
        }
        if let Some(running) = &self.running {
            let place = match want {
                Want::Work(place) => Some(place),
                Want::Look => None,
            };
            let _ = reply.send(Ok(running.ask(place)));
        }
    }

    /// The right to start a process.
    ///
    /// Looks have a turn of their own, so that they keep none from starting of which something is asked. A look that waits
    /// gets the turn of whoever asks something of the same plugin meanwhile.
    async fn turn(&mut self, is_look: bool, reply: &mut Reply) -> Result<Turn, PageFailure> {
        let shared = self.shared.clone();
        let mut looks = is_look;
        while looks {
            tokio::select! {
                turn = shared.starts.for_look() => return turn.ok_or_else(super::closing),
                // Nobody waits for it any more.
                () = reply.closed() => return Err(super::closing()),
                demand = self.demands.recv() => {
                    let demand = demand.ok_or_else(super::closing)?;
                    let looks_too = matches!(demand.want, Want::Look);
                    if self.early.len() < MOST_WAITING {
                        self.early.push_back(demand);
                    } else {
                        let _ = demand.reply.send(Err(super::too_many_wait()));
                    }
                    looks = looks_too;
                }
            }
        }
        shared.starts.for_question().await.ok_or_else(super::closing)
    }

    /// Starts it as it is configured; where that does not start, by the configuration by which it started last. A page that
    /// saves what its own plugin refuses would be closed to whoever wants to take it back.
    async fn started_somehow(
        &mut self,
        spec: &Arc<PluginSpec>,
        is_look: bool,
        reply: &mut Reply,
    ) -> Result<Beside, PageFailure> {
        let failure = match self.started(spec, is_look, reply).await {
            Ok(started) => return Ok(started),
            Err(failure) => failure,
        };
        let PageFailure::NotStarted { why, .. } = &failure else { return Err(failure) };
        let why = why.clone();
        let Some(stand_in) = self.stand_in(spec) else { return Err(failure) };
        let Ok(program) = program_of(&self.shared, spec) else { return Err(failure) };
        let shared = self.shared.clone();
        let starting = async {
            let turn = self.turn(is_look, reply).await?;
            let start = Beside::start(&shared, stand_in, program);
            Ok::<_, PageFailure>(shared.starts.within(turn, start).await)
        };
        let begun = tokio::select! {
            begun = starting => begun?,
            () = shared.closing.cancelled() => return Err(super::closing()),
        };
        match begun {
            Begun::InTime(Ok(started)) | Begun::Slowly(Ok(started)) => {
                let plugin = &spec.name;
                tracing::info!(
                    plugin,
                    "its page is answered by the configuration before: it does not start by this one"
                );
                Ok(started.standing_in(spec, why))
            }
            Begun::InTime(Err(fault)) | Begun::Slowly(Err(fault)) => {
                let why = fault.to_string();
                self.pauses_of_stand_ins.failed(Instant::now(), Duration::ZERO, &why);
                Err(failure)
            }
            Begun::Crowded => Err(failure),
        }
    }

    /// As what a plugin can be started that does not start as it is configured: what it is and may is as configured.
    fn stand_in(&self, spec: &PluginSpec) -> Option<Arc<PluginSpec>> {
        let good = self.good.as_ref()?;
        let is_of_use = good.command == spec.command && good.config != spec.config;
        let is_due = self.pauses_of_stand_ins.wait(Instant::now()).is_none();
        let stand_in = || PluginSpec { config: before(good, spec), ..spec.clone() };
        (is_of_use && is_due).then(|| Arc::new(stand_in()))
    }

    async fn started(
        &mut self,
        spec: &Arc<PluginSpec>,
        is_look: bool,
        reply: &mut Reply,
    ) -> Result<Beside, PageFailure> {
        let program = program_of(&self.shared, spec)?;
        if self.failed.as_ref().is_some_and(|failed| !failed.same_process(spec)) {
            self.pauses.begin_anew();
        }
        if let Some((retry_after, why)) = self.pauses.wait(Instant::now()) {
            let why = format!("it is not started again before a pause is over: {why}");
            return Err(PageFailure::NotStarted { why, retry_after });
        }
        let shared = self.shared.clone();
        let was_slow = self.slow.as_ref().is_some_and(|slow| slow.same_process(spec));
        let starting = async {
            let turn = match was_slow {
                true => shared.starts.for_slow().ok_or_else(crowded)?,
                false => self.turn(is_look, reply).await?,
            };
            let start = Beside::start(&shared, spec.clone(), program);
            Ok::<_, PageFailure>(shared.starts.within(turn, start).await)
        };
        let begun = tokio::select! {
            begun = starting => begun?,
            () = shared.closing.cancelled() => return Err(super::closing()),
        };
        let is_slow = !matches!(begun, Begun::InTime(_));
        self.slow = is_slow.then(|| spec.clone());
        match begun {
            Begun::InTime(started) | Begun::Slowly(started) => self.noted(spec, started),
            Begun::Crowded => Err(crowded()),
        }
    }

    /// Remembers what came of a start.
    fn noted(
        &mut self,
        spec: &Arc<PluginSpec>,
        started: Result<Beside, Fault>,
    ) -> Result<Beside, PageFailure> {
        let fault = match started {
            Ok(started) => {
                self.good = Some(spec.clone());
                self.pauses_of_stand_ins.begin_anew();
                return Ok(started);
            }
            Err(fault) => fault,
        };
        let why = fault.to_string();
        tracing::warn!(plugin = spec.name, reason = why, "a process beside the console failed");
        self.note_failure(spec, Duration::ZERO, &why);
        let retry_after = self.pauses.wait(Instant::now());
        let retry_after = retry_after.map_or(Duration::ZERO, |(left, _)| left);
        Err(PageFailure::NotStarted { why, retry_after })
    }

    fn note_failure(&mut self, spec: &Arc<PluginSpec>, ran: Duration, why: &str) {
        self.failed = Some(spec.clone());
        self.pauses.failed(Instant::now(), ran, why);
    }
}

/// The configuration of one that started, at the address that it has now.
fn before(good: &PluginSpec, now: &PluginSpec) -> Map<String, Value> {
    let is_kept = |(name, _): &(&String, &Value)| *name != SLUG;
    let slug = now.config.get_key_value(SLUG);
    let config = good.config.iter().filter(is_kept).chain(slug);
    config.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn crowded() -> PageFailure {
    PageFailure::Busy(format!(
        "it takes long to start, and {MOST_SLOW} other plugins that do are being started: try again in a moment"
    ))
}

/// Waits until a process ended by itself, or does not answer any more.
async fn gone(running: Option<&Beside>) -> Fault {
    let Some(running) = running else { return pending().await };
    tokio::select! {
        () = running.exited() => Fault::Internal("the process ended"),
        fault = running.unwell() => fault,
    }
}

/// Waits until nothing was asked of a process for so long.
async fn idle_for(running: Option<&Beside>, idle: Duration) {
    let Some(running) = running else { return pending().await };
    loop {
        let since = running.calls.idle().await;
        sleep_until(since + idle).await;
        if running.calls.idle_since() == Some(since) {
            return;
        }
    }
}

/// Waits until a process is not what is configured any more.
async fn outdated(running: Option<&Beside>, mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let Some(running) = running else { return pending().await };
    loop {
        let is_current = {
            let snapshot = snapshots.borrow_and_update();
            snapshot
                .plugins
                .get(&running.spec.id)
                .is_some_and(|spec| spec.same_process(&running.spec))
        };
        let changed = if is_current {
            snapshots.changed().await.is_ok()
        } else if running.ready.elapsed() >= KNOWN_LATER {
            return;
        } else {
            // The time being up is looked at above.
            timeout_at(running.ready + KNOWN_LATER, snapshots.changed())
                .await
                .is_ok_and(|c| c.is_ok())
                || running.ready.elapsed() >= KNOWN_LATER
        };
        if !changed {
            // Nothing is configured any more: everything is about to end.
            return pending().await;
        }
    }
}
