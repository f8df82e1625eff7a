//! The table of the admin API: every operation there is. Routers, the OpenAPI document and the checks
//! of the tests are made of it; a new operation begins here.

mod fleet;

use crate::admin_token::{
    AdminTokenAttributes, AdminTokenFields, AdminTokenQuery, WhoamiAttributes,
};
use crate::app::{AppAttributes, AppFields, AppQuery};
use crate::audit::{AuditList, AuditQuery};
use crate::error::ErrorCode;
use crate::explain::{ExplainFields, ExplanationAttributes};
use crate::logging::{LoggingAttributes, LoggingFields};
use crate::operation::{Answer, Content, Method, Operation, Shape};
use crate::plugin::{
    ApprovalFields, ChangeQuery, PluginAttributes, PluginFields, PluginQuery, SchemaAttributes,
    ScopeFields, WholeStatusAttributes,
};
use crate::probe::{Health, Readiness};
use crate::public_endpoints::PublicEndpointFields;
use crate::record::{RecordAttributes, RecordQuery};
use crate::resource::{ListOf, PageOf, Shown};
use crate::role::Role;
use crate::route::RouteAttributes;
use crate::token::{RotationFields, TokenAttributes, TokenFields, TokenQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sidegate_model::plugin_roles::{ADMIN_FIELDS, ADMIN_OPTIONS};
use std::borrow::Cow;

/// Where every path of the API proper begins.
pub const PREFIX: &str = "/api/v1";

/// The media type of `/metrics`.
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Makes the enum of operations, its list and their names out of one list.
macro_rules! operation_ids {
    ($($variant:ident $name:literal $what:literal)+) => {
        /// What an operation is called; stable, for programs that are generated from the document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum OperationId {
            $(#[doc = $what] $variant,)+
        }

        impl OperationId {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the document.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it does, in a sentence.
            pub const fn summary(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)+
                }
            }
        }
    };
}

operation_ids! {
    ListPlugins          "list_plugins"           "List plugins."
    CreatePlugin         "create_plugin"          "Register a plugin and start it."
    ShowPlugin           "show_plugin"            "Show a plugin."
    ChangePlugin         "change_plugin"          "Change a plugin."
    DeletePlugin         "delete_plugin"          "Stop a plugin and forget it."
    ReloadPlugin         "reload_plugin"          "Let a new process of a plugin take over."
    GrantScopes          "grant_plugin_scopes"    "Let a plugin ask more of the gateway."
    RevokeScopes         "revoke_plugin_scopes"   "Let a plugin ask less of the gateway."
    ApproveScopes        "approve_plugin_scopes"  "Grant all that a plugin's manifest wishes, or nothing."
    ChangePublic         "change_public_endpoints" "Approve what a plugin offers without a token, or take that back."
    ShowPluginStatus     "show_plugin_status"     "Show how a plugin is doing and what it serves."
    ShowConfigSchema     "show_config_schema"     "Show what a plugin says of its configuration."
    ListPluginRecords    "list_plugin_records"    "List what is known of a plugin's processes, newest first."
    ListApps             "list_apps"              "List apps."
    CreateApp            "create_app"             "Register an app."
    ShowApp              "show_app"               "Show an app."
    ChangeApp            "change_app"             "Change an app."
    DeleteApp            "delete_app"             "Delete an app with all its tokens."
    ListTokens           "list_tokens"            "List tokens, without their texts."
    CreateToken          "create_token"           "Make a token; its text is shown this one time."
    ShowToken            "show_token"             "Show a token, without its text."
    RotateToken          "rotate_token"           "Make a token in the place of another, which ends after a while."
    RevokeToken          "revoke_token"           "Make a token invalid for good."
    ListRoutes           "list_routes"            "List the routes that plugins serve now."
    Explain              "explain_request"        "Say what would happen to a request, and why; nothing is executed or counted."
    Whoami               "whoami"                 "Say who asks, and with which role."
    ListAdminTokens      "list_admin_tokens"      "List admin tokens, without their texts."
    CreateAdminToken     "create_admin_token"     "Make an admin token; its text is shown this one time."
    ShowAdminToken       "show_admin_token"       "Show an admin token, without its text."
    RevokeAdminToken     "revoke_admin_token"     "Make an admin token invalid for good, one's own too."
    ListAudit            "list_audit"             "List who changed what and what was refused, newest first."
    ListEdges            "list_edges"             "List the edges of a control plane, with what each said last."
    CreateEdge           "create_edge"            "Register an edge; its join token is shown this one time."
    ShowEdge             "show_edge"              "Show an edge: where it is, what it serves by, and what it does not take."
    RenewJoinToken       "renew_join_token"       "Give an edge another join token; what it had before counts no more."
    RevokeEdge           "revoke_edge"            "Bar an edge, at once, and replace the keys that it knew."
    DeleteEdge           "delete_edge"            "Bar an edge and forget it."
    RotateAuthority      "rotate_authority"       "Let another authority issue edges' certificates, without an outage."
    RaiseLineage         "raise_lineage"          "Let edges follow what is stored now, whatever they have seen."
    ShowBootstrapFile    "show_bootstrap_file"    "Show what edges of a namespace serve by, as a signed file."
    ShowNamespaceKey     "show_namespace_key"     "Show what an edge needs to read the secrets in a bootstrap file."
    ListNamespaces       "list_namespaces"        "List namespaces, which say which edges get what."
    CreateNamespace      "create_namespace"       "Register a namespace."
    ShowNamespace        "show_namespace"         "Show a namespace."
    DeleteNamespace      "delete_namespace"       "Forget a namespace that nothing is in."
    ListRevisions        "list_revisions"         "List the revisions of what is stored, newest first."
    DiffRevisions        "diff_revisions"         "Say what differs between two revisions."
    RollBack             "roll_back"              "Give a namespace the plugins and apps that it had at a revision."
    ShowRevision         "show_revision"          "Show a revision and what it changed."
    ShowApplied          "show_applied"           "Show which fields the files of an owner named when they were applied."
    KeepApplied          "keep_applied"           "Keep which fields the files of an owner name."
    ShowLogging          "show_logging"           "Show how much is logged."
    ChangeLogging        "change_logging"         "Change how much is logged, until the next start."
    ShowOpenApi          "show_openapi"           "Show this document."
    ApiHealth            "api_health"             "Say that the admin API answers."
    Health               "health"                 "Say that the admin port answers."
    Ready                "ready"                  "Say whether the gateway is ready, and why not."
    Metrics              "metrics"                "Show everything that is counted."
}

