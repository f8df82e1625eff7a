//! What the files of owners named, over HTTP: shown, and replaced as a whole. What follows from it is decided by who
//! applies files.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Owner};
use super::state::AdminState;
use super::types::{resource, time_text};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::applied::{AppliedAttributes, AppliedFields};
use sidegate_api::error::Problem;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_model::applied::{Applied, AppliedKind, AppliedThing, check};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin_roles::{ADMIN_FIELDS, ADMIN_OPTIONS};
use sidegate_model::role::Role;
use sidegate_store::{IssuerFilter, Page, PluginFilter, StoreError};

fn shape(applied: Applied) -> Response {
    let attributes = AppliedAttributes {
        things: applied.things.into_iter().map(Into::into).collect(),
        updated_at: time_text(applied.updated_at),
    };
    let data = resource(ResourceType::AppliedRecord, applied.owner, attributes);
    Json(Shown { data }).into_response()
}

/// `GET /applied/{owner}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Owner(owner): Owner,
) -> Result<Response, ApiError> {
    Ok(shape(state.control.view().applied(&owner).await?))
}

/// `PUT /applied/{owner}`
pub(crate) async fn keep(
    State(state): State<AdminState>,
    caller: Caller,
    Owner(owner): Owner,
    Fields(fields): Fields<AppliedFields>,
) -> Result<Response, ApiError> {
    let things = fields.settle(|fields: AppliedFields| {
        let things: Vec<_> = fields.things.into_iter().map(Into::into).collect();
        let told = |problems: Vec<String>| problems.into_iter().map(Problem::from).collect();
        check(&things).map_err(told).map(|()| things)
    })?;
    if !caller.role().covers(Role::Admin) {
        let before = match state.control.view().applied(&owner).await {
            Ok(before) => before.things,
            Err(StoreError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if let Some((kind, field)) = beyond_operators(&before, &things) {
            let what = format!("naming {field} of a {} for the first time", noun(kind));
            caller.require(Role::Admin, &what)?;
        }
        if let Some((known, field)) = given_up(&state, &before, &things).await? {
            let (noun, name) = (noun(known.kind), &known.name);
            caller.require(Role::Admin, &format!("naming {field} of {noun} {name} no more"))?;
        }
    }
    let control = state.control.by(caller.context());
    Ok(shape(control.keep_applied(&owner, &things).await?))
}

/// A field of a plugin or issuer that only an admin sets and that files newly name: what is named once is given up when it is
/// named no more, by whoever applies files then.
fn beyond_operators<'a>(
    before: &[AppliedThing],
    after: &'a [AppliedThing],
) -> Option<(AppliedKind, &'a str)> {
    let mut named =
        after.iter().flat_map(|thing| thing.fields.iter().map(move |field| (thing, field)));
    let is_new = |(thing, field): &(&AppliedThing, &String)| {
        let same = |known: &&AppliedThing| {
            (known.kind, &known.namespace, &known.name)
                == (thing.kind, &thing.namespace, &thing.name)
        };
        is_for_admins(thing.kind, field)
            && !before.iter().find(same).is_some_and(|it| it.fields.contains(field))
    };
    named.find(is_new).map(|(thing, field)| (thing.kind, field.as_str()))
}

/// A field of a plugin or issuer that is still there, that only an admin sets, and that files named and name no more: whoever is no
/// admin cannot give it its default, and nobody would once it is forgotten.
async fn given_up<'a>(
    state: &AdminState,
    before: &'a [AppliedThing],
    after: &[AppliedThing],
) -> Result<Option<(&'a AppliedThing, &'a str)>, StoreError> {
    for known in before {
        let same = |thing: &&AppliedThing| {
            (thing.kind, &thing.namespace, &thing.name)
                == (known.kind, &known.namespace, &known.name)
        };
        let now = after.iter().find(same);
        let is_named = |field: &String| now.is_some_and(|now| now.fields.contains(field));
        let mut fields = known.fields.iter().filter(|field| is_for_admins(known.kind, field));
        let Some(field) = fields.find(|field| !is_named(field)) else { continue };
        if is_there(state, known).await? {
            return Ok(Some((known, field)));
        }
    }
    Ok(None)
}

fn noun(kind: AppliedKind) -> &'static str {
    match kind {
        AppliedKind::App => "app",
        AppliedKind::Issuer => "issuer",
        AppliedKind::Plugin => "plugin",
    }
}

async fn is_there(state: &AdminState, known: &AppliedThing) -> Result<bool, StoreError> {
    let (name, view) = (Some(known.name.clone()), state.control.view());
    let namespace = Namespace::parse(&known.namespace).ok();
    Ok(match known.kind {
        AppliedKind::Plugin => {
            let filter = PluginFilter { name, namespace, ..<_>::default() };
            view.list_plugins(&filter, Page::default()).await?.total > 0
        }
        AppliedKind::Issuer => {
            let filter = IssuerFilter { name, namespace, ..<_>::default() };
            view.list_issuers(&filter, Page::default()).await?.total > 0
        }
        // No field of an app is for admins only.
        AppliedKind::App => false,
    })
}

fn is_for_admins(kind: AppliedKind, pointer: &str) -> bool {
    match kind {
        AppliedKind::App => return false,
        AppliedKind::Issuer => return true,
        AppliedKind::Plugin => {}
    }
    let field = pointer.trim_start_matches('/');
    match field.strip_prefix("options/") {
        Some(option) => ADMIN_OPTIONS.contains(&option) || option.starts_with("env"),
        None => ADMIN_FIELDS.contains(&field) || field == "options",
    }
}
