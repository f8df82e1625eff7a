//! What a request is to change, and on which condition: what its path and its `If-Match` say together.

use super::error::ApiError;
use super::extract::Id;
use super::if_match::IfMatch;
use axum::extract::FromRequestParts;
use http::request::Parts;
use sidegate_store::Precondition;

/// The number of what a request is to change, and its condition.
pub(crate) struct Target {
    pub(crate) id: u32,
    pub(crate) precondition: Precondition,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Id(id) = Id::from_request_parts(parts, state).await?;
        let IfMatch(precondition) = IfMatch::from_request_parts(parts, state).await?;
        Ok(Self { id, precondition })
    }
}