/// Every operation, in the order of [`OperationId::ALL`].
pub fn operations() -> Vec<Operation<OperationId>> {
    let groups = [
        plugins(),
        plugin_deeds(),
        apps(),
        tokens(),
        routes(),
        rulers(),
        fleet::edges(),
        fleet::namespaces(),
        fleet::history(),
        fleet::applied(),
        others(),
        probes(),
    ];
    groups.into_iter().flatten().collect()
}

/// The document of these operations as an answer.
struct OpenApi;

impl JsonSchema for OpenApi {
    fn schema_name() -> Cow<'static, str> {
        "OpenApiDocument".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "An OpenAPI 3.1 document, see https://spec.openapis.org/oas/v3.1.1.",
            "properties": {"openapi": {"const": "3.1.0"}},
            "required": ["openapi", "info", "paths", "components"],
            "additionalProperties": true,
        })
    }
}

fn at(id: OperationId, method: Method, path: &'static str) -> Operation<OperationId> {
    Operation::new(id, method, path, id.summary())
}

fn lines_note() -> String {
    format!(
        "What processes printed needs the role `{}`; others are shown no lines.",
        Role::Operator
    )
}

/// What of a change needs a stronger role; decided by what is really different.
fn fields_note() -> String {
    let quoted = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let (fields, options) = (quoted(&ADMIN_FIELDS), quoted(&ADMIN_OPTIONS));
    let admin = Role::Admin;
    format!("A change of {fields}, or of one of the options {options}, needs the role `{admin}`.")
}

fn plugins() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows =
        [
            at(Id::ListPlugins, Method::Get, "/api/v1/plugins")
                .query::<PluginQuery>()
                .shows::<PageOf<PluginAttributes>>("A page of plugins."),
            at(Id::CreatePlugin, Method::Post, "/api/v1/plugins")
                .body::<PluginFields>()
                .refused(ErrorCode::Conflict)
                .creates::<PluginAttributes>("The new plugin, which may not serve yet."),
            at(Id::ShowPlugin, Method::Get, "/api/v1/plugins/{id}")
                .shows_version::<Shown<PluginAttributes>>("The plugin."),
            at(Id::ChangePlugin, Method::Patch, "/api/v1/plugins/{id}")
                .role(Role::Operator)
                .role_note(fields_note())
                .query::<ChangeQuery>()
                .body::<PluginFields>()
                .merges()
                .conditional()
                .refused(ErrorCode::Conflict)
                .changes::<PluginAttributes>("The plugin as it is now."),
            at(Id::DeletePlugin, Method::Delete, "/api/v1/plugins/{id}").conditional().deletes(),
        ];
    rows.map(|row| row.tag("plugins")).into()
}

