//! Behind proxies: for whom they ask, and whom nobody believes.

use sidegate_e2e::{Connection, Gateway, Version, eventually, story};

async fn behind(header: &str) -> Gateway {
    let builder = Gateway::builder().env("TRUSTED_PROXIES", "127.0.0.0/8,10.0.0.0/8");
    let gateway = builder.env("TRUSTED_PROXY_HEADER", header).start().await;
    gateway.lab().await;
    gateway
}

/// The client that the plugin is told of, for a request with these lines.
async fn client(gateway: &Gateway, lines: &[&[u8]]) -> String {
    let mut raw = gateway.raw().await;
    raw.send("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n").await;
    for line in lines {
        raw.send(line).await;
        raw.send("\r\n").await;
    }
    raw.send("\r\n").await;
    let seen = raw.answer().await.expect(200).json();
    seen["remote_addr"].as_str().unwrap().to_owned()
}

#[test]
fn a_client_behind_a_balancer_is_named_whatever_form_its_address_has() {
    story(async {
        let gateway = behind("x-forwarded-for").await;
        for (line, named) in [
            (&b"X-Forwarded-For: 203.0.113.9:51234, 10.0.0.6"[..], "203.0.113.9"),
            (b"X-Forwarded-For: [2001:db8::9]:51234, 10.0.0.6:80", "2001:db8::9"),
            (b"X-Forwarded-For: \"203.0.113.9\", , 10.0.0.6,", "203.0.113.9"),
            (b"X-Forwarded-For: ::ffff:203.0.113.9", "203.0.113.9"),
            (b"X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.6", "10.0.0.6"),
            (b"Forwarded: for=6.6.6.6", "127.0.0.1"),
        ] {
            assert_eq!(client(&gateway, &[line]).await, named, "{}", line.escape_ascii());
        }
    });
}

#[test]
fn a_client_cannot_choose_its_own_address_with_what_cannot_be_read() {
    story(async {
        let gateway = behind("x-forwarded-for").await;
        for garbage in [&b"\xe4"[..], b"\"", b"1.2.3.4\"", b"\\\"", b"6.6.6.6, [", b",,", b""] {
            // As nginx does it: what the client sent, and the client's address.
            let list = [b"X-Forwarded-For: ", garbage, b", 203.0.113.9"].concat();
            let named = client(&gateway, &[&list, b"X-Real-IP: 6.6.6.6"]).await;
            assert_eq!(named, "203.0.113.9", "{}", garbage.escape_ascii());
            // And where the trusted hop itself cannot be read: nobody else's word instead.
            let list = [b"X-Forwarded-For: 6.6.6.6, ", garbage, b"\xe4"].concat();
            let named = client(&gateway, &[&list, b"X-Real-IP: 6.6.6.6"]).await;
            assert_eq!(named, "127.0.0.1", "{}", garbage.escape_ascii());
        }
    });
}

#[test]
fn the_operator_says_which_field_is_believed() {
    story(async {
        let gateway = behind("forwarded").await;
        for (line, named) in [
            (&b"Forwarded: for=203.0.113.9;proto=https"[..], "203.0.113.9"),
            (b"Forwarded: for=6.6.6.6, For=\"[2001:db8::9]:4711\", for=10.0.0.6", "2001:db8::9"),
            (b"Forwarded: for=\"6.6.6.6, for=203.0.113.9", "203.0.113.9"),
            (b"Forwarded: for=unknown", "127.0.0.1"),
            (b"X-Forwarded-For: 6.6.6.6", "127.0.0.1"),
            (b"X-Real-IP: 6.6.6.6", "127.0.0.1"),
        ] {
            assert_eq!(client(&gateway, &[line]).await, named, "{}", line.escape_ascii());
        }
    });
}

/// The line of the access log about a path.
async fn logged(gateway: &Gateway, path: &str) -> String {
    eventually("the access log has the request", async || {
        let log = gateway.log();
        let mut lines = log.lines().filter(|line| line.contains("access") && line.contains(path));
        lines.next().map(str::to_owned)
    })
    .await
}

#[test]
fn the_access_log_has_the_client_that_the_plugin_is_told_and_beside_it_the_peer() {
    story(async {
        let gateway = behind("x-forwarded-for").await;
        let ask = async |path: &str, list: &str| {
            gateway.get(path).header("x-forwarded-for", list).send().await;
            logged(&gateway, path).await
        };
        for path in ["/plugins/lab/proxied", "/plugins/none", "/nothing"] {
            let line = ask(path, "203.0.113.9:51234, 10.0.0.6").await;
            let both = line.contains("client=203.0.113.9 ") && line.contains("peer=127.0.0.1");
            assert!(both, "{line}");
        }
        let line = ask("/plugins/lab/direct", "unknown").await;
        assert!(line.contains("client=127.0.0.1 ") && !line.contains("peer="), "{line}");
    });
}

