//! What a client gets of a plugin's answer: statuses, headers, bodies.

use sidegate_e2e::{Gateway, Version, story};

#[test]
fn two_cookies_of_one_handler_arrive_as_two() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let request = gateway.get("/plugins/lab/cookies?n=2").version(version);
            let answer = request.send().await.expect(200);
            let cookies = answer.header_values("set-cookie");
            assert_eq!(cookies.len(), 2, "{version:?}: {cookies:?}");
            assert!(cookies[0].starts_with("c0=") && cookies[1].starts_with("c1="), "{cookies:?}");
        }
    });
}

#[test]
fn headers_keep_their_order_and_their_repetitions() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let path = "/plugins/lab/resp?status=207&h=Link:a&h=X-One:1&h=Link:b&h=Vary:c&body=hello";
        for version in [Version::Http1, Version::Http2] {
            let answer = gateway.get(path).version(version).send().await.expect(207);
            assert_eq!(answer.header_values("link"), ["a", "b"]);
            assert_eq!(answer.header("x-one"), Some("1"));
            assert_eq!(answer.text(), "hello");
        }
    });
}

#[test]
fn statuses_pass_and_those_without_a_body_have_none() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for code in [200, 201, 202, 204, 205, 206, 301, 304, 400, 401, 404, 418, 429, 500, 503, 599]
        {
            for version in [Version::Http1, Version::Http2] {
                let path = format!("/plugins/lab/status/{code}");
                let answer = gateway.get(&path).version(version).send().await.expect(code);
                assert_eq!(
                    answer.header("x-sidegate-error"),
                    None,
                    "it is the plugin's own {code}"
                );
                if code == 205 {
                    // The lab has sent some, which would be taken for another answer.
                    assert!(answer.body.is_empty(), "{version:?}: {}", answer.describe());
                    assert_ne!(answer.header("transfer-encoding"), Some("chunked"));
                }
            }
        }
    });
}

#[test]
fn a_status_no_answer_can_have_is_502_and_zero_is_200() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for status in ["99", "-1", "100", "101", "1000", "70000"] {
            let answer = gateway.get(&format!("/plugins/m/unary/status-{status}")).send().await;
            answer.is_error(502, "plugin_protocol", "plugin");
        }
        gateway.get("/plugins/m/stream/status-99").send().await.is_error(
            502,
            "plugin_protocol",
            "plugin",
        );
        let answer = gateway.get("/plugins/m/unary/status-0").send().await.expect(200);
        assert_eq!(answer.text(), "body");
        gateway.get("/plugins/m/stream/status-zero").send().await.expect(200);
    });
}

#[test]
fn no_header_of_a_plugin_can_break_an_answer_or_pose_as_the_gateway() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for version in [Version::Http1, Version::Http2] {
            let request = gateway.get("/plugins/m/unary/hostile-headers").version(version);
            let answer = request.send().await.expect(200);
            assert_eq!(answer.text(), "whole body", "its own Content-Length is not believed");
            let lines = answer.header("x-lines").unwrap();
            assert!(!lines.contains(['\r', '\n']), "{lines:?}");
            assert_eq!(answer.headers["x-text"].as_bytes(), "grüße".as_bytes());
            assert_eq!(answer.header("x-good"), Some("1"));
            assert_ne!(answer.header("x-request-id"), Some("mine"));
            for gone in [
                "x-injected",
                "x-hop",
                "x-empty",
                "x-sidegate-error",
                "upgrade",
                "keep-alive",
                "transfer-encoding",
            ] {
                assert_eq!(answer.header(gone), None, "{version:?} {gone}");
            }
            assert_eq!(answer.header("content-length"), Some("10"));
        }
    });
}

#[test]
fn a_redirect_is_the_clients_business() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let answer = gateway.get("/plugins/lab/redirect?to=https://example.com/a%20b").send().await;
        assert_eq!(answer.expect(302).header("location"), Some("https://example.com/a b"));
    });
}

#[test]
fn large_bodies_arrive_whole() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for size in [0, 1, 65_536, 5_000_000] {
            for version in [Version::Http1, Version::Http2] {
                let path = format!("/plugins/lab/bytes/{size}");
                let answer = gateway.get(&path).version(version).send().await.expect(200);
                assert_eq!(answer.body.len(), size);
                assert!(answer.body.iter().zip((0..251).cycle()).all(|(byte, i)| *byte == i));
            }
        }
    });
}

#[test]
fn one_connection_serves_many_requests() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let connection = gateway.connection(version).await;
            for i in 0..50 {
                let path = format!("/plugins/lab/n/{i}");
                let seen = connection.request("GET", &path).send().await.expect(200).json();
                assert_eq!(seen["path"], path.as_str());
            }
            // Errors of the plugin and of the gateway do not end it either.
            connection.request("GET", "/nothing").send().await.expect(404);
            connection.request("GET", "/plugins/lab/status/500").send().await.expect(500);
            connection.request("GET", "/plugins/lab/x").send().await.expect(200);
        }
    });
}

#[test]
fn the_gateway_guesses_no_content_type() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for path in ["/plugins/lab/resp?body=%3Chtml%3E", "/plugins/m/stream/body-first"] {
            for version in [Version::Http1, Version::Http2] {
                let answer = gateway.get(path).version(version).send().await.expect(200);
                assert_eq!(answer.header("content-type"), None, "{path}");
            }
        }
        let answer = gateway.get("/plugins/lab/resp?h=Content-Type:text/x-odd&body=a").send().await;
        assert_eq!(answer.header_values("content-type"), ["text/x-odd"]);
    });
}

#[test]
fn the_session_header_of_mcp_goes_both_ways() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for version in [Version::Http1, Version::Http2] {
            let path = "/plugins/lab/resp?h=Mcp-Session-Id:s-1&body=ok";
            let answer = gateway.post(path).version(version).body("{}").send().await.expect(200);
            assert_eq!(answer.header("mcp-session-id"), Some("s-1"));
            let request = gateway.request("DELETE", "/plugins/lab/mcp").version(version);
            let seen = request.header("mcp-session-id", "s-1").send().await.expect(200).json();
            assert_eq!(seen["headers"]["Mcp-Session-Id"], "s-1");
        }
    });
}

#[test]
fn a_reset_of_content_has_none_and_the_connection_goes_on() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /plugins/lab/status/205 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let (status, headers) = raw.head().await;
        assert_eq!((status.as_u16(), &headers["content-length"]), (205, &"0".parse().unwrap()));
        raw.send("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await.expect(200);
    });
}