fn plugin_deeds() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    const CHANGED: &str = "The plugin as it is now.";
    let rows =
        [
            at(Id::ReloadPlugin, Method::Post, "/api/v1/plugins/{id}/reload")
                .role(Role::Operator)
                .conditional()
                .changes::<PluginAttributes>(CHANGED),
            at(Id::GrantScopes, Method::Post, "/api/v1/plugins/{id}/grant")
                .role(Role::Operator)
                .body::<ScopeFields>()
                .conditional()
                .changes::<PluginAttributes>(CHANGED),
            at(Id::RevokeScopes, Method::Post, "/api/v1/plugins/{id}/revoke")
                .role(Role::Operator)
                .body::<ScopeFields>()
                .conditional()
                .changes::<PluginAttributes>(CHANGED),
            at(Id::ApproveScopes, Method::Post, "/api/v1/plugins/{id}/approve-scopes")
                .role(Role::Operator)
                .body::<ApprovalFields>()
                .conditional()
                .refused(ErrorCode::Conflict)
                .changes::<PluginAttributes>(CHANGED),
            at(Id::ChangePublic, Method::Post, "/api/v1/plugins/{id}/public-endpoints")
                .role(Role::Operator)
                .body::<PublicEndpointFields>()
                .conditional()
                .refused(ErrorCode::Conflict)
                .changes::<PluginAttributes>(CHANGED),
            at(Id::ShowPluginStatus, Method::Get, "/api/v1/plugins/{id}/status").shows::<Shown<
                WholeStatusAttributes,
            >>(
                "How it is doing.",
            ),
            at(Id::ShowConfigSchema, Method::Get, "/api/v1/plugins/{id}/config-schema")
                .shows::<Shown<SchemaAttributes>>("What it says of its configuration."),
            at(Id::ListPluginRecords, Method::Get, "/api/v1/plugins/{id}/records")
                .role_note(lines_note())
                .query::<RecordQuery>()
                .shows::<ListOf<RecordAttributes>>("Its processes, newest first."),
        ];
    rows.map(|row| row.tag("plugins")).into()
}

fn apps() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListApps, Method::Get, "/api/v1/apps")
            .query::<AppQuery>()
            .shows::<PageOf<AppAttributes>>("A page of apps."),
        at(Id::CreateApp, Method::Post, "/api/v1/apps")
            .role(Role::Operator)
            .body::<AppFields>()
            .refused(ErrorCode::Conflict)
            .creates::<AppAttributes>("The new app."),
        at(Id::ShowApp, Method::Get, "/api/v1/apps/{id}")
            .shows_version::<Shown<AppAttributes>>("The app."),
        at(Id::ChangeApp, Method::Patch, "/api/v1/apps/{id}")
            .role(Role::Operator)
            .body::<AppFields>()
            .merges()
            .conditional()
            .refused(ErrorCode::Conflict)
            .changes::<AppAttributes>("The app as it is now."),
        at(Id::DeleteApp, Method::Delete, "/api/v1/apps/{id}")
            .role(Role::Operator)
            .conditional()
            .deletes(),
    ];
    rows.map(|row| row.tag("apps")).into()
}

fn tokens() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListTokens, Method::Get, "/api/v1/tokens").query::<TokenQuery>().shows::<PageOf<
            TokenAttributes,
        >>(
            "A page of tokens.",
        ),
        at(Id::CreateToken, Method::Post, "/api/v1/tokens")
            .role(Role::Operator)
            .body::<TokenFields>()
            .creates::<TokenAttributes>("The new token, with its text."),
        at(Id::ShowToken, Method::Get, "/api/v1/tokens/{id}")
            .shows_version::<Shown<TokenAttributes>>("The token."),
        at(Id::RotateToken, Method::Post, "/api/v1/tokens/{id}/rotate")
            .role(Role::Operator)
            .body::<RotationFields>()
            .conditional()
            .refused(ErrorCode::Conflict)
            .creates::<TokenAttributes>("The new token, with its text."),
        at(Id::RevokeToken, Method::Delete, "/api/v1/tokens/{id}")
            .role(Role::Operator)
            .conditional()
            .deletes(),
    ];
    rows.map(|row| row.tag("tokens")).into()
}

fn routes() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListRoutes, Method::Get, "/api/v1/routes")
            .shows::<ListOf<RouteAttributes>>("Every route that is served now."),
        at(Id::Explain, Method::Post, "/api/v1/explain")
            .role(Role::Viewer)
            .refused(ErrorCode::NotFound)
            .body::<ExplainFields>()
            .shows::<Shown<ExplanationAttributes>>("What would happen."),
    ];
    rows.map(|row| row.tag("routes")).into()
}

