//! Sizes: what exactly passes, and that nothing too large ever reaches a plugin.

use bytes::Bytes;
use serde_json::{Value, json};
use sidegate_e2e::{Gateway, Request, Version, story};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];
/// The default of `PLUGIN_ENDPOINT_MAX_BODY_SIZE`.
const MAX: usize = 1_048_576;

/// Whether the lab saw a request with this nonce.
async fn seen(gateway: &Gateway, nonce: &str) -> bool {
    let path = format!("/plugins/lab/seen?nonce={nonce}");
    gateway.get(&path).send().await.expect(200).json()["seen"] == json!(true)
}

fn chunked(request: Request, size: usize) -> Request {
    let whole = Bytes::from(vec![b'x'; size]);
    let pieces = (0..size).step_by(10_000).map(|at| whole.slice(at..size.min(at + 10_000)));
    request.chunks(pieces.collect())
}

fn sized(request: Request, size: usize) -> Request {
    request.body(vec![b'x'; size])
}

#[test]
fn a_body_of_exactly_the_limit_passes_and_one_byte_more_never_reaches_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in BOTH {
            for (how, with) in
                [("sized", sized as fn(Request, usize) -> Request), ("chunked", chunked)]
            {
                let post = |nonce: &str, size| {
                    let request = gateway.post("/plugins/lab/x").version(version);
                    with(request.header("x-nonce", nonce), size)
                };
                let exact = format!("exact-{how}-{version:?}");
                let answer = post(&exact, MAX).send().await.expect(200).json();
                assert_eq!(answer["body_len"], MAX);
                assert!(seen(&gateway, &exact).await);
                let more = format!("more-{how}-{version:?}");
                let answer = post(&more, MAX + 1).send().await;
                answer.is_error(413, "body_too_large", "client");
                assert!(!seen(&gateway, &more).await, "{more}");
            }
        }
    });
}

#[test]
fn the_limit_is_a_setting() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "10");
        let gateway = builder.start().await;
        gateway.lab().await;
        gateway.post("/plugins/lab/x").body("0123456789").send().await.expect(200);
        let answer = gateway.post("/plugins/lab/x").body("0123456789a").send().await;
        answer.is_error(413, "body_too_large", "client");
        assert!(answer.error().text.contains("10 bytes"), "{}", answer.text());
    });
}

#[test]
fn an_announced_size_is_refused_before_a_byte_of_it_is_sent() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
            .await;
        raw.answer().await.is_error(413, "body_too_large", "client");
    });
}

#[test]
fn more_than_a_go_plugin_takes_is_a_warning_at_load_and_413_at_the_request() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "8388608");
        let gateway = builder.start().await;
        gateway.lab().await;
        let old = gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        let warnings = old.status().await.summary.warnings.join("\n");
        assert!(warnings.contains("8388608") && warnings.contains("4194304"), "{warnings}");
        let size = 6_000_000;
        let answer = sized(gateway.post("/plugins/old/unary/seen"), size).send().await;
        answer.is_error(413, "body_too_large", "client");
        let answer = sized(gateway.post("/plugins/old/unary/seen"), 4_000_000).send().await;
        assert_eq!(answer.expect(200).json()["body_len"], 4_000_000);
        // A plugin that takes more says so, and gets more.
        let answer = sized(gateway.post("/plugins/lab/x"), size).send().await;
        assert_eq!(answer.expect(200).json()["body_len"], size);
        let lab = gateway.admin().get("plugins?name=lab").await;
        assert_eq!(lab[0]["attributes"]["status"]["warnings"], json!([]));
    });
}

#[test]
fn too_much_before_the_body_is_refused_by_name() {
    story(async {
        let builder = Gateway::builder().env("MAX_HEADER_BYTES", "8192").env("MAX_HEADERS", "20");
        let gateway = builder.start().await;
        gateway.lab().await;
        let long = "a".repeat(9000);
        let many = "X-A: b\r\n".repeat(20);
        for (line, headers, status, code) in [
            (format!("GET /plugins/lab/{long} HTTP/1.1"), String::new(), 414, "uri_too_long"),
            ("GET / HTTP/1.1".to_owned(), format!("X-Long: {long}\r\n"), 431, "headers_too_large"),
            ("GET / HTTP/1.1".to_owned(), many, 431, "headers_too_large"),
        ] {
            let mut raw = gateway.raw().await;
            raw.send(format!("{line}\r\nHost: a\r\n{headers}\r\n")).await;
            raw.answer().await.is_error(status, code, "client");
        }
        let fine = "X-A: b\r\n".repeat(15);
        let mut raw = gateway.raw().await;
        raw.send(format!("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\n{fine}\r\n")).await;
        raw.answer().await.expect(200);
    });
}

#[test]
fn a_head_that_never_ends_is_cut_at_its_limit() {
    story(async {
        let gateway = Gateway::builder().env("MAX_HEADER_BYTES", "8192").start().await;
        let mut raw = gateway.raw().await;
        raw.send("GET / HTTP/1.1\r\nHost: a\r\n").await;
        for _ in 0..200 {
            // The gateway may have answered and stopped reading by now.
            if raw.try_send(format!("X-More: {}\r\n", "y".repeat(100))).await.is_err() {
                break;
            }
        }
        raw.answer().await.is_error(431, "headers_too_large", "client");
    });
}

#[test]
fn http2_heads_have_the_same_limits() {
    story(async {
        let builder = Gateway::builder().env("MAX_HEADER_BYTES", "8192").env("MAX_HEADERS", "20");
        let gateway = builder.start().await;
        gateway.lab().await;
        let connection = gateway.connection(Version::Http2).await;
        let large = connection.request("GET", "/plugins/lab/x").header("x-long", "a".repeat(9000));
        if let Ok(stream) = large.try_open().await {
            assert_eq!(stream.status, 431);
        }
        let many = (0..30).fold(connection.request("GET", "/plugins/lab/x"), |request, i| {
            request.header(&format!("x-{i}"), "y")
        });
        if let Ok(stream) = many.try_open().await {
            assert_eq!(stream.status, 431);
        }
        // The connection goes on.
        connection.request("GET", "/plugins/lab/x").send().await.expect(200);
    });
}

#[test]
fn connections_above_the_limit_wait_until_one_ends() {
    story(async {
        let gateway = Gateway::builder().env("MAX_CONNECTIONS", "2").start().await;
        let first = gateway.connection(Version::Http1).await;
        let second = gateway.connection(Version::Http1).await;
        for connection in [&first, &second] {
            connection.request("GET", "/health").send().await.expect(200);
        }
        let mut third = gateway.raw().await;
        third.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let waiting = async { third.head().await };
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), waiting).await;
        assert!(early.is_err(), "the third was served beside the two");
        drop(first);
        third.answer().await.expect(200);
        second.request("GET", "/health").send().await.expect(200);
    });
}

#[test]
fn answers_larger_than_requests_may_be_are_fine() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let answer = gateway.get("/plugins/lab/bytes/20000000").send().await.expect(200);
        assert_eq!(answer.body.len(), 20_000_000);
        assert_ne!(answer.header("content-length"), None);
        assert_eq!(gateway.get("/plugins/lab/x").send().await.json()["app"], Value::Null);
    });
}
