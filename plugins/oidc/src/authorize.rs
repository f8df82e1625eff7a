//! From an application's request to its code: who is signed in, whether that counts, and what they allow.

use std::sync::Arc;

use sidegate_sdk::{Request, Response};

use crate::authorization::{AuthorizationRequest, Refused, ReturnTo};
use crate::browser::{self, Browser};
use crate::clock;
use crate::grants::Grant;
use crate::keys::Ring;
use crate::oauth_error::OAuthError;
use crate::pages::{self, ConsentQuestion, Form, Whose};
use crate::params::{Params, with_query};
use crate::provider::Provider;
use crate::redirect_uri;
use crate::sessions::Session;
use crate::site::Site;

/// What a step of the way comes to; an error is shown to whoever is in front of the browser.
pub(crate) type Shown = Result<Response, OAuthError>;

/// Everything a step needs.
pub(crate) struct Visit<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) site: Site,
    pub(crate) ring: Arc<Ring>,
    pub(crate) browser: Browser<'a>,
    /// The address of whoever asks.
    pub(crate) caller: &'a str,
}

impl<'a> Visit<'a> {
    pub(crate) async fn of(provider: &'a Provider, req: &'a Request) -> Result<Self, OAuthError> {
        browser::must_navigate(req)?;
        let site = Site::of(&provider.settings, req)?;
        let browser = Browser::of(provider, &site, req).await?;
        let caller = req.remote_addr();
        Ok(Self { provider, site, ring: provider.keys.ring().await, browser, caller })
    }

    /// The request in these parameters, or the answer that refuses it.
    pub(crate) async fn read(&self, params: Params) -> Result<AuthorizationRequest, Box<Response>> {
        let read = AuthorizationRequest::read(self.provider, params, self.caller).await;
        read.map_err(|refused| match refused {
            Refused::Here(error) => Box::new(pages::error(&error)),
            Refused::There(return_to, error) => Box::new(self.refuse(&return_to, &error)),
        })
    }

    /// The answer that refuses. Anybody can be a client that is not configured, and make links that lead from here to
    /// where they like: nobody is sent there before they signed in.
    pub(crate) fn refuse(&self, return_to: &ReturnTo, error: &OAuthError) -> Response {
        if return_to.is_configured || self.browser.session.is_some() {
            return return_to.refuse(&self.site, error);
        }
        pages::error(error)
    }
}

