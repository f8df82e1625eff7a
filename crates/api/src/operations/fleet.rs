//! The operations of what is kept for edges and of what was: edges, namespaces, history, and files that were applied.

use super::{OperationId, at};
use crate::applied::{AppliedAttributes, AppliedFields};
use crate::edge::{
    AuthorityAttributes, BootstrapFileAttributes, BootstrapFileQuery, EdgeAttributes, EdgeFields,
    EdgeQuery, JoinTokenFields, LineageAttributes, NamespaceKeyAttributes, NamespaceKeyFields,
};
use crate::error::ErrorCode;
use crate::history::{
    DiffAttributes, DiffQuery, RevisionAttributes, RevisionList, RevisionQuery, RollbackAttributes,
    RollbackFields,
};
use crate::namespace::{NamespaceAttributes, NamespaceFields, NamespaceQuery};
use crate::operation::{Answer, Content, Method, Operation, Shape};
use crate::resource::{Changed, PageOf, Shown};
use crate::role::Role;

/// Of a control plane only.
pub(super) fn edges() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListEdges, Method::Get, "/api/v1/edges")
            .query::<EdgeQuery>()
            .shows::<PageOf<EdgeAttributes>>("A page of edges."),
        at(Id::CreateEdge, Method::Post, "/api/v1/edges")
            .body::<EdgeFields>()
            .refused(ErrorCode::Conflict)
            .creates::<EdgeAttributes>("The new edge, with its join token."),
        at(Id::ShowEdge, Method::Get, "/api/v1/edges/{id}")
            .shows_version::<Shown<EdgeAttributes>>("The edge."),
        at(Id::RenewJoinToken, Method::Post, "/api/v1/edges/{id}/join-token")
            .body::<JoinTokenFields>()
            .conditional()
            .changes::<EdgeAttributes>("The edge, with its join token."),
        at(Id::RevokeEdge, Method::Post, "/api/v1/edges/{id}/revoke")
            .conditional()
            .changes::<EdgeAttributes>("The edge as it is now."),
        at(Id::DeleteEdge, Method::Delete, "/api/v1/edges/{id}").conditional().deletes(),
        at(Id::RotateAuthority, Method::Post, "/api/v1/authorities/rotate")
            .refused(ErrorCode::Conflict)
            .shows::<Shown<AuthorityAttributes>>("The authority that will issue."),
        at(Id::RaiseLineage, Method::Post, "/api/v1/lineage/raise")
            .shows::<Shown<LineageAttributes>>("The lineage as it is now."),
        at(Id::ShowBootstrapFile, Method::Get, "/api/v1/bootstrap-file")
            .role(Role::Admin)
            .query::<BootstrapFileQuery>()
            .shows::<Shown<BootstrapFileAttributes>>("The file."),
        at(Id::ShowNamespaceKey, Method::Post, "/api/v1/namespace-keys")
            .body::<NamespaceKeyFields>()
            .shows::<Shown<NamespaceKeyAttributes>>("The keys, which the audit log tells."),
    ];
    rows.map(|row| row.tag("edges").refused(ErrorCode::NotFound)).into()
}

pub(super) fn namespaces() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListNamespaces, Method::Get, "/api/v1/namespaces")
            .query::<NamespaceQuery>()
            .shows::<PageOf<NamespaceAttributes>>("A page of namespaces, in the order of names."),
        at(Id::CreateNamespace, Method::Post, "/api/v1/namespaces")
            .body::<NamespaceFields>()
            .refused(ErrorCode::Conflict)
            .creates::<NamespaceAttributes>("The new namespace."),
        at(Id::ShowNamespace, Method::Get, "/api/v1/namespaces/{id}")
            .shows_version::<Shown<NamespaceAttributes>>("The namespace."),
        at(Id::DeleteNamespace, Method::Delete, "/api/v1/namespaces/{id}")
            .conditional()
            .refused(ErrorCode::Conflict)
            .deletes(),
    ];
    rows.map(|row| row.tag("namespaces")).into()
}

/// What was stored, and going back to it.
pub(super) fn history() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let done = Content::Json(Shape::of::<Changed<RollbackAttributes>>());
    let done = Answer::new(200, "What was changed, or would be.", done);
    let rows = [
        at(Id::ListRevisions, Method::Get, "/api/v1/revisions")
            .query::<RevisionQuery>()
            .shows::<RevisionList>("Some revisions, newest first."),
        at(Id::DiffRevisions, Method::Get, "/api/v1/revisions/diff")
            .query::<DiffQuery>()
            .refused(ErrorCode::NotFound)
            .shows::<Shown<DiffAttributes>>("What differs."),
        at(Id::RollBack, Method::Post, "/api/v1/revisions/rollback")
            .body::<RollbackFields>()
            .refused(ErrorCode::NotFound)
            .refused(ErrorCode::Conflict)
            .answer(Answer { change: true, ..done }),
        at(Id::ShowRevision, Method::Get, "/api/v1/revisions/{id}")
            .shows::<Shown<RevisionAttributes>>("The revision."),
    ];
    rows.map(|row| row.tag("history")).into()
}

/// What configuration as code keeps.
pub(super) fn applied() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ShowApplied, Method::Get, "/api/v1/applied/{owner}")
            .refused(ErrorCode::NotFound)
            .shows::<Shown<AppliedAttributes>>("What they named."),
        at(Id::KeepApplied, Method::Put, "/api/v1/applied/{owner}")
            .role(Role::Operator)
            .body::<AppliedFields>()
            .refused(ErrorCode::Conflict)
            .shows::<Shown<AppliedAttributes>>("What they name from now on."),
    ];
    rows.map(|row| row.tag("configuration as code")).into()
}
