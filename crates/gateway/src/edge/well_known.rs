//! Documents about plugins at the root of the host, where clients of OAuth look for them: of a protected
//! resource the gateway's own (RFC 9728), of an issuer the plugin's, asked for below its own path (RFC 8414, 3.1).

use super::addresses::Addresses;
use super::body::EdgeBody;
use super::context::RequestContext;
use super::error::{EdgeError, allow_value};
use crate::route::lookup::Miss;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use serde_json::json;
use sidegate_model::authorization::AuthorizationOptions;
use sidegate_model::endpoint::{Method as EndpointMethod, MethodSet, Resolution};
use sidegate_model::path::PluginPath;
use sidegate_plugins::{Generation, Mount};
use sidegate_wire::ErrorCode;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// What a path at the root comes to.
#[derive(Debug)]
pub(crate) enum Place {
    /// The gateway's own document about a resource.
    Resource(Resource),
    /// What a plugin answers here.
    Plugin(Uri),
}

/// Where clients get tokens for an endpoint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The path of the endpoint, as the client wrote it, which at a plugin's own host is not below the plugin's.
    path: String,
    authorization: AuthorizationOptions,
    /// What a token must carry.
    scopes: BTreeSet<String>,
}

/// What is at this path; `None` where no such document is.
pub(crate) fn look(generation: &Generation, uri: &Uri) -> Option<Place> {
    let path = uri.path();
    // Nearly every path is none of these.
    if !path.starts_with("/.well-known/o") {
        return None;
    }
    if let Some(of) = below(path, RESOURCE) {
        return Resource::at(generation, of).map(Place::Resource);
    }
    let (of, names): (_, &[&str]) = match below(path, SERVER) {
        // The second has all that is in the first.
        Some(of) => (of, &[SERVER, OPENID]),
        None => (below(path, OPENID)?, &[OPENID]),
    };
    issuer(generation, of, names, uri).map(Place::Plugin)
}

/// What is at this path of the own host of the plugin that is mounted so, where documents are about its root; `None` where
/// no such document is.
pub(crate) fn look_at_own_host(generation: &Generation, mount: &Mount, uri: &Uri) -> Option<Place> {
    let path = uri.path();
    if let Some(of) = path.strip_prefix(RESOURCE).filter(|of| of.is_empty() || of.starts_with('/'))
    {
        let raw = format!("/plugins/{}{of}", mount.slug);
        let resource = Resource::at(generation, &raw)?;
        return Some(Place::Resource(Resource { path: of.to_owned(), ..resource }));
    }
    let names: &[&str] = match path {
        SERVER => &[SERVER, OPENID],
        _ => return None,
    };
    below_mount(mount, offered(mount, names)?, uri).map(Place::Plugin)
}

/// The path that a document at the root is about.
fn below<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    path.strip_prefix(name).filter(|of| of.starts_with("/plugins/"))
}

/// The address of a path below the plugin's.
pub(crate) fn below_mount(mount: &Mount, path: &str, asked: &Uri) -> Option<Uri> {
    // `*` of an OPTIONS is no path.
    if !path.starts_with('/') {
        return None;
    }
    let query = asked.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = asked.clone().into_parts();
    parts.path_and_query = Some(format!("/plugins/{}{path}{query}", mount.slug).parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// The plugin's own address of what is asked about it, at the same host.
fn issuer(generation: &Generation, of: &str, names: &[&str], asked: &Uri) -> Option<Uri> {
    let path = PluginPath::parse(of).ok().filter(|path| path.relative() == "/")?;
    let mount = generation.mount(path.slug())?;
    below_mount(mount, offered(mount, names)?, asked)
}

/// The first of these paths that the plugin has. One that never ran has told nothing: it is asked for what the client wants.
fn offered<'a>(mount: &Mount, names: &[&'a str]) -> Option<&'a str> {
    let get = Some(EndpointMethod::Get);
    let has = |name: &&&str| matches!(mount.endpoints.resolve(get, name), Resolution::Endpoint(_));
    names.iter().find(has).or(names.first()).copied()
}

impl Resource {
    /// Who gives tokens for the endpoint at a path; `None` where nobody says so.
    fn at(generation: &Generation, raw: &str) -> Option<Self> {
        let path = PluginPath::parse(raw).ok()?;
        let mount = generation.mount(path.slug())?;
        let options = &mount.plugin.options;
        let mut scopes: BTreeSet<_> = options.policy.scopes_required.iter().cloned().collect();
        let (mut is_there, mut said) = (path.relative() == "/", None);
        for method in EndpointMethod::ALL {
            let resolution = mount.endpoints.resolve(Some(method), path.relative());
            let Resolution::Endpoint(named) = resolution else { continue };
            is_there = true;
            scopes.extend(named.scopes.iter().flat_map(|scopes| scopes.iter().cloned()));
            said = said.or_else(|| AuthorizationOptions::of_metadata(&named.endpoint.metadata));
        }
        // It stands for a list that cannot be read.
        scopes.remove("");
        let authorization = options.authorization.over(said.unwrap_or_default());
        let is_told = is_there && !authorization.is_empty();
        is_told.then(|| Self { path: raw.to_owned(), authorization, scopes })
    }

