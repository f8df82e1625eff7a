//! TLS: HTTP/2 and HTTP/1.1 by negotiation, a start that fails when the files are no good, and
//! certificates that are renewed while the gateway runs.

use sidegate_e2e::{Certificate, Cli, Connection, Ending, Gateway, Version, eventually, story};

async fn start() -> (Gateway, Certificate) {
    let (builder, certificate) = Gateway::builder().tls();
    (builder.start().await, certificate)
}

#[test]
fn the_version_of_http_is_negotiated() {
    story(async {
        let (gateway, certificate) = start().await;
        gateway.lab().await;
        for (offered, chosen, version) in [
            (&["h2", "http/1.1"][..], Some("h2"), Version::Http2),
            (&["http/1.1"], Some("http/1.1"), Version::Http1),
            (&[], None, Version::Http1),
        ] {
            let tls = certificate.connect(gateway.addr(), offered).await;
            let alpn = tls.get_ref().1.alpn_protocol();
            assert_eq!(alpn, chosen.map(str::as_bytes), "{offered:?}");
            let connection = Connection::over(tls, version, "localhost").await;
            for _ in 0..2 {
                let answer =
                    connection.request("POST", "/plugins/lab/x").body("hello").send().await;
                let seen = answer.expect(200).json();
                assert_eq!((&seen["body"], &seen["host"]), (&"hello".into(), &"localhost".into()));
            }
        }
    });
}

#[test]
fn streams_and_their_ends_are_the_same_over_tls() {
    story(async {
        let (gateway, certificate) = start().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        for (offered, version) in [("h2", Version::Http2), ("http/1.1", Version::Http1)] {
            let open = async || {
                let tls = certificate.connect(gateway.addr(), &[offered]).await;
                Connection::over(tls, version, "localhost").await
            };
            let answer = open().await.request("GET", "/plugins/m/stream/good").send().await;
            assert_eq!(answer.expect(200).text(), "ab");
            let cut = open().await.request("GET", "/plugins/m/stream/error-after-body");
            cut.try_send().await.expect_err("a clean end");
        }
    });
}

#[test]
fn plain_http_to_a_tls_port_is_told_so_and_not_served() {
    story(async {
        let (gateway, certificate) = start().await;
        let mut raw = gateway.raw().await;
        raw.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = raw.answer().await;
        answer.is_error(400, "invalid_request", "client");
        assert!(answer.error().text.contains("https://"), "{}", answer.describe());
        assert_eq!(raw.rest().await, (bytes::Bytes::new(), Ending::Closed));
        // Other bytes are a matter between the client and TLS.
        let mut raw = gateway.raw().await;
        raw.send(b"\x00\x01\x02\x03\x04\x05\x06").await;
        assert!(!raw.rest().await.0.starts_with(b"HTTP/"));
        let tls = certificate.connect(gateway.addr(), &["h2"]).await;
        let connection = Connection::over(tls, Version::Http2, "localhost").await;
        connection.request("GET", "/health").send().await.expect(200);
    });
}

#[test]
fn without_usable_files_the_gateway_does_not_start_and_says_which() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let not_pem = folder.path().join("not.pem");
        std::fs::write(&not_pem, "text").unwrap();
        let run = async |certificate: &str, key: &str| {
            let cli = Cli::with(&[
                ("DATA_DIR", data.to_str().unwrap()),
                ("PORT", "0"),
                ("ADMIN_PORT", "0"),
                ("TLS_ENABLED", "true"),
                ("TLS_CERT_PATH", certificate),
                ("TLS_KEY_PATH", key),
            ]);
            cli.fails(2, &["serve"]).await
        };
        let said = run("", "").await;
        assert!(said.contains("TLS_CERT_PATH") && said.contains("TLS_KEY_PATH"), "{said}");
        let said = run("/nonexistent/cert.pem", "/nonexistent/key.pem").await;
        assert!(said.contains("/nonexistent/"), "{said}");
        let not_pem = not_pem.to_str().unwrap();
        let said = run(not_pem, not_pem).await;
        assert!(said.contains("TLS_CERT_PATH"), "{said}");
    });
}

#[test]
fn a_renewed_certificate_is_taken_without_a_restart_and_what_does_not_fit_changes_nothing() {
    story(async {
        let (gateway, first) = start().await;
        let ask = async |certificate: &Certificate| {
            let tls = certificate.try_connect(gateway.addr(), &["http/1.1"]).await.ok()?;
            let connection = Connection::over(tls, Version::Http1, "localhost").await;
            let metrics = connection.request("GET", "/metrics").send().await.expect(200);
            let name = "sidegate_tls_certificate_expiry_timestamp_seconds ";
            let line = metrics.text().lines().find_map(|line| line.strip_prefix(name));
            Some(line.expect("the expiry is a metric").parse::<i64>().unwrap())
        };
        assert!(ask(&first).await.unwrap() > 2_000_000_000, "it says 4096, as the harness does");
        let kept = Connection::over(
            first.connect(gateway.addr(), &["http/1.1"]).await,
            Version::Http1,
            "localhost",
        )
        .await;
        // Only half of the next pair is there.
        let elsewhere = tempfile::tempdir().unwrap();
        let second = Certificate::in_folder(elsewhere.path());
        std::fs::copy(&second.certificate, &first.certificate).unwrap();
        eventually("the log says that the files do not fit", async || {
            gateway.log().contains("the one before is still shown").then_some(())
        })
        .await;
        assert!(ask(&first).await.is_some() && ask(&second).await.is_none());
        std::fs::copy(&second.key, &first.key).unwrap();
        eventually("the renewed one is shown", async || ask(&second).await).await;
        assert!(ask(&first).await.is_none(), "and the old one no more");
        kept.request("GET", "/health").send().await.expect(200);
    });
}
