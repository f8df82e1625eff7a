//! A request as JSON: everything a plugin can know of it. Hides nothing, so it is not for
//! production.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sidegate_sdk::{App, Headers, Request, Response};

/// The whole request.
pub(crate) fn echo(req: &Request) -> Response {
    let (body, body_encoding) = match std::str::from_utf8(req.body()) {
        Ok(text) => (text.to_owned(), "utf8"),
        Err(_) => (BASE64.encode(req.body()), "base64"),
    };
    let json = json!({
        "method": req.method(),
        "path": req.path(),
        "raw_path": text(req.raw_path()),
        "relative_path": req.relative_path(),
        "path_segments": req.segments(),
        "headers": header_map(req.headers()),
        "header_list": header_list(req.headers()),
        "body": body,
        "body_encoding": body_encoding,
        "body_len": req.body().len(),
        "body_sha256": hex(&Sha256::digest(req.body())),
        "query_string": req.query_string(),
        "remote_addr": req.remote_addr(),
        "host": req.host(),
        "protocol": req.protocol(),
        "scheme": req.scheme(),
        "request_id": req.request_id(),
        "authenticated": req.authenticated(),
        "app": req.app().map(app),
        "scopes": req.scopes(),
    });
    Response::json(&json).header("X-Lab-Method", req.method())
}

/// What the gateway adds to a request that is neither line, header nor body.
pub(crate) fn context(req: &Request) -> Response {
    Response::json(&json!({
        "request_id": req.request_id(),
        "edge_id": req.edge_id(),
        "edge_namespace": req.edge_namespace(),
        "traceparent": req.traceparent(),
    }))
}

fn app(app: &App) -> Value {
    json!({
        "id": app.id,
        "name": app.name,
        "description": app.description,
        "owner_email": app.owner_email,
        "is_active": app.is_active,
        "monthly_budget": app.monthly_budget,
        "rate_limit": app.rate_limit,
        "metadata": app.metadata,
    })
}

/// One text for each name, in the spelling plugins of the first protocol look up (`X-Request-Id`);
/// several values are joined.
fn header_map(headers: &Headers) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter() {
        let separator = if name.eq_ignore_ascii_case("cookie") { "; " } else { ", " };
        map.entry(canonical(name))
            .and_modify(|joined| joined.push_str(separator))
            .or_default()
            .push_str(&text(value));
    }
    map
}

fn header_list(headers: &Headers) -> Vec<(&str, String)> {
    headers.iter().map(|(name, value)| (name, text(value))).collect()
}

fn canonical(name: &str) -> String {
    let capitalized = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + &rest.to_ascii_lowercase(),
        None => String::new(),
    };
    name.split('-').map(capitalized).collect::<Vec<_>>().join("-")
}

/// Bytes that are no UTF-8 are shown as ISO 8859-1, which loses none of them.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