    /// The document.
    fn document(&self, base: &str, addresses: &Addresses<'_>) -> serde_json::Value {
        let resource = match &self.authorization.resource {
            Some(resource) => resource.to_string(),
            None => format!("{base}{}", self.path),
        };
        let mut document = json!({"resource": resource, "bearer_methods_supported": ["header"]});
        if !self.authorization.servers.is_empty() {
            let servers = self.authorization.servers.iter();
            document["authorization_servers"] =
                servers.filter_map(|it| addresses.issuer(it)).collect();
        }
        if !self.scopes.is_empty() {
            document["scopes_supported"] = self.scopes.iter().cloned().collect();
        }
        document
    }
}

/// Answers with the document about a resource. Pages of every origin may read it: it is for everybody.
///
/// # Errors
/// 405 for a method other than GET, HEAD and OPTIONS; 404 where no address of the gateway is known.
pub(crate) fn answer(
    context: &RequestContext,
    head: &Parts,
    resource: &Resource,
) -> Result<Response<EdgeBody>, EdgeError> {
    let mut response = match head.method {
        Method::GET | Method::HEAD => {
            let addresses = Addresses::of(context, head);
            let base = addresses.base().ok_or(Miss::NotFound)?;
            let document = resource.document(&base, &addresses);
            Response::new(EdgeBody::full(document.to_string().into()))
        }
        Method::OPTIONS => {
            let mut response = Response::new(EdgeBody::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        _ => return Err(Miss::MethodNotAllowed(readable()).into()),
    };
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
    if head.method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, any);
        let methods = allow_value(readable());
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
        headers.insert(header::ALLOW, methods);
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

fn readable() -> MethodSet {
    MethodSet::from_iter([EndpointMethod::Get]).with_implied()
}

/// Tells a client that is refused where it gets a token, and for what.
pub(crate) fn tell(context: &RequestContext, head: &Parts, error: &mut EdgeError) {
    if !matches!(error.code, ErrorCode::Unauthorized | ErrorCode::InsufficientScope) {
        return;
    }
    let Some((resource, document)) = document_of(context, head) else { return };
    let challenges = error.headers.iter_mut();
    for (_, value) in challenges.filter(|(name, _)| *name == header::WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        let mut text = text.to_owned();
        let _ = write!(text, ", resource_metadata=\"{document}\"");
        if !text.contains("scope=\"") && !resource.scopes.is_empty() {
            let scopes: Vec<_> = resource.scopes.iter().map(String::as_str).collect();
            let _ = write!(text, ", scope=\"{}\"", scopes.join(" "));
        }
        if let Ok(longer) = HeaderValue::from_str(&text) {
            *value = longer;
        }
    }
}

/// Adds the same to the answer of a plugin that asks for more scopes, and cannot know where clients reach the gateway.
pub(crate) fn complete(context: &RequestContext, head: &Parts, response: &mut Response<EdgeBody>) {
    let is_refused = matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if !is_refused || !response.headers().contains_key(header::WWW_AUTHENTICATE) {
        return;
    }
    let Some((_, document)) = document_of(context, head) else { return };
    let challenges = response.headers_mut().iter_mut();
    for (_, value) in challenges.filter(|(name, _)| *name == header::WWW_AUTHENTICATE) {
        let longer = value.to_str().ok().and_then(|text| completed(text, &document));
        if let Some(longer) = longer.and_then(|text| HeaderValue::try_from(text).ok()) {
            *value = longer;
        }
    }
}

/// The challenge with the address of the document, where it wants scopes and says nothing of it. Behind the scheme, since
/// behind its end there may be another challenge.
fn completed(challenge: &str, document: &str) -> Option<String> {
    let (scheme, said) = challenge.split_once(' ')?;
    let wants_scopes = scheme.eq_ignore_ascii_case("bearer")
        && said.contains("error=\"insufficient_scope\"")
        && !said.contains("resource_metadata=");
    wants_scopes
        .then(|| format!("{scheme} resource_metadata=\"{document}\", {}", said.trim_start()))
}

/// The endpoint that is asked, and where the document about it is.
fn document_of(context: &RequestContext, head: &Parts) -> Option<(Resource, String)> {
    let path = head.uri.path();
    let resource = Resource::at(&context.generation, path)?;
    let base = Addresses::of(context, head).base()?;
    let path = match &context.own_host {
        // Where it is asked is not below the path of the plugin.
        Some(_) => path.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}")),
        None => resource.path.clone(),
    };
    let document = format!("{base}{RESOURCE}{path}");
    Some((resource, document))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_that_wants_scopes_and_says_nothing_of_the_document_is_completed() {
        let wants = "Bearer error=\"insufficient_scope\", scope=\"a b\"";
        assert_eq!(
            completed(wants, "https://gw/x").as_deref(),
            Some(
                "Bearer resource_metadata=\"https://gw/x\", error=\"insufficient_scope\", scope=\"a b\""
            )
        );
        for other in [
            "Bearer",
            "Bearer error=\"invalid_token\"",
            "Basic realm=\"a\", Bearer error=\"insufficient_scope\"",
            "Bearer error=\"insufficient_scope\", resource_metadata=\"https://other/\"",
        ] {
            assert_eq!(completed(other, "https://gw/x"), None, "{other}");
        }
    }
}
