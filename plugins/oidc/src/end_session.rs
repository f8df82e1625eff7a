//! `/end-session`: signing out, at the wish of an application (RP-initiated logout) or of whoever comes here.
//!
//! An application that shows whom it means, by an ID token of theirs, is believed; otherwise the user is asked. Nobody
//! is sent anywhere but to an address that the application is registered with.

use std::sync::Arc;

use sidegate_sdk::{Request, Response};

use crate::authorize::{Shown, Visit};
use crate::browser;
use crate::oauth_error::OAuthError;
use crate::pages::{self, Form};
use crate::params::{Params, with_query};
use crate::provider::Provider;
use crate::redirect_uri;
use crate::settings::client::Client;
use crate::tokens::Hint;

/// `GET /end-session`
pub(crate) async fn end_session(req: Request, provider: Arc<Provider>) -> Response {
    let params = Params::read(req.query_string());
    let shown = match params {
        Ok(params) => asked(&req, &provider, params).await,
        Err(error) => Err(error),
    };
    shown.unwrap_or_else(|error| pages::error(&error))
}

/// `POST /end-session`: of an application, or the answer to our own question.
pub(crate) async fn end_session_form(req: Request, provider: Arc<Provider>) -> Response {
    sent(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn sent(req: &Request, provider: &Provider) -> Shown {
    let form = Params::of_form(req)?;
    if form.one("decision")?.is_none() {
        return browser::must_navigate(req).map(|()| to_end_session(&form));
    }
    let visit = Visit::of(provider, req).await?;
    let wish = Wish::read(&visit, Params::read(form.one("request")?.unwrap_or_default())?).await?;
    if !visit.browser.sent(&form, &visit.ring) {
        let text = "The form is too old, or another page sent it.";
        return Err(OAuthError { status: 403, ..OAuthError::invalid_request(text) });
    }
    leave(&visit, &wish).await
}

/// Sends the browser here again by a link, for browsers send no cookie with a form from elsewhere. Without the cookie nothing
/// tells the application that means it well from a page that wants people signed out.
fn to_end_session(params: &Params) -> Response {
    let location = format!("end-session?{}", params.to_query());
    let response = Response::redirect(&location).with_status(303);
    response.header("Cache-Control", "no-store").header("Referrer-Policy", "no-referrer")
}

/// What an application wishes, checked.
struct Wish {
    params: Params,
    hint: Option<Hint>,
    /// Where to go afterwards, and whether the operator knows whose that is.
    address: Option<(String, bool)>,
}

impl Wish {
    async fn read(visit: &Visit<'_>, params: Params) -> Result<Self, OAuthError> {
        let invalid = |text: &str| Err(OAuthError::invalid_request(text));
        let hint = match params.one("id_token_hint")? {
            None => None,
            Some(token) => match Hint::verified(token, &visit.ring, &visit.site.issuer) {
                None => return invalid("`id_token_hint` is no ID token from here"),
                hint => hint,
            },
        };
        let client_id = params.one("client_id")?;
        if let (Some(hint), Some(id)) = (&hint, client_id)
            && hint.aud != id
        {
            return invalid("`id_token_hint` is another application's");
        }
        let Some(uri) = params.one("post_logout_redirect_uri")? else {
            return Ok(Self { hint, address: None, params });
        };
        let id = client_id.or(hint.as_ref().map(|hint| hint.aud.as_str()));
        let Some(id) = id else {
            return invalid("an address after the sign-out needs `id_token_hint` or `client_id`");
        };
        let client = visit.provider.client(id, visit.caller).await?;
        let is_its = |client: &Arc<Client>| {
            redirect_uri::is_registered(&client.post_logout_redirect_uris, uri)
        };
        let Some(client) = client.filter(is_its) else {
            return invalid("the application's address after the sign-out is not registered");
        };
        let state = params.one("state")?;
        let pairs: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
        let address = Some((with_query(uri, &pairs), client.is_configured));
        Ok(Self { address, hint, params })
    }
}

async fn asked(req: &Request, provider: &Provider, params: Params) -> Shown {
    let visit = Visit::of(provider, req).await?;
    let wish = Wish::read(&visit, params).await?;
    let Some(session) = &visit.browser.session else { return leave(&visit, &wish).await };
    if wish.hint.as_ref().is_some_and(|hint| hint.sub == session.user.sub) {
        return leave(&visit, &wish).await;
    }
    let (csrf, query) = (visit.browser.csrf(&visit.ring), wish.params.to_query());
    let address = wish.address.as_ref().map(|(address, _)| redirect_uri::policy_source(address));
    let leads_to = address.unwrap_or_default();
    let form = Form { csrf: &csrf, request: &query, leads_to: &leads_to };
    Ok(pages::sign_out(&form, &session.user.name))
}

/// Ends the session and what was granted in it, but for what was allowed to outlive it.
async fn leave(visit: &Visit<'_>, wish: &Wish) -> Shown {
    let was_signed_in = visit.browser.session.is_some();
    if was_signed_in {
        visit.provider.sessions.end(visit.browser.cookie()).await?;
    }
    let response = match &wish.address {
        // Strangers make no links that lead from here to where they like.
        Some((address, is_configured)) if *is_configured || was_signed_in => {
            let response = Response::redirect(address).with_status(303);
            response.header("Cache-Control", "no-store").header("Referrer-Policy", "no-referrer")
        }
        _ => pages::signed_out(),
    };
    // Of a browser that brought none, nothing says that it has none.
    Ok(match was_signed_in {
        true => response.header("Set-Cookie", visit.site.clear_cookie()),
        false => response,
    })
}
