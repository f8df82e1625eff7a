//! What is asked of this edge beside what it serves by: each command is a task of its own, and has so many bytes of
//! answers on their way as whoever asked has room for. When the stream ends, all of them do.

use crate::command::EdgeCommand;
use crate::limits::{
    ANSWER_COST, ANSWER_WINDOW_BYTES, MAX_ANSWER_BYTES, MAX_COMMAND_TIME, MAX_COMMANDS, told,
};
use crate::message::{Command, CommandAnswer, command, command_answer};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _};
use serde_json::Value;
use sidegate_model::explain::HashedRequest;
use sidegate_model::observation::ObservationQuestion;
use sidegate_model::plugin::PluginId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Where whoever asks does not say how long it may take.
const DEFAULT_TIME: Duration = Duration::from_secs(30);
/// Refusals of commands that were never begun, which wait to be sent.
const MAX_REFUSALS: usize = 2 * MAX_COMMANDS;

/// Carries out what is asked of an edge. An error is told to whoever asks, in words for an operator. What is dropped is
/// not wanted any more.
pub trait CommandRunner: Send + Sync + 'static {
    /// What would happen to a request; its token is known by its hash only.
    fn explain(&self, request: HashedRequest) -> BoxFuture<'static, Result<Value, String>>;

    /// What ran of a plugin, at most so many, each with at most so many lines; the newest first.
    fn records(
        &self,
        plugin: PluginId,
        most: usize,
        lines: usize,
    ) -> BoxFuture<'static, Result<Vec<Value>, String>>;

    /// Lines of a plugin with numbers after this one: at most so many of those that are there, and all that come.
    fn follow_logs(
        &self,
        plugin: PluginId,
        after: u64,
        lines: usize,
    ) -> BoxStream<'static, Result<Value, String>>;

    /// Starts a new process of a plugin in place of the one that runs; resolves when it serves.
    fn reload(&self, plugin: PluginId) -> BoxFuture<'static, Result<(), String>>;

    /// What moves here: as many answers as the question says.
    fn observe(&self, question: ObservationQuestion) -> BoxStream<'static, Result<Value, String>>;
}

/// Carries out nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCommands;

impl CommandRunner for NoCommands {
    fn explain(&self, _: HashedRequest) -> BoxFuture<'static, Result<Value, String>> {
        Box::pin(std::future::ready(none()))
    }

    fn records(
        &self,
        _: PluginId,
        _: usize,
        _: usize,
    ) -> BoxFuture<'static, Result<Vec<Value>, String>> {
        Box::pin(std::future::ready(none()))
    }

    fn follow_logs(
        &self,
        _: PluginId,
        _: u64,
        _: usize,
    ) -> BoxStream<'static, Result<Value, String>> {
        Box::pin(futures_util::stream::once(std::future::ready(none())))
    }

    fn reload(&self, _: PluginId) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(std::future::ready(none()))
    }

    fn observe(&self, _: ObservationQuestion) -> BoxStream<'static, Result<Value, String>> {
        Box::pin(futures_util::stream::once(std::future::ready(none())))
    }
}

fn none<T>() -> Result<T, String> {
    Err("this edge carries out no commands".to_owned())
}

/// The commands of one stream.
pub(super) struct Commands {
    runner: Arc<dyn CommandRunner>,
    running: BTreeMap<u64, Running>,
    refusals: VecDeque<CommandAnswer>,
    /// Whose turn it is: the first with a higher number.
    last: u64,
    changed: Arc<Notify>,
}

struct Running {
    task: AbortHandle,
    answers: mpsc::Receiver<Answer>,
    /// One that there is no room for.
    held: Option<Answer>,
    /// So many bytes may be sent.
    room: usize,
}

enum Answer {
    Json(Bytes),
    End(Result<(), String>),
}

impl Commands {
    pub(super) fn new(runner: Arc<dyn CommandRunner>) -> Self {
        let changed = Arc::new(Notify::new());
        Self { runner, running: BTreeMap::new(), refusals: VecDeque::new(), last: 0, changed }
    }

    /// The control plane said something.
    pub(super) fn handle(&mut self, command: Command) {
        let Command { id, body, within_ms } = command;
        match body {
            Some(command::Body::Cancel(_)) => drop(self.running.remove(&id)),
            Some(command::Body::More(more)) => {
                if let Some(running) = self.running.get_mut(&id) {
                    let more = usize::try_from(more.bytes).unwrap_or(usize::MAX);
                    running.room = running.room.saturating_add(more).min(ANSWER_WINDOW_BYTES);
                }
            }
            // It is known already.
            _ if self.running.contains_key(&id) => {}
            body => match EdgeCommand::read(body) {
                Some(_) if self.running.len() >= MAX_COMMANDS => self.refuse(
                    id,
                    &format!("{MAX_COMMANDS} commands are being carried out, which are the most"),
                ),
                Some(command) => self.begin(id, command, within_ms),
                None => self.refuse(id, "this version does not know the command; upgrade the edge"),
            },
        }
    }

