//! The admin port over TLS, and the probes on it.

use serde_json::Value;
use sidegate_e2e::{Certificate, Cli, Gateway, story};

const TOKEN: &str = "sga_the-stories-own-admin-token";

#[test]
fn the_command_line_reaches_an_admin_api_that_speaks_tls_when_it_trusts_it() {
    story(async {
        let builder = Gateway::builder();
        let certificate = Certificate::in_folder(builder.folder());
        let builder = builder.env("ADMIN_TLS_CERT_PATH", &certificate.certificate);
        let mut gateway = builder.env("ADMIN_TLS_KEY_PATH", &certificate.key).start().await;
        let port = gateway.admin().addr().port();
        let url = format!("https://localhost:{port}");
        let file = certificate.certificate.display().to_string();
        let environment = [("SIDEGATE_URL", url.as_str()), ("SIDEGATE_ADMIN_TOKEN", TOKEN)];
        let create = ["app", "create", "--name", "a", "--owner-email", "o@example.com"];
        let cli = Cli::with(&[&environment[..], &[("SIDEGATE_CA", &file)]].concat());
        cli.ok(&create).await;
        let stranger = Cli::with(&environment);
        let said = stranger.fails(1, &["app", "list"]).await;
        assert!(said.contains("cannot be reached") || said.contains("--ca"), "{said}");
        assert!(stranger.ok(&["app", "list", "--ca", &file]).await.contains("o@example.com"));
        let plain = Cli::with(&[
            ("SIDEGATE_URL", &format!("http://localhost:{port}")),
            ("SIDEGATE_ADMIN_TOKEN", TOKEN),
        ]);
        plain.fails(1, &["app", "list"]).await;
        let said = stranger.fails(2, &["app", "list", "--ca", "/no/such/file"]).await;
        assert!(said.contains("/no/such/file"), "{said}");
        gateway.stop();
    });
}

#[test]
fn probes_are_on_the_admin_port_and_can_be_taken_off_the_public_one() {
    story(async {
        for (public, status) in [("true", 200), ("false", 404)] {
            let gateway = Gateway::builder().env("PUBLIC_PROBES", public).start().await;
            gateway.lab().await;
            for path in ["/ready", "/metrics"] {
                gateway.get(path).send().await.expect(status);
                let answer = gateway.admin().probe(path).send().await;
                let answer = answer.expect(200);
                if path == "/ready" {
                    assert_eq!(answer.json()["plugins"][0]["name"], Value::from("lab"));
                } else {
                    assert!(answer.text().contains("sidegate_"), "{}", answer.text());
                }
            }
            gateway.get("/health").send().await.expect(200);
        }
    });
}