#[test]
fn a_plugin_learns_whether_its_client_came_over_tls() {
    story(async {
        let gateway = behind("x-forwarded-for").await;
        for (sent, told) in [
            (None, "http"),
            (Some("https"), "https"),
            (Some("HTTPS"), "https"),
            (Some("https, http"), "http"),
            (Some("gopher"), "http"),
        ] {
            let request = gateway.get("/plugins/lab/x");
            let request = sent.into_iter().fold(request, |r, v| r.header("x-forwarded-proto", v));
            let seen = request.send().await.expect(200).json();
            assert_eq!(seen["scheme"], told, "{sent:?}");
            assert_eq!(seen["headers"]["X-Forwarded-Proto"], told, "{sent:?}");
            assert_eq!(seen["protocol"], "http", "as the page has it");
        }
    });
}

#[test]
fn a_plugin_learns_of_the_gateways_own_tls_and_no_client_can_deny_it() {
    story(async {
        let (builder, certificate) = Gateway::builder().tls();
        let gateway = builder.start().await;
        gateway.lab().await;
        for (offered, version) in [("h2", Version::Http2), ("http/1.1", Version::Http1)] {
            let tls = certificate.connect(gateway.addr(), &[offered]).await;
            let connection = Connection::over(tls, version, "localhost").await;
            let request = connection.request("GET", "/plugins/lab/x");
            let seen = request.header("x-forwarded-proto", "http").send().await.expect(200).json();
            assert_eq!(seen["scheme"], "https", "{version:?}");
            assert_eq!(seen["headers"]["X-Forwarded-Proto"], "https", "{version:?}");
        }
    });
}

#[test]
fn nobody_is_believed_about_where_a_request_comes_from_unless_trusted() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        let host = gateway.addr().to_string();
        for path in ["/plugins/lab/x", "/plugins/old/unary/seen"] {
            let lies = [
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "6.6.6.7"),
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-port", "666"),
                ("x-forwarded-user", "root"),
                ("x-real-ip", "6.6.6.6"),
                ("forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
            ];
            let request = lies.iter().fold(gateway.get(path), |r, (name, lie)| r.header(name, lie));
            let seen = request.send().await.expect(200).json();
            let headers = &seen["headers"];
            assert_eq!(headers["X-Forwarded-For"], "127.0.0.1", "{path}");
            assert_eq!(headers["X-Forwarded-Host"], host.as_str());
            assert_eq!(headers["X-Forwarded-Proto"], "http");
            assert_eq!(headers["X-Real-Ip"], "127.0.0.1");
            let forwarded = format!("for=127.0.0.1;host=\"{host}\";proto=http");
            assert_eq!(headers["Forwarded"], forwarded.as_str());
            assert!(headers["X-Forwarded-Port"].is_null() && headers["X-Forwarded-User"].is_null());
            // The same without a word of the client, but what is not asked for is not said.
            let seen = gateway.get(path).send().await.expect(200).json();
            let headers = &seen["headers"];
            assert_eq!(headers["X-Forwarded-For"], "127.0.0.1", "{path}");
            assert_eq!(headers["X-Forwarded-Proto"], "http");
            assert!(headers["Forwarded"].is_null() && headers["X-Real-Ip"].is_null());
        }
    });
}

#[test]
fn what_a_trusted_proxy_says_beyond_that_is_passed_on_and_its_list_becomes_the_client() {
    story(async {
        let gateway = behind("x-forwarded-for").await;
        let request =
            gateway.get("/plugins/lab/x").header("x-forwarded-for", "6.6.6.6, 203.0.113.9");
        let request =
            request.header("x-forwarded-host", "shop.example").header("x-real-ip", "6.6.6.6");
        let request =
            request.header("x-forwarded-prefix", "/shop").header("forwarded", "for=6.6.6.6");
        let seen = request.send().await.expect(200).json();
        let headers = &seen["headers"];
        assert_eq!(headers["X-Forwarded-For"], "203.0.113.9");
        assert_eq!(headers["X-Real-Ip"], "203.0.113.9");
        assert_eq!(headers["X-Forwarded-Host"], "shop.example");
        assert_eq!(headers["X-Forwarded-Prefix"], "/shop");
        assert!(!seen.to_string().contains("6.6.6.6"), "{seen}");
    });
}
