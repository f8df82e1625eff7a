//! Signing in to the console: with a name and a password, with an admin token, with a link, or by way of a provider. Whoever is refused is told
//! the same whatever was wrong, counted, and noted in the audit log.

use super::auth::SIGN_IN;
use super::error::ApiError;
use super::extract::Fields;
use super::session_cookie::{self, Key, Presented};
use super::sessions::shape;
use super::sign_in_oidc::{by_oidc, read as read_oidc, require_passwords};
use super::sign_in_proof::{Comes, NotProved, Proved};
use super::state::AdminState;
use crate::console::attempts::Attempt;
use crate::console::oidc::Answer;
use crate::console::passwords::NotNow;
use crate::console::root_fingerprint;
use crate::sign_ins::Refused;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::operations::OperationId;
use sidegate_api::resource::Shown;
use sidegate_api::session::SignInFields;
use sidegate_model::UnixMillis;
use sidegate_model::actor::{Actor, AuditContext, Who};
use sidegate_model::clock::now_millis;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, NewToken, TokenHash};
use sidegate_model::user::check_name;
use sidegate_store::{NewConsoleSession, Proof, SessionHolder};
use subtle::ConstantTimeEq;

/// Longest password and secret that is looked at, in bytes.
const MAX_SECRET: usize = 1024;

/// What somebody signs in with.
enum Credentials {
    Password { name: String, password: String },
    AdminToken(String),
    Link(String),
    Oidc(Box<Answer>),
}

const WRONG_PASSWORD: &str = "the name or the password is wrong";

/// `POST /session`
pub(crate) async fn sign_in(
    State(state): State<AdminState>,
    comes: Comes,
    Fields(fields): Fields<SignInFields>,
) -> Result<Response, ApiError> {
    let credentials = fields.settle(read)?;
    let now = now_millis();
    // Nobody guesses a token or a link, and with them one gets in where others keep failing from the same address.
    let attempt = match &credentials {
        Credentials::Password { name, .. } => {
            require_passwords(&state)?;
            let client = state.client(comes.peer(), comes.headers());
            let begun = state.signing_in.attempts.begin(client, Some(name), now);
            Some(begun.map_err(too_many)?)
        }
        // Nobody guesses a code either, but each costs a question to the provider.
        Credentials::Oidc(_) => {
            let client = state.client(comes.peer(), comes.headers());
            Some(state.signing_in.attempts.begin(client, None, now).map_err(too_many)?)
        }
        Credentials::AdminToken(_) | Credentials::Link(_) => None,
    };
    match proved_and_begun(&state, &comes, credentials, now).await {
        Ok(Ok(response)) => {
            attempt.into_iter().for_each(Attempt::succeeded);
            Ok(response)
        }
        Ok(Err(not)) => Err(refuse(&state, &comes, not, now)),
        Err(error) => {
            attempt.into_iter().for_each(Attempt::came_to_nothing);
            Err(error)
        }
    }
}

/// Begins a session of whoever proves who they are.
///
/// # Errors
/// When it cannot be decided.
async fn proved_and_begun(
    state: &AdminState,
    comes: &Comes,
    credentials: Credentials,
    now: UnixMillis,
) -> Result<Result<Response, NotProved>, ApiError> {
    let proved = match prove(state, comes, credentials, now).await? {
        Ok(proved) => proved,
        Err(not) => return Ok(Err(not)),
    };
    Ok(begin(state, comes, &proved, now).await?.ok_or_else(|| {
        let told = "this is good no more; sign in again";
        NotProved { who: Some(proved.who), told, noted: told.to_owned() }
    }))
}

