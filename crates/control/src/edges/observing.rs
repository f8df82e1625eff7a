//! What moves on edges, asked over their streams. Nothing of it is kept here.

use super::Edges;
use super::asking::{read, said};
use crate::fleet::{LiveFleet, Unreached};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use sidegate_model::metrics_history::{History, HistoryOf, HistorySpan};
use sidegate_model::node::NodeId;
use sidegate_model::observation::{Observation, ObservationQuestion};
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::PluginEvents;
use sidegate_model::traffic::{OpenRequestFilter, OpenRequests, TrafficFilter, TrafficItem};
use sidegate_sync::command::EdgeCommand;
use sidegate_sync::server::CommandError;
use std::time::Duration;

/// How long requests are told as they end; whoever watches then begins anew.
const WATCH_FOR: Duration = Duration::from_secs(3600);

impl Edges {
    /// The one answer to a question.
    async fn observed(
        &self,
        edge: &str,
        question: ObservationQuestion,
    ) -> Result<Observation, Unreached> {
        let answers = self.ask(edge, &EdgeCommand::Observe(question)).await?;
        read(edge, answers.first().ok_or_else(|| said(edge, CommandError::NoAnswer))?)
    }

    async fn observed_history(
        &self,
        edge: &str,
        span: HistorySpan,
        of: HistoryOf,
    ) -> Result<History, Unreached> {
        let question = ObservationQuestion::History(span, of);
        let mut whole: Option<History> = None;
        for answer in self.ask(edge, &EdgeCommand::Observe(question)).await? {
            match (read(edge, &answer)?, &mut whole) {
                // Never more steps than were asked for, whatever it sends.
                (Observation::History(part), whole) => {
                    whole.get_or_insert_with(|| History::empty(span, part.from)).add(span, part);
                }
                (other, _) => return Err(unexpected(edge, &other)),
            }
        }
        whole.ok_or_else(|| said(edge, "it gave no answer"))
    }
}

fn unexpected(edge: &str, answer: &Observation) -> Unreached {
    tracing::debug!(edge, ?answer, "an edge answers something else than was asked");
    said(edge, "it answers something else than was asked")
}

impl LiveFleet for Edges {
    fn open_requests(
        &self,
        node: &NodeId,
        filter: OpenRequestFilter,
    ) -> BoxFuture<'_, Result<OpenRequests, Unreached>> {
        let node = node.clone();
        Box::pin(async move {
            let question = ObservationQuestion::OpenRequests(filter);
            match self.observed(node.as_str(), question).await? {
                Observation::OpenRequests(open) => Ok(open),
                other => Err(unexpected(node.as_str(), &other)),
            }
        })
    }

    fn end_request(&self, node: &NodeId, number: u64) -> BoxFuture<'_, Result<bool, Unreached>> {
        let node = node.clone();
        Box::pin(async move {
            let question = ObservationQuestion::EndRequest(number);
            match self.observed(node.as_str(), question).await? {
                Observation::Ended(was_open) => Ok(was_open),
                other => Err(unexpected(node.as_str(), &other)),
            }
        })
    }

    fn history(
        &self,
        node: &NodeId,
        span: HistorySpan,
        of: HistoryOf,
    ) -> BoxFuture<'_, Result<History, Unreached>> {
        let node = node.clone();
        Box::pin(async move { self.observed_history(node.as_str(), span, of).await })
    }

    fn events(
        &self,
        node: &NodeId,
        plugin: PluginId,
        with_payload: bool,
    ) -> BoxFuture<'_, Result<PluginEvents, Unreached>> {
        let node = node.clone();
        Box::pin(async move {
            let question = ObservationQuestion::Events(plugin, with_payload);
            match self.observed(node.as_str(), question).await? {
                Observation::Events(events) => Ok(events),
                other => Err(unexpected(node.as_str(), &other)),
            }
        })
    }

    fn traffic(
        &self,
        node: &NodeId,
        filter: TrafficFilter,
    ) -> Result<BoxStream<'static, TrafficItem>, Unreached> {
        let command = EdgeCommand::Observe(ObservationQuestion::Traffic(filter));
        let answers = self.commands(node.as_str())?.send(&command, WATCH_FOR);
        let answers = answers.map_err(|e| said(node.as_str(), e))?;
        let edge = node.as_str().to_owned();
        Ok(Box::pin(stream::unfold((answers, edge), |(mut answers, edge)| async move {
            let answer = answers.next().await?.ok()?;
            match read(&edge, &answer).ok()? {
                Observation::Traffic(item) => Some((item, (answers, edge))),
                _ => None,
            }
        })))
    }
}
