//! Plugins with hosts of their own: there they are mounted at `/`, and nothing else is.

use serde_json::{Value, json};
use sidegate_e2e::{Answer, Connection, Gateway, Issuer, Plugin, Request, Version, story};
use tokio::net::TcpStream;

const OWN: &str = "id.example.com";
const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

async fn gateway() -> Gateway {
    Gateway::builder().env("SIDEGATE_PUBLIC_URL", "https://gw.example.com").start().await
}

async fn plugin(gateway: &Gateway, name: &str, options: &[(&str, &str)]) -> Plugin {
    let plugin = gateway.plugin(name).program("e2e-plugin-routes");
    let plugin = plugin.config("authorization_servers", "plugin:r plugin:other");
    options.iter().fold(plugin, |plugin, (name, value)| plugin.option(name, value)).ready().await
}

async fn at(gateway: &Gateway, version: Version, host: &str, path: &str) -> Request {
    let tcp = TcpStream::connect(gateway.addr()).await.unwrap();
    Connection::over(tcp, version, host).await.request("GET", path)
}

async fn get(gateway: &Gateway, host: &str, path: &str) -> Answer {
    at(gateway, Version::Http1, host, path).await.send().await
}

#[test]
fn at_its_own_host_a_plugin_is_mounted_at_the_root_and_nothing_else_is_there() {
    story(async {
        let gateway = gateway().await;
        let r = plugin(&gateway, "r", &[("host", "ID.Example.com.")]).await;
        plugin(&gateway, "other", &[]).await;
        let port = gateway.addr().port();
        for version in BOTH {
            for host in [
                OWN,
                "ID.EXAMPLE.COM",
                "id.example.com.",
                "id.example.com:8443",
                &format!("Id.Example.com.:{port}"),
            ] {
                let answer = at(&gateway, version, host, "/exact?a=1").await.send().await;
                assert_eq!(answer.expect(200).text(), "exact", "{host}");
                for nowhere in [
                    "/health",
                    "/ready",
                    "/metrics",
                    "/plugins/r/exact",
                    "/plugins/other/exact",
                    "/plugins/",
                    "/",
                    "/.well-known/oauth-protected-resource/plugins/r/mcp/x",
                    "/.well-known/openid-configuration/plugins/r",
                    "/.well-known/other",
                ] {
                    let answer = at(&gateway, version, host, nowhere).await.send().await;
                    answer.is_error(404, "not_found", "client");
                }
                at(&gateway, version, host, "/%2e%2e/other/exact").await.send().await.expect(400);
            }
            for host in ["gw.example.com", "aid.example.com", "id.example.com.evil", "127.0.0.1"] {
                at(&gateway, version, host, "/exact").await.send().await.expect(404);
                at(&gateway, version, host, "/health").await.send().await.expect(200);
                at(&gateway, version, host, "/plugins/r/exact").await.send().await.expect(200);
            }
            // A host that nobody vouches for.
            let told = at(&gateway, version, "gw.example.com", "/exact").await;
            told.header("x-forwarded-host", OWN).send().await.expect(404);
        }
        r.change(&json!({"options": {"host": "new.example.com"}})).await;
        get(&gateway, OWN, "/exact").await.expect(404);
        get(&gateway, "new.example.com", "/exact").await.expect(200);
        r.change(&json!({"options": {}})).await;
        get(&gateway, "new.example.com", "/exact").await.expect(404);
        get(&gateway, "new.example.com", "/health").await.expect(200);
    });
}

#[test]
fn addresses_of_issuers_and_resources_follow_a_plugin_to_its_own_host() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, "r", &[("host", OWN)]).await;
        let path = "/.well-known/oauth-protected-resource";
        let document = get(&gateway, OWN, &format!("{path}/mcp/x")).await.expect(200).json();
        assert_eq!(document["resource"], "https://id.example.com/mcp/x");
        let servers = json!(["https://id.example.com", "https://gw.example.com/plugins/other"]);
        assert_eq!(document["authorization_servers"], servers);
        let main = get(&gateway, "gw.example.com", &format!("{path}/plugins/r/mcp/x")).await;
        let main = main.expect(200).json();
        assert_eq!(main["resource"], "https://gw.example.com/plugins/r/mcp/x");
        assert_eq!(main["authorization_servers"], servers);
        let refused = get(&gateway, OWN, "/mcp/x").await.expect(401);
        let challenge = refused.header("www-authenticate").unwrap();
        let leads = "resource_metadata=\"https://id.example.com/.well-known/oauth-protected-resource/mcp/x\"";
        assert!(challenge.contains(leads), "{challenge}");
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
        {
            let answer = get(&gateway, OWN, path).await.expect(200);
            assert_eq!(answer.text(), "an issuer");
            assert_eq!(answer.header("x-host"), Some(OWN));
        }
        let token = gateway.token().await;
        for (host, path, told) in
            [(OWN, "/context", OWN), ("gw.example.com", "/plugins/r/context", "")]
        {
            let request = at(&gateway, Version::Http2, host, path).await.bearer(&token);
            assert_eq!(request.send().await.expect(200).json()["own_host"], told);
        }
        let ask = json!({"method": "GET", "path": "/exact", "headers": {"Host": OWN}});
        let said = gateway.admin().post("explain", &ask).await;
        assert_eq!(said["attributes"]["answered_by"], "plugin", "{said}");
    });
}

