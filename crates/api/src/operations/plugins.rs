//! The rows of plugins: what there is, what is done with them, and what they say.

use super::{OperationId, at};
use crate::error::ErrorCode;
use crate::inspection::InspectionAttributes;
use crate::operation::{Answer, Content, Method, Operation, Shape};
use crate::plugin::{
    ApprovalFields, ChangeQuery, PluginAttributes, PluginFields, PluginQuery, ReloadQuery,
    SchemaAttributes, ScopeFields, WholeStatusAttributes,
};
use crate::plugin_event::PluginEventList;
use crate::plugin_log::{LOG_EVENTS, LogQuery};
use crate::plugin_preview::ChangedOrPreview;
use crate::public_endpoints::PublicEndpointFields;
use crate::record::{RecordAttributes, RecordQuery};
use crate::resource::{ListOf, PageOf, Shown};
use crate::role::Role;
use crate::storage::{StorageList, StorageQuery, StorageValueAttributes};
use crate::trial::{TrialAttributes, TrialFields};
use sidegate_model::plugin_roles::{ADMIN_FIELDS, ADMIN_OPTIONS};

pub(super) fn plugins() -> Vec<Operation<OperationId>> {
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
                .answer(changed_or_preview()),
            at(Id::DeletePlugin, Method::Delete, "/api/v1/plugins/{id}").conditional().deletes(),
        ];
    rows.map(|row| row.tag("plugins")).into()
}

/// The plugin, or what would become of it; its version is in both.
fn changed_or_preview() -> Answer {
    let meaning = "The plugin as it is now; with `dry_run` what would be changed.";
    let answer = Answer::new(200, meaning, Content::Json(Shape::of::<ChangedOrPreview>()));
    Answer { versioned: true, change: true, ..answer }
}

pub(super) fn plugin_deeds() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    const CHANGED: &str = "The plugin as it is now.";
    let rows =
        [
            at(Id::ReloadPlugin, Method::Post, "/api/v1/plugins/{id}/reload")
                .role(Role::Operator)
                .query::<ReloadQuery>()
                .conditional()
                .refused(ErrorCode::Conflict)
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
        ];
    rows.map(|row| row.tag("plugins")).into()
}

/// What a plugin is, does and keeps, seen from within.
pub(super) fn plugin_insides() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::InspectPlugin, Method::Post, "/api/v1/plugins/inspect")
            .body::<PluginFields>()
            .refused(ErrorCode::TooManyRequests)
            .shows::<Shown<InspectionAttributes>>("What it says of itself."),
        at(Id::TryPlugin, Method::Post, "/api/v1/plugins/{id}/try")
            .role(Role::Operator)
            .body::<TrialFields>()
            .refused(ErrorCode::Conflict)
            .refused(ErrorCode::TooManyRequests)
            .shows::<Shown<TrialAttributes>>("The answer, whatever its status is."),
        at(Id::ListPluginStorage, Method::Get, "/api/v1/plugins/{id}/storage")
            .role(Role::Operator)
            .query::<StorageQuery>()
            .refused(ErrorCode::Conflict)
            .shows::<StorageList>("Some entries, in the order of their keys."),
        at(Id::ShowPluginStorage, Method::Get, "/api/v1/plugins/{id}/storage/{key}")
            .role(Role::Admin)
            .refused(ErrorCode::InvalidRequest)
            .refused(ErrorCode::Conflict)
            .shows::<Shown<StorageValueAttributes>>("The entry."),
        at(Id::DeletePluginStorage, Method::Delete, "/api/v1/plugins/{id}/storage/{key}")
            .role(Role::Operator)
            .refused(ErrorCode::InvalidRequest)
            .refused(ErrorCode::Conflict)
            .deletes(),
        at(Id::ListPluginEvents, Method::Get, "/api/v1/plugins/{id}/events")
            .role(Role::Operator)
            .role_note(payload_note())
            .shows::<PluginEventList>("The last ones that its nodes remember."),
        at(Id::ListPluginRecords, Method::Get, "/api/v1/plugins/{id}/records")
            .role_note(lines_note())
            .query::<RecordQuery>()
            .shows::<ListOf<RecordAttributes>>("Its processes, newest first."),
        at(Id::FollowPluginLog, Method::Get, "/api/v1/plugins/{id}/log")
            .role(Role::Operator)
            .query::<LogQuery>()
            .streams(LOG_EVENTS, "Lines, and what becomes of its processes."),
    ];
    rows.map(|row| row.tag("plugins")).into()
}

fn payload_note() -> String {
    format!("What was in events needs the role `{}`; others are shown no payloads.", Role::Admin)
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
