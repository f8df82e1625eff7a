//! Edges over HTTP: list, register, show, another join token, revoke, forget. A join token is in the answer to its
//! making and nowhere else.

use super::auth::Caller;
use super::error::{ApiError, found};
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::namespaces;
use super::state::{AdminState, changed_at_once, created_at_once, deleted_at_once, shown};
use super::types::{PageQuery, Versioned, listing_of, page_of, resource, time_text};
use crate::edges::{EdgeStatus, Edges, SeenEdge};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::edge::{
    EdgeAttributes, EdgeFields, EdgePluginAttributes, EdgePositionAttributes, EdgeQuery,
    JoinTokenFields, RejectedObjectAttributes,
};
use sidegate_api::error::Problem;
use sidegate_api::resource::ResourceType;
use sidegate_enrolment::JoinToken as JoinTokenText;
use sidegate_model::clock::now_millis;
use sidegate_model::duration::parse_duration;
use sidegate_model::edge::{Edge, EdgeId, EdgeState, JoinToken, check_name};
use sidegate_model::namespace::Namespace;
use sidegate_model::sha256::Sha256;
use sidegate_store::{EdgeFilter, NewEdge, Page, Store, StoreError};
use std::time::Duration;

/// Longest life of a join token.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// `GET /edges`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<EdgeQuery>,
) -> Result<Response, ApiError> {
    let (page, name, filter) = query.settle(|query| {
        let EdgeQuery { page, limit, page_size, name, namespace, state } = query;
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        let filter = EdgeFilter { namespace, state: state.map(Into::into) };
        Ok((PageQuery { page, limit, page_size }.read_with(problems)?, name, filter))
    })?;
    let edges = state.edges()?;
    let store = state.control.store();
    let listing = match name {
        Some(name) => {
            let edge = found(store.edge_by_name(&name).await)?;
            listing_of(edge.map(|edge| (edge, None)), page)
        }
        None => {
            let listing = store.list_edges(&filter, page).await?;
            let items = listing.items.into_iter().map(|(edge, is)| (edge, Some(is)));
            sidegate_store::Listing { items: items.collect(), total: listing.total, page }
        }
    };
    Ok(Json(page_of(listing, |(edge, is)| shape(edges, edge, is))).into_response())
}

/// `POST /edges`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<EdgeFields>,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    let secret = JoinTokenText::generate(edges.authority_key()).map_err(ApiError::internal)?;
    let new = fields.settle(|fields| read(edges, fields, &secret))?;
    let edge = edges.by(caller.context()).create(&new).await?;
    Ok(created_at_once("edges", with_token(edges, edge, &secret)))
}

/// `GET /edges/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    let edge = state.control.store().edge(EdgeId(id)).await?;
    Ok(shown(shape(edges, edge, None)))
}

/// `POST /edges/{id}/join-token`
pub(crate) async fn renew_join_token(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<JoinTokenFields>,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    let secret = JoinTokenText::generate(edges.authority_key()).map_err(ApiError::internal)?;
    let token = fields.settle(|JoinTokenFields { join_token_expires_in }| {
        let life =
            life(edges, join_token_expires_in.as_deref()).map_err(|problem| vec![problem])?;
        Ok(stored(&secret, life))
    })?;
    let by = edges.by(caller.context());
    let edge = by.renew_join_token(EdgeId(id), &token, &precondition).await?;
    Ok(changed_at_once(with_token(edges, edge, &secret)))
}

/// `POST /edges/{id}/revoke`
pub(crate) async fn revoke(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    let edge = edges.by(caller.context()).revoke(EdgeId(id), &precondition).await?;
    Ok(changed_at_once(shape(edges, edge, None)))
}

/// `DELETE /edges/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    let edges = state.edges()?;
    edges.by(caller.context()).delete(EdgeId(id), &precondition).await?;
    Ok(deleted_at_once())
}

/// What a new edge is to be.
fn read(
    edges: &Edges,
    fields: EdgeFields,
    secret: &JoinTokenText,
) -> Result<NewEdge, Vec<Problem>> {
    let EdgeFields { name, namespace, join_token_expires_in } = fields;
    let name = name.unwrap_or_default();
    let name_problem = check_name(&name).err().map(|told| Problem::at("name", told));
    let namespace = namespaces::said_or_global(namespace.as_deref());
    let life = life(edges, join_token_expires_in.as_deref());
    match (name_problem, namespace, life) {
        (None, Ok(namespace), Ok(life)) => {
            Ok(NewEdge { name, namespace, join_token: stored(secret, life) })
        }
        (name_problem, namespace, life) => {
            let mut problems = namespace.err().unwrap_or_default();
            problems.extend(name_problem.into_iter().chain(life.err()));
            Err(problems)
        }
    }
}

fn life(edges: &Edges, said: Option<&str>) -> Result<Duration, Problem> {
    let at = |told: String| Problem::at("join_token_expires_in", told);
    let usual = edges.settings().join_token_expiry;
    let life = said.map_or(Ok(usual), parse_duration).map_err(|error| at(error.to_string()))?;
    match life.is_zero() || life > LONGEST_LIFE {
        true => Err(at("give a duration of at most 30d".to_owned())),
        false => Ok(life),
    }
}

fn stored(secret: &JoinTokenText, life: Duration) -> JoinToken {
    let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
    JoinToken {
        id: secret.id().to_string(),
        secret_hash: Sha256(secret.secret_hash().0),
        expires_at: now_millis().saturating_add(life),
    }
}

