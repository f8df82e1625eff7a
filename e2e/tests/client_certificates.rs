//! Client certificates: who comes in with one, as which app, and who does not.

use serde_json::{Value, json};
use sidegate_e2e::{
    App, Certificate, ClientAuthority, ClientCertificate, Connection, Gateway, Issuer, Need,
    Plugin, Version, curl, eventually, story, within,
};
use std::time::Duration;

pub(crate) const PATH: &str = "/plugins/r/context";

/// A gateway over TLS with the plugin `r`, which takes certificates of an issuer that binds `spiffe://corp/billing` to the
/// app `billing`.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) server: Certificate,
    pub(crate) authority: ClientAuthority,
    plugin: Plugin,
    app: App,
    /// The number of the issuer.
    number: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let (builder, server) = Gateway::builder().tls();
        let authority = ClientAuthority::made(builder.folder(), "clients");
        let builder = builder.env("SIDEGATE_TLS_CLIENT_CA_PATH", &authority.certificate);
        let gateway = builder.start().await;
        let app = gateway.app("billing").rate_limit(600).create().await;
        let issuer = json!({
            "name": "machines", "url": "tls:machines", "scopes": ["files.read"],
            "clients": {"uri:spiffe://corp/billing": "billing"},
        });
        let saved: Value = gateway.admin().post("issuers", &issuer).await;
        let number = saved["id"].as_str().unwrap().to_owned();
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin = plugin.option("issuers", "machines").option("require_auth", "true");
        let plugin = plugin.ready().await;
        Self { gateway, server, authority, plugin, app, number }
    }

    pub(crate) fn billing(&self) -> ClientCertificate {
        self.authority.client("billing", |_| {})
    }

    /// A connection on which this was shown.
    pub(crate) async fn connection(&self, client: Option<&ClientCertificate>) -> Connection {
        self.connection_by(client, Version::Http1).await.expect("the handshake succeeds")
    }

    async fn connection_by(
        &self,
        client: Option<&ClientCertificate>,
        version: Version,
    ) -> Option<Connection> {
        let offered = if version == Version::Http2 { "h2" } else { "http/1.1" };
        let tls = self.server.connect_as(self.gateway.addr(), &[offered], client).await.ok()?;
        Some(Connection::over(tls, version, "localhost").await)
    }

    pub(crate) async fn change_issuer(&self, fields: &Value) {
        self.gateway.admin().patch(&format!("issuers/{}", self.number), fields).await;
    }

    /// Whether the handshake of a client goes well; over TLS 1.3 it is told with the first answer.
    pub(crate) async fn lets_in(&self, client: Option<&ClientCertificate>) -> bool {
        let tls = self.server.connect_as(self.gateway.addr(), &["http/1.1"], client).await;
        let Ok(tls) = tls else { return false };
        let connection = Connection::over(tls, Version::Http1, "localhost").await;
        connection.request("GET", "/health").try_send().await.is_ok()
    }
}

pub(crate) async fn fares(connection: &Connection) -> u16 {
    connection.request("GET", PATH).send().await.status.as_u16()
}

#[test]
fn a_client_certificate_comes_in_as_its_app_and_the_plugin_learns_whose_it_is() {
    story(async {
        let scene = Scene::new().await;
        let client = scene.billing();
        for version in [Version::Http1, Version::Http2] {
            let connection = scene.connection_by(Some(&client), version).await.unwrap();
            for _ in 0..2 {
                let answer = connection.request("GET", PATH).send().await.expect(200);
                let seen = answer.json();
                assert_eq!(
                    (&seen["tls_issuer"], &seen["tls_client"], &seen["tls_fingerprint"]),
                    (
                        &json!("tls:machines"),
                        &json!("uri:spiffe://corp/billing"),
                        &json!(format!("sha256:{}", client.fingerprint()))
                    )
                );
                assert_eq!(answer.header("ratelimit-limit"), Some("600"), "that of the app");
            }
        }
        let connection = scene.connection(Some(&client)).await;
        for (scope, status) in [("files.read", 200), ("files.write", 403)] {
            let options =
                json!({"issuers": "machines", "require_auth": "true", "scopes_required": scope});
            scene.plugin.change(&json!({ "options": options })).await;
            assert_eq!(fares(&connection).await, status, "{scope}");
        }
        // What a request says itself counts before what its connection says.
        scene.plugin.change(&json!({"options": {"issuers": "machines"}})).await;
        let other = scene.gateway.app("other").create().await.token().create().await;
        for (token, status) in [(other.as_str(), 200), ("unknown", 401)] {
            let options = json!({"issuers": "machines", "require_auth": "true", "apps": "other"});
            scene.plugin.change(&json!({ "options": options })).await;
            let answer = connection.request("GET", PATH).bearer(token).send().await;
            assert_eq!(answer.status, status, "{token}");
        }
        assert_eq!(fares(&connection).await, 403, "the app is not among those that may");
    });
}

