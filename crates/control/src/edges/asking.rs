//! What is asked of one edge: over its stream, where it is connected here, else by way of the process that it is
//! connected to. Nobody waits long, and an edge that is offline is told apart from one that does not answer.

use super::Edges;
use crate::fleet::{LogStart, Unreached};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::plugin_log::LogEvent;
use sidegate_api::record::RecordAttributes;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::plugin::PluginId;
use sidegate_model::token::TokenHash;
use sidegate_sync::command::{EdgeCommand, HashedRequest};
use sidegate_sync::limits::MAX_COMMAND_TIME;
use sidegate_sync::server::{Answers, CommandError, EdgeCommands};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long an edge may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long a new process of a plugin may take to serve.
const RELOAD_WITHIN: Duration = Duration::from_secs(20);
/// Processes of a plugin that are told.
const MOST_RECORDS: u32 = 20;
/// Between two questions for the log of an edge that is connected elsewhere, however much was printed: each is written
/// to the database. The same before a log is gone on with that an edge has ended at once.
const LOG_PAUSE: Duration = Duration::from_millis(500);
/// A log that lasts less long was ended at once.
const SHORTEST_LOG: Duration = Duration::from_secs(1);
/// Logs that an edge may end at once, one after the other.
const MOST_SHORT_LOGS: u32 = 5;
/// Processes of a plugin that are remembered while its log is followed.
const KNOWN_PROCESSES: usize = 32;

/// What an edge answers by way of another process.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answered {
    /// All answers, as the edge gave them.
    pub(super) answers: Vec<Value>,
    /// Why there are no (more) of them, in words for an operator.
    pub(super) problem: Option<String>,
}

impl Edges {
    /// What would happen to a request there. The token of it is not sent, only its hash.
    pub(super) async fn ask_explain(
        &self,
        edge: &str,
        request: ImaginedRequest,
    ) -> Result<ExplanationAttributes, Unreached> {
        let request = HashedRequest::new(request);
        let unseen = request.token.and_then(|hash| self.unseen_token(edge, &hash));
        let answers = self.ask(edge, &EdgeCommand::Explain(request)).await?;
        let answer = answers.first().ok_or_else(|| said(edge, CommandError::NoAnswer))?;
        let mut told: ExplanationAttributes = read(edge, answer)?;
        // An edge cannot tell a token of another namespace from one that never was.
        let checks = told.checks.iter_mut().filter(|check| check.name == "token");
        for (check, unseen) in checks.zip(unseen) {
            check.detail = format!("{}; {unseen}", check.detail);
        }
        Ok(ExplanationAttributes { node: edge.to_owned(), ..told })
    }

    /// Why an edge does not know a token that there is, where that is for its namespace.
    fn unseen_token(&self, edge: &str, hash: &TokenHash) -> Option<String> {
        let desired = self.control().desired();
        let token = desired.tokens.get(hash)?;
        let app = desired.apps.get(&token.app_id)?;
        let of_edge = self.0.table.known(edge)?.namespace;
        let is_seen = app.namespace.is_global() || app.namespace == of_edge;
        let of_edge = match of_edge.is_global() {
            true => "the global namespace alone".to_owned(),
            false => format!("namespace {of_edge} and the global one"),
        };
        (!is_seen).then(|| {
            format!(
                "token {} of app {} is in namespace {}, and this edge gets {of_edge}",
                token.id, app.name, app.namespace
            )
        })
    }

    /// What is known there of a plugin's processes.
    pub(super) async fn ask_records(
        &self,
        edge: &str,
        plugin: PluginId,
        lines: usize,
    ) -> Result<Vec<RecordAttributes>, Unreached> {
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        let command = EdgeCommand::Records { plugin, most: MOST_RECORDS, lines };
        let answers = self.ask(edge, &command).await?;
        let record = |answer: &Bytes| {
            let told: RecordAttributes = read(edge, answer)?;
            Ok(RecordAttributes { node: edge.to_owned(), ..told })
        };
        answers.iter().map(record).collect()
    }

    /// Starts a new process of a plugin there in place of the one that runs.
    pub(super) async fn ask_reload(&self, edge: &str, plugin: PluginId) -> Result<(), Unreached> {
        self.ask(edge, &EdgeCommand::Reload(plugin)).await.map(drop)
    }

