//! The audit log over HTTP: listed, and nothing else. What goes into it is decided where things are changed.

use super::error::ApiError;
use super::extract::Query;
use super::state::AdminState;
use super::token_times::{said, time};
use super::types::{PageQuery, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::audit::{AuditAttributes, AuditCursor, AuditList, AuditQuery, AuditThing};
use sidegate_api::error::Problem;
use sidegate_api::resource::{Resource, ResourceType};
use sidegate_model::actor::Who;
use sidegate_model::audit::{AuditEntry, Thing};
use sidegate_store::AuditFilter;

/// Which part of the log is wanted.
struct Wanted {
    filter: AuditFilter,
    before: Option<u64>,
    size: u32,
}

fn wanted(query: AuditQuery) -> Result<Wanted, Vec<Problem>> {
    let AuditQuery { before, limit, actor, kind, id, since, until, outcome, operation, name } =
        query;
    let mut problems = Vec::new();
    let since = said("since", since, time, &mut problems);
    let until = said("until", until, time, &mut problems);
    let page = PageQuery { page: None, limit, page_size: None }.read_with(problems)?;
    let (kind, outcome) = (kind.map(Into::into), outcome.map(Into::into));
    let (thing_id, thing_name) = (id, name);
    let filter =
        AuditFilter { actor, kind, thing_id, since, until, outcome, operation, thing_name };
    Ok(Wanted { filter, before, size: page.size() })
}

fn shape(entry: AuditEntry) -> Resource<AuditAttributes> {
    let thing =
        |Thing { kind, id, name }| AuditThing { kind: kind.into(), id: id.to_string(), name };
    let attributes = AuditAttributes {
        at: time_text(entry.at),
        actor: entry.who.as_ref().map(|who| who.name().to_owned()),
        admin_token_id: entry.who.as_ref().and_then(Who::admin_token).map(|id| id.0),
        user_id: entry.who.as_ref().and_then(Who::user).map(|id| id.0),
        peer: entry.peer.map(|peer| peer.to_string()),
        operation: entry.operation,
        outcome: entry.outcome.into(),
        thing: entry.thing.map(thing),
        fields: entry.fields,
        before: entry.before.map(|digest| digest.to_string()),
        after: entry.after.map(|digest| digest.to_string()),
        revision: entry.revision,
        times: entry.times,
        detail: entry.detail,
    };
    resource(ResourceType::AuditEntry, entry.id, attributes)
}

/// `GET /audit`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, ApiError> {
    let Wanted { filter, before, size } = query.settle(wanted)?;
    let page = state.control.view().list_audit(&filter, before, size).await?;
    let meta = AuditCursor { next_before: page.next_before };
    let data = page.entries.into_iter().map(shape).collect();
    Ok(Json(AuditList { data, meta }).into_response())
}