#[test]
fn a_client_is_named_by_fingerprint_uri_or_name_and_the_first_in_this_order_counts() {
    story(async {
        let scene = Scene::new().await;
        scene.gateway.app("shop").create().await;
        let client = scene.authority.client("shop.corp.example", |_| {});
        let connection = scene.connection(Some(&client)).await;
        let fingerprint = format!("sha256:{}", client.fingerprint());
        let mut clients = serde_json::Map::new();
        let answer = connection.request("GET", PATH).send().await;
        answer.is_error(401, "unauthorized", "client");
        assert!(answer.error().text.contains("certificate"), "{}", answer.describe());
        for name in ["dns:shop.corp.example", "uri:spiffe://corp/shop.corp.example", &fingerprint] {
            clients.insert(name.to_owned(), json!("shop"));
            scene.change_issuer(&json!({ "clients": clients })).await;
            let seen = connection.request("GET", PATH).send().await.expect(200).json();
            assert_eq!(seen["tls_client"], name);
        }
        // Without a word of the plugin's nobody comes in by one, and an unknown one is nobody.
        for (options, status) in [
            (json!({"require_auth": "true"}), 401),
            (json!({"require_auth": "true", "issuers": "nobody"}), 401),
            (json!({"issuers": "machines", "optional_auth": "true"}), 200),
        ] {
            scene.plugin.change(&json!({ "options": options })).await;
            assert_eq!(fares(&connection).await, status, "{options}");
        }
        scene.change_issuer(&json!({"clients": {}})).await;
        let seen = connection.request("GET", PATH).send().await.expect(200).json();
        assert_eq!(seen["tls_client"], "");
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_in_the_handshake_and_none_is_not() {
    story(async {
        let scene = Scene::new().await;
        let other = ClientAuthority::made(scene.gateway.folder(), "other");
        let foreign = other.client("billing", |_| {});
        let ended = scene.authority.client("ended", |params| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        });
        let server = scene.authority.client("server", |params| {
            params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        });
        for refused in [&foreign, &ended, &server] {
            assert!(!scene.lets_in(Some(refused)).await);
        }
        assert!(scene.lets_in(None).await && scene.lets_in(Some(&scene.billing())).await);
        assert_eq!(fares(&scene.connection(None).await).await, 401);
        let metrics = scene.connection(None).await;
        let metrics = metrics.request("GET", "/metrics").send().await.expect(200);
        let counted = |outcome: &str, count: u32| {
            let line =
                format!("sidegate_tls_client_certificates_total{{outcome=\"{outcome}\"}} {count}");
            metrics.text().lines().any(|told| told == line)
        };
        assert!(counted("refused", 3) && counted("accepted", 1), "{}", metrics.text());
    });
}

#[test]
fn a_certificate_opens_nothing_once_it_ends_is_unbound_or_its_app_or_issuer_is_off() {
    story(async {
        let scene = Scene::new().await;
        let client = scene.billing();
        let connection = scene.connection(Some(&client)).await;
        let open = async || {
            let connection = scene.connection(Some(&client)).await;
            let mut stream = connection.request("GET", "/plugins/r/stream").open().await;
            stream.read_until("begun").await;
            (connection, stream)
        };
        let soon = Duration::from_secs(6);
        for (off, on) in [
            (json!({"is_active": false}), json!({"is_active": true})),
            (json!({"clients": {}}), json!({"clients": {"uri:spiffe://corp/billing": "billing"}})),
        ] {
            let (_kept, mut stream) = open().await;
            scene.change_issuer(&off).await;
            assert_eq!(fares(&connection).await, 401, "{off}");
            within(soon, "a stream", stream.rest()).await.expect_err("a clean end");
            scene.change_issuer(&on).await;
            assert_eq!(fares(&connection).await, 200, "{on}");
        }
        let (_kept, mut stream) = open().await;
        scene.app.change(&json!({"is_active": false})).await;
        assert_eq!(fares(&connection).await, 401);
        within(soon, "a stream", stream.rest()).await.expect_err("a clean end");
        scene.app.change(&json!({"is_active": true})).await;

        let brief = scene.authority.client_for("billing", Duration::from_secs(6));
        let connection = scene.connection(Some(&brief)).await;
        let mut stream = connection.request("GET", "/plugins/r/stream").open().await;
        stream.read_until("begun").await;
        within(Duration::from_secs(20), "a stream", stream.rest()).await.expect_err("a clean end");
        // The second in which it ends is its last.
        eventually("nobody vouches for it", async || {
            (!scene.lets_in(Some(&brief)).await).then_some(())
        })
        .await;
    });
}

#[test]
fn a_connection_that_outlives_its_certificate_is_401_from_then_on() {
    story(async {
        let scene = Scene::new().await;
        let brief = scene.authority.client_for("billing", Duration::from_secs(6));
        let connection = scene.connection(Some(&brief)).await;
        assert_eq!(fares(&connection).await, 200);
        eventually("it has expired", async || {
            let answer = connection.request("GET", PATH).send().await;
            (answer.status == 401).then(|| assert!(answer.error().text.contains("expired")))
        })
        .await;
    });
}

#[test]
fn authorities_are_read_anew_and_open_connections_are_judged_by_those_of_now() {
    story(async {
        let scene = Scene::new().await;
        let first = scene.billing();
        let kept = scene.connection(Some(&first)).await;
        assert_eq!(fares(&kept).await, 200);
        let elsewhere = tempfile::tempdir().unwrap();
        let other = ClientAuthority::made(elsewhere.path(), "other");
        let second = other.client("billing", |_| {});
        let [old, new] = [&scene.authority.certificate, &other.certificate]
            .map(|path| std::fs::read_to_string(path).unwrap());
        let file = &scene.authority.certificate;
        std::fs::write(file, format!("{old}{new}")).unwrap();
        eventually("both are trusted", async || scene.lets_in(Some(&second)).await.then_some(()))
            .await;
        assert_eq!(fares(&kept).await, 200, "it is still vouched for");
        std::fs::write(file, &new).unwrap();
        eventually("the first is gone", async || (fares(&kept).await == 401).then_some(())).await;
        assert!(!scene.lets_in(Some(&first)).await);
        let by_second = scene.connection(Some(&second)).await;
        assert_eq!(fares(&by_second).await, 200);
        std::fs::write(file, "no certificate").unwrap();
        let log = scene.gateway.logged("the one before is still shown").await;
        assert!(log.contains("SIDEGATE_TLS_CLIENT_CA_PATH"), "{log}");
        assert_eq!(fares(&by_second).await, 200);
    });
}

#[test]
fn a_page_of_another_origin_gets_nothing_by_the_certificate_of_its_browser() {
    story(async {
        let scene = Scene::new().await;
        let connection = scene.connection(Some(&scene.billing())).await;
        let ask = async |fields: &[(&str, &str)]| {
            let mut request = connection.request("GET", PATH);
            for (name, value) in fields {
                request = request.header(name, value);
            }
            request.send().await.status.as_u16()
        };
        let evil = ("origin", "https://evil.example");
        for (fields, status) in [
            (&[evil][..], 401),
            (&[("sec-fetch-site", "cross-site")], 401),
            (&[("sec-fetch-site", "same-site")], 401),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://localhost")], 200),
            (&[("sec-fetch-site", "none")], 200),
        ] {
            assert_eq!(ask(fields).await, status, "{fields:?}");
        }
        let options = json!({
            "issuers": "machines", "require_auth": "true", "allowed_origins": "https://app.example",
        });
        scene.plugin.change(&json!({ "options": options })).await;
        let good = [("sec-fetch-site", "cross-site"), ("origin", "https://app.example")];
        assert_eq!(ask(&good).await, 200);
        assert_eq!(ask(&[evil]).await, 403);
        assert_eq!(ask(&[("sec-fetch-site", "cross-site")]).await, 401, "a form or a link");
    });
}

#[test]
fn curl_comes_in_with_its_certificate_and_without_one_does_not() {
    story(async {
        let Some(curl) = Need::Curl.or_skip(curl()) else { return };
        let scene = Scene::new().await;
        let client = scene.billing();
        let port = scene.gateway.addr().port();
        let ask = async |with: &[&str]| {
            let mut command = tokio::process::Command::new(&curl);
            command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20"]);
            command.arg("--cacert").arg(&scene.server.certificate).args(with);
            command.arg(format!("https://localhost:{port}{PATH}"));
            let done = command.env_clear().output().await.unwrap();
            String::from_utf8(done.stdout).unwrap()
        };
        let [certificate, key] = [&client.certificate, &client.key].map(|it| it.to_str().unwrap());
        assert_eq!(ask(&["--cert", certificate, "--key", key]).await, "200");
        assert_eq!(
            ask(&["--cert", certificate, "--key", key, "--http1.1", "--tls-max", "1.2"]).await,
            "200"
        );
        assert_eq!(ask(&[]).await, "401");
    });
}

#[test]
fn an_operator_sees_that_nobody_vouches_for_certificates() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.app("billing").create().await;
        let issuer = json!({
            "name": "machines", "url": "tls:machines", "clients": {"dns:a.example": "billing"},
        });
        let _: Value = gateway.admin().post("issuers", &issuer).await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        plugin.option("issuers", "machines").option("require_auth", "true").ready().await;
        let shown: Value = gateway.admin().get("issuers/1").await;
        let told = shown["attributes"]["keys"]["error"].as_str().unwrap();
        assert!(told.contains("SIDEGATE_TLS_CLIENT_CA_PATH"), "{told}");
        let needs = gateway.admin().get("needs").await.to_string();
        assert!(needs.contains("nobody comes in by a certificate"), "{needs}");
        gateway.get(PATH).send().await.is_error(401, "unauthorized", "client");
    });
}

