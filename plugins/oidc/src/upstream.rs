//! Signing in at another provider: the authorization code flow with PKCE, begun by a link of the sign-in page and finished at an
//! address of its own. Whoever comes back is the user to whom that one's `iss` and `sub` are linked, and nobody else.
//!
//! What has to be known to finish is sealed by the host and kept by the browser, so that nobody fills the storage who
//! begins and never comes back.

mod id_token;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sidegate_sdk::{Request, Response, tracing};

use crate::authorize::{Shown, Visit, to_authorize};
use crate::browser;
use crate::clock;
use crate::limits::Trier;
use crate::oauth_error::OAuthError;
use crate::pages;
use crate::params::{Params, with_query};
use crate::provider::Provider;
use crate::secret_text;
use crate::settings::upstream::{Upstream, is_address};
use crate::sign_in;

/// How long somebody may take there.
const LIFE_SECONDS: u64 = 600;
/// So many a browser may have under way; more would be more than its requests can carry.
const MOST_UNDER_WAY: usize = 8;
/// What the host is told that it seals.
const PURPOSE: &str = "a sign-in at another provider";

/// What has to be known to finish.
#[derive(Serialize, Deserialize)]
struct Flow {
    upstream: String,
    state: String,
    nonce: String,
    verifier: String,
    /// What the application asked for.
    request: String,
    expires_at: u64,
}

