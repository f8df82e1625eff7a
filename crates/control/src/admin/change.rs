//! Reading a change of a thing: fields that take the place of those that are stored, or a merge
//! patch (RFC 7396) of the thing as a whole.

use super::error::ApiError;
use super::extract::{BodyKind, body_kind, read_body, read_fields};
use super::state::AdminState;
use axum::extract::{FromRequest, Request};
use sidegate_api::operation::Fields;
use sidegate_api::read::{Members, Reading, members_of};

/// What a client wants to become different.
#[derive(Clone)]
pub(crate) enum Change<T> {
    /// Fields; `null` and absent both mean: nothing said.
    Fields(Reading<T>),
    /// A patch of the attributes; `null` gives an attribute the value it has when nothing is said
    /// at its creation, and removes a member of one that is an object.
    Merge(Members),
}

impl<T: Fields> FromRequest<AdminState> for Change<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AdminState) -> Result<Self, ApiError> {
        let kind = body_kind(&request, &[BodyKind::Json, BodyKind::MergePatch])?;
        let found = members_of(&read_body(request, state).await?, T::NOUN)?;
        Ok(match kind {
            BodyKind::Json => Self::Fields(read_fields(found)),
            BodyKind::MergePatch => Self::Merge(found),
        })
    }
}
