//! The table of the admin API: every operation there is. Routers, the OpenAPI document and the checks
//! of the tests are made of it; a new operation begins here.

mod console;
mod fleet;
mod issuers;
mod live;
mod pages;
mod plugins;

use crate::admin_token::{
    AdminTokenAttributes, AdminTokenFields, AdminTokenQuery, WhoamiAttributes,
};
use crate::app::{AppAttributes, AppFields, AppQuery};
use crate::audit::{AuditList, AuditQuery};
use crate::error::ErrorCode;
use crate::explain::{ExplainFields, ExplanationAttributes};
use crate::logging::{LoggingAttributes, LoggingFields};
use crate::need::NeedAttributes;
use crate::node::NodeAttributes;
use crate::operation::{Answer, Content, Method, Operation, Shape};
use crate::probe::{Health, Readiness};
use crate::resource::{ListOf, PageOf, Shown};
use crate::role::Role;
use crate::route::RouteAttributes;
use crate::token::{RotationFields, TokenAttributes, TokenFields, TokenQuery};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
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
    InspectPlugin        "inspect_plugin"         "Start a program once, without serving, and say what it is."
    TryPlugin            "try_plugin"             "Make a request to a plugin as a client would, and show the answer."
    ListPluginStorage    "list_plugin_storage"    "List what a plugin keeps, without the values."
    ShowPluginStorage    "show_plugin_storage"    "Show an entry of a plugin's storage, with its value."
    DeletePluginStorage  "delete_plugin_storage"  "Remove an entry of a plugin's storage."
    ListPluginEvents     "list_plugin_events"     "List what a plugin published last, newest first."
    ListPluginRecords    "list_plugin_records"    "List what is known of a plugin's processes, newest first."
    FollowPluginLog      "follow_plugin_log"      "Follow what a plugin prints, as it comes."
    ListPluginPages      "list_plugin_pages"      "List the pages that a plugin brings for the console."
    ShowPluginAsset      "show_plugin_asset"      "Fetch a file of a plugin's page."
    ShowAssetOfPlugin    "show_asset_of_plugin"   "Fetch a file of a plugin's page, at the address of the existing system."
    CallPlugin           "call_plugin"            "Ask a plugin something, as its page does."
    ListUiRegistry       "list_ui_registry"       "List all pages of plugins, in the shape of the existing system."
    ShowSidebarMenu      "show_sidebar_menu"      "Show what plugins add to the menu, in the shape of the existing system."
    ValidateAndLoad      "validate_and_load"      "Start the program of a plugin once and say what it is, in the shape of the existing system."
    ListApps             "list_apps"              "List apps."
    CreateApp            "create_app"             "Register an app."
    ShowApp              "show_app"               "Show an app."
    ChangeApp            "change_app"             "Change an app."
    DeleteApp            "delete_app"             "Delete an app with all its tokens."
    ListIssuers          "list_issuers"           "List issuers, whose JWTs are taken beside the gateway's own tokens."
    CreateIssuer         "create_issuer"          "Register an issuer of JWTs."
    ShowIssuer           "show_issuer"            "Show an issuer."
    ChangeIssuer         "change_issuer"          "Change an issuer; it counts at once."
    DeleteIssuer         "delete_issuer"          "Delete an issuer, whose JWTs are refused from then on."
    ListTokens           "list_tokens"            "List tokens, without their texts."
    CreateToken          "create_token"           "Make a token; its text is shown this one time."
    ShowToken            "show_token"             "Show a token, without its text."
    RotateToken          "rotate_token"           "Make a token in the place of another, which ends after a while."
    RevokeToken          "revoke_token"           "Make a token invalid for good."
    ListRoutes           "list_routes"            "List the routes that plugins serve now."
    ListNodes            "list_nodes"             "List the nodes that serve clients, and where each listens for them."
    Explain              "explain_request"        "Say what would happen to a request, and why; nothing is executed or counted."
    WatchChanges         "watch_changes"          "Tell in an event stream that something changed: what is stored, plugins, edges."
    WatchTraffic         "watch_traffic"          "Tell requests of clients in an event stream, as they end."
    ListOpenRequests     "list_open_requests"     "List requests of clients that are open now, oldest first."
    EndOpenRequest       "end_open_request"       "End a request that is open: its client gets an error, or its stream is cut."
    ShowMetricsHistory   "show_metrics_history"   "Show requests, errors, durations, memory and processor time of the last hours."
    Whoami               "whoami"                 "Say who asks, and with which role."
    ListAdminTokens      "list_admin_tokens"      "List admin tokens, without their texts."
    CreateAdminToken     "create_admin_token"     "Make an admin token; its text is shown this one time."
    ShowAdminToken       "show_admin_token"       "Show an admin token, without its text."
    RevokeAdminToken     "revoke_admin_token"     "Make an admin token invalid for good, one's own too."
    ListNeeds            "list_needs"             "List what waits for an operator, most urgent first."
    ListUsers            "list_users"             "List users of the console."
    CreateUser           "create_user"            "Register a user of the console."
    ShowUser             "show_user"              "Show a user."
    ChangeUser           "change_user"            "Change a user; it counts at once where they are signed in."
    DeleteUser           "delete_user"            "Forget a user and end their sessions."
    SetPassword          "set_password"           "Give a user another password and end their other sessions."
    SignIn               "sign_in"                "Begin a session of the console; its cookie authenticates from then on."
    ShowSignInWays       "show_sign_in_ways"      "Say in which ways people sign in to the console."
    BeginSignIn          "begin_sign_in"          "Begin to sign in by way of an OpenID Connect provider."
    ShowSession          "show_session"           "Show the session of the cookie."
    SignOut              "sign_out"               "End the session of the cookie, or all of the same user."
    ListSessions         "list_sessions"          "List who is signed in to the console, newest first."
    EndSession           "end_session"            "End a session."
    CreateConsoleLink    "create_console_link"    "Make a link that lets somebody into the console once, as whoever asks."
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
    RollBack             "roll_back"              "Give a namespace the plugins, apps and issuers that it had at a revision."
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
        plugins::plugins(),
        plugins::plugin_deeds(),
        plugins::plugin_insides(),
        pages::pages(),
        apps(),
        issuers::issuers(),
        tokens(),
        routes(),
        live::live(),
        rulers(),
        console::users(),
        console::sessions(),
        audit(),
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
        at(Id::ListNodes, Method::Get, "/api/v1/nodes")
            .shows::<ListOf<NodeAttributes>>("Every node, by name."),
        at(Id::Explain, Method::Post, "/api/v1/explain")
            .role(Role::Viewer)
            .refused(ErrorCode::NotFound)
            .body::<ExplainFields>()
            .shows::<Shown<ExplanationAttributes>>("What would happen."),
    ];
    rows.map(|row| row.tag("routes")).into()
}

