//! An example of what each operation that takes a body is sent: with all that must be said, and what is usually said beside it.
//! The document has them, so that whoever reads it has a request that works to begin with.

use crate::operations::OperationId;
use serde_json::{Value, json};

/// The body to begin with; none for an operation that takes none.
pub(crate) fn example(operation: OperationId) -> Option<Value> {
    use OperationId as Id;
    let billing = || json!({"kind": "app", "name": "billing", "fields": ["/rate_limit"]});
    Some(match operation {
        Id::CreatePlugin => {
            json!({"name": "hooks", "slug": "hooks", "command": "file:///opt/hooks"})
        }
        Id::ChangePlugin => json!({"description": "Takes webhooks"}),
        Id::InspectPlugin => json!({"command": "file:///opt/hooks"}),
        Id::ValidateAndLoad => json!({"command": "file:///opt/hooks"}),
        Id::GrantScopes | Id::RevokeScopes => json!({"scopes": ["kv.readwrite"]}),
        Id::ApproveScopes => json!({"approved": true}),
        Id::ChangePublic => json!({"approve": ["*"]}),
        Id::TryPlugin => json!({"method": "GET", "path": "/hello"}),
        Id::CallPlugin => json!({}),
        Id::CreateApp => json!({"name": "billing", "owner_email": "billing-team@example.com"}),
        Id::ChangeApp => json!({"rate_limit": 600}),
        Id::CreateToken => json!({"app_id": 1, "name": "ci", "expires_in": "90d"}),
        Id::CreateIssuer => json!({
            "name": "corp", "url": "https://id.example.com", "audiences": ["https://gw.example.com/plugins/{slug}"],
            "clients": {"web-shop": "billing"},
        }),
        Id::ChangeIssuer => json!({"clients": {"web-shop": "billing"}}),
        Id::RotateToken => json!({"overlap": "24h"}),
        Id::Explain => json!({"method": "GET", "path": "/plugins/hooks/hello"}),
        Id::CreateAdminToken => {
            json!({"name": "pipeline", "role": "operator", "expires_in": "90d"})
        }
        Id::CreateUser => json!({"name": "jane", "role": "operator"}),
        Id::ChangeUser => json!({"role": "viewer"}),
        Id::SetPassword => json!({"password": "a long new password"}),
        Id::SignIn => json!({"name": "jane", "password": "her long password"}),
        Id::BeginSignIn => json!({"provider": "corp"}),
        Id::CreateEdge => json!({"name": "berlin-1"}),
        Id::RenewJoinToken => json!({"join_token_expires_in": "1h"}),
        Id::CreateNamespace => json!({"name": "berlin", "description": "edges in Berlin"}),
        Id::ShowNamespaceKey => json!({"namespace": ""}),
        Id::RollBack => json!({"revision": 1, "namespace": "", "dry_run": true}),
        Id::KeepApplied => json!({"things": [billing()]}),
        Id::ChangeLogging => json!({"level": "info,access=off"}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::operations;

    #[test]
    fn every_operation_that_takes_a_body_has_an_example_and_no_other() {
        for operation in operations() {
            let takes = operation.body.is_some() || operation.any_json;
            assert_eq!(example(operation.id).is_some(), takes, "{:?}", operation.id);
        }
    }
}
