//! What an attacker tried once and must not succeed with again.

use sidegate_e2e::{Gateway, Version, story};

#[test]
fn slashes_at_the_ends_do_not_slip_past_a_protected_route() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").config("catch_all", "true");
        plugin.ready().await;
        for bare in [
            "/admin/users/",
            "//admin/users",
            "//admin/users//",
            "/admin/users%2F",
            "/admin/users%2f%2F/",
            "/%2Fadmin/users",
        ] {
            let bare = format!("/plugins/r{bare}");
            gateway.get(&bare).send().await.is_error(400, "invalid_request", "client");
        }
        // Where nobody is kept out, they are what the page says: part of the path.
        assert_eq!(gateway.get("/plugins/r/exact/").send().await.expect(200).text(), "catch-all");
    });
}

#[test]
fn a_token_that_is_sent_twice_is_removed_twice() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let token = gateway.token().await;
        for (query, kept) in [
            (format!("token={token}&a=1"), "a=1"),
            (format!("a=1&%74oken={token}"), "a=1"),
            (format!("token={token}&b&token2={token}"), "b"),
        ] {
            let request = gateway.get(&format!("/plugins/lab/x?{query}")).bearer(&token);
            let seen = request.send().await.expect(200);
            assert_eq!(seen.json()["query_string"], kept);
            assert!(!seen.text().contains(&token), "{}", seen.text());
        }
        let request = gateway.get(&format!("/plugins/lab/x?token={token}"));
        let seen = request.header("authorization", format!("Basic {token}")).send().await;
        assert!(!seen.expect(200).text().contains(&token));
    });
}

#[test]
fn a_chunked_request_leaves_the_connection_to_the_next_one() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut raw = gateway.raw().await;
        let chunked = "POST /plugins/lab/one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3\r\nabc\r\n0\r\n\r\nGET /plugins/lab/two HTTP/1.1\r\nHost: a\r\n\r\n";
        raw.send(chunked).await;
        assert_eq!(raw.answer().await.expect(200).json()["body"], "abc");
        assert_eq!(raw.answer().await.expect(200).json()["relative_path"], "/two");
    });
}

#[test]
fn an_answer_with_more_headers_than_clients_take_is_the_plugins_fault() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let many: Vec<_> = (0..600).map(|i| format!("h=x{i}:y")).collect();
        let target = format!("/plugins/lab/resp?{}", many.join("&"));
        for version in [Version::Http1, Version::Http2] {
            let connection = gateway.connection(version).await;
            let answer = connection.request("GET", &target).send().await;
            answer.is_error(502, "plugin_protocol", "plugin");
        }
    });
}

#[test]
fn what_the_gateway_says_of_itself_is_asked_as_soundly_as_everything_else() {
    story(async {
        let gateway = Gateway::start().await;
        for path in ["/health", "/ready", "/metrics"] {
            let mut raw = gateway.raw().await;
            raw.send(format!("GET http://b{path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            raw.answer().await.is_error(400, "invalid_request", "client");
        }
        let mut raw = gateway.raw().await;
        raw.send("\r\n".repeat(20) + "GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
        raw.answer().await.is_error(400, "invalid_request", "client");
    });
}
