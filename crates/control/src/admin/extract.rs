//! Reading what a client sent: fields from a JSON body, an id from the path, a query. What fields
//! there are is said in the API's types; what values mean is the caller's business.

use super::error::ApiError;
use super::state::AdminState;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use sidegate_api::error::ErrorCode;
use sidegate_api::operation;
use sidegate_api::read::{
    Members, NoQuery, Readable, Reading, members_of, read_members, read_query,
};
use sidegate_model::applied::check_owner;

/// Largest request body, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// The fields a client sent, as far as they could be read.
pub(crate) struct Fields<T>(pub(crate) Reading<T>);

impl<T: operation::Fields> FromRequest<AdminState> for Fields<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        body_kind(&request, &[BodyKind::Json])?;
        Ok(Self(read_fields(members_of(&read_body(request, state).await?, T::NOUN)?)))
    }
}

/// Reads members as fields.
pub(crate) fn read_fields<T: Readable>(found: Members) -> Reading<T> {
    read_members(found.members, found.path).with(found.wrong)
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
            Err(ApiError::new(ErrorCode::RequestTimeout, detail))
        }
    }
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
    Err(ApiError::new(ErrorCode::UnsupportedMediaType, detail))
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status().as_u16() == ErrorCode::BodyTooLarge.status() {
        let detail = format!("the body is larger than {MAX_BODY_BYTES} bytes");
        return ApiError::new(ErrorCode::BodyTooLarge, detail);
    }
    ApiError::bad_request("the body could not be read to its end")
}

/// What is said of an id that is none.
const NO_NUMBER: &str = "ids are numbers; find one by name with ?name= on the list";

/// A number in the path. Anything else names nothing, which is 404.
pub(crate) struct Id(pub(crate) u32);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = text.as_ref().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| ApiError::not_found(NO_NUMBER))
    }
}

/// A number in the path, and a key behind it.
pub(crate) struct IdAndKey(pub(crate) u32, pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for IdAndKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, key)) =
            texts.map_err(|_| ApiError::bad_request("key: this cannot be decoded"))?;
        let id = id.parse().map_err(|_| ApiError::not_found(NO_NUMBER))?;
        Ok(Self(id, key))
    }
}

/// The name of an owner in the path.
pub(crate) struct Owner(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let Path(owner) =
            text.map_err(|_| ApiError::bad_request("owner: this cannot be decoded"))?;
        check_owner(&owner).map_err(ApiError::bad_request)?;
        Ok(Self(owner))
    }
}

/// The query of an address, as far as it could be read.
pub(crate) struct Query<T>(pub(crate) Reading<T>);

impl<S: Send + Sync, T: Readable> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map_err(|_| ApiError::bad_request("query: this cannot be decoded"))?;
        Ok(Self(read_query(pairs.0)))
    }
}

/// Refuses whatever is in the query of an address that takes none, before anything else of the request
/// is looked at.
pub(crate) async fn refuse_query(
    Query(query): Query<NoQuery>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    query.settle(Ok)?;
    Ok(next.run(request).await)
}
