//! Who asks, over HTTP.

use super::auth::Caller;
use super::types::{resource, time_text};
use axum::Json;
use axum::response::{IntoResponse, Response};
use sidegate_api::admin_token::WhoamiAttributes;
use sidegate_api::resource::{ResourceType, Shown};

/// `GET /whoami`
pub(crate) async fn show(caller: Caller) -> Response {
    let attributes = WhoamiAttributes {
        name: caller.who().name().to_owned(),
        role: caller.role().into(),
        admin_token_id: caller.who().admin_token().map(|id| id.0),
        expires_at: caller.expires_at().map(time_text),
    };
    Json(Shown { data: resource(ResourceType::Whoami, 1, attributes) }).into_response()
}
