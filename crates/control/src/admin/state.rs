//! What every admin handler works with, and the answer to a change: it waits until the change is
//! live, for a limited time.

use super::error::ApiError;
use super::if_match::etag;
use super::tls::AdminTls;
use super::types::{Versioned, count};
use crate::control::Control;
use crate::edges::Edges;
use crate::fleet::{Coverage, Fleet, NodeProbes, Overview, Quorum};
use crate::logs::LogLevels;
use crate::publish::Published;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sidegate_api::resource::{ChangeMeta, Changed, NodesMeta, RejectedMeta, Resource, Shown};
use sidegate_model::snapshot::Revision;
use sidegate_model::token::TokenHash;
use std::sync::Arc;
use std::time::Duration;

/// Says on every answer to a change whether the change was live when the answer was sent.
pub(crate) const APPLIED: HeaderName = HeaderName::from_static("x-sidegate-applied");

/// How the admin API is to behave.
#[derive(Debug, Clone)]
pub struct ControlSettings {
    /// SHA-256 of the root token, which opens everything, also where the database does not work.
    pub admin_token: TokenHash,
    /// The longest a request may take, body included.
    pub request_timeout: Duration,
    /// The longest a client may take to send a body.
    pub body_timeout: Duration,
    /// The longest an answer waits for its change to be live.
    pub apply_timeout: Duration,
    /// How long open connections may go on after the shutdown began.
    pub shutdown_timeout: Duration,
    /// Most connections at a time; more wait to be accepted.
    pub max_connections: usize,
    /// How long new tokens last of which nothing is said; `None` is until they are revoked.
    pub token_expiry: Option<Duration>,
    /// The logs whose levels can be changed.
    pub logs: Option<Arc<dyn LogLevels>>,
    /// What is shown over TLS; `None` is plain HTTP.
    pub tls: Option<AdminTls>,
}

impl ControlSettings {
    /// The usual settings for an admin token.
    pub fn new(admin_token: TokenHash) -> Self {
        Self {
            admin_token,
            request_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
            apply_timeout: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(5),
            max_connections: 256,
            token_expiry: None,
            logs: None,
            tls: None,
        }
    }
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) control: Control,
    pub(crate) fleet: Arc<dyn Fleet>,
    /// Of the node beside.
    pub(crate) probes: Arc<dyn NodeProbes>,
    /// Of a control plane.
    pub(crate) edges: Option<Edges>,
    pub(crate) settings: Arc<ControlSettings>,
}

impl AdminState {
    /// What all nodes say now.
    pub(crate) fn overview(&self) -> Overview {
        Overview::of(&*self.fleet, self.control.apps())
    }

    /// The edges of a control plane.
    ///
    /// # Errors
    /// Where this is none.
    pub(crate) fn edges(&self) -> Result<&Edges, ApiError> {
        self.edges.as_ref().ok_or_else(|| {
            ApiError::not_found(
                "this gateway has no edges: start it with `sidegate serve --role control` to have some",
            )
        })
    }

    /// 201 with what was created and where it is found.
    pub(crate) async fn created<A: Serialize>(
        &self,
        revision: Revision,
        collection: &str,
        shape: impl FnOnce() -> Versioned<A>,
    ) -> Response {
        let applied = self.applied(revision).await;
        located(applied, collection, shape())
    }

    /// 200 with what was changed, as it is once the change is live.
    pub(crate) async fn changed<A: Serialize>(
        &self,
        revision: Revision,
        shape: impl FnOnce() -> Versioned<A>,
    ) -> Response {
        let applied = self.applied(revision).await;
        answer(StatusCode::OK, applied, shape())
    }

    /// 200 with what was done, which has no version.
    pub(crate) async fn done<A: Serialize>(
        &self,
        revision: Revision,
        shape: impl FnOnce() -> Resource<A>,
    ) -> Response {
        let meta = self.applied(revision).await;
        let applied = applied_text(meta.applied);
        ([(APPLIED, applied)], Json(Changed { data: shape(), meta })).into_response()
    }

    /// 204: it is gone.
    pub(crate) async fn deleted<T>(&self, published: Published<T>) -> Response {
        gone(&self.applied(published.revision).await)
    }

    async fn applied(&self, revision: Revision) -> ChangeMeta {
        let waiting = self.fleet.applied(revision, Quorum::Reachable);
        let applied = tokio::time::timeout(self.settings.apply_timeout, waiting).await.is_ok();
        if !applied {
            tracing::warn!(
                revision,
                "a change is stored, but the data plane does not serve it yet"
            );
        }
        ChangeMeta { applied, nodes: nodes_meta(self.fleet.coverage(revision)) }
    }
}

/// What is said of a change that concerns no node.
const AT_ONCE: ChangeMeta = ChangeMeta {
    applied: true,
    nodes: NodesMeta { applied: 0, connected: 0, offline: 0, rejected: Vec::new() },
};

/// 201 with what was created, and is live as soon as it is stored.
pub(crate) fn created_at_once<A: Serialize>(collection: &str, thing: Versioned<A>) -> Response {
    located(AT_ONCE, collection, thing)
}

/// 200 with what was changed, and is live as soon as it is stored.
pub(crate) fn changed_at_once<A: Serialize>(thing: Versioned<A>) -> Response {
    answer(StatusCode::OK, AT_ONCE, thing)
}

/// 204: it is gone, as soon as it is stored.
pub(crate) fn deleted_at_once() -> Response {
    gone(&AT_ONCE)
}

fn located<A: Serialize>(applied: ChangeMeta, collection: &str, thing: Versioned<A>) -> Response {
    let location = format!("/api/v1/{collection}/{}", thing.data.id);
    let mut response = answer(StatusCode::CREATED, applied, thing);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn gone(meta: &ChangeMeta) -> Response {
    ([(APPLIED, applied_text(meta.applied))], StatusCode::NO_CONTENT).into_response()
}

/// 200 with a thing and its version.
pub(crate) fn shown<A: Serialize>(thing: Versioned<A>) -> Response {
    let tag = etag(&thing.version);
    tagged(Json(Shown { data: thing.data }).into_response(), tag)
}

fn answer<A: Serialize>(status: StatusCode, meta: ChangeMeta, thing: Versioned<A>) -> Response {
    let tag = etag(&thing.version);
    let applied = applied_text(meta.applied);
    let changed = Changed { data: thing.data, meta };
    tagged((status, [(APPLIED, applied)], Json(changed)).into_response(), tag)
}

fn tagged(mut response: Response, tag: Option<HeaderValue>) -> Response {
    response.headers_mut().extend(tag.map(|tag| (Some(ETAG), tag)));
    response
}

fn applied_text(applied: bool) -> HeaderValue {
    HeaderValue::from_static(if applied { "true" } else { "false" })
}

fn nodes_meta(coverage: Coverage) -> NodesMeta {
    let rejected = coverage.rejected.into_iter().map(|rejected| RejectedMeta {
        edge: rejected.node,
        object: rejected.object,
        reason: rejected.reason,
    });
    NodesMeta {
        applied: count(coverage.applied),
        connected: count(coverage.connected),
        offline: count(coverage.offline),
        rejected: rejected.collect(),
    }
}
