//! One connection for several hosts: browsers reuse it for all that a certificate names.

use serde_json::{Value, json};
use sidegate_e2e::{
    Certificate, ClientAuthority, ClientCertificate, Connection, Gateway, Version, story,
};

const FIRST: &str = "a.example.com";
const SECOND: &str = "b.example.com";

/// A gateway over TLS whose certificate names the own hosts of two plugins, which take client certificates of one issuer.
struct Scene {
    gateway: Gateway,
    server: Certificate,
    client: ClientCertificate,
}

impl Scene {
    async fn new() -> Self {
        let (builder, _) = Gateway::builder().tls();
        // In the place of the one for a single host.
        let server = Certificate::for_hosts(builder.folder(), &[FIRST, SECOND]);
        let authority = ClientAuthority::made(builder.folder(), "clients");
        let builder = builder.env("SIDEGATE_TLS_CLIENT_CA_PATH", &authority.certificate);
        let gateway = builder.start().await;
        gateway.app("billing").create().await;
        let issuer = json!({
            "name": "machines", "url": "tls:machines",
            "clients": {"uri:spiffe://corp/billing": "billing"},
        });
        let _: Value = gateway.admin().post("issuers", &issuer).await;
        for (name, host) in [("first", FIRST), ("second", SECOND)] {
            let plugin = gateway.plugin(name).program("e2e-plugin-routes");
            let plugin = plugin.option("host", host).option("issuers", "machines");
            plugin.option("optional_auth", "true").ready().await;
        }
        let client = authority.client("billing", |_| {});
        Self { gateway, server, client }
    }

    /// A connection that was made for a host.
    async fn connection(
        &self,
        host: &str,
        version: Version,
        client: Option<&ClientCertificate>,
    ) -> Connection {
        let offered = if version == Version::Http2 { "h2" } else { "http/1.1" };
        let connector = self.server.connector(&[offered], client);
        let tls = Certificate::connect_to(host, &connector, self.gateway.addr()).await;
        Connection::over(tls.expect("the handshake succeeds"), version, host).await
    }
}

/// What the plugin was told at a host on a connection: its own host, and who calls.
async fn told(connection: &Connection, host: &str, path: &str) -> (String, String) {
    let request = connection.at(host).request("GET", path);
    let seen = request.send().await.expect(200).json();
    let text = |name: &str| seen[name].as_str().unwrap().to_owned();
    (text("own_host"), text("tls_client"))
}

#[test]
fn on_one_connection_each_host_is_answered_by_its_own_plugin() {
    story(async {
        let scene = Scene::new().await;
        for version in [Version::Http1, Version::Http2] {
            let connection = scene.connection(FIRST, version, None).await;
            for _ in 0..2 {
                for host in [FIRST, SECOND] {
                    let expected = (host.to_owned(), String::new());
                    assert_eq!(told(&connection, host, "/context").await, expected);
                    let request = connection.at(host).request("GET", "/plugins/first/context");
                    request.send().await.expect(404);
                }
                let at_the_gateway = told(&connection, "localhost", "/plugins/first/context").await;
                assert_eq!(at_the_gateway, (String::new(), String::new()));
            }
        }
    });
}

#[test]
fn a_client_certificate_counts_for_the_host_to_which_it_was_shown_and_for_no_other_on_the_connection()
 {
    story(async {
        let scene = Scene::new().await;
        let shown = "uri:spiffe://corp/billing".to_owned();
        for version in [Version::Http1, Version::Http2] {
            for (made_for, path) in
                [(FIRST, "/context"), (SECOND, "/context"), ("localhost", "/plugins/first/context")]
            {
                let connection = scene.connection(made_for, version, Some(&scene.client)).await;
                let own = if made_for == "localhost" { "" } else { made_for };
                let expected = (own.to_owned(), shown.clone());
                assert_eq!(told(&connection, made_for, path).await, expected);
                for (host, path) in [
                    (FIRST, "/context"),
                    (SECOND, "/context"),
                    ("B.Example.com.:8443", "/context"),
                    ("localhost", "/plugins/first/context"),
                    ("localhost", "/health"),
                ] {
                    let meant = if host.starts_with('B') { SECOND } else { host };
                    if meant == made_for {
                        continue;
                    }
                    let answer = connection.at(host).request("GET", path).send().await;
                    answer.is_error(421, "misdirected_request", "client");
                }
                assert_eq!(told(&connection, made_for, path).await, expected, "it goes on");
            }
        }
    });
}
