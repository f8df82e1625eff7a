//! Users of the console over HTTP. What is said of them counts at once, everywhere: nobody keeps it but the database.

use super::auth::Caller;
use super::error::{ApiError, found};
use super::extract::{Fields, Id, Query};
use super::if_match::IfMatch;
use super::sign_in::{not_now, too_many};
use super::state::{AdminState, changed_at_once, created_at_once, deleted_at_once, shown};
use super::types::{PageQuery, Versioned, listing_of, page_of, resource, time_text};
use crate::sign_ins::Refused;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use sidegate_api::error::Problem;
use sidegate_api::resource::ResourceType;
use sidegate_api::user::{PasswordFields, UserAttributes, UserChangeFields, UserFields, UserQuery};
use sidegate_model::actor::AuditContext;
use sidegate_model::clock::now_millis;
use sidegate_model::role::Role;
use sidegate_model::user::{PasswordHash, User, UserId, check_name, check_password};
use sidegate_store::{NewUser, UserDraft};
use std::net::IpAddr;

fn shape(user: User) -> Versioned<UserAttributes> {
    let version = user.version();
    let attributes = UserAttributes {
        name: user.name,
        role: user.role.into(),
        enabled: user.is_enabled,
        has_password: user.password.is_some(),
        issuer: user.identity.map(|identity| identity.issuer),
        password_changed_at: user.password_changed_at.map(time_text),
        last_signed_in_at: user.last_signed_in_at.map(time_text),
        created_at: time_text(user.created_at),
        updated_at: time_text(user.updated_at),
    };
    Versioned { data: resource(ResourceType::User, user.id, attributes), version }
}

/// `GET /users`
pub(crate) async fn list(
    State(state): State<AdminState>,
    Query(query): Query<UserQuery>,
) -> Result<Response, ApiError> {
    let (page, name) = query.settle(|UserQuery { page, limit, page_size, name }| {
        Ok((PageQuery { page, limit, page_size }.read()?, name))
    })?;
    let store = state.control.view();
    let listing = match name {
        Some(name) => listing_of(found(store.user_by_name(&name).await)?, page),
        None => store.list_users(page).await?,
    };
    Ok(Json(page_of(listing, shape)).into_response())
}

/// `GET /users/{id}`
pub(crate) async fn show(
    State(state): State<AdminState>,
    Id(id): Id,
) -> Result<Response, ApiError> {
    Ok(shown(shape(state.control.view().user(UserId(id)).await?)))
}

/// What a new user is to be, and their password.
fn read(fields: UserFields) -> Result<(UserDraft, Option<String>), Vec<Problem>> {
    let UserFields { name, role, enabled, password } = fields;
    let name = name.unwrap_or_default();
    let name_problem = check_name(&name).err().map(|told| Problem::at("name", told));
    let role_problem = role.is_none().then(|| Problem::at("role", "say viewer, operator or admin"));
    let password_problem = password.as_deref().and_then(|password| check_password(password).err());
    let password_problem = password_problem.map(|told| Problem::at("password", told));
    let problems: Vec<_> =
        [name_problem, role_problem, password_problem].into_iter().flatten().collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let role = role.unwrap_or_default().into();
    Ok((UserDraft { name, role, is_enabled: enabled.unwrap_or(true) }, password))
}

/// `POST /users`
pub(crate) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Fields(fields): Fields<UserFields>,
) -> Result<Response, ApiError> {
    let (draft, password) = fields.settle(read)?;
    let password = match password {
        Some(password) => Some(made(&state, password).await?),
        None => None,
    };
    let new = NewUser { draft, password };
    let user = state.control.by(caller.context()).create_user(&new).await?;
    Ok(created_at_once("users", shape(user)))
}

async fn made(state: &AdminState, password: String) -> Result<PasswordHash, ApiError> {
    state.signing_in.passwords.make(password).await.map_err(not_now)
}

/// `PATCH /users/{id}`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<UserChangeFields>,
) -> Result<Response, ApiError> {
    let fields = fields.settle(Ok)?;
    let amend = |user: &User| -> Result<UserDraft, ApiError> {
        let UserChangeFields { name, role, enabled } = fields;
        Ok(UserDraft {
            name: name.unwrap_or_else(|| user.name.clone()),
            role: role.map_or(user.role, Into::into),
            is_enabled: enabled.unwrap_or(user.is_enabled),
        })
    };
    let control = state.control.by(caller.context());
    let user = control.update_user(UserId(id), &precondition, amend).await?;
    Ok(changed_at_once(shape(user)))
}

/// `DELETE /users/{id}`
pub(crate) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
) -> Result<Response, ApiError> {
    state.control.by(caller.context()).delete_user(UserId(id), &precondition).await?;
    Ok(deleted_at_once())
}

/// `POST /users/{id}/password`
pub(crate) async fn set_password(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    Fields(fields): Fields<PasswordFields>,
) -> Result<Response, ApiError> {
    let id = UserId(id);
    let is_own = caller.who().user() == Some(id);
    if !is_own {
        caller.require(Role::Admin, "another one's password")?;
    }
    let (password, current) = fields.settle(|PasswordFields { password, current_password }| {
        let password = password.unwrap_or_default();
        let problem = check_password(&password).err().map(|told| Problem::at("password", told));
        let needed = (is_own && current_password.is_none()).then(|| {
            Problem::at("current_password", "say the password before, for it is your own")
        });
        let problems: Vec<_> = problem.into_iter().chain(needed).collect();
        if problems.is_empty() { Ok((password, current_password)) } else { Err(problems) }
    })?;
    if let (true, Some(current)) = (is_own, current) {
        let client = state.client(caller.context().actor.peer, &headers);
        require_current(&state, &caller, (id, client), current).await?;
    }
    let password = made(&state, password).await?;
    let own = caller.session().filter(|_| is_own).map(|session| session.id);
    let control = state.control.by(caller.context());
    Ok(changed_at_once(shape(control.set_password(id, &password, own).await?)))
}

/// Whoever finds a browser that somebody left cannot take the account over.
async fn require_current(
    state: &AdminState,
    caller: &Caller,
    (id, client): (UserId, Option<IpAddr>),
    current: String,
) -> Result<(), ApiError> {
    let user = state.control.view().user(id).await?;
    let attempt = state.signing_in.attempts.begin(client, Some(&user.name), now_millis());
    let attempt = attempt.map_err(too_many)?;
    match state.signing_in.passwords.matches(current, user.password).await {
        Ok(true) => {
            attempt.succeeded();
            return Ok(());
        }
        Ok(false) => {}
        Err(not) => {
            attempt.came_to_nothing();
            return Err(not_now(not));
        }
    }
    let AuditContext { actor, operation } = caller.context();
    let detail = "the password before was wrong".to_owned();
    let refused = Refused { peer: actor.peer, who: Some(actor.who), operation, detail };
    state.control.sign_ins().refused(refused, now_millis());
    let problem = Problem::at("current_password", "this is not the password before");
    Err(vec![problem].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_with_a_new_user_is_told_together() {
        let fields = UserFields {
            name: Some("Jane".to_owned()),
            password: Some("short".to_owned()),
            ..UserFields::default()
        };
        let problems = read(fields).unwrap_err();
        let fields: Vec<_> =
            problems.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(fields, ["name", "role", "password"]);
        assert!(problems.iter().all(|problem| !problem.detail.contains("short")));
    }
}
