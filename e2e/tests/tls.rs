//! TLS: HTTP/2 and HTTP/1.1 by negotiation, a start that fails when the files are no good, and
//! certificates that are renewed while the gateway runs.

use rustix::process::Signal;
use serde_json::{Value, json};
use sidegate_e2e::{
    Certificate, Cli, Connection, Ending, Gateway, Version, eventually, signal, story,
};

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
fn a_request_that_is_tried_out_goes_over_tls_to_the_own_port_and_is_decided_like_any_other() {
    story(async {
        let (gateway, _certificate) = start().await;
        let lab = gateway.lab().await;
        let nodes = gateway.admin().get("nodes").await;
        let port = gateway.addr().port();
        assert_eq!(nodes[0]["attributes"]["client_url"], format!("https://127.0.0.1:{port}"));
        let path = format!("plugins/{}/try", lab.id);
        let body = json!({"method": "PUT", "path": "/x?y=1", "body": "hello"});
        let tried = gateway.admin().post(&path, &body).await;
        let told = &tried["attributes"];
        assert_eq!((&told["status"], &told["end"]), (&json!(200), &json!("whole")));
        let seen: Value = serde_json::from_str(told["text"].as_str().unwrap()).unwrap();
        assert_eq!((&seen["method"], &seen["body"]), (&json!("PUT"), &json!("hello")));
        // The log has it under the id that is told.
        gateway.logged(told["request_id"].as_str().unwrap()).await;
        let missing = gateway.admin().post(&path, &json!({"path": "/%2e%2e/other/x"})).await;
        assert!(missing["attributes"]["status"].as_u64().unwrap() >= 400);
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
        let log = gateway.logged("the one before is still shown").await;
        let [certificate, key] = [&first.certificate, &first.key].map(|path| path.display());
        let problem =
            format!("problem=\"{certificate} and {key}: certificate and key cannot be used");
        assert!(log.contains(&problem), "{log}");
        assert!(ask(&first).await.is_some() && ask(&second).await.is_none());
        std::fs::copy(&second.key, &first.key).unwrap();
        eventually("the renewed one is shown", async || ask(&second).await).await;
        assert!(ask(&first).await.is_none(), "and the old one no more");
        kept.request("GET", "/health").send().await.expect(200);
    });
}

#[test]
fn a_hangup_tells_of_a_certificate_only_where_it_is_another_one_or_no_good() {
    story(async {
        let (gateway, first) = start().await;
        let hang_up = async |times: usize| {
            signal(gateway.pid(), Signal::HUP);
            eventually("the settings are read again", async || {
                (gateway.log().matches("the settings are reloaded").count() == times).then_some(())
            })
            .await;
        };
        let told = || gateway.log().matches("a certificate was read anew").count();
        hang_up(1).await;
        hang_up(2).await;
        let elsewhere = tempfile::tempdir().unwrap();
        let second = Certificate::in_folder(elsewhere.path());
        std::fs::copy(&second.certificate, &first.certificate).unwrap();
        std::fs::copy(&second.key, &first.key).unwrap();
        let log =
            gateway.logged("a certificate was read anew, valid until 4096-01-01T00:00:00Z").await;
        let named =
            format!("certificate=\"{}\" expires_at=67090118400", first.certificate.display());
        assert!(log.contains(&named), "{log}");
        assert_eq!(told(), 1, "nothing was new before");
        std::fs::write(&first.key, "text").unwrap();
        hang_up(3).await;
        let log = gateway.logged("a certificate is not reloaded").await;
        let named = format!("{}: the key file has no", first.key.display());
        assert!(log.contains(&named), "{log}");
    });
}
