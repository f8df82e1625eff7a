//! Uploads that are refused early: unread, and with an answer that reaches a client that is busy
//! sending.

use serde_json::json;
use sidegate_e2e::{Connection, Gateway, Raw, Version, eventually, resident_kib, story};

const UPLOAD: usize = 100_000_000;

/// Sends an upload as far as it is taken, whatever is answered meanwhile.
async fn push(raw: &mut Raw, bytes: usize) -> usize {
    let piece = vec![b'x'; 1_000_000];
    let mut sent = 0;
    while sent < bytes && raw.try_send(&piece).await.is_ok() {
        sent += piece.len();
    }
    sent
}

async fn protected(gateway: &Gateway) -> String {
    gateway.plugin("lab").config("require_auth", "true").ready().await;
    gateway.token().await
}

fn head(length: usize, more: &str) -> String {
    format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{more}\r\n")
}

#[test]
fn a_large_upload_without_a_token_is_refused_before_it_is_sent() {
    story(async {
        let gateway = Gateway::start().await;
        let token = protected(&gateway).await;
        let mut raw = gateway.raw().await;
        raw.send(head(UPLOAD, "X-Nonce: early\r\n")).await;
        raw.answer().await.is_error(401, "unauthorized", "client");
        let seen = gateway.get("/plugins/lab/seen?nonce=early").bearer(&token).send().await;
        assert_eq!(seen.expect(200).json()["seen"], json!(false));
    });
}

#[test]
fn a_client_that_sends_before_it_reads_still_reads_the_refusal() {
    story(async {
        let gateway = Gateway::start().await;
        protected(&gateway).await;
        let before = resident_kib(gateway.pid());
        let mut raw = gateway.raw().await;
        raw.send(head(UPLOAD, "")).await;
        let sent = push(&mut raw, UPLOAD).await;
        let answer = raw.answer().await;
        answer.is_error(401, "unauthorized", "client");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(sent, UPLOAD, "the rest was drained");
        let grown = resident_kib(gateway.pid()).saturating_sub(before);
        assert!(grown < 50 * 1024, "{grown} KiB of the upload were kept");
    });
}

#[test]
fn ordinary_clients_get_the_refusal_of_a_large_upload() {
    story(async {
        let gateway = Gateway::start().await;
        protected(&gateway).await;
        for version in [Version::Http1, Version::Http2] {
            let connection = Connection::open(gateway.addr(), version).await;
            let request = connection.request("POST", "/plugins/lab/x").body(vec![b'x'; 20_000_000]);
            request.send().await.is_error(401, "unauthorized", "client");
        }
    });
}

#[test]
fn a_client_that_asks_for_an_upgrade_with_its_upload_gets_the_refusal() {
    story(async {
        let gateway = Gateway::start().await;
        protected(&gateway).await;
        let mut raw = gateway.raw().await;
        raw.send(head(20_000_000, "Connection: Upgrade\r\nUpgrade: h2c\r\n")).await;
        let sent = push(&mut raw, 20_000_000).await;
        raw.answer().await.is_error(401, "unauthorized", "client");
        assert_eq!(sent, 20_000_000, "the rest was drained");
    });
}

#[test]
fn an_upload_above_the_limit_is_refused_while_it_is_sent() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        let mut chunk = b"f4240\r\n".to_vec();
        chunk.extend(vec![b'x'; 1_000_000]);
        chunk.extend(b"\r\n");
        for _ in 0..30 {
            if raw.try_send(&chunk).await.is_err() {
                break;
            }
        }
        raw.answer().await.is_error(413, "body_too_large", "client");
    });
}

#[test]
fn no_refusal_waits_for_the_body() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").config("start", "hang").add().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        for (path, status) in [
            ("/nothing", 404),
            ("/plugins/r/nothing", 404),
            ("/plugins/r/get-only", 405),
            ("/plugins/r/acl/x", 401),
            ("/plugins/m/unary/x", 503),
            ("/plugins/lab/..", 400),
        ] {
            let mut raw = gateway.raw().await;
            raw.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"))
                .await;
            raw.answer().await.expect(status);
        }
    });
}

#[test]
fn a_client_that_waits_for_100_continue_is_told_once_its_body_is_wanted() {
    story(async {
        let gateway = Gateway::start().await;
        let token = protected(&gateway).await;
        let mut raw = gateway.raw().await;
        let more = format!("Authorization: Bearer {token}\r\nExpect: 100-continue\r\n");
        raw.send(head(5, &more)).await;
        assert_eq!(raw.interim().await, 100);
        raw.send("hello").await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], "hello");
    });
}

#[test]
fn a_client_that_waits_for_100_continue_gets_a_refusal_at_once() {
    story(async {
        let gateway = Gateway::start().await;
        protected(&gateway).await;
        for (length, more, status) in [(5, "", 401), (UPLOAD, "", 401)] {
            let mut raw = gateway.raw().await;
            raw.send(head(length, &format!("{more}Expect: 100-continue\r\n"))).await;
            // The first answer is the final one: no interim answer came before it.
            raw.answer().await.expect(status);
        }
    });
}

#[test]
fn a_client_that_goes_away_while_it_sends_leaves_nothing_behind() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for half in ["half-one", "half-two"] {
            let mut raw = gateway.raw().await;
            raw.send(head(1000, &format!("X-Nonce: {half}\r\n"))).await;
            raw.send("only some").await;
            if half == "half-one" { raw.reset() } else { drop(raw) }
        }
        eventually("no request is open", async || {
            let metrics = gateway.get("/metrics").send().await.expect(200);
            // The request for the metrics is open itself.
            metrics.text().lines().any(|line| line == "sidegate_requests_in_flight 1").then_some(())
        })
        .await;
        for half in ["half-one", "half-two"] {
            let path = format!("/plugins/lab/seen?nonce={half}");
            assert_eq!(gateway.get(&path).send().await.json()["seen"], json!(false));
        }
    });
}
