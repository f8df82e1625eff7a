//! The routes the data plane serves now: every mounted endpoint of every plugin. Read only.

use super::state::AdminState;
use super::types::{Document, Resource};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sidegate_model::endpoint::{Endpoint, Method, Raised};
use sidegate_model::plugin::Slug;
use sidegate_model::status::PluginStatus;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Serialize)]
struct RouteAttributes {
    plugin_id: u32,
    plugin: String,
    slug: String,
    path: String,
    methods: Vec<&'static str>,
    require_auth: bool,
    raised: Vec<RaisedAttributes>,
    stream_response: bool,
    description: String,
    metadata: BTreeMap<String, String>,
    state: &'static str,
}

/// Where an endpoint demands a token although it does not say so.
#[derive(Serialize)]
pub(super) struct RaisedAttributes {
    path: String,
    methods: Vec<&'static str>,
}

/// Where `endpoint` demands a token although it does not say so; paths begin with `mount`.
pub(super) fn raised(
    all: &[Raised],
    endpoint: &Arc<Endpoint>,
    mount: &str,
) -> Vec<RaisedAttributes> {
    let of_endpoint = all.iter().filter(|raised| Arc::ptr_eq(&raised.endpoint, endpoint));
    let shape = |raised: &Raised| RaisedAttributes {
        path: format!("{mount}{}", raised.path),
        methods: raised.methods.iter().map(Method::as_str).collect(),
    };
    of_endpoint.map(shape).collect()
}

#[derive(Serialize)]
struct Count {
    total_count: usize,
}

fn shape(
    status: &PluginStatus,
    slug: &Slug,
    endpoint: &Arc<Endpoint>,
) -> Resource<RouteAttributes> {
    let mount = format!("/plugins/{slug}");
    let path = format!("{mount}{}", endpoint.path);
    let methods: Vec<_> = endpoint.methods.iter().map(Method::as_str).collect();
    let id = format!("{} {path}", methods.join(","));
    let attributes = RouteAttributes {
        plugin_id: status.id.0,
        plugin: status.name.clone(),
        slug: slug.to_string(),
        path,
        methods,
        require_auth: endpoint.require_auth,
        raised: raised(&status.raised, endpoint, &mount),
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
