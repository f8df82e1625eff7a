//! The rows of pages that plugins bring for the console. Some have two addresses, or the shapes of the existing system, for
//! programs that were written for that.

use super::{OperationId, at};
use crate::error::ErrorCode;
use crate::operation::{Answer, Content, Method, Operation};
use crate::plugin_page::{
    PageAnswer, PluginMetadataAttributes, PluginPage, SidebarMenu, UiRegistry, ValidateFields,
};
use crate::resource::{ListOf, Shown};
use crate::role::Role;

pub(super) fn pages() -> Vec<Operation<OperationId>> {
    use OperationId as Id;
    let rows = [
        at(Id::ListPluginPages, Method::Get, "/api/v1/plugins/{id}/pages")
            .shows::<ListOf<PluginPage>>("Its pages, and why they are closed where they are."),
        asset(at(Id::ShowPluginAsset, Method::Get, "/api/v1/plugins/{id}/assets/{path}")),
        asset(at(Id::ShowAssetOfPlugin, Method::Get, "/api/v1/plugins/assets/{id}/{path}")),
        asked(at(Id::CallPlugin, Method::Post, "/api/v1/plugins/{id}/rpc/{method}"))
            .role(Role::Operator)
            .any_json()
            .refused(ErrorCode::TooManyRequests)
            .refused(ErrorCode::InvalidRequest)
            .refused(ErrorCode::RequestTimeout)
            .refused(ErrorCode::BodyTooLarge)
            .shows::<PageAnswer>("What the plugin answers."),
        at(Id::ListUiRegistry, Method::Get, "/api/v1/plugins/ui-registry")
            .shows::<UiRegistry>("All pages of all plugins that can be shown."),
        at(Id::ShowSidebarMenu, Method::Get, "/api/v1/plugins/sidebar-menu")
            .shows::<SidebarMenu>("What plugins add to the menu."),
        at(Id::ValidateAndLoad, Method::Post, "/api/v1/plugins/{id}/validate-and-load")
            .body::<ValidateFields>()
            .refused(ErrorCode::TooManyRequests)
            .refused(ErrorCode::PluginFailed)
            .shows::<Shown<PluginMetadataAttributes>>("What its program says of itself."),
    ];
    rows.map(|row| row.tag("pages")).into()
}

/// Code that a page runs is for those who may let it do something.
fn asset(row: Operation<OperationId>) -> Operation<OperationId> {
    let meaning =
        "The file as the plugin gives it, for scripts only: shown by itself it can do nothing.";
    let row = asked(row).role(Role::Operator).refused(ErrorCode::TooManyRequests);
    row.answer(Answer::new(200, meaning, Content::Bytes))
}

/// What needs the process of the plugin beside the console.
fn asked(row: Operation<OperationId>) -> Operation<OperationId> {
    row.refused(ErrorCode::NotFound).refused(ErrorCode::Conflict).refused(ErrorCode::PluginFailed)
}
