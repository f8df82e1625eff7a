//! A request that an operator tries out on a plugin, over HTTP: made by the node beside on its own port for clients,
//! so that it is decided, counted and logged like a client's. Of a gateway that stands alone; edges are asked by their clients.

use super::auth::Caller;
use super::error::ApiError;
use super::explain::checked_headers;
use super::extract::{Fields, Id};
use super::state::AdminState;
use super::types::resource;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Uri};
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_api::trial::{TrialAttributes, TrialFields, TrialHeader};
use sidegate_model::name::shortened;
use sidegate_model::plugin::PluginId;
use sidegate_model::trial::{MOST_BODY_BYTES, Trial, TrialEnd, Tried};

/// Most trials at a time.
pub(super) const MOST_TRIALS: usize = 4;
/// Longest path that is noted, in characters.
const MOST_NOTED: usize = 1000;
/// Headers that say how a request travels, which is not the asker's business.
const OF_THE_WAY: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `POST /plugins/{id}/try`
pub(crate) async fn attempt(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    Fields(fields): Fields<TrialFields>,
) -> Result<Response, ApiError> {
    let mut trial = fields.settle(read)?;
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let conflict = |detail: &str| ApiError::new(ErrorCode::Conflict, detail);
    if state.edges.is_some() {
        return Err(conflict(
            "a control plane serves no client: ask one of its edges, by its client_url in GET /api/v1/nodes",
        ));
    }
    let slug = plugin.draft.slug().ok().flatten().ok_or_else(|| {
        conflict("the plugin has no slug, so nothing of it is served: give it one first")
    })?;
    trial.target = format!("/plugins/{slug}{}", trial.target);
    let node = state.fleet.nodes().into_iter().next().map(|node| node.id);
    let node = node.ok_or_else(|| ApiError::unavailable("there is no node"))?;
    let _place = state.trials.try_acquire().map_err(|_| {
        ApiError::too_many(format!("{MOST_TRIALS} requests are being tried already"), 1)
    })?;
    let (method, path) = (trial.method.clone(), trial.target.clone());
    // A query can have secrets, and the body and headers, too.
    let without_query: String =
        path.split('?').next().unwrap_or_default().chars().take(MOST_NOTED).collect();
    let store = state.control.store().by(caller.context());
    store.note_trial(&plugin, &shortened(&method), &without_query).await?;
    let tried = state.fleet.attempt(&node, trial).await;
    let tried = tried.map_err(|why| ApiError::new(ErrorCode::Unavailable, why.to_string()))?;
    let attributes = shape(method, path, tried);
    Ok(Json(Shown { data: resource(ResourceType::Trial, id, attributes) }).into_response())
}

fn read(fields: TrialFields) -> Result<Trial, Vec<Problem>> {
    let TrialFields { method, path, token, headers, body, body_base64 } = fields;
    let mut problems = Vec::new();
    let method = method.unwrap_or_else(|| "GET".to_owned());
    let is_method = Method::from_bytes(method.as_bytes()).is_ok();
    if !is_method || method.eq_ignore_ascii_case("CONNECT") {
        problems.push(Problem::at("method", "give the name of a method, as in GET"));
    }
    let target = path.unwrap_or_default();
    if !target.starts_with('/') || target.contains('#') || target.parse::<Uri>().is_err() {
        let told = "give the path below the plugin's slug as it would be sent, from / on, as in /hello?a=1";
        problems.push(Problem::at("path", told));
    }
    let headers = checked_headers(headers, token, &mut problems);
    for (name, _) in &headers {
        if OF_THE_WAY.iter().any(|of_the_way| name.eq_ignore_ascii_case(of_the_way)) {
            let told = format!("{name} says how the request travels: the gateway sets it itself");
            problems.push(Problem::at("headers", told));
        }
    }
    let body = match (body, body_base64) {
        (Some(_), Some(_)) => {
            problems.push(Problem::at("body_base64", "body says it already: say it once"));
            Vec::new()
        }
        (text, None) => text.unwrap_or_default().into_bytes(),
        (None, Some(text)) => STANDARD.decode(text).unwrap_or_else(|_| {
            problems.push(Problem::at("body_base64", "this is no Base64"));
            Vec::new()
        }),
    };
    if body.len() > MOST_BODY_BYTES {
        let told = format!("it has {} bytes, {MOST_BODY_BYTES} are the most", body.len());
        problems.push(Problem::at("body", told));
    }
    match problems.is_empty() {
        true => Ok(Trial { method, target, headers, body }),
        false => Err(problems),
    }
}

fn shape(method: String, path: String, tried: Tried) -> TrialAttributes {
    let Tried { status, headers, body, end, duration } = tried;
    let id = headers.iter().find(|(name, _)| name == "x-request-id");
    TrialAttributes {
        method,
        path,
        status,
        request_id: id.map(|(_, value)| value.clone()),
        headers: headers.into_iter().map(|(name, value)| TrialHeader { name, value }).collect(),
        body_base64: STANDARD.encode(&body),
        text: String::from_utf8(body).ok(),
        why: match &end {
            TrialEnd::Broken(why) => Some(why.clone()),
            _ => None,
        },
        end: (&end).into(),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    }
}
