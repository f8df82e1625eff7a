//! The admin port over TLS, and the probes on it.

use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};
use serde_json::Value;
use sidegate_api::error::{ErrorBody, ErrorCode};
use sidegate_e2e::{Certificate, Cli, Connection, Gateway, GatewayBuilder, Version, story};
use std::path::Path;

const TOKEN: &str = "sga_the-stories-own-admin-token";

/// What is in a certificate beside its host.
type Content = fn(&mut CertificateParams);

/// As `openssl req -x509` makes it.
fn authority_itself(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

async fn serving(builder: GatewayBuilder, certificate: &Certificate) -> Gateway {
    let builder = builder.env("ADMIN_TLS_CERT_PATH", &certificate.certificate);
    builder.env("ADMIN_TLS_KEY_PATH", &certificate.key).start().await
}

/// A command line that looks for the gateway's admin API there.
fn cli_at(scheme: &str, gateway: &Gateway) -> Cli {
    let url = format!("{scheme}://localhost:{}", gateway.admin().addr().port());
    Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", TOKEN)])
}

/// Lists apps and trusts what is in this file.
fn trusting(file: &Path) -> [&str; 4] {
    ["app", "list", "--ca", file.to_str().expect("stories use text here")]
}

#[test]
fn a_certificate_that_is_named_itself_is_trusted_for_its_host_and_its_time_only() {
    story(async {
        let expired = |params: &mut CertificateParams| {
            authority_itself(params);
            params.not_after = date_time_ymd(2020, 1, 1);
        };
        let rows: [(&str, Content, Option<&str>); 4] = [
            ("localhost", authority_itself, None),
            ("localhost", |_| {}, None),
            (
                "elsewhere.example",
                authority_itself,
                Some("for elsewhere.example, not for localhost"),
            ),
            ("localhost", expired, Some("not valid any more since 2020-01-01T00:00:00Z")),
        ];
        for (host, with, refused) in rows {
            let builder = Gateway::builder();
            let certificate = Certificate::made(builder.folder(), host, with);
            let mut gateway = serving(builder, &certificate).await;
            let (cli, arguments) = (cli_at("https", &gateway), trusting(&certificate.certificate));
            match refused {
                None => drop(cli.ok(&arguments).await),
                Some(why) => {
                    let said = cli.fails(7, &arguments).await;
                    assert!(said.contains(why) && said.contains("hint: "), "{said}");
                }
            }
            gateway.stop();
        }
    });
}

#[test]
fn whoever_is_not_trusted_is_refused_with_what_to_do() {
    story(async {
        let builder = Gateway::builder();
        let (certificate, authority) = Certificate::of_authority(builder.folder());
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Certificate::made(elsewhere.path(), "localhost", authority_itself);
        let mut gateway = serving(builder, &certificate).await;
        let cli = cli_at("https", &gateway);
        cli.ok(&trusting(&authority)).await;
        cli.ok(&trusting(&certificate.certificate)).await;
        let said = cli.fails(7, &["app", "list"]).await;
        assert!(said.contains("--ca FILE"), "{said}");
        let said = cli.fails(7, &trusting(&other.certificate)).await;
        let named = format!("{} holds neither", other.certificate.display());
        assert!(said.contains("nobody vouches for") && said.contains(&named), "{said}");
        let said = cli_at("http", &gateway).fails(2, &["app", "list"]).await;
        assert!(said.contains("use https://"), "{said}");
        gateway.stop();
    });
}

#[test]
fn plain_http_to_a_port_that_speaks_tls_is_400_whatever_is_asked_as_the_document_says() {
    story(async {
        let document = sidegate_api::document::document();
        let said = document["info"]["description"].as_str().unwrap();
        assert!(said.contains("Plain HTTP to a port that speaks TLS is 400"), "{said}");
        let builder = Gateway::builder();
        let certificate = Certificate::in_folder(builder.folder());
        let mut gateway = serving(builder, &certificate).await;
        for (method, path) in [
            ("GET", "/api/v1/plugins"),
            ("PUT", "/api/v1/nothing"),
            ("GET", "/health"),
            ("GET", "/metrics"),
        ] {
            let connection = Connection::open(gateway.admin().addr(), Version::Http1).await;
            let answer = connection.request(method, path).send().await.expect(400);
            let body: ErrorBody = serde_json::from_value(answer.json()).unwrap();
            assert_eq!(body.code, ErrorCode::InvalidRequest, "{method} {path}");
            assert!(body.error.contains("use https://"), "{method} {path}: {}", body.error);
            assert_eq!(answer.headers["x-request-id"], body.request_id);
        }
        gateway.stop();
    });
}

#[test]
fn tls_to_a_port_without_it_is_told_so() {
    story(async {
        let gateway = Gateway::start().await;
        let said = cli_at("https", &gateway).fails(7, &["app", "list"]).await;
        let url = format!("http://localhost:{}", gateway.admin().addr().port());
        assert!(said.contains("does not speak TLS") && said.contains(&url), "{said}");
    });
}

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
        let said = stranger.fails(7, &["app", "list"]).await;
        assert!(said.contains("cannot be reached") || said.contains("--ca"), "{said}");
        assert!(stranger.ok(&["app", "list", "--ca", &file]).await.contains("o@example.com"));
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
                let answer = gateway.admin().probe(path).await;
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
