//! The operations of the console's people: users, sessions, links.

use super::{OperationId, at};
use crate::error::ErrorCode;
use crate::operation::{Method, Operation};
use crate::resource::{PageOf, Shown};
use crate::role::Role;
use crate::session::{
    BeginFields, BegunAttributes, ConsoleLinkAttributes, SessionAttributes, SessionQuery,
    SignInFields, SignInWaysAttributes, SignOutQuery,
};
use crate::user::{PasswordFields, UserAttributes, UserChangeFields, UserFields, UserQuery};

pub(super) fn users() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    const CHANGED: &str = "The user as they are now.";
    let own = format!("Another one's password needs the role `{}`.", Role::Admin);
    let rows = [
        at(Id::ListUsers, Method::Get, "/api/v1/users")
            .role(Role::Admin)
            .query::<UserQuery>()
            .shows::<PageOf<UserAttributes>>("A page of users."),
        at(Id::CreateUser, Method::Post, "/api/v1/users")
            .body::<UserFields>()
            .refused(ErrorCode::Conflict)
            .creates::<UserAttributes>("The new user."),
        at(Id::ShowUser, Method::Get, "/api/v1/users/{id}")
            .role(Role::Admin)
            .shows_version::<Shown<UserAttributes>>("The user."),
        at(Id::ChangeUser, Method::Patch, "/api/v1/users/{id}")
            .body::<UserChangeFields>()
            .conditional()
            .refused(ErrorCode::Conflict)
            .changes::<UserAttributes>(CHANGED),
        at(Id::DeleteUser, Method::Delete, "/api/v1/users/{id}").conditional().deletes(),
        at(Id::SetPassword, Method::Post, "/api/v1/users/{id}/password")
            .role(Role::Viewer)
            .role_note(own)
            .body::<PasswordFields>()
            .refused(ErrorCode::Conflict)
            .refused(ErrorCode::TooManyRequests)
            .changes::<UserAttributes>(CHANGED),
    ];
    rows.map(|row| row.tag("users")).into()
}

pub(super) fn sessions() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::SignIn, Method::Post, "/api/v1/session")
            .open()
            .body::<SignInFields>()
            .refused(ErrorCode::Unauthorized)
            .refused(ErrorCode::CrossSite)
            .refused(ErrorCode::InsecureTransport)
            .refused(ErrorCode::NotFound)
            .refused(ErrorCode::TooManyRequests)
            .begins_session::<Shown<SessionAttributes>>("The new session; its cookie comes along."),
        at(Id::ShowSignInWays, Method::Get, "/api/v1/session/ways")
            .open()
            .shows::<Shown<SignInWaysAttributes>>("The ways."),
        at(Id::BeginSignIn, Method::Post, "/api/v1/session/oidc")
            .open()
            .body::<BeginFields>()
            .refused(ErrorCode::CrossSite)
            .refused(ErrorCode::InsecureTransport)
            .refused(ErrorCode::NotFound)
            .shows::<Shown<BegunAttributes>>("Where the browser goes, and what the page keeps."),
        at(Id::ShowSession, Method::Get, "/api/v1/session")
            .refused(ErrorCode::NotFound)
            .shows::<Shown<SessionAttributes>>("The session of the cookie."),
        at(Id::SignOut, Method::Delete, "/api/v1/session")
            .role(Role::Viewer)
            .refused(ErrorCode::NotFound)
            .query::<SignOutQuery>()
            .deletes(),
        at(Id::ListSessions, Method::Get, "/api/v1/sessions")
            .role(Role::Admin)
            .query::<SessionQuery>()
            .shows::<PageOf<SessionAttributes>>("A page of sessions, newest first."),
        at(Id::EndSession, Method::Delete, "/api/v1/sessions/{id}").deletes(),
        at(Id::CreateConsoleLink, Method::Post, "/api/v1/console-links").shows::<Shown<
            ConsoleLinkAttributes,
        >>(
            "The link, which is shown this one time.",
        ),
    ];
    rows.map(|row| row.tag("sessions")).into()
}