/// Who rules.
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
        at(Id::ListNeeds, Method::Get, "/api/v1/needs")
            .shows::<ListOf<NeedAttributes>>("What waits for an operator."),
    ];
    rows.map(|row| row.tag("access")).into()
}

fn audit() -> Vec<Operation<OperationId>> {
    let row = at(OperationId::ListAudit, Method::Get, "/api/v1/audit")
        .tag("access")
        .query::<AuditQuery>()
        .shows::<AuditList>("Some entries, newest first.");
    vec![row]
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

    const SIGN_IN: [OperationId; 3] =
        [OperationId::SignIn, OperationId::ShowSignInWays, OperationId::BeginSignIn];

    #[test]
    fn every_operation_has_one_row_with_an_address_and_an_answer_of_its_own() {
        let rows = operations();
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, OperationId::ALL);
        let addresses: BTreeSet<_> = rows.iter().map(|row| (row.method, row.path)).collect();
        assert_eq!(addresses.len(), rows.len());
        for row in rows {
            assert!(!row.tag.is_empty() && !row.answers.is_empty(), "{:?}", row.id);
            let is_open = row.tag == "probes" || SIGN_IN.contains(&row.id);
            assert_eq!(row.token, !is_open, "{:?}", row.id);
        }
    }

    #[test]
    fn what_is_read_as_a_set_may_be_sent_with_the_same_twice() {
        let document = crate::document::document();
        let shapes = document["components"]["schemas"].as_object().unwrap();
        let sent = |name: &str| name.ends_with("Fields") || name.ends_with("Patch");
        let strict: Vec<_> =
            shapes.iter().filter(|(name, shape)| sent(name) && is_strict(shape)).collect();
        assert!(strict.is_empty(), "{strict:#?}");
        let twice = r#"{"scopes": ["kv.readwrite", "kv.readwrite"]}"#;
        let read: crate::plugin::ScopeFields = serde_json::from_str(twice).unwrap();
        assert_eq!(read.scopes.unwrap().len(), 1);
    }

    fn is_strict(shape: &serde_json::Value) -> bool {
        shape.to_string().contains("\"uniqueItems\":true")
    }

    #[test]
    fn who_only_views_changes_nothing_and_who_decides_on_code_or_rulers_is_an_admin() {
        use OperationId as Id;
        for row in operations().into_iter().filter(|row| row.token) {
            let looks = row.method == Method::Get || row.id == OperationId::Explain;
            let changes = row.answers.iter().any(|answer| answer.change);
            assert!(!(looks && changes), "{:?}", row.id);
            // One's own session and one's own password.
            let is_own = [Id::SignOut, Id::SetPassword].contains(&row.id);
            assert!(looks || is_own || row.role > Role::Viewer, "{:?}", row.id);
        }
        let of_admins: Vec<_> = operations()
            .into_iter()
            .filter(|row| row.token && row.role == Role::Admin)
            .map(|row| row.id)
            .collect();
        let expected = [
            Id::CreatePlugin,
            Id::DeletePlugin,
            Id::InspectPlugin,
            Id::ShowPluginStorage,
            Id::ValidateAndLoad,
            Id::CreateIssuer,
            Id::ChangeIssuer,
            Id::DeleteIssuer,
            Id::ListAdminTokens,
            Id::CreateAdminToken,
            Id::ShowAdminToken,
            Id::RevokeAdminToken,
            Id::ListUsers,
            Id::CreateUser,
            Id::ShowUser,
            Id::ChangeUser,
            Id::DeleteUser,
            Id::ListSessions,
            Id::EndSession,
            Id::CreateConsoleLink,
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
