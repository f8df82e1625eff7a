//! HTTP/1 read strictly: what two parsers could read differently is refused, and nothing that was
//! hidden in it is carried out.

use bytes::Bytes;
use serde_json::json;
use sidegate_e2e::{Ending, Gateway, Version, pause, story};
use std::time::Duration;

/// A request whose body comes in chunks, up to the first of these.
const CHUNKED: &str =
    "POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Sends bytes and expects a refusal that ends the connection.
async fn refused(gateway: &Gateway, bytes: &str) {
    let mut raw = gateway.raw().await;
    raw.send(bytes).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400, "{bytes:?}: {}", answer.describe());
    answer.is_error(400, "invalid_request", "client");
    let (rest, _) = raw.rest().await;
    assert_eq!(rest, "", "{bytes:?}: something was answered after the refusal");
}

#[test]
fn a_request_names_its_host_once_and_plainly() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for headers in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host: a\r\nhost: b\r\n",
            "Host:\r\n",
            "Host: a b\r\n",
            "Host: a,b\r\n",
            "Host: user@a\r\n",
            "Host: a/b\r\n",
            "Host: a:b\r\n",
            "Host: a:99999999\r\n",
        ] {
            refused(&gateway, &format!("GET /plugins/lab/x HTTP/1.1\r\n{headers}\r\n")).await;
        }
        for (target, host) in [("/plugins/lab/x", "[::1]:80"), ("http://a:1/plugins/lab/x", "a:1")]
        {
            let mut raw = gateway.raw().await;
            raw.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert_eq!(raw.answer().await.expect(200).json()["host"], host);
        }
        // This one is well-framed, so the connection may go on.
        let mut raw = gateway.raw().await;
        raw.send("GET http://a/plugins/lab/x HTTP/1.1\r\nHost: b\r\n\r\n").await;
        raw.answer().await.is_error(400, "invalid_request", "client");
    });
}

#[test]
fn the_end_of_a_body_is_told_in_one_way() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for headers in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            "Content-Length: 3\r\nContent-Length: 4\r\n",
            "Content-Length: 3, 3\r\n",
            "Content-Length: +3\r\n",
            "Content-Length: -3\r\n",
            "Content-Length: 0x3\r\n",
            "Content-Length: three\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length :3\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
        ] {
            let request = format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\n{headers}\r\nabc");
            refused(&gateway, &request).await;
        }
        refused(&gateway, "POST /plugins/lab/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
    });
}

#[test]
fn lines_end_in_one_way_and_headers_have_one_form() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for request in [
            "GET /plugins/lab/x HTTP/1.1\nHost: a\n\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
            "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX\u{1}: b\r\n\r\n",
        ] {
            refused(&gateway, request).await;
        }
    });
}

#[test]
fn who_speaks_something_else_is_told_at_once() {
    story(async {
        // Nobody waits for the end of such a head.
        let gateway = Gateway::builder().env("READ_HEADER_TIMEOUT", "60s").start().await;
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03random"[..],
            b"\x00\x01\x02\x03",
            b"\xff\xfb\x1f",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"GET /\x00",
        ] {
            let mut raw = gateway.raw().await;
            raw.send(bytes).await;
            raw.answer().await.is_error(400, "invalid_request", "client");
        }
        let mut raw = gateway.raw().await;
        raw.send(b"\x16\x03\x01").await;
        let answer = raw.answer().await;
        assert!(answer.error().text.contains("without TLS"), "{}", answer.describe());
    });
}

#[test]
fn a_query_may_have_a_backslash_and_a_path_may_not() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let seen = gateway.get(r"/plugins/lab/x?a=b\c").version(version).send().await;
            assert_eq!(seen.expect(200).json()["query_string"], r"a=b\c", "{version:?}");
            let answer = gateway.get(r"/plugins/lab/a\b?a").version(version).send().await;
            answer.is_error(400, "invalid_request", "client");
        }
    });
}

