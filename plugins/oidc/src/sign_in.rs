//! The forms that people send: name and password, and what they allow.

use std::sync::Arc;

use sidegate_sdk::{Request, Response, tracing};

use crate::authorization::AuthorizationRequest;
use crate::authorize::{Shown, Visit, ask_login, next, to_authorize};
use crate::clock;
use crate::limits::Trier;
use crate::oauth_error::OAuthError;
use crate::pages;
use crate::params::Params;
use crate::passwords::Busy;
use crate::provider::Provider;
use crate::settings::user::User;

/// Said whatever is wrong: nobody learns which names there are.
const WRONG: &str = "Name or password is wrong.";
const TOO_OLD: &str = "This form is too old. Please try again.";
/// Longer passwords are nobody's.
const MOST_PASSWORD: usize = 1024;

/// `POST /login`
pub(crate) async fn login(req: Request, provider: Arc<Provider>) -> Response {
    signed_in(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn signed_in(req: &Request, provider: &Provider) -> Shown {
    let visit = Visit::of(provider, req).await?;
    let form = Params::of_form(req)?;
    let request = match visit.read(Params::read(form.required("request")?)?).await {
        Ok(request) => request,
        Err(refusal) => return Ok(*refusal),
    };
    let name = form.one("name")?.unwrap_or_default();
    let password = form.one("password")?.unwrap_or_default();
    let again = |status: u16, problem: &str| {
        Ok(ask_login(&visit, &request, Some(name), Some(problem)).with_status(status))
    };
    if !visit.browser.sent(&form, &visit.ring) {
        return again(403, TOO_OLD);
    }
    let trier = Trier::new(name, req.remote_addr());
    if let Err(seconds) = provider.limits.begin(&trier, clock::now()) {
        let problem = format!("Too many attempts. Try again in {seconds} seconds.");
        let page: Shown = again(429, &problem);
        return Ok(page?.header("Retry-After", seconds.to_string()));
    }
    match user_of(provider, &visit, (name, password)).await {
        Err(Busy) => {
            provider.limits.not_made(&trier);
            let page: Shown = again(503, "Too many people sign in now. Please try again.");
            Ok(page?.header("Retry-After", "2"))
        }
        Ok(None) => {
            tracing::info!(client = request.client.id, "somebody failed to sign in");
            again(401, WRONG)
        }
        Ok(Some(user)) => {
            provider.limits.succeeded(&trier);
            begin(&visit, request, user, "").await
        }
    }
}

/// The user whose name and password these are. Who is unknown takes as long as somebody who is known.
async fn user_of<'a>(
    provider: &'a Provider,
    visit: &Visit<'_>,
    (name, password): (&str, &str),
) -> Result<Option<&'a User>, Busy> {
    let users = &provider.settings.users;
    let user = users.get(name);
    // Always the same one for a name, and nobody outside knows which.
    let mark = visit.ring.mark(&["like", name]);
    let like = users.values().filter_map(|user| user.password_hash.as_ref()).collect::<Vec<_>>();
    let like = like.get(mark.bytes().map(usize::from).sum::<usize>() % like.len().max(1));
    let kept = user.and_then(|user| user.password_hash.clone());
    let like = like.map(|&kept| kept.clone());
    let password: String =
        if password.len() > MOST_PASSWORD { String::new() } else { password.to_owned() };
    let matches = provider.passwords.matches(password, kept, like).await?;
    Ok(user.filter(|_| matches))
}

/// A new session with a new cookie, whatever the browser brought, and on to what comes next.
pub(crate) async fn begin(
    visit: &Visit<'_>,
    request: AuthorizationRequest,
    user: &User,
    up: &str,
) -> Shown {
    let provider = visit.provider;
    if visit.browser.session.is_some() {
        provider.sessions.end(visit.browser.cookie()).await?;
    }
    let cookie = provider.sessions.begin(user, &provider.settings).await?;
    let response = to_authorize(&without_login(request.params), up);
    Ok(response.header("Set-Cookie", visit.site.set_cookie(&cookie)))
}

/// What was asked of the user's sign-in is done. The application sees in `auth_time` when.
fn without_login(params: Params) -> Params {
    let words = params.words("prompt").unwrap_or_default();
    let rest: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest: Vec<&str> =
        rest.into_iter().filter(|word| !matches!(*word, "login" | "select_account")).collect();
    let params = params.without("prompt").without("max_age");
    if rest.is_empty() { params } else { params.with("prompt", &rest.join(" ")) }
}

/// `POST /consent`
pub(crate) async fn consent(req: Request, provider: Arc<Provider>) -> Response {
    decided(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn decided(req: &Request, provider: &Provider) -> Shown {
    let visit = Visit::of(provider, req).await?;
    let form = Params::of_form(req)?;
    let request = match visit.read(Params::read(form.required("request")?)?).await {
        Ok(request) => request,
        Err(refusal) => return Ok(*refusal),
    };
    if !visit.browser.sent(&form, &visit.ring) {
        let text = "The form is too old, or another page sent it.";
        return Err(OAuthError { status: 403, ..OAuthError::invalid_request(text) });
    }
    let Some(session) = &visit.browser.session else {
        return Ok(to_authorize(&request.params, ""));
    };
    if form.one("decision")? != Some("allow") {
        let denied = OAuthError::new("access_denied", "the user did not allow it");
        return Ok(visit.refuse(&request.return_to, &denied));
    }
    let whose = (session.user.sub.as_str(), request.client.id.as_str());
    provider.consents.remember(whose, &request.scopes, &request.resources).await?;
    next(&visit, &request, true).await
}
