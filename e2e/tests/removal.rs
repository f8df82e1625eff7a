//! Plugins that are taken away: from the next request on they are unknown, and who was being served
//! is served to the end.

use serde_json::json;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Plugin, Stream, Version, eventually, is_alive, story};

const STREAM: &str = "/plugins/lab/sse?n=40&interval_ms=25";

/// Streams that have begun, and a slow request.
struct Open {
    streams: Vec<Stream>,
    slow: tokio::task::JoinHandle<sidegate_e2e::Answer>,
}

impl Open {
    async fn begin(gateway: &Gateway, plugin: &Plugin) -> Self {
        let mut streams = Vec::new();
        for version in [Version::Http1, Version::Http2] {
            let mut stream = gateway.get(STREAM).version(version).open().await;
            stream.read_until("\n\n").await;
            streams.push(stream);
        }
        let slow = tokio::spawn(gateway.post("/plugins/lab/sleep?ms=700").body("x").send());
        plugin.wait_for("three are open", |status| status.in_flight == 3).await;
        Self { streams, slow }
    }

    async fn end_well(mut self) {
        self.slow.await.unwrap().expect(200);
        for stream in &mut self.streams {
            let rest = stream.rest().await.unwrap();
            assert!(String::from_utf8_lossy(&rest).contains("\"i\":39"));
        }
    }
}

#[test]
fn a_disabled_plugin_has_no_routes_while_its_last_streams_end() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let pid = plugin.pid().await;
        let open = Open::begin(&gateway, &plugin).await;
        plugin.change(&json!({"is_active": false})).await;
        gateway.get("/plugins/lab/x").send().await.expect(404);
        gateway.get("/plugins/lab/x").http2().send().await.expect(404);
        assert_eq!(gateway.admin().get("routes").await, json!([]));
        assert!(is_alive(pid), "it still has somebody to serve");
        assert_eq!(plugin.status().await.summary.state, State::Draining);
        open.end_well().await;
        plugin.wait_state(State::Stopped).await;
        eventually("its process is gone", async || (!is_alive(pid)).then_some(())).await;
    });
}

#[test]
fn a_deleted_plugin_is_forgotten_while_its_last_streams_end() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let pid = plugin.pid().await;
        let open = Open::begin(&gateway, &plugin).await;
        plugin.remove().await;
        gateway.get("/plugins/lab/x").send().await.expect(404);
        assert!(is_alive(pid), "it still has somebody to serve");
        open.end_well().await;
        eventually("its process is gone", async || (!is_alive(pid)).then_some(())).await;
        assert!(gateway.plugin_pids().is_empty());
    });
}

#[test]
fn a_slug_can_be_given_to_another_plugin_while_the_first_one_still_drains() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let open = Open::begin(&gateway, &plugin).await;
        plugin.remove().await;
        let next = gateway.plugin("next").slug("lab").program("e2e-plugin-routes").ready().await;
        let answer = gateway.get("/plugins/lab/exact").send().await.expect(200);
        assert_eq!(answer.text(), "exact");
        open.end_well().await;
        assert_eq!(next.status().await.summary.state, State::Ready);
        gateway.get("/plugins/lab/exact").send().await.expect(200);
    });
}

#[test]
fn a_stopping_gateway_answers_what_it_has_taken_and_takes_no_more() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "10s").start().await;
        let plugin = gateway.lab().await;
        let pid = plugin.pid().await;
        let open = Open::begin(&gateway, &plugin).await;
        gateway.begin_to_stop();
        let addr = gateway.addr();
        eventually("nobody is let in any more", async || {
            tokio::net::TcpStream::connect(addr).await.is_err().then_some(())
        })
        .await;
        assert!(is_alive(pid), "plugins go last");
        open.end_well().await;
        gateway.stop();
        assert!(!is_alive(pid));
    });
}
