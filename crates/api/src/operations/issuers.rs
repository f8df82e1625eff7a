//! Issuers of JWTs.

use super::{OperationId, at};
use crate::error::ErrorCode;
use crate::issuer::{IssuerAttributes, IssuerFields, IssuerQuery};
use crate::operation::{Method, Operation};
use crate::resource::{PageOf, Shown};

/// Whom one trusts to say who calls is an admin's to decide, which is the role where nothing is said.
pub(super) fn issuers() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows =
        [
            at(Id::ListIssuers, Method::Get, "/api/v1/issuers")
                .query::<IssuerQuery>()
                .shows::<PageOf<IssuerAttributes>>("A page of issuers."),
            at(Id::CreateIssuer, Method::Post, "/api/v1/issuers")
                .body::<IssuerFields>()
                .refused(ErrorCode::Conflict)
                .creates::<IssuerAttributes>("The new issuer."),
            at(Id::ShowIssuer, Method::Get, "/api/v1/issuers/{id}")
                .shows_version::<Shown<IssuerAttributes>>("The issuer."),
            at(Id::ChangeIssuer, Method::Patch, "/api/v1/issuers/{id}")
                .body::<IssuerFields>()
                .merges()
                .conditional()
                .refused(ErrorCode::Conflict)
                .changes::<IssuerAttributes>("The issuer as it is now."),
            at(Id::DeleteIssuer, Method::Delete, "/api/v1/issuers/{id}").conditional().deletes(),
        ];
    rows.map(|row| row.tag("issuers")).into()
}
