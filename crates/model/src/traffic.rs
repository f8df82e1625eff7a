//! Requests of clients as operators watch them: those that are open, and those that have just ended. Never a query of an
//! address, which may hold secrets.

use crate::UnixMillis;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A request that is open at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// A number that no other request of the node has.
    pub number: u64,
    /// Its id, as its client is told.
    pub request_id: String,
    /// The client's address.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, within a bound.
    pub path: String,
    /// The plugin and the endpoint's path, once they are found.
    pub route: Option<FoundRoute>,
    /// The number of the app that calls.
    pub app: Option<u32>,
    /// When its head was complete.
    pub started_at: UnixMillis,
    /// For how long it has been open.
    pub duration: Duration,
    /// The status of its answer, once that has begun.
    pub status: Option<u16>,
    /// Whether its answer is a stream.
    pub is_stream: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRoute {
    /// The name of the plugin.
    pub plugin: String,
    /// The endpoint's path, as the plugin registered it.
    pub route: String,
}

/// Which open requests are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequestFilter {
    /// Only those for the plugin with this name.
    pub plugin: Option<String>,
    /// Only those that have been open so long.
    pub min_duration: Duration,
    /// At most so many, the oldest.
    pub most: usize,
}

/// The oldest of the open requests of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequests {
    /// The oldest first.
    pub oldest: Vec<OpenRequest>,
    /// How many there are.
    pub count: usize,
}

/// A request that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedRequest {
    /// When its last byte was gone.
    pub at: UnixMillis,
    /// Its id, as its client was told.
    pub request_id: String,
    /// The client's address.
    pub client: String,
    /// Its method.
    pub method: String,
    /// Its path, within a bound.
    pub path: String,
    /// Where it went, where that was found.
    pub route: Option<FoundRoute>,
    /// The number of the app that called.
    pub app: Option<u32>,
    /// The status of the answer.
    pub status: u16,
    /// The code of the error, if it was one.
    pub error_code: Option<Cow<'static, str>>,
    /// Why the answer was cut, if it was.
    pub aborted: Option<Cow<'static, str>>,
    /// From its head to its last byte.
    pub duration: Duration,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// What is told to whoever watches requests end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficItem {
    /// One has ended.
    Ended(Box<EndedRequest>),
    /// So many more ended, faster than they could be told.
    Dropped(u64),
}

/// Which requests are told as they end. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficFilter {
    /// Only those for the plugin with this name.
    pub plugin: Option<String>,
    /// Only those of the app with this number.
    pub app: Option<u32>,
    /// Only those with such a status.
    pub statuses: Option<RangeInclusive<u16>>,
    /// Only those whose path begins so.
    pub path_prefix: Option<String>,
    /// Only those that took so long.
    pub min_duration: Duration,
}

/// What filters go by.
#[derive(Debug, Clone, Copy)]
pub struct EndedFacts<'a> {
    /// The name of the plugin.
    pub plugin: &'a str,
    /// The number of the app that called.
    pub app: Option<u32>,
    /// The status of the answer.
    pub status: u16,
    /// The path.
    pub path: &'a str,
    /// From its head to its last byte.
    pub duration: Duration,
}

impl TrafficFilter {
    /// Whether such a request is told.
    pub fn takes(&self, facts: &EndedFacts<'_>) -> bool {
        self.plugin.as_deref().is_none_or(|plugin| plugin == facts.plugin)
            && self.app.is_none_or(|app| facts.app == Some(app))
            && self.statuses.as_ref().is_none_or(|statuses| statuses.contains(&facts.status))
            && self.path_prefix.as_deref().is_none_or(|prefix| facts.path.starts_with(prefix))
            && facts.duration >= self.min_duration
    }
}

/// Reads a status such as `404`, or a class of them such as `5xx`.
pub fn read_statuses(text: &str) -> Option<RangeInclusive<u16>> {
    if let Some(class) = text.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|class| (1..=5).contains(class))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let status = text.parse::<u16>().ok().filter(|status| (100..=599).contains(status))?;
    (text.len() == 3).then_some(status..=status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_filter_says_must_hold() {
        let facts = EndedFacts {
            plugin: "echo",
            app: Some(7),
            status: 503,
            path: "/plugins/echo/a",
            duration: Duration::from_millis(250),
        };
        let all = TrafficFilter {
            plugin: Some("echo".to_owned()),
            app: Some(7),
            statuses: read_statuses("5xx"),
            path_prefix: Some("/plugins/echo/".to_owned()),
            min_duration: Duration::from_millis(250),
        };
        assert!(all.takes(&facts) && TrafficFilter::default().takes(&facts));
        let others = [
            TrafficFilter { plugin: Some("other".to_owned()), ..all.clone() },
            TrafficFilter { app: Some(8), ..all.clone() },
            TrafficFilter { statuses: read_statuses("404"), ..all.clone() },
            TrafficFilter { path_prefix: Some("/plugins/other/".to_owned()), ..all.clone() },
            TrafficFilter { min_duration: Duration::from_millis(251), ..all.clone() },
        ];
        for other in others {
            assert!(!other.takes(&facts), "{other:?}");
        }
        assert!(!all.takes(&EndedFacts { app: None, ..facts }));
    }

    #[test]
    fn a_status_is_one_number_or_a_class() {
        assert_eq!(read_statuses("5xx"), Some(500..=599));
        assert_eq!(read_statuses("404"), Some(404..=404));
        for wrong in ["", "xx", "0xx", "6xx", "99", "600", "0404", "+404", "4x", "5XX"] {
            assert_eq!(read_statuses(wrong), None, "{wrong}");
        }
    }
}
