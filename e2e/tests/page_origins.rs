//! Pages that make a browser ask, where a plugin says which may: DNS rebinding comes to nothing.

use serde_json::json;
use sidegate_e2e::{Answer, Connection, Gateway, Version, story};
use tokio::net::TcpStream;

const APP: &str = "https://app.example";

async fn gateway(public_url: Option<&str>, allowed: &str) -> Gateway {
    let mut builder = Gateway::builder();
    if let Some(url) = public_url {
        builder = builder.env("SIDEGATE_PUBLIC_URL", url);
    }
    let gateway = builder.start().await;
    let plugin = gateway.plugin("r").program("e2e-plugin-routes");
    plugin.option("allowed_origins", allowed).ready().await;
    gateway
}

async fn asked(gateway: &Gateway, version: Version, host: Option<&str>, lines: &[&str]) -> Answer {
    let host = host.map_or_else(|| gateway.addr().to_string(), str::to_owned);
    let tcp = TcpStream::connect(gateway.addr()).await.unwrap();
    let connection = Connection::over(tcp, version, &host).await;
    let mut request = connection.request("GET", "/plugins/r/exact");
    for line in lines {
        request = request.header("origin", line);
    }
    request.send().await
}

fn refused(answer: &Answer) {
    answer.is_error(403, "origin_not_allowed", "client");
}

#[test]
fn a_page_that_may_not_ask_is_403_whoever_asks_and_programs_pass() {
    story(async {
        let gateway = gateway(Some("https://gw.example"), "same,https://app.example").await;
        for version in [Version::Http1, Version::Http2] {
            for own in [&[][..], &[APP], &["https://gw.example"], &["HTTPS://App.Example:443"]] {
                asked(&gateway, version, None, own).await.expect(200);
            }
            for other in [
                &["null"][..],
                &[""],
                &["https://evil.example"],
                &["http://app.example"],
                &["https://app.example:8443"],
                &["https://app.example.evil.example"],
                &["https://app.example/"],
                &["https://app.example, https://evil.example"],
                &[APP, "https://evil.example"],
                &[APP, APP],
            ] {
                refused(&asked(&gateway, version, None, other).await);
            }
        }
        let preflight = gateway.request("OPTIONS", "/plugins/r/exact");
        let preflight = preflight.header("access-control-request-method", "PUT");
        refused(&preflight.header("origin", "https://evil.example").send().await);
        // A token makes no difference, and what is not there is as it was.
        let token = gateway.token().await;
        let with_token = gateway.get("/plugins/r/context").header("origin", "null").bearer(&token);
        refused(&with_token.send().await);
        gateway.logged("origin_not_allowed").await;
    });
}

#[test]
fn a_name_that_leads_here_is_not_the_gateways_own_by_the_clients_word() {
    story(async {
        let gateway = gateway(None, "same").await;
        let address = gateway.addr().to_string();
        let origin = format!("http://{address}");
        for version in [Version::Http1, Version::Http2] {
            asked(&gateway, version, None, &[&origin]).await.expect(200);
            let host = Some("evil.example");
            refused(&asked(&gateway, version, host, &["http://evil.example"]).await);
            refused(&asked(&gateway, version, host, &[&origin]).await);
            refused(&asked(&gateway, version, None, &["http://127.0.0.1:1"]).await);
        }
    });
}

#[test]
fn an_operator_is_told_which_page_may_not_ask_and_an_unreadable_list_is_refused() {
    story(async {
        let gateway = gateway(None, APP).await;
        let ask = |origin: &str| json!({"method": "GET", "path": "/plugins/r/exact", "headers": {"Origin": origin}});
        let said = gateway.admin().post("explain", &ask("https://evil.example")).await;
        let check = said["attributes"]["checks"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&check["name"], &check["passed"]), (&json!("origin"), &json!(false)), "{said}");
        let said = gateway.admin().post("explain", &ask(APP)).await;
        assert_eq!(said["attributes"]["answered_by"], "plugin", "{said}");
        for unreadable in ["", "*", "null", "app.example"] {
            let fields = json!({"options": {"allowed_origins": unreadable}});
            let (status, said) = gateway.admin().refused("PATCH", "plugins/1", &fields).await;
            assert!(status == 400 && said.contains("allowed_origins"), "{unreadable}: {said}");
        }
    });
}
