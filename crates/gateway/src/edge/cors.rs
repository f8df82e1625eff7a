//! What browsers are told about pages of other origins, where the operator says who may ask.
//!
//! A browser asks before it sends what a plain form could not send (a preflight), and never with
//! credentials. Knows nothing of routes.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use sidegate_model::cors::{CorsOptions, Origins};
use sidegate_model::endpoint::MethodSet;

/// What is the operator's word, not the plugin's, where the operator has spoken.
const OURS: [HeaderName; 3] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// Whether a browser asks what it may send.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(header::ORIGIN)
        && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Tells with an answer, whatever it is, who may read it; replaces what the plugin says of that.
pub(crate) fn tell(cors: &CorsOptions, asked: &HeaderMap, answer: &mut HeaderMap) {
    for name in &OURS {
        answer.remove(name);
    }
    let origin = asked.get(header::ORIGIN);
    let allowed = match &cors.origins {
        Origins::Any => Some(HeaderValue::from_static("*")),
        Origins::These(_) => {
            // Also for those who may not read it, or a cache would keep it for those who may.
            answer.append(header::VARY, HeaderValue::from_static("Origin"));
            origin.filter(|origin| cors.allows(origin.as_bytes())).cloned()
        }
    };
    let Some(allowed) = allowed else { return };
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    if let Some(list) = cors.expose.as_deref() {
        insert(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, list);
    }
}

/// Tells with the answer to a preflight what may be sent: the rest of [`tell`].
pub(crate) fn permit(
    cors: &CorsOptions,
    asked: &HeaderMap,
    methods: MethodSet,
    answer: &mut HeaderMap,
) {
    if !asked.get(header::ORIGIN).is_some_and(|origin| cors.allows(origin.as_bytes())) {
        return;
    }
    insert(answer, header::ACCESS_CONTROL_ALLOW_METHODS, &methods.to_string());
    match &cors.headers {
        Some(list) => insert(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, list),
        None => {
            // All of them, by name: a browser does not take * for credentials.
            if let Some(list) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, list.clone());
            }
        }
    }
    if let Some(age) = cors.max_age {
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, age.as_secs().into());
    }
}

fn insert(answer: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.insert(name, value);
    }
}
