//! What nodes are asked about what moves on them: requests that are open, requests as they end, and what was counted over
//! the last hours. A node that does not tell some of it says why.

use super::Unreached;
use futures_util::future::{BoxFuture, join_all, ready};
use futures_util::stream::BoxStream;
use sidegate_api::live::NodeAnswer;
use sidegate_model::metrics_history::{History, HistoryOf, HistorySpan};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::PluginEvents;
use sidegate_model::traffic::{OpenRequestFilter, OpenRequests, TrafficFilter, TrafficItem};
use sidegate_model::trial::{Trial, Tried};
use std::time::Duration;
use tokio::time::timeout;

/// How long a node may take; all are asked at the same time.
const ASK_WITHIN: Duration = Duration::from_secs(3);
/// Most nodes that are asked one thing.
const MOST_NODES: usize = 50;

/// What moves on the nodes of a fleet.
pub trait LiveFleet: Send + Sync + 'static {
    /// The oldest of the requests that are open on a node.
    fn open_requests(
        &self,
        node: &NodeId,
        _: OpenRequestFilter,
    ) -> BoxFuture<'_, Result<OpenRequests, Unreached>> {
        Box::pin(ready(Err(untold(node, "which requests are open"))))
    }

    /// Ends an open request of a node; tells whether it was still open.
    fn end_request(&self, node: &NodeId, _: u64) -> BoxFuture<'_, Result<bool, Unreached>> {
        Box::pin(ready(Err(untold(node, "which requests are open"))))
    }

    /// What a node counted.
    fn history(
        &self,
        node: &NodeId,
        _: HistorySpan,
        _: HistoryOf,
    ) -> BoxFuture<'_, Result<History, Unreached>> {
        Box::pin(ready(Err(untold(node, "what it counted"))))
    }

    /// What a plugin published last on a node, with what was in it where that is wanted.
    fn events(
        &self,
        node: &NodeId,
        _: PluginId,
        _with_payload: bool,
    ) -> BoxFuture<'_, Result<PluginEvents, Unreached>> {
        Box::pin(ready(Err(untold(node, "what plugins publish"))))
    }

    /// Makes a request to a node as a client would.
    fn attempt(&self, node: &NodeId, _: Trial) -> BoxFuture<'_, Result<Tried, Unreached>> {
        let why = format!("{node} is not asked on behalf of its control plane: use the curl line");
        Box::pin(ready(Err(Unreached(why))))
    }

    /// Requests of a node as they end, until what this gives is dropped.
    ///
    /// # Errors
    /// Why it does not tell.
    fn traffic(
        &self,
        node: &NodeId,
        _: TrafficFilter,
    ) -> Result<BoxStream<'static, TrafficItem>, Unreached> {
        Err(untold(node, "requests as they end: watch its access log"))
    }
}

fn untold(node: &NodeId, what: &str) -> Unreached {
    Unreached(format!("{node} does not tell its control plane {what}"))
}

/// Asks nodes the same, all at once; gives what each says, in the order of the nodes.
pub(crate) async fn asked<'a, T>(
    nodes: &'a [NodeId],
    ask: impl Fn(&'a NodeId) -> BoxFuture<'a, Result<T, Unreached>>,
) -> Vec<(&'a NodeId, Result<T, Unreached>)> {
    let late = |node| Unreached(format!("{node} did not answer within {ASK_WITHIN:?}"));
    let one = async |node: &'a NodeId| {
        let answer = timeout(ASK_WITHIN, ask(node)).await;
        (node, answer.unwrap_or_else(|_| Err(late(node))))
    };
    let mut answers = join_all(nodes.iter().take(MOST_NODES).map(one)).await;
    let unasked = |node| (node, Err(Unreached(format!("only {MOST_NODES} nodes are asked"))));
    answers.extend(nodes.iter().skip(MOST_NODES).map(unasked));
    answers
}

/// Whether a node answered, as the admin API tells it.
pub(crate) fn told<T>(node: &NodeId, answer: &Result<T, Unreached>) -> NodeAnswer {
    let why = answer.as_ref().err().map(ToString::to_string);
    NodeAnswer { name: node.to_string(), answered: why.is_none(), why }
}
