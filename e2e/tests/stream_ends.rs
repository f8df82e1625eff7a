//! Streams that the gateway itself ends: events that a client listens to end in order, between two of
//! them, so that it comes again; everything else, and every failure of the plugin, ends with an error.

use serde_json::json;
use sidegate_e2e::{
    BrokenOff, Ending, Gateway, GatewayBuilder, Stream, Version, eventually, kill, story,
};
use std::time::{Duration, Instant};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];
/// Events that go on for ever.
const EVENTS: &str = "/plugins/lab/sse?n=inf&interval_ms=20";
/// One event, and silence.
const SILENT: &str = "/plugins/lab/sse?n=inf&interval_ms=600000";
/// A stream that is none of events.
/// Large pieces: clients take very many tiny ones over HTTP/2 for an attack.
const BYTES: &str = "/plugins/lab/stream-bytes/10000000000?piece=1024";

fn limited() -> GatewayBuilder {
    Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "700ms")
}

/// Reads events to their end, which is in order and between two of them.
async fn whole_events(mut stream: Stream, what: &str) {
    let text = match stream.rest().await {
        Ok(body) => String::from_utf8(body.to_vec()).unwrap(),
        Err(broken) => panic!("{what}: {broken:?}"),
    };
    assert!(text.contains("data:") && text.ends_with("\n\n"), "{what}: {text:?}");
}

async fn cut(gateway: &Gateway, method: &str, path: &str, version: Version) -> BrokenOff {
    match gateway.request(method, path).version(version).try_send().await {
        Err(broken) => broken,
        Ok(answer) => panic!("{method} {path} {version:?} looks complete: {}", answer.describe()),
    }
}

#[test]
fn events_end_in_order_between_two_of_them_when_their_time_is_up() {
    story(async {
        let gateway = limited().start().await;
        gateway.lab().await;
        for version in BOTH {
            for path in [EVENTS, SILENT] {
                let begun = Instant::now();
                let connection = gateway.connection(version).await;
                let stream = connection.request("GET", path).open().await;
                whole_events(stream, path).await;
                assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
                // And the connection serves on.
                connection.request("GET", "/plugins/lab/pid").send().await.expect(200);
            }
        }
        let mut raw = gateway.raw().await;
        raw.send(format!("GET {EVENTS} HTTP/1.0\r\n\r\n")).await;
        raw.head().await;
        let (body, ending) = raw.rest().await;
        assert!(body.ends_with(b"\n\n") && ending == Ending::Closed, "{ending:?} {body:?}");
        let metrics = gateway.get("/metrics").send().await;
        assert!(metrics.text().contains("route=\"/sse\",method=\"GET\"} 0"), "{}", metrics.text());
    });
}

#[test]
fn what_is_no_stream_of_events_that_a_client_listens_to_is_cut_when_its_time_is_up() {
    story(async {
        let gateway = limited().start().await;
        gateway.lab().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for version in BOTH {
            cut(&gateway, "GET", BYTES, version).await;
            // The answer to a question, as in MCP, is not asked for again.
            cut(&gateway, "POST", "/plugins/m/stream/astride", version).await;
        }
    });
}

#[test]
fn a_stream_within_an_event_ends_with_that_event_or_with_an_error_a_moment_later() {
    story(async {
        let gateway = limited().start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for version in BOTH {
            let stream = gateway.get("/plugins/m/stream/astride").version(version).open().await;
            whole_events(stream, "pieces that never end where events do").await;
            let begun = Instant::now();
            let broken = cut(&gateway, "GET", "/plugins/m/stream/half-event", version).await;
            assert_eq!(&broken.received[..], b"data: 1\n\ndata: 2\n");
            assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
        }
    });
}

#[test]
fn a_failure_of_the_plugin_is_an_error_although_the_stream_stands_between_two_events() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        for version in BOTH {
            let failing = "/plugins/lab/sse?n=3&interval_ms=1&fail_at=1";
            let broken = cut(&gateway, "GET", failing, version).await;
            assert!(broken.received.ends_with(b"\n\n"));
            let mut stream = gateway.get(SILENT).version(version).open().await;
            stream.read_until("\n\n").await;
            let pid = plugin.pid().await;
            kill(pid);
            stream.rest().await.expect_err("a clean end");
            plugin.wait_other_pid(pid).await;
        }
    });
}

