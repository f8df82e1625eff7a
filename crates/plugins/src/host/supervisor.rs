//! One task per plugin: turns wishes, news and passing time into events, lets `state` decide, shows
//! the outcome and carries it out.
//!
//! Shares nothing with other supervisors, so that a slow or broken plugin delays nobody.

use super::assignment::{Affected, Assignment, Directive, ProcessEvent, Setup};
use super::fault::RetryChance;
use super::random::chance;
use super::recorder::PluginRecorder;
use super::runner;
use super::state::{Action, Edition, Life, LifecycleEvent, Moment, Serial};
use super::view::{PluginRecord, View};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_effect::Effect;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How many warnings are logged when a plugin becomes ready, which says how many there are.
const LOGGED_WARNINGS: usize = 10;

/// What the host wants of a plugin.
#[derive(Debug, Clone)]
pub(super) enum DesiredRun {
    /// Run this.
    Run(Arc<PluginSpec>),
    /// Run no more; finish open requests.
    Stop,
    /// End now.
    Quit,
}

/// A view for the host. It answers when requests are led by it, so that only then old instances
/// begin to drain.
pub(super) struct Update {
    pub(super) id: PluginId,
    pub(super) view: View,
    pub(super) published: oneshot::Sender<()>,
}

/// Looks after one plugin.
pub(super) struct Supervisor {
    setup: Arc<Setup>,
    wishes: watch::Receiver<DesiredRun>,
    updates: mpsc::Sender<Update>,
    life: Life,
    record: PluginRecord,
    recorder: Arc<PluginRecorder>,
    edition: Edition,
    /// Somebody has asked for this edition and waits for it.
    attended: bool,
    began: Instant,
    /// Nobody will wish for anything any more.
    closing: bool,
    /// The gateway was told to stop, and `life` knows.
    told_closing: bool,
    pending: VecDeque<LifecycleEvent>,
    /// What the failures hit that are not logged yet.
    victims: HashMap<Serial, Affected>,
    runners: JoinSet<()>,
    serials: HashMap<Id, Serial>,
    directives: HashMap<Serial, watch::Sender<Directive>>,
    /// Handed to each runner.
    tell: mpsc::Sender<(Serial, ProcessEvent)>,
    news: mpsc::Receiver<(Serial, ProcessEvent)>,
}

impl Supervisor {
    /// A supervisor for the plugin that the first wish names.
    pub(super) fn new(
        setup: Arc<Setup>,
        spec: &Arc<PluginSpec>,
        wishes: watch::Receiver<DesiredRun>,
        updates: mpsc::Sender<Update>,
        recorder: Arc<PluginRecorder>,
    ) -> Self {
        let limits = setup.settings.limits.of(spec);
        let (tell, news) = mpsc::channel(32);
        Self {
            life: Life::new(limits.restart, limits.drain),
            record: PluginRecord::new(spec.clone()),
            recorder,
            edition: Edition(0),
            attended: setup.attended.load(Ordering::Relaxed),
            began: Instant::now(),
            closing: false,
            told_closing: false,
            pending: VecDeque::new(),
            victims: HashMap::new(),
            runners: JoinSet::new(),
            serials: HashMap::new(),
            directives: HashMap::new(),
            tell,
            news,
            setup,
            wishes,
            updates,
        }
    }

    /// Works until the host has no more wishes and nothing of the plugin is left.
    pub(super) async fn run(mut self) {
        self.wishes.mark_changed();
        if self.setup.closing.is_cancelled() {
            self.note_closing();
        }
        while !(self.closing && self.life.is_over() && self.runners.is_empty()) {
            match self.pending.pop_front() {
                Some(event) => self.take(event).await,
                None => self.listen().await,
            }
        }
    }

    /// Waits for the next thing to happen and notes the events it means.
    async fn listen(&mut self) {
        let deadline = self.life.deadline().map(|at| self.began + at);
        let far = self.began + Duration::from_secs(u64::from(u32::MAX));
        tokio::select! {
            changed = self.wishes.changed(), if !self.closing => match changed {
                Ok(()) => self.note_wish(),
                Err(_) => self.quit(),
            },
            Some((serial, news)) = self.news.recv() => self.note_news(serial, news),
            Some(ended) = self.runners.join_next_with_id() => self.note_end(&ended),
            () = self.setup.closing.cancelled(), if !self.told_closing => self.note_closing(),
            () = sleep_until(deadline.unwrap_or(far)) => self.pending.push_back(LifecycleEvent::Tick),
        }
    }