/// A refusal must reach a client also where an earlier request asked for another protocol.
#[test]
fn a_connection_that_asked_for_an_upgrade_ends_in_order() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let upgrade = "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n";
        for (broken, status) in [
            ("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("BROKEN\r\n\r\n", 400),
        ] {
            let mut raw = gateway.raw().await;
            raw.send(format!("{upgrade}\r\n{broken}")).await;
            raw.answer().await.expect(200);
            raw.answer().await.expect(status);
            assert_eq!(raw.rest().await, (Bytes::new(), Ending::Closed), "{broken:?}");
        }
        // Nothing of a large answer is lost, which has not left when the library is done with it.
        let mut raw = gateway.raw().await;
        let large = upgrade.replace("/x", "/bytes/30000000");
        raw.send(format!("{large}Connection: close\r\n\r\n")).await;
        let (status, headers) = raw.head().await;
        assert_eq!(
            (status.as_u16(), &headers["content-length"]),
            (200, &"30000000".parse().unwrap())
        );
        pause(Duration::from_millis(300)).await;
        let (rest, ending) = raw.rest().await;
        assert_eq!((rest.len(), ending), (30_000_000, Ending::Closed));
    });
}

#[test]
fn request_lines_have_one_form() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for line in [
            "GET  /plugins/lab/x HTTP/1.1",
            "GET /plugins/lab/x  HTTP/1.1",
            "GET /plugins/lab/x HTTP/1.1 ",
            "GET\t/plugins/lab/x HTTP/1.1",
            "GET /plugins/lab/x",
            "GET /plugins/lab/x HTTP/1.2",
            "GET /plugins/lab/x HTTP/3.0",
            "GET /plugins/lab/x http/1.1",
            "GET plugins/lab/x HTTP/1.1",
            "GET ?plugins/lab/x HTTP/1.1",
            "GET http:///plugins/lab/x HTTP/1.1",
            "GET /plugins/lab/{}|^` HTTP/1.1",
            "G(T /plugins/lab/x HTTP/1.1",
            "CONNECT a:80 HTTP/1.1",
        ] {
            refused(&gateway, &format!("{line}\r\nHost: a\r\n\r\n")).await;
        }
    });
}

#[test]
fn broken_chunks_are_refused_and_never_reach_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for body in [
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "-3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            "fffffffffffffffff\r\nabc",
            "3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
            "3\r\nabc\r\n0\r\nbroken trailer\r\n\r\n",
        ] {
            let head = "POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX-Nonce: broken\r\n";
            let mut raw = gateway.raw().await;
            raw.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}")).await;
            let answer = raw.answer().await;
            assert_eq!(answer.status, 400, "{body:?}: {}", answer.describe());
            assert_eq!(raw.rest().await.0, "", "{body:?}");
        }
        let seen = gateway.get("/plugins/lab/seen?nonce=broken").send().await.json();
        assert_eq!(seen["seen"], false);
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n")
            .await;
        raw.send("3;ext=\"x\"\r\nabc\r\n00\r\nX-Trailer: y\r\n\r\n").await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], "abc");
    });
}

#[test]
fn what_a_chunked_body_may_carry_besides_its_content_is_bounded_with_an_answer() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let trailers = |n: usize| format!("3\r\nabc\r\n0\r\n{}\r\n", "X: y\r\n".repeat(n));
        // 64 bytes of an extension with each chunk, so that 256 of them are just allowed.
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(63));
        let extensions = |n: usize| format!("{}0\r\n\r\n", chunk.repeat(n));
        for (body, content) in [(trailers(100), "abc".into()), (extensions(256), "a".repeat(256))] {
            let mut raw = gateway.raw().await;
            raw.send(format!("{CHUNKED}{body}")).await;
            assert_eq!(raw.answer().await.expect(200).json()["body"], content);
        }
        for body in [trailers(101), extensions(257)] {
            let mut raw = gateway.raw().await;
            raw.send(format!("{CHUNKED}{body}")).await;
            let answer = raw.answer().await;
            assert_eq!(answer.status, 400, "{}", answer.describe());
        }
    });
}

