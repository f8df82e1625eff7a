//! What every admin handler works with, and the answer to a change: it waits until the change is
//! live, for a limited time.

use super::error::ApiError;
use super::if_match::etag;
use super::page_call_notes::PageCallNotes;
use super::page_memory::PageMemory;
use super::tls::AdminTls;
use super::types::{Versioned, count};
use crate::clients::ClientAddresses;
use crate::console::{ConsoleSettings, SigningIn};
use crate::control::Control;
use crate::edges::Edges;
use crate::fleet::{Coverage, Fleet, NodeProbes, Overview, Quorum};
use crate::inspector::Inspector;
use crate::logs::LogLevels;
use crate::needs::ShownCertificates;
use crate::plugin_pages::PluginPages;
use crate::publish::Published;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use sidegate_api::resource::{ChangeMeta, Changed, NodesMeta, RejectedMeta, Resource, Shown};
use sidegate_model::keyed_quotas::KeyedQuotas;
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Revision;
use sidegate_model::token::TokenHash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

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
    /// What seals sign-ins that have begun. Every process of one control plane should have the same.
    pub sign_in_keys: Keyring,
    /// How the console behaves.
    pub console: ConsoleSettings,
    /// Who tells clients from the proxies through which they come; `None` is nobody: a client is who connects.
    pub clients: Option<Arc<dyn ClientAddresses>>,
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
            // Who knows this knows the token's hash, which is told to nobody.
            sign_in_keys: Keyring::single(admin_token.0),
            console: ConsoleSettings::default(),
            clients: None,
        }
    }
}

/// Most answers that go on at a time, whatever they are about.
pub(crate) const MOST_EVENT_STREAMS: usize = 64;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) control: Control,
    pub(crate) fleet: Arc<dyn Fleet>,
    /// Of the node beside.
    pub(crate) probes: Arc<dyn NodeProbes>,
    /// Of a control plane.
    pub(crate) edges: Option<Edges>,
    pub(crate) inspector: Arc<dyn Inspector>,
    pub(crate) pages: Arc<dyn PluginPages>,
    /// How often each user lets pages ask plugins something.
    pub(crate) page_quotas: Arc<KeyedQuotas<String>>,
    /// What the audit log has of what pages ask.
    pub(crate) page_notes: Arc<PageCallNotes>,
    /// Memory for what pages are answered.
    pub(crate) page_memory: Arc<PageMemory>,
    /// Since when it serves; for what is counted by time.
    pub(crate) started: Instant,
    pub(crate) certificates: Arc<dyn ShownCertificates>,
    pub(crate) settings: Arc<ControlSettings>,
    /// Room for answers that go on.
    pub(crate) event_streams: Arc<Semaphore>,
    /// Room for requests that are tried out.
    pub(crate) trials: Arc<Semaphore>,
    pub(crate) signing_in: SigningIn,
}

impl AdminState {
    /// The address of whoever asks, by which it is counted how often they fail.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let told = |peer| match &self.settings.clients {
            Some(clients) => clients.client(peer, headers),
            None => peer,
        };
        peer.map(told)
    }

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

/// 200 with what would become of a thing, and the version that it has.
pub(crate) fn previewed<A: Serialize>(thing: Versioned<A>) -> Response {
    let tag = etag(&thing.version);
    let shown = Json(Shown { data: thing.data });
    tagged(([(APPLIED, applied_text(false))], shown).into_response(), tag)
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