    fn note_wish(&mut self) {
        let wish = self.wishes.borrow_and_update().clone();
        match wish {
            DesiredRun::Run(spec) => match self.effect_of(&spec) {
                Effect::None => {}
                Effect::Live => {
                    self.heed(spec);
                    // Nothing happens to the plugin, but what is shown of it changes.
                    self.pending.push_back(LifecycleEvent::Tick);
                }
                Effect::Reload | Effect::Start | Effect::Stop => {
                    self.heed(spec);
                    self.attended |= self.edition.0 > 0;
                    self.edition.0 += 1;
                    self.pending.push_back(LifecycleEvent::Wanted(self.edition));
                }
            },
            DesiredRun::Stop => self.pending.push_back(LifecycleEvent::Unwanted),
            DesiredRun::Quit => self.quit(),
        }
    }

    /// What the wish for this spec means for what serves or is being started.
    fn effect_of(&self, spec: &PluginSpec) -> Effect {
        let wished = self.life.is_wanted().then_some(&*self.record.spec);
        let serves = self.record.serving.as_ref().map(|(ready, _)| &**ready.instance.plugin());
        let runs = if self.life.is_starting() { wished } else { serves };
        Effect::of(wished, runs, Some(spec))
    }

    fn heed(&mut self, spec: Arc<PluginSpec>) {
        let limits = self.setup.settings.limits.of(&spec);
        self.life.set_limits(limits.restart, limits.drain);
        self.record.spec = spec;
    }

    fn note_closing(&mut self) {
        self.told_closing = true;
        self.pending.push_back(LifecycleEvent::Closing);
    }

    fn quit(&mut self) {
        self.closing = true;
        self.pending.push_back(LifecycleEvent::Quit);
    }

    fn note_news(&mut self, serial: Serial, news: ProcessEvent) {
        self.pending.push_back(match news {
            ProcessEvent::Started(ready) => {
                // A start that was given up meanwhile ends by itself.
                if !self.life.awaits(serial) {
                    return;
                }
                self.record.endpoints = ready.endpoints.clone();
                self.record.config_schema = ready.config_schema.clone();
                self.record.start_duration = Some(ready.start_duration);
                self.record.serving = Some((ready, now_millis()));
                LifecycleEvent::Started(serial)
            }
            ProcessEvent::Awaits(what) => {
                if self.life.awaits(serial) {
                    self.record.awaits = Some(what);
                }
                // Nothing happens to the plugin, but what is shown of it changes.
                LifecycleEvent::Tick
            }
            ProcessEvent::Failed { reason, retry_chance, victim } => {
                self.victims.insert(serial, victim);
                let in_vain =
                    retry_chance == RetryChance::Slim && self.attended && self.life.is_first_try();
                let hopeless = retry_chance == RetryChance::No || in_vain;
                LifecycleEvent::Failed { serial, reason, hopeless }
            }
            ProcessEvent::Leaving { reason, victim } => {
                self.victims.insert(serial, victim);
                LifecycleEvent::Leaving { serial, reason }
            }
            ProcessEvent::Departed => LifecycleEvent::Departed(serial),
            ProcessEvent::Warnings(warnings) => {
                let serves = self.life.serving() == Some(serial);
                if let Some((ready, _)) = self.record.serving.as_mut().filter(|_| serves) {
                    ready.warnings = warnings;
                }
                // Nothing happens to the plugin, but what is shown of it changes.
                LifecycleEvent::Tick
            }
            ProcessEvent::Drained => LifecycleEvent::Drained(serial),
            ProcessEvent::Gone => LifecycleEvent::Gone(serial),
        });
    }

