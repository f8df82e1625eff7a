//! Signing in by way of an OpenID Connect provider over HTTP: which there are, and how one begins. How it ends is told in
//! `sign_in`, as for every other way.

use super::error::ApiError;
use super::extract::Fields;
use super::sign_in_proof::{Comes, NotProved, Proved};
use super::state::AdminState;
use super::types::resource;
use crate::console::oidc::{Answer, NotVouched, Somebody};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::operations::OperationId;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_api::session::{
    BeginFields, BegunAttributes, OidcAnswer, SignInProvider, SignInWaysAttributes,
};
use sidegate_model::UnixMillis;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::clock::now_millis;
use sidegate_store::{Proof, SessionHolder, Vouched};

/// `GET /session/ways`
pub(crate) async fn ways(State(state): State<AdminState>) -> Response {
    let settings = &state.settings.console;
    let provider = |provider: &crate::console::oidc::provider::OidcProvider| SignInProvider {
        name: provider.name.clone(),
        title: provider.title.clone(),
    };
    let attributes = SignInWaysAttributes {
        password: settings.password_sign_in,
        providers: settings.oidc.iter().map(provider).collect(),
    };
    let data = resource(ResourceType::SignInWays, 1, attributes);
    Json(Shown { data }).into_response()
}

/// `POST /session/oidc`
pub(crate) async fn begin(
    State(state): State<AdminState>,
    _comes: Comes,
    Fields(fields): Fields<BeginFields>,
) -> Result<Response, ApiError> {
    let name = fields.settle(|fields| {
        fields.provider.ok_or_else(|| vec![Problem::at("provider", "say by way of which one")])
    })?;
    let origin = origin(&state)?;
    let begun = state.signing_in.oidc.begin(&name, origin, now_millis()).await;
    let begun = begun.map_err(|not| match not {
        NotVouched::Unavailable(internal) => away(&name, &internal),
        NotVouched::NoProvider | NotVouched::Refused(_) => no_provider(),
    })?;
    let attributes = BegunAttributes { url: begun.url, flow: begun.flow };
    let data = resource(ResourceType::SignInFlow, 1, attributes);
    Ok(Json(Shown { data }).into_response())
}

fn no_provider() -> ApiError {
    ApiError::not_found("there is no such way to sign in; GET /api/v1/session/ways tells them")
}

/// The log has why, and people what to do.
fn away(name: &str, internal: &str) -> ApiError {
    tracing::warn!(provider = %name, error = %internal, "nobody can sign in by way of a provider now");
    let detail = format!(
        "{name} does not answer as it should; try again in a moment. Until then \
         `sidegate console link` lets you in; the gateway's log has more"
    );
    ApiError::unavailable_for(detail, 5)
}

/// The only address that a provider may send people back to.
fn origin(state: &AdminState) -> Result<&str, ApiError> {
    state.settings.console.origin.as_deref().ok_or_else(no_provider)
}

/// What a page brought back, with all that must be said.
pub(super) fn read(answer: OidcAnswer) -> Result<Answer, Vec<Problem>> {
    let OidcAnswer { provider, flow, code, state, iss } = answer;
    let said = |field: &str, text: Option<String>| {
        let text = text.filter(|text| !text.is_empty());
        text.ok_or_else(|| Problem::at(&format!("oidc.{field}"), "say it"))
    };
    let fields = [("provider", provider), ("flow", flow), ("code", code), ("state", state)];
    let read = fields.map(|(field, text)| said(field, text));
    let problems: Vec<_> = read.iter().filter_map(|one| one.as_ref().err().cloned()).collect();
    match read {
        [Ok(provider), Ok(flow), Ok(code), Ok(state)] => {
            Ok(Answer { provider, flow, code, state, issuer: iss })
        }
        _ => Err(problems),
    }
}

/// Who it is by the word of their provider.
///
/// # Errors
/// When it cannot be decided.
pub(super) async fn by_oidc(
    state: &AdminState,
    comes: &Comes,
    answer: &Answer,
    now: UnixMillis,
) -> Result<Result<Proved, NotProved>, ApiError> {
    let name = &answer.provider;
    let refused = |who, told: &'static str, why: String| {
        Ok(Err(NotProved { who, told, noted: format!("by way of {name}: {why}") }))
    };
    let Somebody { identity, name: called, role } =
        match state.signing_in.oidc.finish(answer, origin(state)?, now).await {
            Ok(somebody) => somebody,
            Err(NotVouched::Refused(why)) => return refused(None, BEGIN_AGAIN, why),
            Err(NotVouched::Unavailable(internal)) => return Err(away(name, &internal)),
            Err(NotVouched::NoProvider) => return Err(no_provider()),
        };
    // Whoever it is, they do nothing themselves before they are in.
    let actor = Actor { who: Who::System, peer: comes.peer() };
    let context = AuditContext { actor, operation: OperationId::SignIn.as_str() };
    let Some(role) = role else {
        let known = state.control.by(context).end_sessions_of(&identity).await?;
        let who = known.map(|user| Who::of_user(user.id, &user.name));
        return refused(who, NO_GROUP, format!("{called} is in no group that may do anything"));
    };
    let vouched = Vouched { identity, name: called, role };
    let user = state.control.by(context).vouched_user(&vouched).await?;
    let who = Who::of_user(user.id, &user.name);
    if !user.is_enabled {
        return refused(Some(who), SWITCHED_OFF, format!("the user {} is disabled", user.name));
    }
    let proof = Proof::Identity(vouched.identity);
    Ok(Ok(Proved { holder: SessionHolder::User(user.id), who, proof, ends_at: None }))
}

const BEGIN_AGAIN: &str = "this sign-in was not begun in this tab, was finished before, took longer than 10 minutes, \
     or its answer is none of the provider's; begin again";
const NO_GROUP: &str = "your provider says who you are, and none of your groups may use this console; \
     ask whoever runs this gateway";
const SWITCHED_OFF: &str = "you are switched off here; ask whoever runs this gateway";

/// That passwords are taken here.
///
/// # Errors
/// Where they are not.
pub(super) fn require_passwords(state: &AdminState) -> Result<(), ApiError> {
    if state.settings.console.password_sign_in {
        return Ok(());
    }
    let detail = "nobody signs in with a password here (SIDEGATE_CONSOLE_PASSWORD_SIGN_IN); \
         use another way, or a link: `sidegate console link`";
    Err(ApiError::new(ErrorCode::Unauthorized, detail))
}