/// Who rules, and what they did.
fn rulers() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::Whoami, Method::Get, "/api/v1/whoami").shows::<Shown<WhoamiAttributes>>("Who asks."),
        at(Id::ListAdminTokens, Method::Get, "/api/v1/admin-tokens")
            .role(Role::Admin)
            .query::<AdminTokenQuery>()
            .shows::<PageOf<AdminTokenAttributes>>("A page of admin tokens."),
        at(Id::CreateAdminToken, Method::Post, "/api/v1/admin-tokens")
            .body::<AdminTokenFields>()
            .refused(ErrorCode::Conflict)
            .creates::<AdminTokenAttributes>("The new admin token, with its text."),
        at(Id::ShowAdminToken, Method::Get, "/api/v1/admin-tokens/{id}")
            .role(Role::Admin)
            .shows_version::<Shown<AdminTokenAttributes>>("The admin token."),
        at(Id::RevokeAdminToken, Method::Delete, "/api/v1/admin-tokens/{id}")
            .conditional()
            .deletes(),
        at(Id::ListAudit, Method::Get, "/api/v1/audit")
            .query::<AuditQuery>()
            .shows::<AuditList>("Some entries, newest first."),
    ];
    rows.map(|row| row.tag("access")).into()
}

fn others() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    vec![
        at(Id::ShowLogging, Method::Get, "/api/v1/logging")
            .tag("logging")
            .refused(ErrorCode::NotFound)
            .shows::<Shown<LoggingAttributes>>("How much is logged."),
        at(Id::ChangeLogging, Method::Patch, "/api/v1/logging")
            .tag("logging")
            .refused(ErrorCode::NotFound)
            .body::<LoggingFields>()
            .shows::<Shown<LoggingAttributes>>("How much is logged from now on."),
        at(Id::ShowOpenApi, Method::Get, "/api/v1/openapi.json")
            .tag("api")
            .shows::<OpenApi>("This document, OpenAPI 3.1."),
    ]
}

/// Programs that watch a gateway have no token, and are told nothing that is secret. Some of them add
/// a parameter to every address, against caches between.
fn probes() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let readiness =
        |status, meaning| Answer::new(status, meaning, Content::Json(Shape::of::<Readiness>()));
    let rows = [
        at(Id::ApiHealth, Method::Get, "/api/v1/health").shows::<Health>("It answers."),
        at(Id::Health, Method::Get, "/health").shows::<Health>("It answers."),
        at(Id::Ready, Method::Get, "/ready")
            .answer(readiness(200, "It is ready."))
            .answer(readiness(503, "It is not ready.")),
        at(Id::Metrics, Method::Get, "/metrics").answer(Answer::new(
            200,
            "Everything that is counted, in the OpenMetrics format.",
            Content::Text(METRICS_TYPE),
        )),
    ];
    rows.map(|row| row.tag("probes").open().ignores_query()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_has_one_row_with_an_address_and_an_answer_of_its_own() {
        let rows = operations();
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, OperationId::ALL);
        let addresses: BTreeSet<_> = rows.iter().map(|row| (row.method, row.path)).collect();
        assert_eq!(addresses.len(), rows.len());
        for row in rows {
            assert!(!row.tag.is_empty() && !row.answers.is_empty(), "{:?}", row.id);
            assert!(row.token || row.tag == "probes", "{:?}", row.id);
        }
    }

    #[test]
    fn who_only_views_changes_nothing_and_who_decides_on_code_or_rulers_is_an_admin() {
        for row in operations().into_iter().filter(|row| row.token) {
            let looks = row.method == Method::Get || row.id == OperationId::Explain;
            let changes = row.answers.iter().any(|answer| answer.change);
            assert!(!(looks && changes), "{:?}", row.id);
            assert!(looks || row.role > Role::Viewer, "{:?}", row.id);
        }
        use OperationId as Id;
        let of_admins: Vec<_> = operations()
            .into_iter()
            .filter(|row| row.token && row.role == Role::Admin)
            .map(|row| row.id)
            .collect();
        let expected = [
            Id::CreatePlugin,
            Id::DeletePlugin,
            Id::ListAdminTokens,
            Id::CreateAdminToken,
            Id::ShowAdminToken,
            Id::RevokeAdminToken,
            Id::CreateEdge,
            Id::RenewJoinToken,
            Id::RevokeEdge,
            Id::DeleteEdge,
            Id::RotateAuthority,
            Id::RaiseLineage,
            Id::ShowBootstrapFile,
            Id::ShowNamespaceKey,
            Id::CreateNamespace,
            Id::DeleteNamespace,
            Id::RollBack,
            Id::ChangeLogging,
        ];
        assert_eq!(of_admins, expected);
    }
}
