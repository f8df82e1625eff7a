//! What a plugin prints, on one node or on all, as it comes. A node that goes away is gone on with when it is back; what
//! is not seen meanwhile is told.

use super::error::ApiError;
use super::event_stream::{Event, EventReader};
use super::extract::{Id, Query};
use super::state::AdminState;
use crate::fleet::{Fleet, LogStart};
use axum::extract::State;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, SelectAll};
use sidegate_api::error::Problem;
use sidegate_api::plugin_log::{LogEvent, LogNote, LogQuery, NOTE_EVENT, PROCESS_EVENT};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};

/// Most lines of a node that come first; more are not kept.
const MAX_TAIL: u32 = 200;
const USUAL_TAIL: u32 = 10;
/// Nodes that are followed where none is named.
const MOST_NODES: usize = 20;
/// How often it is looked for nodes that are new.
const LOOK: Duration = Duration::from_secs(2);
/// Between two attempts to go on with a node, the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// `GET /plugins/{id}/log`
pub(crate) async fn follow(
    State(state): State<AdminState>,
    Id(id): Id,
    Query(query): Query<LogQuery>,
    reader: EventReader,
) -> Result<Response, ApiError> {
    let (tail, node) = query.settle(|LogQuery { tail, node }| {
        let tail = tail.unwrap_or(USUAL_TAIL);
        if tail <= MAX_TAIL {
            return Ok((tail, node));
        }
        let problem = format!("{tail} is too many, at most {MAX_TAIL} are kept");
        Err(vec![Problem::at("tail", problem)])
    })?;
    let plugin = state.control.view().plugin(PluginId(id)).await?.id;
    let node = node.map(NodeId::new);
    if let Some(node) = &node {
        let reached = state.fleet.reach(node).await;
        reached.map_err(|unreached| ApiError::not_found(unreached.to_string()))?;
    }
    let tail = usize::try_from(tail).unwrap_or_default();
    let what = What { fleet: state.fleet.clone(), plugin, tail };
    Ok(reader.answer(match node {
        Some(node) => of_node(what, node).filter_map(written).boxed(),
        None => of_all(what).filter_map(written).boxed(),
    }))
}

async fn written(event: LogEvent) -> Option<Event> {
    let event = match event {
        LogEvent::Line(line) => Event::new(&line),
        LogEvent::Process(process) => Event::named(PROCESS_EVENT, &process),
        LogEvent::Note(note) => Event::named(NOTE_EVENT, &note),
        LogEvent::Position(_) => return None,
    };
    event.ok()
}

/// What is followed.
#[derive(Clone)]
struct What {
    fleet: Arc<dyn Fleet>,
    plugin: PluginId,
    tail: usize,
}

/// The log of one node, again and again.
struct NodeLog {
    what: What,
    node: NodeId,
    start: LogStart,
    open: Option<BoxStream<'static, Result<LogEvent, crate::fleet::Unreached>>>,
    pause: Duration,
    /// Why it is not seen, as it was told.
    lost: Option<String>,
}

fn of_node(what: What, node: NodeId) -> BoxStream<'static, LogEvent> {
    let start = LogStart { after: 0, lines: what.tail };
    let log = NodeLog { what, node, start, open: None, pause: FIRST_PAUSE, lost: None };
    stream::unfold(log, async |mut log| {
        let event = log.next().await;
        Some((event, log))
    })
    .boxed()
}

impl NodeLog {
    async fn next(&mut self) -> LogEvent {
        loop {
            let (what, node, start) = (&self.what, &self.node, self.start);
            let open = || what.fleet.follow_log(node, what.plugin, start);
            match self.open.get_or_insert_with(open).next().await {
                Some(Ok(event)) => {
                    self.pause = FIRST_PAUSE;
                    self.lost = None;
                    match &event {
                        LogEvent::Line(line) => {
                            self.start.after = self.start.after.max(line.number);
                        }
                        LogEvent::Position(number) => {
                            self.start.after = self.start.after.max(*number);
                            // What comes while it is not seen is wanted as a whole.
                            self.start.lines = usize::MAX;
                        }
                        LogEvent::Process(_) | LogEvent::Note(_) => {}
                    }
                    return event;
                }
                Some(Err(unreached)) => {
                    self.open = None;
                    if self.lost.is_some() {
                        self.wait().await;
                    }
                    let text = unreached.to_string();
                    if self.lost.as_ref() != Some(&text) {
                        self.lost = Some(text.clone());
                        let node = Some(self.node.to_string());
                        return LogEvent::Note(LogNote { node, text });
                    }
                }
                None => self.wait().await,
            }
        }
    }

    async fn wait(&mut self) {
        self.open = None;
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// The logs of all nodes, those that come later too.
struct AllLogs {
    what: What,
    known: BTreeSet<NodeId>,
    logs: SelectAll<BoxStream<'static, LogEvent>>,
    looks: Interval,
    is_told: bool,
}

fn of_all(what: What) -> BoxStream<'static, LogEvent> {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (known, logs) = (BTreeSet::new(), SelectAll::new());
    let all = AllLogs { what, known, logs, looks, is_told: false };
    stream::unfold(all, async |mut all| {
        let event = all.next().await;
        Some((event, all))
    })
    .boxed()
}

impl AllLogs {
    async fn next(&mut self) -> LogEvent {
        loop {
            tokio::select! {
                _ = self.looks.tick() => {
                    if let Some(note) = self.take_nodes() {
                        return LogEvent::Note(note);
                    }
                }
                Some(event) = self.logs.next(), if !self.logs.is_empty() => return event,
            }
        }
    }

    /// Begins to follow nodes that are new; tells once if there are too many.
    fn take_nodes(&mut self) -> Option<LogNote> {
        let plugin = self.what.plugin;
        let nodes = self.what.fleet.nodes().into_iter();
        let has_it = nodes.filter(|node| node.plugins.iter().any(|status| status.id == plugin));
        for node in has_it.map(|node| node.id) {
            if self.known.contains(&node) {
                continue;
            }
            if self.known.len() >= MOST_NODES {
                let text = format!("{MOST_NODES} nodes are followed and no more: name one (node)");
                let is_told = std::mem::replace(&mut self.is_told, true);
                return (!is_told).then_some(LogNote { node: None, text });
            }
            self.known.insert(node.clone());
            self.logs.push(of_node(self.what.clone(), node));
        }
        None
    }
}
