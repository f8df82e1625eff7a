//! Who asks, over HTTP.

use super::auth::Caller;
use super::sessions::via;
use super::types::{resource, time_text};
use axum::Json;
use axum::response::{IntoResponse, Response};
use sidegate_api::admin_token::WhoamiAttributes;
use sidegate_api::resource::{ResourceType, Shown};
use sidegate_api::session::Via;

/// `GET /whoami`
pub(crate) async fn show(caller: Caller) -> Response {
    let attributes = WhoamiAttributes {
        name: caller.who().name().to_owned(),
        role: caller.role().into(),
        via: caller.session().map_or(Via::Header, |session| via(session.via)),
        admin_token_id: caller.who().admin_token().map(|id| id.0),
        user_id: caller.who().user().map(|id| id.0),
        session_id: caller.session().map(|session| session.id.0),
        read_only: caller.is_read_only(),
        expires_at: caller.expires_at().map(time_text),
    };
    Json(Shown { data: resource(ResourceType::Whoami, 1, attributes) }).into_response()
}