#[test]
fn an_operator_can_have_every_stream_cut() {
    story(async {
        let gateway = limited().start().await;
        let plugin = gateway.plugin("lab").option("stream_end", "abort").ready().await;
        for version in BOTH {
            cut(&gateway, "GET", EVENTS, version).await;
        }
        // It is live at once.
        plugin.change(&json!({"options": {"stream_end": "clean"}})).await;
        let stream = gateway.get(EVENTS).open().await;
        whole_events(stream, "after the change").await;
    });
}

#[test]
fn a_plugin_has_a_limit_of_its_own_for_streams_or_none() {
    story(async {
        let gateway = limited().start().await;
        let plugin = gateway.plugin("lab").option("stream_timeout", "0").ready().await;
        let pid = plugin.pid().await;
        for version in BOTH {
            // Longer than the node's limit, with pauses that are as well.
            let path = "/plugins/lab/sse?n=3&interval_ms=1000";
            let answer = gateway.get(path).version(version).send().await.expect(200);
            assert_eq!(answer.text().matches("data:").count(), 3, "{version:?}");
            let path = "/plugins/lab/stream-bytes/20000000";
            gateway.get(path).version(version).send().await.expect(200);
        }
        // Its headers must come all the same.
        let late = "/plugins/lab/sse?head_delay_ms=600000";
        gateway.get(late).send().await.is_error(504, "plugin_timeout", "plugin");
        plugin.change(&json!({"options": {"stream_timeout": "1500ms"}})).await;
        for version in BOTH {
            let begun = Instant::now();
            let stream = gateway.get(EVENTS).version(version).open().await;
            whole_events(stream, "with a limit of its own").await;
            assert!(begun.elapsed() >= Duration::from_millis(1400), "{:?}", begun.elapsed());
        }
        assert_eq!(plugin.pid().await, pid, "the process stayed");
        let other = gateway.plugin("other").command("file:///nonexistent");
        let refused = other.option("stream_timeout", "forever").refused().await;
        assert!(refused.1.contains("stream_timeout"), "{refused:?}");
    });
}

#[test]
fn events_end_in_order_when_the_gateway_stops_before_their_end() {
    story(async {
        for version in BOTH {
            let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "300ms").start().await;
            gateway.lab().await;
            let mut silent = gateway.get(SILENT).version(version).open().await;
            silent.read_until("\n\n").await;
            let events = gateway.get(EVENTS).version(version).open().await;
            let mut bytes = gateway.get(BYTES).version(version).open().await;
            gateway.begin_to_stop();
            whole_events(events, "events at the stop").await;
            assert_eq!(&silent.rest().await.unwrap()[..], b"");
            bytes.rest().await.expect_err("a clean end");
            gateway.stop();
            assert!(gateway.log().contains("the gateway stopped"), "the log says why");
        }
    });
}

#[test]
fn events_end_in_order_when_the_drain_of_their_process_is_over() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").option("drain_deadline", "300ms").ready().await;
        let open = async |path| {
            let mut opened = Vec::new();
            for version in BOTH {
                opened.push(gateway.get(path).version(version).open().await);
            }
            opened
        };
        let (events, bytes) = (open(EVENTS).await, open(BYTES).await);
        plugin.reload().await;
        for stream in events {
            whole_events(stream, "events of a replaced process").await;
        }
        for mut stream in bytes {
            stream.rest().await.expect_err("a clean end");
        }
        let events = open(EVENTS).await;
        plugin.change(&json!({"is_active": false})).await;
        for stream in events {
            whole_events(stream, "events of a disabled plugin").await;
        }
        let ended = eventually("both processes have ended", async || {
            let records = plugin.records().await;
            records.iter().all(|record| !record.running).then_some(records)
        })
        .await;
        for record in ended {
            assert_eq!((record.in_order, record.in_flight), (Some(true), Some(0)));
        }
    });
}