#[test]
fn a_jwt_in_the_name_of_an_issuer_of_certificates_opens_nothing() {
    story(async {
        let scene = Scene::new().await;
        let connection = scene.connection(Some(&scene.billing())).await;
        let other = Issuer::start().await;
        let jwt = other.token("uri:spiffe://corp/billing", "https://localhost/plugins/r");
        let jwt = jwt.claim("iss", "tls:machines").sign();
        let answer = connection.request("GET", PATH).bearer(&jwt).send().await;
        answer.is_error(401, "unauthorized", "client");
        assert_eq!(fares(&connection).await, 200, "without it the certificate counts");
        assert_eq!(other.asked(), 0);
    });
}

#[test]
fn beside_credentials_that_cannot_be_read_no_certificate_counts() {
    story(async {
        let scene = Scene::new().await;
        let client = scene.billing();
        for version in [Version::Http1, Version::Http2] {
            let connection = scene.connection_by(Some(&client), version).await.unwrap();
            assert_eq!(fares(&connection).await, 200, "without any it does");
            for (value, status) in [
                (&b"Bearer"[..], 401),
                (b"Bearer \xff\xfe", 401),
                (b"Bearer \xc3\xb6", 401),
                (b"Basic dTpw", 401),
                (b"DPoP abc", 401),
                (b"abc", 401),
                (b"", 401),
            ] {
                let request = connection.request("GET", PATH).header("authorization", value);
                let answer = request.send().await;
                assert_eq!(answer.status, status, "{:?}", String::from_utf8_lossy(value));
            }
            let twice = connection.request("GET", PATH).bearer("a").header("authorization", "b");
            twice.send().await.is_error(400, "invalid_request", "client");
        }
        // Nor does it turn into somebody where nobody has to be known.
        let open = json!({"options": {"issuers": "machines", "optional_auth": "true"}});
        scene.plugin.change(&open).await;
        let connection = scene.connection(Some(&client)).await;
        let request = connection.request("GET", PATH).header("authorization", "Bearer");
        assert_eq!(request.send().await.expect(200).json()["tls_client"], "");
    });
}
