//! What the page of a plugin fetches and asks, over HTTP: its files, which are code that is never to run as ours, and answers
//! of the plugin. The audit log has who asked which plugin what, never with which words.

use super::auth::Caller;
use super::error::ApiError;
use super::event_stream::Connection;
use super::extract::read_body;
use super::page_body::body;
use super::state::AdminState;
use axum::extract::{Extension, FromRequestParts, Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use serde::de::IgnoredAny;
use serde_json::Value;
use sidegate_api::error::ErrorCode;
use sidegate_model::plugin::{Plugin, PluginId, PluginSpec};
use sidegate_model::plugin_page::{PageCall, PageFailure, PageUser};
use sidegate_model::quota::Verdict;
use std::sync::Arc;

/// How often one user may ask plugins something each second, and at once.
const CALLS_A_SECOND: u32 = 10;
/// How many files of pages one user may fetch each second, and at once.
const ASSETS_A_SECOND: u32 = 50;
/// Longest name of what is asked.
const MAX_METHOD: usize = 128;
/// Longest path of a file.
const MAX_PATH: usize = 1024;

/// Whoever opens a file of a plugin by itself gets a document that may do nothing and is of no origin.
const ASSET_POLICY: &str = "sandbox; default-src 'none'";

/// A number in the path, and a text behind it.
pub(crate) struct IdAndText(u32, String);

impl<S: Send + Sync> FromRequestParts<S> for IdAndText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, text)) =
            texts.map_err(|_| ApiError::bad_request("path: this cannot be decoded"))?;
        let id = id.parse().map_err(|_| ApiError::not_found("ids of plugins are numbers"))?;
        Ok(Self(id, text))
    }
}

/// A plugin that is to run.
///
/// # Errors
/// Where there is none, or it is switched off.
async fn running(state: &AdminState, id: u32) -> Result<Plugin, ApiError> {
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    if plugin.draft.is_active {
        return Ok(plugin);
    }
    let detail = format!("plugin {:?} is switched off: enable it first", plugin.draft.name);
    Err(ApiError::new(ErrorCode::Conflict, detail))
}

/// Says of a failure that it is about the machine of the control plane, where that is another one than those of the nodes.
pub(super) fn refusal(state: &AdminState, failure: PageFailure) -> ApiError {
    match failure {
        PageFailure::NotHere(why) if state.edges.is_some() => PageFailure::NotHere(format!(
            "{why}; pages of plugins run on the machine of the control plane, where the program must be, too"
        )),
        failure => failure,
    }
    .into()
}

/// Whether a file can have this path, which is decoded already: plugins may take it for one of their file system, so what
/// leads out of a folder never gets there.
fn is_path(path: &str) -> bool {
    path.len() <= MAX_PATH
        && !path.chars().any(|c| c.is_control() || c == '\\')
        && !path.split('/').any(|segment| segment == "." || segment == "..")
}

