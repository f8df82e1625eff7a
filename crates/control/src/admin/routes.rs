//! The routes the data plane serves now: every mounted endpoint of every plugin. Read only.

use super::state::AdminState;
use super::types::{Document, Resource};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sidegate_model::endpoint::{Endpoint, Method};
use sidegate_model::plugin::Slug;
use sidegate_model::status::PluginStatus;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct RouteAttributes {
    plugin_id: u32,
    plugin: String,
    slug: String,
    path: String,
    methods: Vec<&'static str>,
    require_auth: bool,
    stream_response: bool,
    description: String,
    metadata: BTreeMap<String, String>,
    state: &'static str,
}

#[derive(Serialize)]
struct Count {
    total_count: usize,
}

fn shape(status: &PluginStatus, slug: &Slug, endpoint: &Endpoint) -> Resource<RouteAttributes> {
    let path = format!("/plugins/{slug}{}", endpoint.path);
    let methods: Vec<_> = endpoint.methods.iter().map(Method::as_str).collect();
    let id = format!("{} {path}", methods.join(","));
    let attributes = RouteAttributes {
        plugin_id: status.id.0,
        plugin: status.name.clone(),
        slug: slug.to_string(),
        path,
        methods,
        require_auth: endpoint.require_auth,
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
        state: status.state.as_str(),
    };
    Resource::new("routes", id, attributes)
}

/// `GET /routes`
pub(crate) async fn list(State(state): State<AdminState>) -> Response {
    let mut statuses = state.plane.plugins();
    statuses.sort_by_key(|status| status.id);
    let mounted = statuses.iter().filter_map(|status| Some((status, status.slug.as_ref()?)));
    let data: Vec<_> = mounted
        .flat_map(|(status, slug)| {
            status.endpoints.iter().map(move |endpoint| shape(status, slug, endpoint))
        })
        .collect();
    let meta = Some(Count { total_count: data.len() });
    Json(Document { data, meta }).into_response()
}