fn with_token(edges: &Edges, edge: Edge, secret: &JoinTokenText) -> Versioned<EdgeAttributes> {
    let mut versioned = shape(edges, edge, None);
    let token = secret.reveal();
    let urls = edges.settings().control_urls.iter().map(ToString::to_string);
    let urls = urls.collect::<Vec<_>>().join(",");
    let command = format!("sidegate serve --role edge --control-url {urls} --join-token {token}");
    versioned.data.attributes.join_command = Some(command);
    versioned.data.attributes.join_token = Some(token);
    versioned
}

/// All edges, each with its number, as far as so many pages of them go.
pub(super) async fn shapes(
    edges: &Edges,
    store: &Store,
    most_pages: u32,
) -> Result<Vec<(String, EdgeAttributes)>, StoreError> {
    let mut all = Vec::new();
    for number in 1..=most_pages {
        let page = Page::new(number, Page::MAX_SIZE)?;
        let items = store.list_edges(&EdgeFilter::default(), page).await?.items;
        let is_last = items.len() < Page::MAX_SIZE as usize;
        let shaped = items.into_iter().map(|(edge, is)| shape(edges, edge, Some(is)).data);
        all.extend(shaped.map(|data| (data.id, data.attributes)));
        if is_last {
            break;
        }
    }
    Ok(all)
}

/// What the store says of it, and what it said last.
fn shape(edges: &Edges, edge: Edge, state: Option<EdgeState>) -> Versioned<EdgeAttributes> {
    let version = edge.version();
    let seen = edges.seen(&edge.name).unwrap_or(SeenEdge {
        edge: edge.clone(),
        status: None,
        is_connected: false,
    });
    let state = state.unwrap_or(match (&edge.revoked_at, &edge.joined) {
        (Some(_), _) => EdgeState::Revoked,
        (None, None) => EdgeState::Waiting,
        (None, Some(_)) if seen.is_connected => EdgeState::Connected,
        (None, Some(_)) => EdgeState::Offline,
    });
    let status = seen.status.as_ref();
    let here = status.filter(|_| seen.is_connected);
    let condition = status.and_then(EdgeStatus::condition);
    let last_seen_at = seen.last_seen_at();
    let attributes = EdgeAttributes {
        state: state.into(),
        created_at: time_text(edge.created_at),
        joined_at: edge.joined.map(|joined| time_text(joined.at)),
        revoked_at: edge.revoked_at.map(time_text),
        join_token_expires_at: edge.join_token.map(|token| time_text(token.expires_at)),
        last_seen_at: last_seen_at.map(time_text),
        version: status
            .map(|status| status.told.version.clone())
            .filter(|version| !version.is_empty())
            .or_else(|| Some(edge.last_version.clone()).filter(|version| !version.is_empty())),
        replica: here.map(|status| status.replica.clone()),
        connected_since: here.map(|status| time_text(status.told.attached_at)),
        client_url: status.and_then(EdgeStatus::clients).map(|at| at.to_string()),
        stale_for_seconds: condition.and_then(|told| told.stale_for).map(|time| time.as_secs()),
        certificate_expires_at: condition
            .and_then(|told| told.certificate_expires_at)
            .map(time_text),
        readiness: condition.map(|told| told.readiness.as_str().to_owned()),
        readiness_reasons: condition
            .map(|told| told.readiness.reasons().to_vec())
            .unwrap_or_default(),
        positions: positions(edges, &seen),
        plugins: plugins(&seen),
        name: edge.name,
        namespace: edge.namespace.as_str().to_owned(),
        join_token: None,
        join_command: None,
    };
    Versioned { data: resource(ResourceType::Edge, edge.id, attributes), version }
}

fn positions(edges: &Edges, seen: &SeenEdge) -> Vec<EdgePositionAttributes> {
    let own = (!seen.edge.namespace.is_global()).then(|| seen.edge.namespace.clone());
    let position = |namespace: Namespace| {
        let head = edges.head_position(&namespace);
        let applied = seen.status.as_ref().and_then(|status| status.in_namespace(&namespace));
        let at = applied.and_then(|applied| applied.position);
        let whole = applied.and_then(|applied| applied.refused.as_ref());
        let whole = whole.map(|(_, reason)| RejectedObjectAttributes {
            object: "manifest".to_owned(),
            reason: reason.clone(),
            keeps_last_good: at.is_some(),
        });
        let rejected = applied.into_iter().flat_map(|applied| &applied.rejected);
        let rejected = rejected.map(|rejected| RejectedObjectAttributes {
            object: rejected.object.clone(),
            reason: rejected.reason.clone(),
            keeps_last_good: rejected.keeps_last_good,
        });
        EdgePositionAttributes {
            namespace: namespace.as_str().to_owned(),
            lineage: at.map(|(lineage, _)| lineage),
            revision: at.map(|(_, revision)| revision),
            head_revision: head.map(|head| head.revision),
            is_current: at.is_some() && at == head.map(|head| (head.lineage, head.revision)),
            rejected: whole.into_iter().chain(rejected).collect(),
        }
    };
    [Namespace::global()].into_iter().chain(own).map(position).collect()
}

fn plugins(seen: &SeenEdge) -> Vec<EdgePluginAttributes> {
    let node = seen.status.as_ref().and_then(|status| status.node(&seen.edge.name));
    let mut plugins: Vec<_> = node
        .into_iter()
        .flat_map(|node| node.plugins)
        .map(|status| EdgePluginAttributes {
            id: status.id.0,
            name: status.name,
            state: status.state.into(),
            reason: status.reason,
        })
        .collect();
    plugins.sort_by_key(|plugin| plugin.id);
    plugins
}