/// `GET /plugins/{id}/assets/{path}`
pub(crate) async fn asset(
    State(state): State<AdminState>,
    caller: Caller,
    connection: Option<Extension<Connection>>,
    IdAndText(id, path): IdAndText,
) -> Result<Response, ApiError> {
    if !is_path(&path) {
        return Err(ApiError::not_found("no file has such a path"));
    }
    within_rate(&state, &caller, FILES)?;
    let user = PageUser::from(caller.who());
    state.page_memory.check(&user)?;
    let plugin = running(&state, id).await?;
    let path = format!("/{}", path.trim_start_matches('/'));
    let asset = state.pages.asset(Arc::new(plugin.spec()), path, user.clone()).await;
    let asset = asset.map_err(|failure| refusal(&state, failure))?;
    let kind = HeaderValue::from_str(&asset.media_type).ok().filter(|kind| !kind.is_empty());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let fixed = [
        (CONTENT_SECURITY_POLICY, ASSET_POLICY),
        (CONTENT_DISPOSITION, "attachment"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let fixed = fixed.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let share = state.page_memory.take(&user, asset.content.len())?;
    let connection = connection.map(|Extension(found)| found);
    let mut response = Response::new(body(share, asset.content, connection));
    response.headers_mut().extend(fixed.map(|(name, value)| (Some(name), value)));
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// `POST /plugins/{id}/rpc/{method}`
pub(crate) async fn call(
    State(state): State<AdminState>,
    caller: Caller,
    IdAndText(id, method): IdAndText,
    request: Request,
) -> Result<Response, ApiError> {
    if method.len() > MAX_METHOD || method.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "method: use at most {MAX_METHOD} bytes, and no control characters"
        )));
    }
    let user = PageUser::from(caller.who());
    within_rate(&state, &caller, CALLS)?;
    state.page_memory.check(&user)?;
    let plugin = running(&state, id).await?;
    let connection = request.extensions().get::<Connection>().cloned();
    let payload = payload(&read_body(request, &state).await?);
    let store = state.control.store();
    state.page_notes.note(store, caller.context(), &plugin, &method).await?;
    let spec: Arc<PluginSpec> = Arc::new(plugin.spec());
    let call = PageCall { method: method.clone(), payload, user: user.clone() };
    let answer = state.pages.call(spec, call).await;
    let data = answer.map_err(|failure| refusal(&state, failure))?;
    state.page_notes.answered(plugin.id, &method);
    let json = HeaderValue::from_static("application/json");
    let content = wrapped(&data).into_bytes();
    let share = state.page_memory.take(&user, content.len())?;
    Ok(([(CONTENT_TYPE, json)], body(share, content, connection)).into_response())
}

/// Something that a user may do so often each second: its key, how often, and what it is.
type Rate = (&'static str, u32, &'static str);
const CALLS: Rate = ("call", CALLS_A_SECOND, "ask plugins things");
const FILES: Rate = ("file", ASSETS_A_SECOND, "fetch files of plugins");

fn within_rate(
    state: &AdminState,
    caller: &Caller,
    (kind, most, what): Rate,
) -> Result<(), ApiError> {
    let who = caller.who();
    let number = who.number().unwrap_or_default();
    let key = format!("{kind}:{}:{number}:{}", who.kind(), who.name());
    // The law counts by the minute; here a second is one.
    let nanos = u64::try_from(state.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
    match state.page_quotas.take(&key, most, nanos.saturating_mul(60)) {
        Verdict::Refuse { .. } => Err(ApiError::too_many(
            format!("pages may {what} {most} times a second for one user"),
            1,
        )),
        Verdict::Unlimited | Verdict::Pass(_) => Ok(()),
    }
}

/// An object as JSON; anything else counts as one that says nothing, as in the existing system.
fn payload(body: &[u8]) -> String {
    match serde_json::from_slice(body) {
        Ok(object @ Value::Object(_)) => object.to_string(),
        Ok(_) | Err(_) => "{}".to_owned(),
    }
}

/// What a plugin answered, as it is where it is JSON, else as a text.
fn wrapped(data: &str) -> String {
    match serde_json::from_str::<IgnoredAny>(data) {
        Ok(_) => format!("{{\"data\":{data}}}"),
        Err(_) => serde_json::json!({ "data": data }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_is_an_empty_one_and_what_is_no_json_is_a_text() {
        assert_eq!(payload(br#"{"a": [1]}"#), r#"{"a":[1]}"#);
        for other in [&b""[..], b"[1]", b"7", b"{", b"\xff"] {
            assert_eq!(payload(other), "{}");
        }
        // Numbers that no program here could hold stay as they are.
        assert_eq!(
            wrapped("{\"n\":123456789012345678901}"),
            "{\"data\":{\"n\":123456789012345678901}}"
        );
        assert_eq!(wrapped("null"), "{\"data\":null}");
        assert_eq!(wrapped("say \"hi\""), r#"{"data":"say \"hi\""}"#);
        assert_eq!(wrapped(""), r#"{"data":""}"#);
        assert_eq!(wrapped("1, \"x\": 2"), r#"{"data":"1, \"x\": 2"}"#);
    }
}
