//! What is served now, and where: every mounted endpoint of every plugin, every node. Read only.

use super::effective::{Effective, names};
use super::plugin_public::PublicOffer;
use super::state::AdminState;
use super::types::{list_of, resource};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::node::NodeAttributes;
use sidegate_api::public_endpoints::PublicState;
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_api::route::RouteAttributes;
use sidegate_model::endpoint::Endpoint;
use sidegate_model::plugin::Slug;
use sidegate_model::status::PluginStatus;
use std::sync::Arc;

fn shape(
    status: &PluginStatus,
    slug: &Slug,
    endpoint: &Arc<Endpoint>,
    public: Option<PublicState>,
) -> Resource<RouteAttributes> {
    let mount = format!("/plugins/{slug}");
    let path = format!("{mount}{}", endpoint.path);
    let methods = names(endpoint.methods);
    let effective = Effective::of(status, endpoint, &mount);
    let id = format!("{} {path}", methods.join(","));
    let attributes = RouteAttributes {
        plugin_id: status.id.0,
        plugin: status.name.clone(),
        slug: slug.to_string(),
        path,
        methods,
        require_auth: effective.require_auth,
        scopes_required: effective.scopes_required,
        demanded_by: effective.demanded_by,
        raised: effective.raised,
        public,
        stream_response: endpoint.stream_response,
        description: endpoint.description.clone(),
        metadata: endpoint.metadata.clone(),
        state: status.state.into(),
    };
    resource(ResourceType::Route, id, attributes)
}

/// `GET /routes`
pub(crate) async fn list(State(state): State<AdminState>) -> Response {
    let (overview, desired) = (state.overview(), state.control.desired());
    let mounted = overview.summaries().filter_map(|status| Some((status, status.slug.as_ref()?)));
    let mut data = Vec::new();
    for (status, slug) in mounted {
        let spec = desired.plugins.get(&status.id);
        let public = spec.map(|spec| {
            let decided = spec.public_endpoints.as_ref();
            PublicOffer::new(&overview, Some(status), &spec.options, decided)
        });
        let shape = |endpoint: &Arc<Endpoint>| {
            let public = public.as_ref().and_then(|public| public.of_endpoint(endpoint));
            shape(status, slug, endpoint, public)
        };
        data.extend(status.endpoints.iter().map(shape));
    }
    Json(list_of(data)).into_response()
}

/// `GET /nodes`
pub(crate) async fn nodes(State(state): State<AdminState>) -> Response {
    let is_own = state.fleet.is_own();
    let mut nodes = state.fleet.nodes();
    nodes.sort_by(|one, other| one.id.cmp(&other.id));
    let data = nodes.into_iter().map(|node| {
        let attributes = NodeAttributes {
            name: node.id.to_string(),
            is_own,
            client_url: node.clients.map(|at| at.to_string()),
            revision: node.revision,
        };
        resource(ResourceType::Node, node.id, attributes)
    });
    Json(list_of(data.collect())).into_response()
}
