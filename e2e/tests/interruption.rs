//! Streams that are interrupted: by the plugin's death, by a limit, by the client.

use serde_json::json;
use sidegate_e2e::{Ending, Gateway, Version, eventually, kill, story, within};
use std::time::{Duration, Instant};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];
/// A stream that goes on for ever.
const ENDLESS: &str = "/plugins/lab/sse?n=inf&interval_ms=20";

#[test]
fn a_killed_plugin_ends_the_clients_stream_with_an_error() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        for version in BOTH {
            let mut stream = gateway.get(ENDLESS).version(version).open().await;
            stream.read_until("\n\n").await;
            let pid = plugin.pid().await;
            kill(pid);
            let ended =
                within(Duration::from_secs(5), "the end of the stream", stream.rest()).await;
            let broken = ended.expect_err("a clean end");
            assert_eq!(broken.reset().is_some(), version == Version::Http2, "{broken:?}");
            plugin.wait_other_pid(pid).await;
        }
    });
}

#[test]
fn a_killed_plugin_leaves_a_chunked_answer_without_its_last_chunk() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send(format!("GET {ENDLESS} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let (_, headers) = raw.head().await;
        assert_eq!(headers["transfer-encoding"], "chunked");
        raw.chunk().await.unwrap();
        kill(plugin.pid().await);
        let (rest, _) = raw.rest().await;
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
    });
}

#[test]
fn a_killed_plugin_ends_an_http_1_0_answer_with_a_reset() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send(format!("GET {ENDLESS} HTTP/1.0\r\n\r\n")).await;
        raw.head().await;
        raw.take_through("\n\n").await;
        kill(plugin.pid().await);
        assert_eq!(raw.rest().await.1, Ending::Reset);
    });
}

#[test]
fn a_client_that_goes_away_ends_the_plugins_stream_at_once() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for (id, version) in [("one", Version::Http1), ("two", Version::Http2)] {
            let path = format!("{ENDLESS}&id={id}");
            let mut stream = gateway.get(&path).version(version).open().await;
            stream.read_until("\n\n").await;
            drop(stream);
            let took = closed(&gateway, id).await;
            assert!(took < Duration::from_secs(1), "{version:?}: {took:?}");
        }
        // A stream that is silent notices it as well.
        let path = "/plugins/lab/sse?n=inf&interval_ms=600000&id=silent";
        let mut stream = gateway.get(path).open().await;
        stream.read_until("\n\n").await;
        drop(stream);
        assert!(closed(&gateway, "silent").await < Duration::from_secs(1));
        let mut raw = gateway.raw().await;
        raw.send(format!("GET {ENDLESS}&id=reset HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        raw.head().await;
        raw.chunk().await.unwrap();
        raw.reset();
        assert!(closed(&gateway, "reset").await < Duration::from_secs(1));
    });
}

/// Waits until the plugin knows that the client of a stream has gone, and tells how long it took.
async fn closed(gateway: &Gateway, id: &str) -> Duration {
    let begun = Instant::now();
    eventually("the plugin's stream is cancelled", async || {
        let stats = gateway.get("/plugins/lab/stats").send().await.json();
        (stats["closed_by_id"][id] == json!("client_gone")).then_some(())
    })
    .await;
    begun.elapsed()
}

#[test]
fn a_stream_ends_with_an_error_when_its_time_is_up_although_data_flows() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "700ms");
        let gateway = builder.start().await;
        gateway.lab().await;
        for version in BOTH {
            let begun = Instant::now();
            // Clients take very many tiny pieces over HTTP/2 for an attack.
            let path = "/plugins/lab/stream-bytes/10000000000?piece=1024";
            let mut stream = gateway.get(path).version(version).open().await;
            let broken = stream.rest().await.expect_err("a clean end");
            assert!(!broken.received.is_empty());
            assert_eq!(broken.reset().is_some(), version == Version::Http2);
            let took = begun.elapsed().as_millis();
            assert!((600..6000).contains(&took), "{version:?}: {took} ms");
            // A stream that ends in time ends well.
            gateway
                .get("/plugins/lab/sse?n=3&interval_ms=10")
                .version(version)
                .send()
                .await
                .expect(200);
        }
    });
}

#[test]
fn a_stream_that_pauses_too_long_ends_with_an_error() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_IDLE_TIMEOUT", "300ms");
        let gateway = builder.start().await;
        gateway.lab().await;
        for version in BOTH {
            let path = "/plugins/lab/sse?n=inf&interval_ms=600000&id=idle";
            let mut stream = gateway.get(path).version(version).open().await;
            let broken = stream.rest().await.expect_err("a clean end");
            assert!(broken.received.ends_with(b"\n\n"), "{broken:?}");
            // One that goes on lasts longer than the pause that is allowed.
            let path = "/plugins/lab/sse?n=10&interval_ms=60";
            gateway.get(path).version(version).send().await.expect(200);
        }
        closed(&gateway, "idle").await;
    });
}

#[test]
fn without_an_idle_limit_silence_is_fine() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let answer = gateway.get("/plugins/lab/sse?n=2&interval_ms=1500").send().await.expect(200);
        assert_eq!(
            answer.text().matches("data:").count(),
            2,
            "nothing of the gateway's own is added"
        );
        assert!(answer.text().lines().all(|line| !line.starts_with(':')), "{}", answer.text());
    });
}

#[test]
fn a_failure_made_to_order_breaks_the_stream_where_it_happened() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in BOTH {
            let path = "/plugins/lab/sse?n=10&interval_ms=20&fail_at=2";
            let broken = gateway.get(path).version(version).try_send().await;
            let broken = broken.expect_err("a clean end");
            let text = String::from_utf8_lossy(&broken.received);
            assert_eq!(text.matches("data:").count(), 3, "{text}");
            let path = "/plugins/lab/sse?fail_at=head";
            let answer = gateway.get(path).version(version).send().await;
            answer.is_error(503, "plugin_reported", "plugin");
        }
    });
}