    /// Whether it can be asked now.
    pub(super) async fn reach_edge(&self, edge: &str) -> Result<(), Unreached> {
        let is_here = self.0.table.commands(edge).is_some();
        if is_here || self.is_elsewhere(edge) { Ok(()) } else { Err(self.offline(edge).await) }
    }

    /// What a plugin prints there, as it comes.
    pub(super) fn follow_edge_log(
        &self,
        edge: &str,
        plugin: PluginId,
        start: LogStart,
    ) -> BoxStream<'static, Result<LogEvent, Unreached>> {
        let (edges, edge) = (self.clone(), edge.to_owned());
        let following = FollowingEdge {
            edges,
            edge,
            plugin,
            start,
            source: Source::Unknown,
            begun: Instant::now(),
            short: 0,
            processes: BTreeMap::new(),
        };
        stream::unfold(following, async |mut following| {
            let event = following.next().await?;
            Some((event, following))
        })
        .boxed()
    }

    /// All answers to a command.
    pub(super) async fn ask(
        &self,
        edge: &str,
        command: &EdgeCommand,
    ) -> Result<Vec<Bytes>, Unreached> {
        if let Some(commands) = self.0.table.commands(edge) {
            let mut answers = commands.send(command, within(command)).map_err(|e| said(edge, e))?;
            let mut all = Vec::new();
            while let Some(answer) = answers.next().await {
                all.push(answer.map_err(|e| said(edge, e))?);
            }
            return Ok(all);
        }
        if !self.is_elsewhere(edge) {
            return Err(self.offline(edge).await);
        }
        let Answered { answers, problem, .. } = self.ask_elsewhere(edge, command).await?;
        match problem {
            Some(problem) => Err(said(edge, problem)),
            None => Ok(answers.iter().map(|answer| Bytes::from(answer.to_string())).collect()),
        }
    }

    /// The stream of an edge that is connected here.
    pub(super) fn commands(&self, edge: &str) -> Result<EdgeCommands, Unreached> {
        if let Some(commands) = self.0.table.commands(edge) {
            return Ok(commands);
        }
        Err(Unreached(match self.seen(edge) {
            None => format!("there is no edge {edge:?}"),
            Some(seen) => match seen.status.filter(|_| seen.is_connected) {
                Some(status) => format!(
                    "edge {edge:?} is connected to another process of the control plane, {:?}: ask that one",
                    status.replica
                ),
                None => format!("edge {edge:?} is not connected now"),
            },
        }))
    }

    /// Whether another process is to be asked.
    fn is_elsewhere(&self, edge: &str) -> bool {
        self.0.store.is_shared() && self.seen(edge).is_some_and(|seen| seen.is_connected)
    }

    /// Why it cannot be asked, and since when.
    async fn offline(&self, edge: &str) -> Unreached {
        // When it was last there is noted in the database now and then, by whichever process it was connected to.
        let stored = self.0.store.edge_by_name(edge).await.ok();
        let seen = self.seen(edge);
        if stored.is_none() && seen.is_none() {
            return Unreached(format!("there is no edge {edge:?}"));
        }
        let noted = stored.and_then(|stored| stored.last_seen_at);
        Unreached(match noted.max(seen.and_then(|seen| seen.last_seen_at())) {
            Some(at) => {
                let at = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
                format!("edge {edge:?} is offline: it was last seen at {at:.3}")
            }
            None => format!("edge {edge:?} is offline: it was never connected"),
        })
    }
}

/// How long an edge may take for this.
pub(super) fn within(command: &EdgeCommand) -> Duration {
    match command {
        EdgeCommand::Reload(_) => RELOAD_WITHIN,
        _ => ANSWER_WITHIN,
    }
}

/// How the log of an edge gets here.
enum Source {
    /// It has to be found out.
    Unknown,
    /// Over its stream.
    Here(Answers),
    /// From the process that has its stream, a few lines at a time.
    Elsewhere(VecDeque<LogEvent>),
    /// It is over.
    Ended,
}

struct FollowingEdge {
    edges: Edges,
    edge: String,
    plugin: PluginId,
    start: LogStart,
    source: Source,
    /// When it was begun to follow it over its stream.
    begun: Instant,
    /// How often in a row that was over at once.
    short: u32,
    /// Processes that were told of, by the beginning of their start, and whether their end was not.
    processes: BTreeMap<String, bool>,
}

