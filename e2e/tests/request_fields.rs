//! What a plugin sees of a request: every field of the page, and the improvements on it.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sidegate_e2e::{Gateway, Version, story};

#[test]
fn every_field_of_the_page_is_filled() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let request = gateway.request("PUT", "/plugins/lab/users/123?foo=bar&baz=1");
            let request = request.version(version).header("x-one", "1").body("hello");
            let answer = request.send().await.expect(200);
            let seen = answer.json();
            assert_eq!(seen["method"], "PUT");
            assert_eq!(seen["path"], "/plugins/lab/users/123");
            assert_eq!(seen["relative_path"], "/users/123");
            assert_eq!(seen["path_segments"], json!(["users", "123"]));
            assert_eq!(seen["headers"]["X-One"], "1");
            assert_eq!(seen["body"], "hello");
            assert_eq!(seen["body_len"], 5);
            assert_eq!(seen["query_string"], "foo=bar&baz=1");
            assert_eq!(seen["remote_addr"], "127.0.0.1");
            assert_eq!(seen["host"], gateway.addr().to_string());
            assert_eq!(seen["protocol"], "http", "{version:?}");
            assert_eq!(seen["request_id"], answer.header("x-request-id").unwrap());
            assert_eq!(seen["authenticated"], false);
            assert_eq!(seen["app"], Value::Null);
            assert_eq!(seen["scopes"], json!([]));
        }
    });
}

#[test]
fn the_query_arrives_as_it_was_sent() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for query in ["a=%2F%20+b&a=2", "x", "a==b&&c", "q=gr%C3%BC%C3%9Fe", "token_of=mine"] {
            let seen = gateway.get(&format!("/plugins/lab/x?{query}")).send().await.json();
            assert_eq!(seen["query_string"], query);
        }
        let seen = gateway.get("/plugins/lab/x?").send().await.json();
        assert_eq!(seen["query_string"], "");
    });
}

#[test]
fn a_body_arrives_byte_for_byte() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let sum: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let pieces: Vec<_> = bytes.chunks(777).map(Bytes::copy_from_slice).collect();
        for version in [Version::Http1, Version::Http2] {
            let post = || gateway.post("/plugins/lab/x").version(version);
            let whole = post().body(bytes.clone()).send().await.expect(200).json();
            let chunked = post().chunks(pieces.clone()).send().await.expect(200).json();
            for seen in [whole, chunked] {
                assert_eq!(seen["body_len"], bytes.len());
                assert_eq!(seen["body_sha256"], sum.as_str(), "{version:?}");
                assert_eq!(seen["body_encoding"], "base64");
            }
        }
        let seen = gateway.post("/plugins/lab/x").send().await.json();
        assert_eq!(seen["body_len"], 0);
    });
}

#[test]
fn header_names_have_their_canonical_spelling_and_every_value_is_kept() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send(
            "GET /plugins/lab/x HTTP/1.1\r\nhOST: a.example:99\r\nMCP-SESSION-ID: s\r\nx_under: u\r\n\
             X-Multi: one\r\netag: e\r\nX-Empty:\r\nx-multi:   two  \r\nCookie: a=1\r\n\
             X-Multi: three, four\r\nCookie: b=2\r\nConnection: close\r\n\r\n",
        )
        .await;
        let seen = raw.answer().await.expect(200).json();
        let headers = &seen["headers"];
        assert_eq!(headers["Mcp-Session-Id"], "s");
        assert_eq!(headers["X_under"], "u");
        assert_eq!(headers["Etag"], "e");
        assert_eq!(headers["X-Empty"], "");
        assert_eq!(headers["X-Multi"], "one, two, three, four");
        assert_eq!(headers["Cookie"], "a=1; b=2");
        assert_eq!(headers["Host"], Value::Null);
        assert_eq!(seen["host"], "a.example:99");
        let multi = values(&seen, "X-Multi");
        assert_eq!(multi, ["one", "two", "three, four"]);
        assert_eq!(values(&seen, "Cookie"), ["a=1; b=2"]);
    });
}

/// The values of a header in the ordered list.
fn values(seen: &Value, name: &str) -> Vec<String> {
    let list = seen["header_list"].as_array().unwrap();
    let named =
        list.iter().filter(|pair| pair[0].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)));
    named.map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_belongs_to_the_clients_connection_never_reaches_a_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        for path in ["/plugins/lab/x", "/plugins/old/unary/seen"] {
            let mut raw = gateway.raw().await;
            raw.send(format!(
                "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\n\
                 connection: x-other\r\nX-Other: 2\r\nKeep-Alive: timeout=5\r\nX-Kept: 3\r\n\
                 Proxy-Connection: keep-alive\r\nTE: gzip, trailers\r\n\
                 Proxy-Authorization: Basic eDp5\r\n\r\n"
            ))
            .await;
            let seen = raw.answer().await.expect(200).json();
            let headers = seen["headers"].as_object().unwrap();
            let names: Vec<_> = headers.keys().filter(|k| !k.starts_with("X-Forwarded")).collect();
            assert_eq!(names, ["Te", "X-Kept"], "{path}");
            assert_eq!(headers["Te"], "trailers");
        }
    });
}