/// Reads exactly one way to sign in.
fn read(fields: SignInFields) -> Result<Credentials, Vec<Problem>> {
    let SignInFields { name, password, admin_token, link, oidc } = fields;
    let too_long = |field: &str, text: &Option<String>| {
        let is_too_long = text.as_ref().is_some_and(|text| text.len() > MAX_SECRET);
        is_too_long.then(|| Problem::at(field, format!("give at most {MAX_SECRET} bytes")))
    };
    let long: Vec<_> = [
        too_long("name", &name),
        too_long("password", &password),
        too_long("admin_token", &admin_token),
        too_long("link", &link),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !long.is_empty() {
        return Err(long);
    }
    match (name, password, admin_token, link, oidc) {
        (Some(name), Some(password), None, None, None) => {
            let name = name.trim().to_lowercase();
            Ok(Credentials::Password { name, password })
        }
        (None, None, Some(token), None, None) => Ok(Credentials::AdminToken(token)),
        (None, None, None, Some(link), None) => Ok(Credentials::Link(link)),
        (None, None, None, None, Some(answer)) => {
            read_oidc(answer).map(|answer| Credentials::Oidc(Box::new(answer)))
        }
        _ => {
            let told = "send name and password, or admin_token, or link, or oidc, and nothing else";
            Err(vec![Problem::of_request(told)])
        }
    }
}

pub(super) fn too_many(seconds: u32) -> ApiError {
    let detail = format!("too many attempts were refused; try again in {seconds} s");
    ApiError::too_many(detail, seconds)
}

/// What a pool of passwords that is busy or broken means.
pub(super) fn not_now(not: NotNow) -> ApiError {
    match not {
        NotNow::Busy => ApiError::too_many("many sign in at this moment; try again", 1),
        NotNow::Failed => ApiError::internal("a password could be neither made nor compared"),
    }
}

fn refuse(state: &AdminState, comes: &Comes, not: NotProved, now: UnixMillis) -> ApiError {
    let NotProved { who, told, noted } = not;
    let refused = Refused { peer: comes.peer(), who, operation: SIGN_IN, detail: noted };
    state.control.sign_ins().refused(refused, now);
    ApiError::new(ErrorCode::Unauthorized, told)
}

async fn prove(
    state: &AdminState,
    comes: &Comes,
    credentials: Credentials,
    now: UnixMillis,
) -> Result<Result<Proved, NotProved>, ApiError> {
    match credentials {
        Credentials::Password { name, password } => by_password(state, &name, password).await,
        Credentials::AdminToken(token) => by_admin_token(state, token.trim(), now).await,
        Credentials::Link(link) => by_link(state, link.trim(), now).await,
        Credentials::Oidc(answer) => by_oidc(state, comes, &answer, now).await,
    }
}

async fn by_password(
    state: &AdminState,
    name: &str,
    password: String,
) -> Result<Result<Proved, NotProved>, ApiError> {
    let is_name = check_name(name).is_ok();
    let user = match is_name {
        true => super::error::found(state.control.view().user_by_name(name).await)?,
        false => None,
    };
    let kept = user.as_ref().filter(|user| user.is_enabled);
    let kept = kept.and_then(|user| user.password.clone());
    let matches = state.signing_in.passwords.matches(password, kept.clone()).await;
    if let (true, Some(user), Some(kept)) = (matches.map_err(not_now)?, &user, kept) {
        let (holder, who) = (SessionHolder::User(user.id), Who::of_user(user.id, &user.name));
        return Ok(Ok(Proved { holder, who, proof: Proof::Password(kept), ends_at: None }));
    }
    let noted = match &user {
        Some(user) if !user.is_enabled => format!("the user {name} is disabled"),
        Some(user) if user.password.is_none() => format!("the user {name} has no password"),
        Some(_) => format!("the password of the user {name} is wrong"),
        None if is_name => format!("there is no user {name}"),
        // It may well be a password.
        None => "there is no user of such a name".to_owned(),
    };
    let who = user.map(|user| Who::of_user(user.id, &user.name));
    Ok(Err(NotProved { who, told: WRONG_PASSWORD, noted }))
}

async fn by_admin_token(
    state: &AdminState,
    token: &str,
    now: UnixMillis,
) -> Result<Result<Proved, NotProved>, ApiError> {
    let hash = TokenHash::of(token);
    let root = &state.settings.admin_token;
    if bool::from(hash.0.ct_eq(&root.0)) {
        let holder = SessionHolder::Root(root_fingerprint(root));
        let (who, proof) = (Who::Root, Proof::AdminToken);
        return Ok(Ok(Proved { holder, who, proof, ends_at: None }));
    }
    let told = "this is no admin token, or one that was revoked or has expired";
    let not = |who: Option<Who>, noted: &str| NotProved { who, told, noted: noted.to_owned() };
    if !token.starts_with(ADMIN_TOKEN_PREFIX) {
        return Ok(Err(not(None, "this is no admin token")));
    }
    let found = state.control.view().admin_token_by_hash(hash).await;
    let Some(token) = found.map_err(ApiError::unavailable)? else {
        return Ok(Err(not(None, "this is no admin token, or one that was revoked")));
    };
    let who = Who::AdminToken { id: token.id, name: token.name.clone() };
    if token.is_expired(now) {
        return Ok(Err(not(Some(who), "this admin token has expired")));
    }
    state.control.sign_ins().used(token.id, token.last_used_at, now);
    let (holder, ends_at) = (SessionHolder::AdminToken(token.id), token.expires_at);
    Ok(Ok(Proved { holder, who, proof: Proof::AdminToken, ends_at }))
}

async fn by_link(
    state: &AdminState,
    link: &str,
    now: UnixMillis,
) -> Result<Result<Proved, NotProved>, ApiError> {
    let told =
        "this link was used already or is too old; make another one: `sidegate console link`";
    let not = |who| NotProved {
        who,
        told,
        noted: "a link that was used already, is too old or never was".to_owned(),
    };
    let hash = TokenHash::of(link);
    let found = state.control.view().console_link_by_hash(hash).await;
    let Some(stored) = found.map_err(ApiError::unavailable)? else { return Ok(Err(not(None))) };
    let is_of_another_root = match stored.holder {
        SessionHolder::Root(of) => of != root_fingerprint(&state.settings.admin_token),
        SessionHolder::User(_) | SessionHolder::AdminToken(_) => false,
    };
    // The session ends with the token of whoever made the link, and with the session that they made it in.
    let ends_at = stored.token_expires_at.into_iter().chain(stored.session_ends_at).min();
    let has_ended = |end: UnixMillis| now >= end;
    if has_ended(stored.expires_at) || ends_at.is_some_and(has_ended) || is_of_another_root {
        return Ok(Err(not(Some(stored.who))));
    }
    let (holder, who) = (stored.holder, stored.who);
    Ok(Ok(Proved { holder, who, proof: Proof::Link(hash), ends_at }))
}

/// A session under a new secret, whatever the browser had before, which ends.
async fn begin(
    state: &AdminState,
    comes: &Comes,
    proved: &Proved,
    now: UnixMillis,
) -> Result<Option<Response>, ApiError> {
    let secret = NewToken::generate_console().map_err(ApiError::internal)?;
    let key = NewToken::generate_console_key().map_err(ApiError::internal)?;
    let settings = &state.settings.console;
    let lifetime = settings.lifetime_millis();
    let expires_at = now.saturating_add(lifetime);
    let new = NewConsoleSession {
        hash: secret.hash(),
        key: key.hash(),
        holder: proved.holder,
        peer: comes.peer(),
        expires_at: proved.ends_at.map_or(expires_at, |end| end.min(expires_at)),
        idle_since: now.saturating_sub(settings.idle_millis()),
    };
    let actor = Actor { who: proved.who.clone(), peer: comes.peer() };
    let context = AuditContext { actor, operation: OperationId::SignIn.as_str() };
    end_earlier(state, comes, &context).await?;
    let begun = state.control.by(context).begin_session(&new, &proved.proof).await?;
    let Some(session) = begun else { return Ok(None) };
    let mut data = shape(state, &session, Some(session.id));
    data.attributes.key = Some(key.reveal().to_owned());
    let shown = Shown { data };
    let cookie = session_cookie::given(&secret, lifetime);
    Ok(Some(([(SET_COOKIE, cookie)], Json(shown)).into_response()))
}

/// The session that the browser had, which nobody could end any more. Whoever has its cookie alone ends nothing.
async fn end_earlier(
    state: &AdminState,
    comes: &Comes,
    context: &AuditContext,
) -> Result<(), ApiError> {
    let Presented::Secret(hash) = session_cookie::presented(comes.headers()) else { return Ok(()) };
    let Some(earlier) = state.control.view().console_session_by_hash(hash).await? else {
        return Ok(());
    };
    if session_cookie::key(comes.headers(), &earlier.key) != Key::Right {
        return Ok(());
    }
    let ended = state.control.by(context.clone()).end_session(earlier.id).await;
    super::error::found(ended)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_way_to_sign_in_is_taken() {
        let text = |text: &str| Some(text.to_owned());
        let fields = |name, password, admin_token, link| SignInFields {
            name,
            password,
            admin_token,
            link,
            oidc: None,
        };
        let by = |fields| match read(fields) {
            Ok(Credentials::Password { name, .. }) => name,
            Ok(Credentials::AdminToken(_)) => "token".to_owned(),
            Ok(Credentials::Link(_)) => "link".to_owned(),
            Ok(Credentials::Oidc(_)) => "oidc".to_owned(),
            Err(problems) => problems[0].detail.clone(),
        };
        assert_eq!(by(fields(text(" Jane "), text("p"), None, None)), "jane");
        assert_eq!(by(fields(None, None, text("t"), None)), "token");
        assert_eq!(by(fields(None, None, None, text("l"))), "link");
        for wrong in [
            fields(None, None, None, None),
            fields(text("jane"), None, None, None),
            fields(text("jane"), text("p"), text("t"), None),
            fields(None, None, text("t"), text("l")),
        ] {
            assert!(by(wrong).starts_with("send name and password"));
        }
        let long = by(fields(text("jane"), Some("x".repeat(1025)), None, None));
        assert_eq!(long, "password: give at most 1024 bytes");
    }
}
