//! Reading a change of a thing: fields that take the place of those that are stored, or a merge
//! patch (RFC 7396) of the thing as a whole.

use super::error::ApiError;
use super::extract::{BodyKind, Named, attributes_of, body_kind, parse_attributes, read_body};
use super::state::AdminState;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What a client wants to become different.
#[derive(Clone)]
pub(crate) enum Change<T> {
    /// Fields; `null` and absent both mean: nothing said.
    Fields(T),
    /// A patch of the attributes; `null` gives an attribute the value it has when nothing is said
    /// at its creation, and removes a member of one that is an object.
    Merge(Map<String, Value>),
}

impl<T: Named + DeserializeOwned> FromRequest<AdminState> for Change<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let kind = body_kind(&request, &[BodyKind::Json, BodyKind::MergePatch])?;
        let body = read_body(request, state).await?;
        match kind {
            BodyKind::Json => parse_attributes(&body, T::TYPE).map(Self::Fields),
            BodyKind::MergePatch => Ok(Self::Merge(attributes_of(&body, T::TYPE)?.0)),
        }
    }
}
