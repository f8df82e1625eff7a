//! Reading what a client sent: attributes from a JSON body, an id from the path, a query. Each
//! refusal names the field at fault. Knows no noun; what values mean is the caller's business.

use super::error::ApiError;
use super::state::AdminState;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Largest request body, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// The attributes a client sent, either as `{"data":{"type":…,"attributes":{…}}}` or flat.
pub(crate) struct Attributes<T>(pub(crate) T);

impl<T: Named + DeserializeOwned> FromRequest<AdminState> for Attributes<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        body_kind(&request, &[BodyKind::Json])?;
        parse_attributes(&read_body(request, state).await?, T::TYPE).map(Self)
    }
}

/// What a body is declared as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// An object of attributes.
    Json,
    /// A merge patch of them.
    MergePatch,
}

impl BodyKind {
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json", "application/vnd.api+json"],
            Self::MergePatch => &["application/merge-patch+json"],
        }
    }
}

/// Reads a whole body, in time.
pub(crate) async fn read_body(request: Request, state: &AdminState) -> Result<Bytes, ApiError> {
    let reading = Bytes::from_request(request, state);
    match tokio::time::timeout(state.settings.body_timeout, reading).await {
        Ok(body) => body.map_err(|rejection| unreadable(&rejection)),
        Err(_) => {
            let detail = "the body did not arrive completely in time";
            Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, detail))
        }
    }
}

/// Attributes of a noun: they say by which `type` a client may announce them.
pub(crate) trait Named {
    /// The noun, in the singular; clients may also send its plural.
    const TYPE: &'static str;
}

/// What a request declares its body as, which must be one of those that its address takes.
pub(crate) fn body_kind(request: &Request, taken: &[BodyKind]) -> Result<BodyKind, ApiError> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = given.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let declared = |kind: &&BodyKind| kind.media_types().contains(&essence.as_str());
    if let Some(kind) = taken.iter().find(declared) {
        return Ok(*kind);
    }
    let names: Vec<_> = taken.iter().map(|kind| kind.media_types()[0]).collect();
    let names = names.join(" or ");
    let detail = match given {
        Some(given) => format!("Content-Type {given:?} is not understood: send {names}"),
        None => format!("Content-Type is missing: send {names}"),
    };
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    }
    ApiError::bad_request("the body could not be read to its end")
}

/// Reads the attributes of a noun.
pub(crate) fn parse_attributes<T: DeserializeOwned>(
    body: &[u8],
    noun: &str,
) -> Result<T, ApiError> {
    let (attributes, path) = attributes_of(body, noun)?;
    read_fields(attributes, path)
}

/// The attributes in a body, and the path to them.
pub(crate) fn attributes_of(
    body: &[u8],
    noun: &str,
) -> Result<(Map<String, Value>, &'static str), ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::bad_request("the body is empty: send a JSON object"));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_request(format!("the body is not valid JSON: {error}")))?;
    let Value::Object(mut document) = value else {
        return Err(ApiError::bad_request("the body is not a JSON object"));
    };
    match document.remove("data") {
        None => Ok((document, "")),
        Some(data) => {
            only_known(&document, &[], "")?;
            Ok((unwrap_resource(data, noun)?, "data.attributes."))
        }
    }
}

fn unwrap_resource(data: Value, noun: &str) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(mut data) = data else {
        return Err(ApiError::bad_request("data: this is not a JSON object"));
    };
    only_known(&data, &["type", "id", "attributes"], "data.")?;
    let is_noun = |given: &str| given.strip_suffix('s').unwrap_or(given) == noun;
    if data.get("type").is_some_and(|given| !given.as_str().is_some_and(is_noun)) {
        return Err(ApiError::bad_request(format!("data.type: this address takes {noun:?}")));
    }
    match data.remove("attributes") {
        Some(Value::Object(attributes)) => Ok(attributes),
        _ => Err(ApiError::bad_request("data.attributes: send a JSON object")),
    }
}

fn only_known(object: &Map<String, Value>, known: &[&str], path: &str) -> Result<(), ApiError> {
    let unknown = object.keys().filter(|key| !known.contains(&key.as_str()));
    let details = unknown.map(|key| format!("{path}{key}: this field is unknown here")).collect();
    ApiError::all_of(details).map_or(Ok(()), Err)
}

/// Reads attributes as fields; a refusal names the field at fault.
pub(crate) fn read_fields<T: DeserializeOwned>(
    fields: Map<String, Value>,
    path: &str,
) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let field = match error.path().to_string() {
            field if field == "." => path.trim_end_matches('.').to_owned(),
            field => format!("{path}{field}"),
        };
        let separator = if field.is_empty() { "" } else { ": " };
        ApiError::bad_request(format!("{field}{separator}{}", error.inner()))
    })
}

/// A number in the path. Anything else names nothing, which is 404.
pub(crate) struct Id(pub(crate) u32);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.as_ref().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| {
            ApiError::not_found("ids are numbers; find one by name with ?name= on the list")
        })
    }
}

/// The query of a list.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(
            |rejection| {
                // The outer text only says that this is about the query; the inner names the field.
                let reason = std::error::Error::source(&rejection).map(ToString::to_string);
                let reason = reason.unwrap_or_else(|| rejection.body_text());
                ApiError::bad_request(format!("query: {reason}"))
            },
        )
    }
}