    /// A runner tells before it ends; one that panicked could not.
    fn note_end(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (*id, false),
            Err(error) => (error.id(), true),
        };
        let Some(serial) = self.serials.remove(&id) else {
            return;
        };
        self.directives.remove(&serial);
        if panicked {
            let reason = "internal error of the gateway: the task of this process ended".to_owned();
            tracing::error!(plugin = self.record.spec.name, start = serial.0, reason);
            self.pending.push_back(LifecycleEvent::Failed { serial, reason, hopeless: false });
            self.pending.push_back(LifecycleEvent::Gone(serial));
        }
    }

    async fn take(&mut self, event: LifecycleEvent) {
        let moment = Moment { at: self.began.elapsed(), chance: chance() };
        let about = event.clone();
        let actions = self.life.on(event, moment);
        self.log(&about);
        if self.life.serving().is_none() {
            self.record.serving = None;
        }
        self.show().await;
        if let (LifecycleEvent::Started(_), Some((ready, _))) = (&about, &self.record.serving)
            && let Some(recipient) = &ready.recipient
        {
            recipient.lead();
        }
        for action in actions {
            self.act(action);
        }
    }

    fn log(&mut self, event: &LifecycleEvent) {
        let plugin = &self.record.spec.name;
        let state = self.life.state().as_str();
        match (event, &self.record.serving) {
            (LifecycleEvent::Started(_), Some((ready, _))) => {
                let (pid, endpoints) = (ready.pid, ready.endpoints.endpoints().len());
                let sha256 = ready.sha256.map(tracing::field::display);
                tracing::info!(plugin, pid, endpoints, sha256, "plugin is ready");
                let bodies = self.record.body_warning(ready);
                let warnings: Vec<_> = ready.warnings.iter().chain(&bodies).collect();
                for warning in warnings.iter().take(LOGGED_WARNINGS) {
                    tracing::warn!(plugin, pid, "{warning}");
                }
                if let Some(more @ 1..) = warnings.len().checked_sub(LOGGED_WARNINGS) {
                    tracing::warn!(
                        plugin,
                        pid,
                        more,
                        "there are more warnings; its status has all"
                    );
                }
            }
            (
                LifecycleEvent::Failed { serial, reason, .. }
                | LifecycleEvent::Leaving { serial, reason },
                _,
            ) => {
                let restarts = self.life.restarts();
                let Affected { pid, in_flight } = self.victims.remove(serial).unwrap_or_default();
                tracing::warn!(plugin, pid, state, restarts, in_flight, reason, "plugin failed");
            }
            (LifecycleEvent::Wanted(_) | LifecycleEvent::Unwanted, _) => {
                tracing::debug!(plugin, state, "plugin's desired state changed");
            }
            _ => {}
        }
    }

    async fn show(&self) {
        let (published, seen) = oneshot::channel();
        let mut view = self.record.view(&self.life);
        if let Some(at) = self.life.next_start() {
            let pause = at.saturating_sub(self.began.elapsed());
            let millis = UnixMillis::try_from(pause.as_millis()).unwrap_or_default();
            view.status.next_start_at = Some(now_millis().saturating_add(millis));
            view.starts_in(pause);
        }
        let update = Update { id: self.record.spec.id, view, published };
        if self.updates.send(update).await.is_ok() {
            // It fails only when the host is gone, and then nobody is led anywhere.
            let _ = seen.await;
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start(serial, edition) => self.start(serial, edition),
            Action::Drain(serial) => self.directive(serial, Directive::Drain),
            Action::Stop(serial) => self.directive(serial, Directive::Stop),
        }
    }

    fn start(&mut self, serial: Serial, edition: Edition) {
        self.record.awaits = None;
        let (directives, received) = watch::channel(Directive::Run);
        let assignment = Assignment {
            serial,
            spec: self.record.spec.clone(),
            setup: self.setup.clone(),
            recorder: self.recorder.clone(),
            directives: received,
            news: self.tell.clone(),
        };
        let plugin = &self.record.spec.name;
        tracing::debug!(plugin, start = serial.0, edition = edition.0, "plugin is being started");
        self.directives.insert(serial, directives);
        let id = self.runners.spawn(runner::run(assignment)).id();
        self.serials.insert(id, serial);
    }

    fn directive(&self, serial: Serial, directive: Directive) {
        if let Some(directives) = self.directives.get(&serial) {
            directives.send_replace(directive);
        }
    }
}
