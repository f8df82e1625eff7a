//! What a node is asked about what moves on it, and what it says, as both ends of a control plane's line to an edge put it.

use crate::metrics_history::{History, HistoryOf, HistorySpan};
use crate::plugin::PluginId;
use crate::plugin_event::PluginEvents;
use crate::traffic::{OpenRequestFilter, OpenRequests, TrafficFilter, TrafficItem};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservationQuestion {
    /// The oldest of the open requests. One answer.
    OpenRequests(OpenRequestFilter),
    /// To end the open request with this number. One answer.
    EndRequest(u64),
    /// What was counted over a span. Several answers, which are parts of one history.
    History(HistorySpan, HistoryOf),
    /// What a plugin published last, with what was in it or without. One answer.
    Events(PluginId, bool),
    /// Requests as they end. An answer for each, until nobody wants them any more.
    Traffic(TrafficFilter),
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Of open requests.
    OpenRequests(OpenRequests),
    /// Whether the request was open.
    Ended(bool),
    /// A part of the history.
    History(History),
    /// Of events.
    Events(PluginEvents),
    /// A request has ended, or some were dropped.
    Traffic(TrafficItem),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics_history::{PluginHistory, Sample};
    use crate::traffic::read_statuses;

    #[test]
    fn questions_and_answers_arrive_as_they_were_sent() {
        let filter = TrafficFilter { statuses: read_statuses("5xx"), ..TrafficFilter::default() };
        for question in [
            ObservationQuestion::OpenRequests(OpenRequestFilter::default()),
            ObservationQuestion::EndRequest(u64::MAX),
            ObservationQuestion::History(HistorySpan::DAY, HistoryOf::Plugin("a".to_owned())),
            ObservationQuestion::Events(PluginId(7), true),
            ObservationQuestion::Traffic(filter),
        ] {
            let json = serde_json::to_string(&question).unwrap();
            assert_eq!(serde_json::from_str::<ObservationQuestion>(&json).unwrap(), question);
        }
        let sample = Sample { requests: 1, p50_ms: -1.0, cpu_percent: 0.1, ..Sample::default() };
        let samples = vec![None, Some(sample)];
        let plugins = vec![PluginHistory { plugin: "a".to_owned(), samples: samples.clone() }];
        let history = Observation::History(History { from: 10, whole: samples, plugins });
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<Observation>(&json).unwrap(), history);
    }
}
