//! Streams that go well: at once, in order, byte for byte, with as little memory as possible.

use serde_json::Value;
use sidegate_e2e::{Connection, Gateway, Version, eventually, resident_kib, story};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

#[test]
fn each_piece_reaches_the_client_at_once() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for version in BOTH {
            // The plugin never goes on after its first piece, so nothing can push it along.
            let mut stream =
                gateway.get("/plugins/m/stream/hang-later").version(version).open().await;
            assert_eq!(stream.status, 200);
            assert_eq!(stream.read_until("begun").await, "begun");
            // And the head comes before the first piece.
            let path = "/plugins/lab/sse?n=1&first_delay_ms=600000";
            let stream = gateway.get(path).version(version).open().await;
            assert_eq!(stream.headers["content-type"], "text/event-stream");
            assert_eq!(stream.headers["cache-control"], "no-cache");
        }
    });
}

#[test]
fn pieces_are_passed_on_as_they_are() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let expected = gateway.get("/plugins/lab/sse-exact.bin").send().await.expect(200).body;
        assert!(expected.len() > 100);
        for version in BOTH {
            let answer = gateway.get("/plugins/lab/sse-exact").version(version).send().await;
            assert_eq!(answer.expect(200).body, expected, "{version:?}");
        }
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/sse-exact HTTP/1.0\r\n\r\n").await;
        raw.head().await;
        assert_eq!(raw.rest().await.0, expected);
    });
}

#[test]
fn an_old_client_is_not_promised_a_connection_that_ends_with_its_answer() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let connection = async |request: &str, body: &str| {
            let mut raw = gateway.raw().await;
            let kept = "HTTP/1.0\r\nConnection: keep-alive\r\n";
            raw.send(format!("{request} {kept}{body}")).await;
            let (_, headers) = raw.head().await;
            let all = headers.get_all("connection").into_iter();
            let words: Vec<_> = all.map(|value| value.to_str().unwrap().to_owned()).collect();
            words.join(", ")
        };
        // Its end is the end of the connection, or what was not read of the request would follow.
        assert_eq!(connection("GET /plugins/lab/sse?n=2&interval_ms=1", "\r\n").await, "close");
        let large = "Content-Length: 5000000\r\n\r\n";
        assert_eq!(connection("POST /plugins/lab/x", large).await, "close");
        assert_eq!(connection("GET /plugins/lab/x", "\r\n").await, "keep-alive");
        assert_eq!(connection("GET /plugins/lab/stream-bytes/7", "\r\n").await, "close");
    });
}

#[test]
fn events_come_in_order_and_go_on_where_a_client_left_off() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let get = || gateway.get("/plugins/lab/sse?n=20&interval_ms=1");
        let all = numbers(get().send().await.expect(200).text());
        assert_eq!(all, (0..20).collect::<Vec<_>>());
        let rest = get().header("last-event-id", "11").send().await.expect(200);
        assert_eq!(numbers(rest.text()), (12..20).collect::<Vec<_>>());
    });
}

/// The `i` of every event.
fn numbers(text: &str) -> Vec<u64> {
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let number = |event: &str| serde_json::from_str::<Value>(event).unwrap()["i"].as_u64().unwrap();
    events.map(number).collect()
}

#[test]
fn a_thousand_clients_each_receive_every_event_in_order() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let clients: Vec<_> = (0..1000)
            .map(|i| {
                let addr = gateway.addr();
                tokio::spawn(async move {
                    let version = if i % 2 == 0 { Version::Http1 } else { Version::Http2 };
                    let connection = Connection::open(addr, version).await;
                    let path = format!("/plugins/lab/sse?n=10&interval_ms=300&id=client-{i}");
                    let answer = connection.request("GET", &path).send().await.expect(200);
                    assert_eq!(numbers(answer.text()), (0..10).collect::<Vec<_>>(), "client {i}");
                })
            })
            .collect();
        eventually("all of them are served at the same time", async || {
            let stats = gateway.get("/plugins/lab/stats").send().await.json();
            let most = stats["streams"]["active"].as_u64().unwrap();
            let opened = stats["streams"]["opened"].as_u64().unwrap();
            (most > 900 || opened == 1000).then_some(())
        })
        .await;
        for client in clients {
            client.await.unwrap();
        }
        let stats = gateway.get("/plugins/lab/stats").send().await.json();
        assert_eq!(stats["streams"]["opened"], 1000);
        assert!(resident_kib(gateway.pid()) < 400 * 1024, "{} KiB", resident_kib(gateway.pid()));
    });
}

#[test]
fn a_client_that_reads_slowly_slows_the_plugin_and_fills_no_memory() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in BOTH {
            let before = sent_bytes(&gateway).await;
            let path = "/plugins/lab/stream-bytes/10000000000";
            let stream = gateway.get(path).version(version).open().await;
            let stuck = standstill(&gateway).await;
            assert!(
                stuck - before < 64 << 20,
                "{version:?}: {} bytes went somewhere",
                stuck - before
            );
            assert!(
                resident_kib(gateway.pid()) < 200 * 1024,
                "{} KiB",
                resident_kib(gateway.pid())
            );
            // Others of the same plugin are not held up.
            let answer = gateway.get("/plugins/lab/sse?n=3&interval_ms=1").send().await.expect(200);
            assert_eq!(numbers(answer.text()).len(), 3);
            drop(stream);
        }
    });
}

async fn sent_bytes(gateway: &Gateway) -> u64 {
    let stats = gateway.get("/plugins/lab/stats").send().await.json();
    stats["streams"]["sent_bytes"].as_u64().unwrap()
}

/// Waits until the plugin gets rid of nothing more, and tells what it had got rid of.
async fn standstill(gateway: &Gateway) -> u64 {
    let (mut last, mut same) = (0, 0);
    eventually("the plugin is held up", async || {
        let now = sent_bytes(gateway).await;
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        (same >= 20).then_some(now)
    })
    .await
}

#[test]
fn a_slow_stream_arrives_whole_once_it_is_read() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in BOTH {
            let size = 20_000_000;
            let path = format!("/plugins/lab/stream-bytes/{size}");
            let mut stream = gateway.get(&path).version(version).open().await;
            standstill(&gateway).await;
            let body = stream.rest().await.unwrap();
            assert_eq!(body.len(), size);
            assert!(body.iter().zip((0..251).cycle()).all(|(byte, i)| *byte == i), "{version:?}");
        }
    });
}

#[test]
fn a_post_can_be_answered_by_a_stream() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for version in BOTH {
            let request = gateway.post("/plugins/m/stream/good").version(version).body("question");
            assert_eq!(request.send().await.expect(200).text(), "ab");
        }
    });
}