/// `GET /authorize`
pub(crate) async fn authorize(req: Request, provider: Arc<Provider>) -> Response {
    opened(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn opened(req: &Request, provider: &Provider) -> Shown {
    let visit = Visit::of(provider, req).await?;
    match visit.read(Params::read(req.query_string())?).await {
        Ok(request) => next(&visit, &request, false).await,
        Err(refusal) => Ok(*refusal),
    }
}

/// `POST /authorize`: browsers send no cookie with a form from elsewhere, so it comes again as a link.
pub(crate) async fn authorize_form(req: Request) -> Response {
    match browser::must_navigate(&req).and_then(|()| Params::of_form(&req)) {
        Ok(params) => to_authorize(&params, ""),
        Err(error) => pages::error(&error),
    }
}

/// Sends the browser to the start again. Relative: it stays at the address by which it came; `up` leads there from
/// where it is.
pub(crate) fn to_authorize(params: &Params, up: &str) -> Response {
    let location = format!("{up}authorize?{}", params.to_query());
    Response::redirect(&location).with_status(303).header("Cache-Control", "no-store")
}

/// What comes next: signing in, consent, or the code. `is_allowed` where the user just said so.
pub(crate) async fn next(
    visit: &Visit<'_>,
    request: &AuthorizationRequest,
    is_allowed: bool,
) -> Shown {
    let refuse = |code: &'static str, text: &str| {
        Ok(visit.refuse(&request.return_to, &OAuthError::new(code, text)))
    };
    let session = visit.browser.session.as_ref();
    let Some(session) = session.filter(|session| is_recent(session, request)) else {
        if request.prompt.none {
            return refuse("login_required", "nobody is signed in, or too long ago");
        }
        return Ok(ask_login(visit, request, None, None));
    };
    if !is_allowed && needs_consent(visit, request, session).await? {
        if request.prompt.none {
            return refuse("consent_required", "the user was not asked yet");
        }
        return Ok(ask_consent(visit, request, session));
    }
    give_code(visit, request, session).await
}

/// Whether the session is one that the application takes.
fn is_recent(session: &Session<'_>, request: &AuthorizationRequest) -> bool {
    let age = clock::now().saturating_sub(session.auth_time);
    // None at all is no age that any session has.
    !request.prompt.login && request.max_age.is_none_or(|most| most > 0 && age <= most)
}

async fn needs_consent(
    visit: &Visit<'_>,
    request: &AuthorizationRequest,
    session: &Session<'_>,
) -> Result<bool, OAuthError> {
    let AuthorizationRequest { client, return_to, scopes, resources, .. } = request;
    if request.prompt.consent {
        return Ok(true);
    }
    // Anybody on the user's machine can say that they are this client (RFC 8252, 8.6), also of the operator's own.
    if client.is_public() && !redirect_uri::proves_its_owner(&return_to.redirect_uri) {
        return Ok(true);
    }
    if client.first_party {
        return Ok(false);
    }
    let whose = (session.user.sub.as_str(), client.id.as_str());
    Ok(!visit.provider.consents.cover(whose, scopes, resources).await?)
}

/// The page to sign in at, once more where there was a problem.
pub(crate) fn ask_login(
    visit: &Visit<'_>,
    request: &AuthorizationRequest,
    name: Option<&str>,
    problem: Option<&str>,
) -> Response {
    let (csrf, query) = (visit.browser.csrf(&visit.ring), request.params.to_query());
    let leads_to = redirect_uri::policy_source(&request.return_to.redirect_uri);
    let form = Form { csrf: &csrf, request: &query, leads_to: &leads_to };
    let name = name.or(request.login_hint.as_deref()).unwrap_or_default();
    let address = redirect_uri::shown(&request.return_to.redirect_uri);
    let client = Whose {
        name: &request.client.name,
        // A name that the operator did not give says nothing of who it is.
        address: (!request.client.is_configured).then_some(&*address),
    };
    let elsewhere = visit.provider.settings.upstreams.iter().map(|upstream| {
        let address = with_query("upstream", &[("at", &upstream.name), ("request", &query)]);
        (address, upstream.title.clone())
    });
    let elsewhere: Vec<_> = elsewhere.collect();
    let page = pages::login(&form, &client, name, problem, &elsewhere);
    visit.browser.with_cookie(&visit.site, page)
}

fn ask_consent(
    visit: &Visit<'_>,
    request: &AuthorizationRequest,
    session: &Session<'_>,
) -> Response {
    let (csrf, query) = (visit.browser.csrf(&visit.ring), request.params.to_query());
    let leads_to = redirect_uri::policy_source(&request.return_to.redirect_uri);
    let known = &visit.provider.settings.scopes;
    let text = |scope: &'_ String| known.get(scope).map(String::as_str);
    let question = ConsentQuestion {
        client: &request.client.name,
        user: &session.user.name,
        scopes: request.scopes.iter().filter_map(text).collect(),
        resources: &request.resources,
        address: &redirect_uri::shown(&request.return_to.redirect_uri),
    };
    pages::consent(&Form { csrf: &csrf, request: &query, leads_to: &leads_to }, &question)
}

async fn give_code(
    visit: &Visit<'_>,
    request: &AuthorizationRequest,
    session: &Session<'_>,
) -> Shown {
    let grant = Grant {
        client_id: request.client.id.clone(),
        sub: session.user.sub.clone(),
        user_stamp: session.user.stamp(),
        scopes: request.scopes.clone(),
        resources: request.resources.clone(),
        auth_time: session.auth_time,
        session: session.id.clone(),
        offline: request.scopes.iter().any(|scope| scope == "offline_access"),
        nonce: request.nonce.clone(),
        redirect_uri: request.return_to.redirect_uri.clone(),
        challenge: request.challenge.clone(),
        code: String::new(),
        is_redeemed: false,
        generation: 0,
    };
    let code = visit.provider.grants.begin(grant).await?;
    Ok(request.return_to.answer(&visit.site, &[("code", &code)]))
}
