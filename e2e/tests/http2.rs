//! HTTP/2 with prior knowledge: the same promises over one shared connection.

use bytes::Bytes;
use sidegate_e2e::{Gateway, Version, eventually, story, within};
use std::time::{Duration, Instant};

#[test]
fn cookies_that_were_sent_in_crumbs_arrive_as_one() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        for path in ["/plugins/lab/x", "/plugins/old/unary/seen"] {
            let request = gateway.get(path).http2().header("cookie", "a=1");
            let request = request.header("cookie", "b=2").header("cookie", "c=3");
            let seen = request.send().await.expect(200).json();
            assert_eq!(seen["headers"]["Cookie"], "a=1; b=2; c=3", "{path}");
        }
    });
}

#[test]
fn as_many_crumbs_of_cookies_as_fit_into_one_field_are_one() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let crumbs: Vec<_> = (0..120).map(|i| format!("c{i}={i}")).collect();
        let request = gateway.get("/plugins/lab/x").http2();
        let request = crumbs.iter().fold(request, |request, crumb| request.header("cookie", crumb));
        let seen = request.send().await.expect(200).json();
        assert_eq!(seen["headers"]["Cookie"], crumbs.join("; "));
        // Joined they are no smaller than over HTTP/1.
        let large = "x".repeat(1000);
        let request = gateway.get("/plugins/lab/x").http2();
        let request = (0..66).fold(request, |request, _| request.header("cookie", &large));
        request.send().await.is_error(431, "headers_too_large", "client");
    });
}

/// A frame of HTTP/2 on stream 0.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, 0], payload].concat()
}

/// The beginning of a connection.
fn greeting() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(4, 0, &[])[..]].concat()
}

/// A frame of HTTP/2 with a head that ends a request.
fn request(stream: u8, block: &[u8]) -> Vec<u8> {
    let mut request = frame(1, 5, block);
    request[8] = stream;
    request
}

#[test]
fn a_path_with_a_fragment_is_refused_as_over_http1() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/x#y HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await.is_error(400, "invalid_request", "client");
        let mut raw = gateway.raw().await;
        raw.send(greeting()).await;
        // GET, http, an authority, and a path that is remembered.
        let head = [&b"\x82\x86\x01\x01a"[..], b"\x44\x10/plugins/lab/x#y"].concat();
        raw.send(request(1, &head)).await;
        let said = raw.take_through("\"code\":\"invalid_request\"").await;
        assert!(said.contains("must be encoded"), "{said}");
        // The one that is remembered, in pieces, and one without a fragment behind it.
        let again = request(3, b"\x82\x86\x01\x01a\xbe");
        for byte in again {
            raw.send([byte]).await;
        }
        raw.take_through("\"code\":\"invalid_request\"").await;
        raw.send(request(5, b"\x82\x86\x01\x01a\x04\x0e/plugins/lab/x")).await;
        raw.take_through("\"relative_path\":\"/x\"").await;
    });
}

#[test]
fn a_fragment_in_a_head_that_fills_its_frame_costs_nobody_the_connection() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send(greeting()).await;
        let own = [&b"\x82\x86\x01\x01a"[..], b"\x04\x10/plugins/lab/x#y", b"\x00\x01y"].concat();
        // The length of the value, in as many bytes as it needs.
        let filled = 16 * 1024 - own.len() - 3;
        let rest = filled - 127;
        let length = [127, 0x80 | (rest & 0x7f) as u8, (rest >> 7) as u8];
        let head = [&own[..], &length, "z".repeat(filled).as_bytes()].concat();
        assert_eq!(head.len(), 16 * 1024);
        raw.send(request(1, &head)).await;
        let said = raw.take_through("\"code\":\"invalid_request\"").await;
        assert!(said.contains("must be encoded"), "{said}");
        raw.send(request(3, b"\x82\x86\x01\x01a\x04\x0e/plugins/lab/x")).await;
        raw.take_through("\"relative_path\":\"/x\"").await;
    });
}

#[test]
fn what_a_stranger_sends_over_http2_fills_no_log() {
    story(async {
        let gateway = Gateway::start().await;
        let mut raw = gateway.raw().await;
        raw.send(greeting()).await;
        let before = gateway.log().len();
        for _ in 0..100 {
            // Acknowledgements of what was never asked.
            raw.send(frame(6, 1, b"unwanted").repeat(100)).await;
        }
        // All of them were read when this one is answered.
        raw.send(frame(6, 0, b"are-you?")).await;
        raw.take_through("are-you?").await;
        let written = gateway.log().len() - before;
        assert!(written < 10_000, "{written} bytes of log");
    });
}

#[test]
fn a_host_that_differs_from_the_authority_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let own = gateway.addr().to_string();
        let seen = gateway.get("/plugins/lab/x").http2().header("host", &own).send().await;
        assert_eq!(seen.expect(200).json()["host"], own.as_str());
        for other in ["b", "a:1"] {
            let answer = gateway.get("/plugins/lab/x").http2().header("host", other).send().await;
            answer.is_error(400, "invalid_request", "client");
        }
    });
}