#[test]
fn two_plugins_with_one_host_are_a_conflict() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, "r", &[("host", OWN)]).await;
        let other = gateway.plugin("other").program("e2e-plugin-routes");
        let (status, said) = other.option("host", "Id.Example.Com").refused().await;
        assert!(status == 409 && said.contains("id.example.com"), "{status} {said}");
        let other = plugin(&gateway, "other", &[]).await;
        let fields = json!({"options": {"host": "id.example.com."}});
        let path = format!("plugins/{}", other.id);
        let (status, said) = gateway.admin().refused("PATCH", &path, &fields).await;
        assert!(status == 409 && said.contains("plugin 1"), "{status} {said}");
        for wrong in ["https://id.example.com", "id.example.com:443", "127.0.0.1", "localhost"] {
            let fields = json!({"options": {"host": wrong}});
            let (status, said) = gateway.admin().refused("PATCH", &path, &fields).await;
            assert!(status == 400 && said.contains("host"), "{status} {said}");
        }
    });
}

#[test]
fn cookies_stay_at_the_host_that_set_them_once_a_plugin_has_a_host_of_its_own() {
    story(async {
        let gateway = gateway().await;
        let r = plugin(&gateway, "r", &[]).await;
        let set = async |host: &str, path: &str| {
            let answer = get(&gateway, host, path).await.expect(200);
            answer.header_values("set-cookie").into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let usual = [
            "a=1; Domain=example.com; Path=/",
            "b=2; path=/; domain=.Example.com; HttpOnly",
            "c=3",
        ];
        assert_eq!(set("gw.example.com", "/plugins/r/cookie").await, usual);
        r.change(&json!({"options": {"host": OWN}})).await;
        for (host, path) in [(OWN, "/cookie"), ("gw.example.com", "/plugins/r/cookie")] {
            assert_eq!(set(host, path).await, ["a=1; Path=/", "b=2; path=/; HttpOnly", "c=3"]);
        }
    });
}

#[test]
fn a_jwt_for_a_plugin_at_its_own_host_opens_it_and_one_for_another_host_does_not() {
    story(async {
        let (gateway, issuer) = (gateway().await, Issuer::start().await);
        gateway.app("billing").create().await;
        let attributes = json!({
            "name": "corp", "url": issuer.url(), "allow_private": true, "clients": {"svc": "billing"},
            "audiences": ["https://gw.example.com/plugins/{slug}/*"],
        });
        let _: Value = gateway.admin().post("issuers", &attributes).await;
        let options = [("host", OWN), ("issuers", "corp"), ("require_auth", "true")];
        plugin(&gateway, "r", &options).await;
        for (audience, status) in [
            ("https://id.example.com/context", 200),
            ("https://gw.example.com/plugins/r/context", 200),
            ("https://other.example.com/context", 401),
            ("https://id.example.com.evil/context", 401),
            ("https://gw.example.com/plugins/other/context", 401),
        ] {
            let token = issuer.token("svc", audience).sign();
            let request = at(&gateway, Version::Http1, OWN, "/context").await.bearer(&token);
            request.send().await.expect(status);
        }
    });
}

#[test]
fn a_page_of_a_plugins_own_host_is_of_the_same_origin_there() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, "r", &[("host", OWN), ("allowed_origins", "same")]).await;
        for (host, path, origin, status) in [
            (OWN, "/exact", "https://id.example.com", 200),
            (OWN, "/exact", "https://gw.example.com", 403),
            ("gw.example.com", "/plugins/r/exact", "https://gw.example.com", 200),
            ("gw.example.com", "/plugins/r/exact", "https://id.example.com", 403),
        ] {
            let request = at(&gateway, Version::Http2, host, path).await.header("origin", origin);
            request.send().await.expect(status);
        }
    });
}

#[test]
fn who_names_two_hosts_or_half_of_one_is_at_no_plugins_own() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, "r", &[("host", OWN)]).await;
        let ask = async |target: &str, fields: &str| {
            let mut raw = gateway.raw().await;
            raw.send(format!("GET {target} HTTP/1.1\r\n{fields}\r\n\r\n")).await;
            raw.answer().await.status.as_u16()
        };
        let main = "Host: gw.example.com";
        for (target, fields, status) in [
            ("http://id.example.com/exact", "Host: id.example.com", 200),
            ("http://id.example.com/health", "Host: id.example.com", 404),
            ("http://id.example.com/exact", main, 400),
            ("http://gw.example.com/health", "Host: id.example.com", 400),
            ("http://id.example.com@gw.example.com/exact", main, 400),
            ("http://gw.example.com@id.example.com/exact", "Host: id.example.com", 400),
            ("/exact", "Host: gw.example.com\r\nHost: id.example.com", 400),
            ("/exact", "Host: gw.example.com, id.example.com", 400),
            ("/exact", "Host: id.example.com@gw.example.com", 400),
            ("/exact", "Host: id.example.com/x", 400),
            ("/exact", "Host: id.example.com?x", 400),
            ("/exact", "Host: id.example.com#x", 400),
            ("/exact", "Host: id.example.com\\", 400),
            ("/exact", "Host: gw.example.com\r\nForwarded: host=id.example.com", 404),
            ("/exact", "Host: gw.example.com\r\nX-Host: id.example.com", 404),
            ("/exact", "Host: gw.example.com\r\nX-Original-Host: id.example.com", 404),
            ("/exact", "Host: id.example.com..", 404),
            ("/exact", "Host: .id.example.com", 404),
            ("/exact", "Host: [id.example.com]", 404),
            ("/exact", "Host: id%2eexample.com", 404),
        ] {
            let fared = ask(target, fields).await;
            // What is no host at all may be refused as well.
            let is_expected = fared == status || status == 404 && fared == 400;
            assert!(is_expected, "{target} {fields}: {fared}");
        }
    });
}