    /// What is to be sent next, as far as there is room; each command has its turn.
    pub(super) fn next_answer(&mut self) -> Option<CommandAnswer> {
        if let Some(refusal) = self.refusals.pop_front() {
            return Some(refusal);
        }
        let last = self.last;
        let after = self.running.range_mut(last.saturating_add(1)..);
        let found = next_of(after).or_else(|| next_of(self.running.range_mut(..=last)));
        let (id, answer) = found?;
        self.last = id;
        Some(match answer {
            Answer::Json(json) => {
                let body = Some(command_answer::Body::Json(json));
                CommandAnswer { id, body, is_last: false }
            }
            Answer::End(end) => {
                self.running.remove(&id);
                let body = end.err().map(|reason| command_answer::Body::Refused(told(&reason)));
                CommandAnswer { id, body, is_last: true }
            }
        })
    }

    /// Resolves when there may be something to send.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// There is no stream any more.
    pub(super) fn end(&mut self) {
        self.running.clear();
        self.refusals.clear();
    }

    fn refuse(&mut self, id: u64, reason: &str) {
        let body = Some(command_answer::Body::Refused(told(reason)));
        if self.refusals.len() < MAX_REFUSALS {
            self.refusals.push_back(CommandAnswer { id, body, is_last: true });
        }
    }

    fn begin(&mut self, id: u64, command: EdgeCommand, within_ms: u64) {
        let within = match within_ms {
            0 => DEFAULT_TIME,
            within => Duration::from_millis(within).min(MAX_COMMAND_TIME),
        };
        let (sender, answers) = mpsc::channel(1);
        let sink = Sink { sender: Some(sender), changed: self.changed.clone() };
        let runner = self.runner.clone();
        let task = tokio::spawn(async move {
            let end = timeout(within, carry_out(&*runner, command, &sink)).await;
            let end = end.unwrap_or_else(|_| Err(format!("it took more than {within:?}")));
            sink.put(Answer::End(end)).await;
        });
        let task = task.abort_handle();
        let running = Running { task, answers, held: None, room: ANSWER_WINDOW_BYTES };
        self.running.insert(id, running);
    }
}

fn next_of<'a>(running: impl Iterator<Item = (&'a u64, &'a mut Running)>) -> Option<(u64, Answer)> {
    running.into_iter().find_map(|(id, running)| Some((*id, running.next()?)))
}

impl Running {
    fn next(&mut self) -> Option<Answer> {
        let answer = self.held.take().or_else(|| match self.answers.try_recv() {
            Ok(answer) => Some(answer),
            Err(mpsc::error::TryRecvError::Empty) => None,
            Err(mpsc::error::TryRecvError::Disconnected) => {
                Some(Answer::End(Err("it broke off at the edge, see its log".to_owned())))
            }
        })?;
        if let Answer::Json(json) = &answer {
            let cost = json.len() + ANSWER_COST;
            if cost > self.room {
                self.held = Some(answer);
                return None;
            }
            self.room -= cost;
        }
        Some(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where the answers of one command go. It takes one when the one before has gone.
struct Sink {
    /// There until it is dropped.
    sender: Option<mpsc::Sender<Answer>>,
    changed: Arc<Notify>,
}

impl Sink {
    async fn put(&self, answer: Answer) {
        if let Some(sender) = &self.sender {
            // Whoever does not take it has dropped the command, and ends this task.
            let _ = sender.send(answer).await;
        }
        self.changed.notify_one();
    }

    async fn put_json(&self, value: &Value) -> Result<(), String> {
        let json = value.to_string();
        let bytes = json.len();
        if bytes > MAX_ANSWER_BYTES {
            return Err(format!(
                "an answer has {bytes} bytes, and {MAX_ANSWER_BYTES} are the most: ask for less"
            ));
        }
        self.put(Answer::Json(json.into())).await;
        Ok(())
    }
}

impl Drop for Sink {
    /// It has ended, whatever happened.
    fn drop(&mut self) {
        self.sender = None;
        self.changed.notify_one();
    }
}

async fn carry_out(
    runner: &dyn CommandRunner,
    command: EdgeCommand,
    sink: &Sink,
) -> Result<(), String> {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    match command {
        EdgeCommand::Explain(request) => sink.put_json(&runner.explain(request).await?).await,
        EdgeCommand::Records { plugin, most, lines } => {
            for record in runner.records(plugin, count(most), count(lines)).await? {
                sink.put_json(&record).await?;
            }
            Ok(())
        }
        EdgeCommand::FollowLogs { plugin, after, lines } => {
            let mut lines = runner.follow_logs(plugin, after, count(lines));
            while let Some(line) = lines.next().await {
                sink.put_json(&line?).await?;
            }
            Ok(())
        }
        EdgeCommand::Reload(plugin) => runner.reload(plugin).await,
        EdgeCommand::Observe(question) => {
            let mut answers = runner.observe(question);
            while let Some(answer) = answers.next().await {
                sink.put_json(&answer?).await?;
            }
            Ok(())
        }
    }
}