/// Sends one request without an `:authority`.
async fn without_authority(gateway: &Gateway, host: Option<&str>) -> Option<u16> {
    let tcp = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
    let (sender, connection) = h2::client::handshake(tcp).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let mut request = http::Request::builder().uri("/plugins/lab/x");
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let (answer, _) = sender.send_request(request.body(()).unwrap(), true).unwrap();
    answer.await.ok().map(|answer| answer.status().as_u16())
}

#[test]
fn a_request_without_any_host_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        assert!(matches!(without_authority(&gateway, None).await, None | Some(400)));
        assert!(matches!(without_authority(&gateway, Some("a")).await, None | Some(200)));
    });
}

#[test]
fn calls_on_one_connection_take_too_long_each_for_itself() {
    story(async {
        let gateway = Gateway::builder().env("PLUGIN_ENDPOINT_TIMEOUT", "1s").start().await;
        gateway.lab().await;
        for version in [Version::Http2, Version::Http1] {
            let connection = gateway.connection(version).await;
            // Over HTTP/1 one after the other, where each begins when the last one has ended.
            let at_once = if version == Version::Http2 { 20 } else { 1 };
            for _ in 0..2 {
                let calls: Vec<_> = (0..at_once)
                    .map(|_| {
                        let connection = connection.clone();
                        tokio::spawn(async move {
                            let begun = Instant::now();
                            let slow = connection.request("GET", "/plugins/lab/sleep?ms=9000");
                            slow.send().await.is_error(504, "plugin_timeout", "plugin");
                            let took = begun.elapsed().as_millis();
                            assert!((1000..3500).contains(&took), "{took} ms");
                            let quick = connection.request("GET", "/plugins/lab/sleep?ms=500");
                            quick.send().await.expect(200);
                        })
                    })
                    .collect();
                for call in calls {
                    call.await.unwrap();
                }
            }
        }
    });
}

#[test]
fn many_requests_share_a_connection_and_none_waits_for_another() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        let mut endless =
            connection.request("GET", "/plugins/lab/sse?n=inf&interval_ms=20").open().await;
        let stuck = connection.request("GET", "/plugins/lab/stream-bytes/1000000000").open().await;
        let hanging = connection.clone();
        let hanging = tokio::spawn(async move {
            hanging.request("GET", "/plugins/lab/hang").try_open().await.map(drop)
        });
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                let connection = connection.clone();
                tokio::spawn(async move {
                    let path = format!("/plugins/lab/n/{i}");
                    let request = connection.request("POST", &path).body(vec![b'x'; 1000]);
                    let seen = request.send().await.expect(200).json();
                    assert_eq!(seen["path"], path.as_str());
                })
            })
            .collect();
        for task in tasks {
            within(Duration::from_secs(10), "a request beside slow ones", task).await.unwrap();
        }
        endless.read_until("\n\n").await;
        hanging.abort();
        drop(stuck);
    });
}

#[test]
fn a_cut_stream_is_reset_and_the_connection_goes_on() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        let connection = gateway.connection(Version::Http2).await;
        for _ in 0..3 {
            let request = connection.request("GET", "/plugins/m/stream/error-after-body");
            let broken = request.try_send().await.expect_err("a clean end");
            assert!(
                broken.reset().is_some_and(|reason| reason != h2::Reason::NO_ERROR),
                "{broken:?}"
            );
        }
        let answer = connection.request("GET", "/plugins/m/stream/good").send().await;
        assert_eq!(answer.expect(200).text(), "ab");
    });
}

#[test]
fn a_stream_the_client_resets_is_cancelled_in_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        let path = "/plugins/lab/sse?n=inf&interval_ms=600000&id=reset";
        let mut stream = connection.request("GET", path).open().await;
        stream.read_until("\n\n").await;
        drop(stream);
        eventually("the plugin's stream is cancelled", async || {
            let stats = connection.request("GET", "/plugins/lab/stats").send().await.json();
            (stats["closed_by_id"]["reset"] == "client_gone").then_some(())
        })
        .await;
    });
}

#[test]
fn an_early_refusal_does_not_end_the_connection() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        let large = vec![Bytes::from(vec![b'x'; 500_000]); 6];
        let answer = connection.request("POST", "/plugins/lab/x").chunks(large).send().await;
        answer.is_error(413, "body_too_large", "client");
        connection.request("POST", "/nothing").body("body").send().await.expect(404);
        connection.request("GET", "/plugins/lab/x").send().await.expect(200);
    });
}

#[test]
fn head_and_bodiless_statuses_work_over_http2() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        for path in ["/plugins/lab/x", "/plugins/lab/sse?n=inf"] {
            connection.request("HEAD", path).send().await.expect(200);
        }
        connection.request("GET", "/plugins/lab/status/204").send().await.expect(204);
        connection.request("HEAD", "/nothing").send().await.expect(404);
    });
}
