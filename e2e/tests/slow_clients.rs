//! Clients that are slow, on purpose or not: each kind of waiting has an end.

use sidegate_e2e::{Ending, Gateway, GatewayBuilder, Raw, Version, eventually, pause, story};
use std::time::{Duration, Instant};

/// Short limits, each of another length, so that a mix-up shows.
fn impatient() -> GatewayBuilder {
    Gateway::builder()
        .env("READ_HEADER_TIMEOUT", "400ms")
        .env("BODY_IDLE_TIMEOUT", "700ms")
        .env("IDLE_TIMEOUT", "1100ms")
}

fn is_about(took: Duration, wanted_ms: u128) {
    let took = took.as_millis();
    assert!((wanted_ms - 100..wanted_ms + 2500).contains(&took), "{took} ms, not {wanted_ms} ms");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut() {
    story(async {
        let gateway = impatient().start().await;
        let mut raw = gateway.raw().await;
        let begun = Instant::now();
        for byte in
            "GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaa".bytes()
        {
            if raw.try_send([byte]).await.is_err() {
                break;
            }
            pause(Duration::from_millis(30)).await;
            if begun.elapsed() > Duration::from_secs(1) {
                break;
            }
        }
        raw.answer().await.is_error(408, "request_timeout", "client");
        is_about(begun.elapsed(), 1000);
    });
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    story(async {
        let gateway = impatient().start().await;
        let begun = Instant::now();
        let mut raw = gateway.raw().await;
        let (bytes, ending) = raw.rest().await;
        assert_eq!((&bytes[..], ending), (&b""[..], Ending::Closed));
        is_about(begun.elapsed(), 400);
    });
}

#[test]
fn a_connection_that_says_empty_lines_only_has_said_nothing() {
    story(async {
        let gateway = impatient().env("IDLE_TIMEOUT", "60s").start().await;
        let begun = Instant::now();
        let mut raw = gateway.raw().await;
        raw.send("\r\n\r\n").await;
        let (bytes, ending) = raw.rest().await;
        assert_eq!((&bytes[..], ending), (&b""[..], Ending::Closed));
        is_about(begun.elapsed(), 400);
        // After an answer they do not begin the next request.
        let mut served = gateway.raw().await;
        for _ in 0..2 {
            served.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
            served.answer().await.expect(200);
            served.send("\r\n").await;
            pause(Duration::from_millis(600)).await;
        }
    });
}

#[test]
fn an_idle_connection_is_closed_after_its_time_and_not_before() {
    story(async {
        let gateway = impatient().start().await;
        let mut raw = gateway.raw().await;
        for _ in 0..3 {
            raw.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
            raw.answer().await.expect(200);
            // Longer than a head may take, shorter than a connection may idle.
            pause(Duration::from_millis(600)).await;
        }
        let begun = Instant::now();
        assert_eq!(raw.rest().await.1, Ending::Closed);
        is_about(begun.elapsed(), 500);
    });
}

#[test]
fn an_idle_http2_connection_is_closed() {
    story(async {
        let gateway = impatient().start().await;
        let connection = gateway.connection(Version::Http2).await;
        connection.request("GET", "/health").send().await.expect(200);
        eventually("the connection is closed", async || {
            // Asked over another connection, so that this one stays idle.
            let metrics = gateway.get("/metrics").send().await;
            metrics.text().lines().any(|line| line == "sidegate_connections 1").then_some(())
        })
        .await;
        assert!(connection.request("GET", "/health").try_open().await.is_err());
    });
}

#[test]
fn a_body_that_stops_coming_is_408_and_the_plugin_never_hears_of_it() {
    story(async {
        let gateway = impatient().start().await;
        gateway.lab().await;
        for body in
            ["Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
        {
            let mut raw = gateway.raw().await;
            let begun = Instant::now();
            raw.send(format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX-Nonce: slow\r\n{body}"))
                .await;
            raw.answer().await.is_error(408, "request_timeout", "client");
            is_about(begun.elapsed(), 700);
        }
        let seen = gateway.get("/plugins/lab/seen?nonce=slow").send().await.json();
        assert_eq!(seen["seen"], false);
    });
}

#[test]
fn a_body_that_comes_slowly_but_steadily_passes() {
    story(async {
        let gateway = impatient().start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n").await;
        for piece in ["ab", "cd", "ef"] {
            pause(Duration::from_millis(450)).await;
            raw.send(piece).await;
        }
        assert_eq!(raw.answer().await.expect(200).json()["body"], "abcdef");
    });
}

#[test]
fn a_body_that_only_dribbles_is_408_long_before_its_time_is_up() {
    story(async {
        let gateway = Gateway::builder().env("BODY_MIN_RATE", "1000").start().await;
        gateway.lab().await;
        let (address, begun) = (gateway.addr(), Instant::now());
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        let dribbles = ["Content-Length: 100000\r\n\r\n", chunked].map(|body| {
            tokio::spawn(async move {
                let mut raw = Raw::connect(address).await;
                let head = "POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX-Nonce: dribble\r\n";
                raw.send(format!("{head}{body}")).await;
                let piece = if body == chunked { "1\r\nx\r\n" } else { "x" };
                while begun.elapsed() < Duration::from_secs(15) {
                    if raw.try_send(piece).await.is_err() {
                        break;
                    }
                    pause(Duration::from_millis(100)).await;
                }
                raw
            })
        });
        // One that is no faster for a while, but makes up for it, passes meanwhile.
        let mut steady = gateway.raw().await;
        let size = 20_000;
        let head = format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: {size}");
        steady.send(format!("{head}\r\n\r\n{}", "x".repeat(size - 1))).await;
        pause(Duration::from_secs(8)).await;
        steady.send("x").await;
        assert_eq!(steady.answer().await.expect(200).json()["body_len"], size);
        for dribble in dribbles {
            let mut raw = dribble.await.unwrap();
            raw.answer().await.is_error(408, "request_timeout", "client");
        }
        let seen = gateway.get("/plugins/lab/seen?nonce=dribble").send().await.json();
        assert_eq!(seen["seen"], false);
    });
}

#[test]
fn the_least_rate_of_a_body_holds_over_http2_and_can_be_switched_off() {
    story(async {
        for (rate, status) in [("240", 408), ("0", 200)] {
            let gateway = Gateway::builder().env("BODY_MIN_RATE", rate).start().await;
            gateway.lab().await;
            let tcp = tokio::net::TcpStream::connect(gateway.addr()).await.unwrap();
            let (sender, connection) = h2::client::handshake(tcp).await.unwrap();
            tokio::spawn(connection);
            let uri = format!("http://{}/plugins/lab/x", gateway.addr());
            let request = http::Request::post(uri).body(()).unwrap();
            let (answer, mut body) =
                sender.ready().await.unwrap().send_request(request, false).unwrap();
            for _ in 0..14 {
                pause(Duration::from_millis(500)).await;
                if body.send_data(bytes::Bytes::from_static(b"x"), false).is_err() {
                    break;
                }
            }
            let _ = body.send_data(bytes::Bytes::new(), true);
            assert_eq!(answer.await.unwrap().status(), status, "at least {rate} bytes/s");
        }
    });
}

#[test]
fn a_request_that_takes_long_is_not_taken_for_an_idle_connection() {
    story(async {
        let gateway = impatient().start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let connection = gateway.connection(version).await;
            for path in ["/plugins/lab/sleep?ms=1500", "/plugins/lab/sse?n=2&interval_ms=1500"] {
                connection.request("GET", path).send().await.expect(200);
            }
        }
    });
}

#[test]
fn an_http2_reader_that_takes_nothing_does_not_hold_the_plugins_stream_past_its_limit() {
    story(async {
        let gateway = Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "1s").start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        // The window of the stream fills, and from then on nobody asks for more.
        let stalled = connection
            .request("GET", "/plugins/lab/stream-bytes/1000000000?id=stalled")
            .open()
            .await;
        eventually("the plugin's stream has ended", async || {
            let stats = gateway.get("/plugins/lab/stats").send().await.expect(200).json();
            (stats["closed_by_id"]["stalled"] == "client_gone").then_some(())
        })
        .await;
        connection.request("GET", "/plugins/lab/x").send().await.expect(200);
        drop(stalled);
    });
}
