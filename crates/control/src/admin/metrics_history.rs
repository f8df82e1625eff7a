//! What nodes counted over the last hours, put together and told in columns.

use super::error::ApiError;
use super::extract::Query;
use super::open_requests::{name_of, nodes_of};
use super::state::AdminState;
use super::types::{resource, time_text};
use crate::fleet::{asked, told};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::metrics_history::{
    HistoryWindow, MetricsHistoryAttributes, MetricsHistoryQuery, MetricsSeries, PluginSeries,
};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::clock::now_millis;
use sidegate_model::metrics_history::{
    History, HistoryOf, HistorySpan, PluginHistory, Sample, Samples,
};
use sidegate_model::node::NodeId;

/// `GET /metrics/history`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Query(query): Query<MetricsHistoryQuery>,
) -> Result<Response, ApiError> {
    let MetricsHistoryQuery { plugin, window, node, each_plugin } = query.settle(Ok)?;
    let span = match window.unwrap_or_default() {
        HistoryWindow::Hour => HistorySpan::HOUR,
        HistoryWindow::SixHours => HistorySpan::SIX_HOURS,
        HistoryWindow::Day => HistorySpan::DAY,
    };
    let of = match (name_of(&state, plugin).await?, each_plugin) {
        (Some(name), _) => HistoryOf::Plugin(name),
        (None, Some(true)) => HistoryOf::Each,
        (None, _) => HistoryOf::Whole,
    };
    let mut nodes = nodes_of(&state);
    if let Some(name) = node {
        nodes.retain(|known| known.as_str() == name);
        if nodes.is_empty() {
            return Err(ApiError::not_found(format!("there is no node {name:?}")));
        }
    }
    let attributes = told_history(&state, &nodes, span, &of).await;
    let id = plugin.map_or_else(|| "gateway".to_owned(), |id| id.to_string());
    Ok(Json(Shown { data: resource(ResourceType::MetricsHistory, id, attributes) }).into_response())
}

async fn told_history(
    state: &AdminState,
    nodes: &[NodeId],
    span: HistorySpan,
    of: &HistoryOf,
) -> MetricsHistoryAttributes {
    let mut all = History::empty(span, History::begin(span, now_millis()));
    let mut answered = Vec::new();
    for (node, answer) in asked(nodes, |node| state.fleet.history(node, span, of.clone())).await {
        answered.push(told(node, &answer));
        if let Ok(history) = answer {
            all.add(span, history);
        }
    }
    let History { from, whole, mut plugins } = all;
    plugins.sort_by(|one, other| one.plugin.cmp(&other.plugin));
    let series = match of {
        // One that counted nothing yet has nothing to tell.
        HistoryOf::Plugin(_) => plugins.pop().map_or(vec![None; span.steps], |of| of.samples),
        HistoryOf::Whole | HistoryOf::Each => whole,
    };
    let desired = state.control.desired();
    let plugin = |PluginHistory { plugin, samples }: PluginHistory| PluginSeries {
        id: desired.plugins.values().find(|known| known.name == plugin).map(|known| known.id.0),
        name: plugin,
        series: columns(&samples),
    };
    MetricsHistoryAttributes {
        step_ms: u64::try_from(span.step.as_millis()).unwrap_or(u64::MAX),
        from: time_text(from),
        from_ms: from,
        series: columns(&series),
        plugins: plugins.into_iter().map(plugin).collect(),
        nodes: answered,
    }
}

fn columns(samples: &Samples) -> MetricsSeries {
    let column = |of: fn(&Sample) -> f64| samples.iter().map(|s| s.as_ref().map(of)).collect();
    // Three digits are more than the buckets know.
    let times = |of: fn(&Sample) -> f32| {
        let told = |sample: &Sample| {
            let millis = f64::from(of(sample));
            (millis >= 0.0).then_some((millis * 1e3).round() / 1e3)
        };
        samples.iter().map(|sample| sample.as_ref().and_then(told)).collect()
    };
    MetricsSeries {
        requests: column(|sample| sample.requests.into()),
        errors: column(|sample| sample.errors.into()),
        p50_ms: times(|sample| sample.p50_ms),
        p90_ms: times(|sample| sample.p90_ms),
        p99_ms: times(|sample| sample.p99_ms),
        in_flight: column(|sample| sample.in_flight.into()),
        memory_bytes: column(|sample| f64::from(sample.memory_kib) * 1024.0),
        cpu_percent: column(|sample| (f64::from(sample.cpu_percent) * 10.0).round() / 10.0),
    }
}