#[test]
fn a_request_hidden_in_the_body_of_another_is_not_carried_out() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let hidden = "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX-Nonce: hidden\r\n\r\n";
        for framing in [
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
                hidden.len() + 5
            ),
            format!("Content-Length: 0\r\nContent-Length: {}\r\n\r\n{hidden}", hidden.len()),
            format!(
                "Transfer-Encoding : chunked\r\nContent-Length: {}\r\n\r\n{hidden}",
                hidden.len()
            ),
        ] {
            refused(&gateway, &format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\n{framing}"))
                .await;
        }
        // In a sound body it is just a body.
        let sound = format!("Content-Length: {}\r\n\r\n{hidden}", hidden.len());
        let mut raw = gateway.raw().await;
        raw.send(format!("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\n{sound}")).await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], hidden);
        let seen = gateway.get("/plugins/lab/seen?nonce=hidden").send().await.json();
        assert_eq!(seen["seen"], json!(false));
    });
}

#[test]
fn a_get_may_have_a_body_which_is_no_next_request() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET ")
            .await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], "body");
        raw.send("/plugins/lab/b HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(raw.answer().await.expect(200).json()["relative_path"], "/b");
    });
}

#[test]
fn requests_sent_in_a_row_are_answered_in_their_order() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        let request = |path: &str| format!("GET /plugins/lab/{path} HTTP/1.1\r\nHost: a\r\n\r\n");
        raw.send([request("sleep?ms=200"), request("a"), request("b")].concat()).await;
        assert_eq!(raw.answer().await.expect(200).json()["slept_ms"], 200);
        for path in ["/a", "/b"] {
            assert_eq!(raw.answer().await.expect(200).json()["relative_path"], path);
        }
        // A sound request before a broken one is answered all the same.
        raw.send([&request("c"), "BROKEN\r\n\r\n"].concat()).await;
        assert_eq!(raw.answer().await.expect(200).json()["relative_path"], "/c");
        raw.answer().await.is_error(400, "invalid_request", "client");
        assert_eq!(raw.rest().await.1, Ending::Closed);
    });
}

#[test]
fn a_refusal_of_a_read_request_leaves_the_connection_usable() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await.expect(404);
        raw.send("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let answer = raw.answer().await.expect(200);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(raw.rest().await.1, Ending::Closed);
    });
}

#[test]
fn an_unread_body_is_never_taken_for_the_next_request() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let hidden = "GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nX-Nonce: unread\r\n\r\n";
        for path in ["/nothing", "/plugins/lab/..", "/health"] {
            let mut raw = gateway.raw().await;
            let length = hidden.len();
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}");
            raw.send(format!("{head}\r\n\r\n{hidden}")).await;
            let answer = raw.answer().await;
            assert!(answer.status.is_client_error(), "{path}: {}", answer.describe());
            assert_eq!(raw.rest().await.0, "", "{path}: something more was answered");
        }
        let seen = gateway.get("/plugins/lab/seen?nonce=unread").send().await.json();
        assert_eq!(seen["seen"], json!(false));
    });
}

#[test]
fn lines_of_a_chunked_body_are_judged_the_same_wherever_they_are_cut() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for (before, after, status) in [
            (format!("3;{}", "x".repeat(254)), "abc\r\n0\r\n\r\n", 200),
            (format!("3;{}", "x".repeat(255)), "abc\r\n0\r\n\r\n", 400),
            (format!("0\r\nX: {}", "x".repeat(8 * 1024 - 3)), "\r\n", 200),
            (format!("0\r\nX: {}", "x".repeat(8 * 1024 - 2)), "\r\n", 400),
        ] {
            let whole = format!("{before}\r\n{after}");
            for cut in [0, before.len() - 1, before.len(), before.len() + 1, before.len() + 2] {
                let mut raw = gateway.raw().await;
                raw.send(CHUNKED).await;
                for piece in [&whole[..cut], &whole[cut..]] {
                    raw.send(piece).await;
                    // Long enough for the pieces to be read apart, mostly.
                    pause(Duration::from_millis(20)).await;
                }
                let answer = raw.answer().await;
                let place = before.len() - cut.min(before.len());
                assert_eq!(answer.status, status, "cut {place}: {}", answer.describe());
            }
        }
    });
}
