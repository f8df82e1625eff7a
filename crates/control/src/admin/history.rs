//! The history over HTTP: revisions, what differs between two, and going back. Secrets are never told; how that is seen
//! to is the model's.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id, Query};
use super::namespaces;
use super::state::AdminState;
use super::token_times::{said, time};
use super::types::{PageQuery, resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::Problem;
use sidegate_api::history::{
    DiffAttributes, DiffQuery, Difference, RevisionAttributes, RevisionCursor, RevisionList,
    RevisionQuery, RollbackAttributes, RollbackFields, ThingChange,
};
use sidegate_api::resource::{Resource, ResourceType, Shown};
use sidegate_model::actor::Who;
use sidegate_model::diff::{self, ChangeKind};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use sidegate_store::{Difference as Stored, RevisionEntry, RevisionFilter, ThingFilter, Versioned};

/// Which part of the history is wanted.
struct Wanted {
    filter: RevisionFilter,
    before: Option<Revision>,
    size: u32,
}

fn wanted(query: RevisionQuery) -> Result<Wanted, Vec<Problem>> {
    let RevisionQuery { before, limit, namespace, author, operation, kind, id, name, since, until } =
        query;
    let mut problems = Vec::new();
    let namespace = namespaces::said(namespace.as_deref(), &mut problems);
    let since = said("since", since, time, &mut problems);
    let until = said("until", until, time, &mut problems);
    let page = PageQuery { page: None, limit, page_size: None }.read_with(problems)?;
    let thing = ThingFilter { kind: kind.map(Into::into), id, name };
    let filter = RevisionFilter { namespace, author, operation, since, until, thing };
    Ok(Wanted { filter, before, size: page.size() })
}

fn text(namespace: &Namespace) -> String {
    namespace.as_str().to_owned()
}

fn shape(entry: RevisionEntry) -> Resource<RevisionAttributes> {
    let change = |change: sidegate_store::ThingChange| ThingChange {
        change: change.change,
        kind: change.thing.kind.into(),
        id: change.thing.id.to_string(),
        name: change.thing.name,
        namespace: text(&change.namespace),
        hint: change.hint,
    };
    let attributes = RevisionAttributes {
        at: time_text(entry.at),
        author: entry.author.name().to_owned(),
        admin_token_id: Who::admin_token(&entry.author).map(|id| id.0),
        user_id: Who::user(&entry.author).map(|id| id.0),
        operation: entry.operation,
        rolled_back_to: entry.back_to,
        namespaces: entry.namespaces.iter().map(text).collect(),
        changes: entry.changes.into_iter().map(change).collect(),
        total_changes: entry.total,
    };
    resource(ResourceType::Revision, entry.revision, attributes)
}

/// What differs, field by field, without a secret.
fn difference(stored: &Stored) -> Option<Difference> {
    let Stored { before, after } = stored;
    let side = after.as_ref().or(before.as_ref())?;
    let fields = match (before, after) {
        (Some(Versioned::App(before)), Some(Versioned::App(after))) => {
            diff::fields(Some(&**before), Some(&**after))
        }
        (Some(Versioned::App(before)), _) => diff::fields(Some(&**before), None),
        (_, Some(Versioned::App(after))) => diff::fields(None, Some(&**after)),
        (Some(Versioned::Issuer(before)), Some(Versioned::Issuer(after))) => {
            diff::fields(Some(&**before), Some(&**after))
        }
        (Some(Versioned::Issuer(before)), _) => diff::fields(Some(&**before), None),
        (_, Some(Versioned::Issuer(after))) => diff::fields(None, Some(&**after)),
        (Some(Versioned::Plugin(before)), Some(Versioned::Plugin(after))) => {
            diff::fields(Some(&**before), Some(&**after))
        }
        (Some(Versioned::Plugin(before)), None) => diff::fields(Some(&**before), None),
        (None, Some(Versioned::Plugin(after))) => diff::fields(None, Some(&**after)),
        (None, None) => return None,
    };
    let thing = side.thing();
    Some(Difference {
        change: ChangeKind::of(before.is_some(), after.is_some()),
        kind: thing.kind.into(),
        id: thing.id.to_string(),
        name: thing.name,
        namespace: text(side.namespace()),
        fields: fields.into_iter().map(Into::into).collect(),
    })
}

fn differences(stored: &[Stored]) -> Vec<Difference> {
    stored.iter().filter_map(difference).collect()
}

/// `GET /revisions`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<RevisionQuery>,
) -> Result<Response, ApiError> {
    let Wanted { filter, before, size } = query.settle(wanted)?;
    let page = state.control.view().list_revisions(&filter, before, size).await?;
    let meta = RevisionCursor { next_before: page.next_before };
    let data = page.revisions.into_iter().map(shape).collect();
    Ok(Json(RevisionList { data, meta }).into_response())
}

