//! What the data plane of these tests says about what moves on it.

use crate::fake_plane::FakePlane;
use futures_util::future::BoxFuture;
use sidegate_control::{LiveFleet, Unreached};
use sidegate_model::clock::now_millis;
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::plugin_event::{PluginEvent, PluginEvents};
use sidegate_model::traffic::{FoundRoute, OpenRequest, OpenRequestFilter, OpenRequests};
use sidegate_model::trial::{Trial, TrialEnd, Tried};
use std::sync::atomic::Ordering;
use std::time::Duration;

impl LiveFleet for FakePlane {
    /// Of a node that is busy one request is open.
    fn open_requests(
        &self,
        node: &NodeId,
        _: OpenRequestFilter,
    ) -> BoxFuture<'_, Result<OpenRequests, Unreached>> {
        let open = OpenRequest {
            number: 255,
            request_id: "id-1".to_owned(),
            client: "192.0.2.7".to_owned(),
            method: "GET".to_owned(),
            path: "/plugins/p/files/of-jane".to_owned(),
            route: Some(FoundRoute { plugin: "p".to_owned(), route: "/files/*".to_owned() }),
            app: Some(3),
            started_at: now_millis(),
            duration: Duration::from_secs(1),
            status: Some(200),
            is_stream: true,
        };
        let told = match self.is_busy.load(Ordering::Relaxed) {
            true => Ok(OpenRequests { oldest: vec![open], count: 1 }),
            false => Err(Unreached(format!("{node} does not tell its control plane of them"))),
        };
        Box::pin(std::future::ready(told))
    }

    fn events(
        &self,
        _: &NodeId,
        _: PluginId,
        _: bool,
    ) -> BoxFuture<'_, Result<PluginEvents, Unreached>> {
        let event = |id: &str, at| PluginEvent {
            id: id.to_owned(),
            at,
            topic: "orders".to_owned(),
            direction: 1,
            payload_bytes: 9,
            payload: Some("{\"n\":123}".to_owned()),
            reached: 2,
            lost: 1,
        };
        let newest = vec![event("b", 1_700_000_001_000), event("a", 1_700_000_000_000)];
        Box::pin(std::future::ready(Ok(PluginEvents { newest, published: 7 })))
    }

    /// What was asked, said back.
    fn attempt(&self, _: &NodeId, trial: Trial) -> BoxFuture<'_, Result<Tried, Unreached>> {
        let Trial { method, target, headers, body } = trial;
        let said = serde_json::json!({
            "method": method, "target": target, "headers": headers,
            "body": String::from_utf8_lossy(&body),
        });
        let end = if target.ends_with("broken") {
            TrialEnd::Broken("cut".to_owned())
        } else {
            TrialEnd::Whole
        };
        let headers = vec![("x-request-id".to_owned(), "r-1".to_owned())];
        let body = said.to_string().into_bytes();
        let duration = Duration::from_millis(7);
        Box::pin(std::future::ready(Ok(Tried { status: 404, headers, body, end, duration })))
    }
}
