//! `/userinfo`: what an application may know of whoever signed in.

use std::sync::Arc;

use serde_json::{Value, json};
use sidegate_sdk::{Request, Response};

use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::settings::user::User;
use crate::site::Site;
use crate::tokens::AccessToken;

pub(crate) async fn userinfo(req: Request, provider: Arc<Provider>) -> Response {
    answered(&req, &provider).await.unwrap_or_else(|error| error.to_response())
}

async fn answered(req: &Request, provider: &Provider) -> Result<Response, OAuthError> {
    let Some(token) = bearer(req)? else { return Ok(refused(401, "")) };
    let site = Site::of(&provider.settings, req)?;
    let ring = provider.keys.ring().await;
    let claims = provider.access_token(&token, &ring, &site.issuer).await?;
    let Some(claims) = claims.filter(|claims| claims.aud.names(&site.issuer)) else {
        let text = "error=\"invalid_token\", error_description=\"the token is unknown, expired or revoked\"";
        return Ok(refused(401, text));
    };
    let user = provider.settings.user_of(&claims.sub).filter(|_| claims.grant_id.is_some());
    let Some(user) = user.filter(|_| claims.has_scope("openid")) else {
        return Ok(refused(403, "error=\"insufficient_scope\", scope=\"openid\""));
    };
    Ok(Response::json(&about(user, &claims)).header("Cache-Control", "no-store"))
}

/// The token, in the header or in a form, and never in the address.
fn bearer(req: &Request) -> Result<Option<String>, OAuthError> {
    let scheme =
        |text: &str| text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let header = req.header("Authorization").filter(|text| scheme(text));
    let header = header.map(|text| text[7..].trim().to_owned());
    let is_form = req.method() == "POST" && !req.body().is_empty();
    let form = if is_form { Params::of_form(req)? } else { Params::default() };
    let form = form.one("access_token")?.map(str::to_owned);
    match (header, form) {
        (Some(_), Some(_)) => Err(OAuthError::invalid_request("the token is there twice")),
        (header, form) => Ok(header.or(form)),
    }
}

fn refused(status: u16, why: &str) -> Response {
    let comma = if why.is_empty() { "" } else { ", " };
    let challenge = format!("Bearer realm=\"oidc\"{comma}{why}");
    Response::new(status).header("WWW-Authenticate", challenge).header("Cache-Control", "no-store")
}

fn about(user: &User, claims: &AccessToken) -> Value {
    let mut about = json!({ "sub": user.sub });
    if claims.has_scope("profile") {
        about["preferred_username"] = user.name.clone().into();
        if let Some(name) = &user.display_name {
            about["name"] = name.clone().into();
        }
    }
    if let Some(email) = user.email.as_ref().filter(|_| claims.has_scope("email")) {
        about["email"] = email.clone().into();
        about["email_verified"] = user.email_verified.into();
    }
    if claims.has_scope("groups") {
        about["groups"] = user.groups.clone().into();
    }
    about
}