/// `GET /revisions/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let data = shape(state.control.view().revision_entry(id.into()).await?);
    Ok(Json(Shown { data }).into_response())
}

/// `GET /revisions/diff`
pub(crate) async fn diff(
    State(state): State<AdminState>,
    Query(query): Query<DiffQuery>,
) -> Result<Response, ApiError> {
    let (from, to, namespace) = query.settle(|DiffQuery { from, to, namespace }| {
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        if problems.is_empty() { Ok((from, to, namespace)) } else { Err(problems) }
    })?;
    let store = state.control.view();
    let to = match to {
        Some(to) => to,
        None => store.revision().await?,
    };
    let from = from.unwrap_or(to.saturating_sub(1));
    let stored = store.diff(from, to, namespace.as_ref()).await?;
    let attributes = DiffAttributes { from, to, differences: differences(&stored) };
    let data = resource(ResourceType::Diff, format_args!("{from}..{to}"), attributes);
    Ok(Json(Shown { data }).into_response())
}

/// `POST /revisions/rollback`
pub(crate) async fn roll_back(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<RollbackFields>,
) -> Result<Response, ApiError> {
    let (to, namespace, dry_run) = fields.settle(|fields| {
        let RollbackFields { revision, namespace, dry_run } = fields;
        let mut problems = Vec::new();
        let namespace = namespaces::said(namespace.as_deref(), &mut problems);
        if revision.is_none() {
            problems.push(Problem::at("revision", "say to which revision"));
        }
        match revision {
            Some(to) if problems.is_empty() => Ok((to, namespace, dry_run.unwrap_or_default())),
            _ => Err(problems),
        }
    })?;
    let namespace = match namespace {
        Some(namespace) => namespace,
        None => only_one(&state, to).await?,
    };
    let store = state.control.view();
    let (revision, stored) = if dry_run {
        let stored = store.plan_rollback(to, &namespace).await?;
        (store.revision().await?, stored)
    } else {
        let control = state.control.by(caller.context());
        let published = control.roll_back(to, namespace.clone()).await?;
        (published.revision, published.value.differences)
    };
    let attributes = RollbackAttributes {
        to,
        namespace: text(&namespace),
        dry_run,
        revision,
        differences: differences(&stored),
    };
    let data = resource(ResourceType::Rollback, to, attributes);
    Ok(state.done(revision, || data).await)
}

/// The namespace that a revision changed, where it is one.
async fn only_one(state: &AdminState, revision: Revision) -> Result<Namespace, ApiError> {
    let entry = state.control.view().revision_entry(revision).await?;
    match <[Namespace; 1]>::try_from(entry.namespaces) {
        Ok([namespace]) => Ok(namespace),
        Err(several) => {
            let names: Vec<_> = several.iter().map(|name| format!("{:?}", name.as_str())).collect();
            let told =
                format!("revision {revision} changed {}: say of which one", names.join(", "));
            Err(vec![Problem::at("namespace", told)].into())
        }
    }
}