#[test]
fn header_bytes_that_are_no_text_never_break_a_call() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        // The lab shows bytes that are no text as ISO 8859-1; old plugins can only get text.
        for (path, shown) in
            [("/plugins/lab/x", "café"), ("/plugins/old/unary/seen", "caf\u{fffd}")]
        {
            let mut raw = gateway.raw().await;
            raw.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Latin: caf")).await;
            raw.send(b"\xe9\r\nX-Random: \xff\xfe\x80\r\nConnection: close\r\n\r\n").await;
            let seen = raw.answer().await.expect(200).json();
            assert_eq!(seen["headers"]["X-Latin"], shown, "{path}");
        }
    });
}

#[test]
fn a_plugin_of_old_gets_everything_it_knows_in_the_old_way() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        let request = gateway.post("/plugins/old/unary/a%2Fb/seen").body("12345");
        let request =
            request.header("x-multi", "one").header("x-multi", "two").header("cookie", "a=1");
        let seen = request.header("cookie", "b=2").send().await.expect(200).json();
        assert_eq!(seen["headers"]["X-Multi"], "one, two");
        assert_eq!(seen["headers"]["Cookie"], "a=1; b=2");
        assert_eq!(seen["headers"]["Content-Length"], "5");
        assert_eq!(seen["header_list"], 0, "an extension it did not announce");
        assert_eq!(seen["raw_path"], 0, "an extension it did not announce");
        assert_eq!(seen["path"], "/plugins/old/unary/a/b/seen");
        assert_eq!(seen["path_segments"], json!(["unary", "a/b", "seen"]));
        assert_eq!(seen["body_len"], 5);
        assert_eq!(seen["protocol"], "http");
    });
}

#[test]
fn a_clients_own_request_id_is_kept_when_it_is_well_formed() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let with = async |id: &str| {
            let answer = gateway.get("/plugins/lab/x").header("x-request-id", id).send().await;
            let shown = answer.header("x-request-id").unwrap().to_owned();
            assert_eq!(answer.json()["request_id"], shown.as_str());
            shown
        };
        for good in ["abc-1", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", &"x".repeat(128)] {
            assert_eq!(with(good).await, *good);
        }
        for bad in ["a b", "<script>", "a\"b", "", &"x".repeat(129)] {
            let replaced = with(bad).await;
            assert!(replaced != *bad && !replaced.is_empty(), "{bad}");
        }
        let twice = gateway.get("/nothing").header("x-request-id", "a").header("x-request-id", "b");
        let answer = twice.send().await;
        assert!(!["a", "b"].contains(&answer.header("x-request-id").unwrap()));
        let error = gateway.get("/nothing").header("x-request-id", "mine").send().await;
        assert_eq!(error.json()["request_id"], "mine");
    });
}

#[test]
fn the_edge_and_the_trace_are_told_with_every_request() {
    story(async {
        let builder = Gateway::builder().env("EDGE_ID", "edge-7").env("EDGE_NAMESPACE", "north");
        let gateway = builder.start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let request = gateway.get("/plugins/r/context").header("traceparent", trace);
        let answer = request.send().await.expect(200);
        let seen = answer.json();
        assert_eq!(seen["edge_id"], "edge-7");
        assert_eq!(seen["edge_namespace"], "north");
        assert_eq!(seen["traceparent"], trace);
        assert_eq!(seen["request_id"], answer.header("x-request-id").unwrap());
    });
}

#[test]
fn trusted_proxies_are_believed_about_the_clients_address() {
    story(async {
        let builder = Gateway::builder().env("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8");
        let gateway = builder.start().await;
        gateway.lab().await;
        for (lines, client) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
            (&["6.6.6.6", "203.0.113.7, 10.1.2.3"], "203.0.113.7"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["nonsense"], "127.0.0.1"),
            (&[], "127.0.0.1"),
        ] {
            let request = gateway.get("/plugins/lab/x");
            let request = lines.iter().fold(request, |r, line| r.header("x-forwarded-for", line));
            let seen = request.send().await.json();
            assert_eq!(seen["remote_addr"], client, "{lines:?}");
        }
    });
}

#[test]
fn http_1_0_requests_are_served() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi").await;
        let seen = raw.answer().await.expect(200).json();
        assert_eq!((&seen["body"], &seen["host"]), (&json!("hi"), &json!("")));
        assert_eq!(raw.rest().await.0, "", "and the connection ends with the answer");
    });
}