impl FollowingEdge {
    async fn next(&mut self) -> Option<Result<LogEvent, Unreached>> {
        loop {
            let event = self.next_event().await.transpose()?;
            match &event {
                Ok(LogEvent::Line(line)) => self.start.after = self.start.after.max(line.number),
                Ok(LogEvent::Position(number)) => {
                    self.start.after = self.start.after.max(*number);
                }
                Ok(LogEvent::Process(process)) if !self.is_news(process) => continue,
                Ok(_) => {}
                Err(_) => self.source = Source::Ended,
            }
            return Some(event);
        }
    }

    /// Whether its beginning or its end was not told yet: each time that it is gone on with, all are told again.
    fn is_news(&mut self, process: &RecordAttributes) -> bool {
        if self.processes.len() > KNOWN_PROCESSES {
            self.processes.pop_first();
        }
        let at = &process.started_at;
        let was_running = self.processes.get(at).copied();
        match (was_running, process.running) {
            (None, true) | (Some(true), false) => {
                self.processes.insert(at.clone(), process.running);
                true
            }
            _ => false,
        }
    }

    async fn next_event(&mut self) -> Result<Option<LogEvent>, Unreached> {
        loop {
            match &mut self.source {
                Source::Ended => return Ok(None),
                Source::Unknown => self.source = self.begin().await?,
                Source::Here(answers) => match answers.next().await {
                    Some(Ok(answer)) => {
                        return read(&self.edge, &answer).map(|e| Some(self.of_node(e)));
                    }
                    // An hour has passed.
                    Some(Err(CommandError::TooLate(_))) | None => self.go_on().await?,
                    Some(Err(error)) => return Err(said(&self.edge, error)),
                },
                Source::Elsewhere(waiting) => match waiting.pop_front() {
                    Some(event) => return Ok(Some(event)),
                    // It may be here by now.
                    None => {
                        tokio::time::sleep(LOG_PAUSE).await;
                        self.source = self.begin().await?;
                    }
                },
            }
        }
    }

    /// The log is over, and is gone on with.
    async fn go_on(&mut self) -> Result<(), Unreached> {
        self.source = Source::Unknown;
        if self.begun.elapsed() >= SHORTEST_LOG {
            self.short = 0;
            return Ok(());
        }
        self.short += 1;
        if self.short >= MOST_SHORT_LOGS {
            return Err(said(&self.edge, "it ends the log at once, time and again"));
        }
        tokio::time::sleep(LOG_PAUSE).await;
        Ok(())
    }

    async fn begin(&mut self) -> Result<Source, Unreached> {
        let lines = u32::try_from(self.start.lines).unwrap_or(u32::MAX);
        let command =
            EdgeCommand::FollowLogs { plugin: self.plugin, after: self.start.after, lines };
        if let Some(commands) = self.edges.0.table.commands(&self.edge) {
            let answers = commands.send(&command, MAX_COMMAND_TIME);
            // What comes later is wanted as a whole.
            self.start.lines = usize::MAX;
            self.begun = Instant::now();
            return answers.map(Source::Here).map_err(|e| said(&self.edge, e));
        }
        self.edges.reach_edge(&self.edge).await?;
        let answered = self.edges.ask_elsewhere(&self.edge, &command).await?;
        self.start.lines = usize::MAX;
        let mut events = VecDeque::new();
        for answer in &answered.answers {
            let event: LogEvent = read(&self.edge, answer.to_string().as_bytes())?;
            events.push_back(self.of_node(event));
        }
        if let Some(problem) = answered.problem {
            return Err(said(&self.edge, problem));
        }
        Ok(Source::Elsewhere(events))
    }

    /// The node is who its certificate says, whatever it calls itself.
    fn of_node(&self, mut event: LogEvent) -> LogEvent {
        match &mut event {
            LogEvent::Line(line) => line.node.clone_from(&self.edge),
            LogEvent::Process(process) => process.node.clone_from(&self.edge),
            LogEvent::Note(note) => note.node = Some(self.edge.clone()),
            LogEvent::Position(_) => {}
        }
        event
    }
}

pub(super) fn read<T: DeserializeOwned>(edge: &str, answer: &[u8]) -> Result<T, Unreached> {
    serde_json::from_slice(answer)
        .map_err(|_| Unreached(format!("edge {edge:?} answers in words of another version")))
}

pub(super) fn said(edge: &str, error: impl std::fmt::Display) -> Unreached {
    Unreached(format!("edge {edge:?}: {error}"))
}
