//! The rows of what moves: event streams, open requests, and what was counted.

use super::{OperationId, at};
use crate::error::ErrorCode;
use crate::live::{LIVE_EVENTS, TRAFFIC_EVENTS, TrafficQuery};
use crate::metrics_history::{MetricsHistoryAttributes, MetricsHistoryQuery};
use crate::open_request::{OpenRequestList, OpenRequestQuery};
use crate::operation::{Answer, Content, Method, Operation};
use crate::resource::Shown;
use crate::role::Role;

pub(super) fn live() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::WatchChanges, Method::Get, "/api/v1/live")
            .streams(LIVE_EVENTS, "Events, as things change."),
        at(Id::WatchTraffic, Method::Get, "/api/v1/traffic")
            .role(Role::Operator)
            .query::<TrafficQuery>()
            .refused(ErrorCode::NotFound)
            .streams(TRAFFIC_EVENTS, "Requests, as they end."),
        at(Id::ListOpenRequests, Method::Get, "/api/v1/requests")
            .query::<OpenRequestQuery>()
            .refused(ErrorCode::NotFound)
            .shows::<OpenRequestList>("Those that have been open longest."),
        at(Id::EndOpenRequest, Method::Delete, "/api/v1/requests/{request}")
            .role(Role::Operator)
            .refused(ErrorCode::NotFound)
            .answer(Answer::new(204, "It was told to end.", Content::Nothing)),
        at(Id::ShowMetricsHistory, Method::Get, "/api/v1/metrics/history")
            .query::<MetricsHistoryQuery>()
            .refused(ErrorCode::NotFound)
            .shows::<Shown<MetricsHistoryAttributes>>("What was counted."),
    ];
    rows.map(|row| row.tag("live")).into()
}