/// `GET /upstream`: off to another provider.
pub(crate) async fn begin(req: Request, provider: Arc<Provider>) -> Response {
    begun(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn begun(req: &Request, provider: &Provider) -> Shown {
    let visit = Visit::of(provider, req).await?;
    let params = Params::read(req.query_string())?;
    let upstream = upstream(provider, params.required("at")?)?;
    let request = match visit.read(Params::read(params.required("request")?)?).await {
        Ok(request) => request,
        Err(refusal) => return Ok(*refusal),
    };
    // A link of another page is asked about at the page to sign in at, as every request of an application is.
    if browser::comes_from_elsewhere(req) {
        return Ok(to_authorize(&request.params, ""));
    }
    if visit.site.upstream_cookies(req) >= MOST_UNDER_WAY {
        let text =
            "too many sign-ins are under way in this browser; finish one, or wait ten minutes";
        return Err(OAuthError { status: 429, ..OAuthError::new("temporarily_unavailable", text) });
    }
    let metadata = provider.upstreams.metadata(upstream, &provider.settings).await?;
    let flow = Flow {
        upstream: upstream.name.clone(),
        state: secret_text::secret()?,
        nonce: secret_text::secret()?,
        verifier: secret_text::secret()?,
        request: request.params.to_query(),
        expires_at: clock::now() + LIFE_SECONDS,
    };
    if !is_address(&metadata.authorization_endpoint) {
        return Err(OAuthError::temporarily_unavailable(
            &"an upstream's authorization_endpoint is no address",
        ));
    }
    let challenge = secret_text::base64url(&Sha256::digest(flow.verifier.as_bytes()));
    let scopes = ["openid"].into_iter().chain(upstream.scopes.iter().map(String::as_str));
    let scope = scopes.collect::<Vec<_>>().join(" ");
    let address = redirect_uri(&visit, upstream);
    let location = with_query(
        &metadata.authorization_endpoint,
        &[
            ("response_type", "code"),
            ("client_id", &upstream.client_id),
            ("redirect_uri", &address),
            ("scope", &scope),
            ("state", &flow.state),
            ("nonce", &flow.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ],
    );
    let sealed = provider.seal(serde_json::to_vec(&flow).unwrap_or_default(), PURPOSE).await?;
    let sealed = secret_text::base64url(&sealed);
    let cookie = visit.site.upstream_cookie(&flow.state, &sealed, LIFE_SECONDS);
    let response = Response::redirect(&location).with_status(303);
    Ok(response.header("Set-Cookie", cookie).header("Cache-Control", "no-store"))
}

/// `GET /upstream/{name}`: back from there.
pub(crate) async fn finish(req: Request, provider: Arc<Provider>) -> Response {
    finished(&req, &provider).await.unwrap_or_else(|error| pages::error(&error))
}

async fn finished(req: &Request, provider: &Provider) -> Shown {
    let visit = Visit::of(provider, req).await?;
    let name = req.segments().get(1).cloned().unwrap_or_default();
    let upstream = upstream(provider, &name)?;
    let params = Params::read(req.query_string())?;
    let state = params.one("state")?.unwrap_or_default();
    // Of what this browser did not begin nothing ends, and nobody's attempts are counted.
    let sealed = visit.site.read_upstream_cookie(req, state);
    let sealed = sealed.ok_or_else(|| refused(upstream, "it is of no sign-in of this browser"))?;
    // Whatever comes of it, it is good once.
    let over = visit.site.upstream_cookie(state, "", 0);
    let trier = Trier::new("upstream", visit.caller);
    if let Err(seconds) = provider.limits.begin(&trier, clock::now()) {
        let text = format!("too many attempts; try again in {seconds} seconds");
        return Err(OAuthError { status: 429, ..OAuthError::new("temporarily_unavailable", text) });
    }
    let answered = identity(&visit, sealed, (upstream, &params)).await;
    let (flow, sub) = match answered {
        Ok(found) => found,
        Err(error) => {
            if error.status == 503 {
                provider.limits.not_made(&trier);
            }
            return Ok(pages::error(&error).header("Set-Cookie", over));
        }
    };
    provider.limits.succeeded(&trier);
    let Some(user) = provider.settings.user_at(&upstream.issuer, &sub) else {
        tracing::info!(
            issuer = upstream.issuer,
            sub,
            "nobody is linked to who came from another provider"
        );
        let text = format!("nobody here is linked to {sub:?} of {}", upstream.title);
        let error = OAuthError { status: 403, ..OAuthError::new("access_denied", text) };
        return Ok(pages::error(&error).header("Set-Cookie", over));
    };
    match visit.read(Params::read(&flow.request)?).await {
        Ok(request) => {
            let shown: Shown = sign_in::begin(&visit, request, user, "../").await;
            Ok(shown?.header("Set-Cookie", over))
        }
        Err(refusal) => Ok(refusal.header("Set-Cookie", over)),
    }
}

/// Who came back, of the very sign-in that this browser began.
async fn identity(
    visit: &Visit<'_>,
    sealed: &str,
    (upstream, params): (&Upstream, &Params),
) -> Result<(Flow, String), OAuthError> {
    let provider = visit.provider;
    let refused = |why: &str| refused(upstream, why);
    let sealed = secret_text::from_base64url(sealed);
    let sealed = sealed.ok_or_else(|| refused("its cookie is none of ours"))?;
    let clear = provider.open(sealed, PURPOSE).await?;
    let flow = clear.and_then(|clear| serde_json::from_slice::<Flow>(&clear).ok());
    let flow = flow.ok_or_else(|| refused("its cookie is none of ours"))?;
    let state = params.one("state")?.unwrap_or_default();
    let is_of_it = secret_text::same(&flow.state, state) && flow.upstream == upstream.name;
    if !is_of_it || clock::now() >= flow.expires_at {
        return Err(refused("it is of another sign-in, or too late"));
    }
    let metadata = provider.upstreams.metadata(upstream, &provider.settings).await?;
    match params.one("iss")? {
        Some(issuer) if issuer != upstream.issuer => {
            return Err(refused("its iss is another one's"));
        }
        None if metadata.authorization_response_iss_parameter_supported => {
            return Err(refused("it has no iss, which is promised"));
        }
        _ => {}
    }
    let Some(code) = params.one("code")? else {
        return Err(OAuthError::new("access_denied", "the sign-in there was given up or refused"));
    };
    let address = redirect_uri(visit, upstream);
    let token = provider.upstreams.exchange(
        upstream,
        &metadata,
        &provider.settings,
        (code, &address, &flow.verifier),
    );
    let token = token.await?.ok_or_else(|| refused("its code is not taken there"))?;
    let keys = provider.upstreams.keys(upstream, &metadata, &provider.settings).await?;
    let sub =
        id_token::subject(&token, &keys, (upstream, &flow.nonce)).map_err(|why| refused(&why))?;
    Ok((flow, sub))
}

fn refused(upstream: &Upstream, why: &str) -> OAuthError {
    tracing::info!(upstream = upstream.name, why, "somebody failed to sign in at another provider");
    let text = "this is no answer to a sign-in that this browser began a moment ago";
    OAuthError { status: 401, ..OAuthError::new("access_denied", text) }
}

fn upstream<'a>(provider: &'a Provider, name: &str) -> Result<&'a Upstream, OAuthError> {
    let found = provider.settings.upstreams.iter().find(|upstream| upstream.name == name);
    found.ok_or_else(|| OAuthError {
        status: 404,
        ..OAuthError::invalid_request("there is no such provider")
    })
}

fn redirect_uri(visit: &Visit<'_>, upstream: &Upstream) -> String {
    visit.site.endpoint(&format!("upstream/{}", upstream.name))
}
