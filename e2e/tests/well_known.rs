//! Where OAuth clients look, which is the root of the host: documents about plugins, and challenges that lead there.

use serde_json::json;
use sidegate_e2e::{Answer, Gateway, Plugin, Version, eventually, story};

const RESOURCE: &str = "/.well-known/oauth-protected-resource/plugins/r";
const PUBLIC: &str = "https://gw.example.com";

async fn gateway() -> Gateway {
    let urls = format!("{PUBLIC},http://10.0.0.7:8080");
    Gateway::builder().env("SIDEGATE_PUBLIC_URL", urls).start().await
}

async fn plugin(gateway: &Gateway, options: &[(&str, &str)]) -> Plugin {
    let plugin = gateway.plugin("r").program("e2e-plugin-routes");
    let plugin = plugin.config("authorization_servers", "plugin:id https://id.example.com");
    options.iter().fold(plugin, |plugin, (name, value)| plugin.option(name, value)).ready().await
}

fn challenge(answer: &Answer) -> &str {
    answer.header("www-authenticate").expect("a challenge")
}

#[test]
fn a_protected_endpoint_says_at_the_root_who_gives_tokens_for_it() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, &[]).await;
        let answer = gateway.get(&format!("{RESOURCE}/mcp/x")).send().await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            answer.json(),
            json!({
                "resource": "https://gw.example.com/plugins/r/mcp/x",
                "authorization_servers":
                    ["https://gw.example.com/plugins/id", "https://id.example.com"],
                "scopes_supported": ["tools.call", "tools.list"],
                "bearer_methods_supported": ["header"],
            })
        );
        let local = gateway.get(&format!("{RESOURCE}/mcp/x")).header("host", "10.0.0.7:8080");
        let local = local.send().await.expect(200).json();
        assert_eq!(local["resource"], "http://10.0.0.7:8080/plugins/r/mcp/x");
        let forged = gateway.get(&format!("{RESOURCE}/mcp/x")).header("host", "evil.example");
        let forged = forged.header("x-forwarded-host", "evil.example");
        let forged = forged.send().await.expect(200).json();
        assert_eq!(forged["resource"], "https://gw.example.com/plugins/r/mcp/x");
        let asked = gateway.request("OPTIONS", &format!("{RESOURCE}/mcp/x"));
        let asked = asked.header("origin", "https://app.example");
        let asked = asked.header("access-control-request-method", "GET").send().await.expect(204);
        assert_eq!(asked.header("access-control-allow-headers"), Some("*"));
        gateway.request("POST", &format!("{RESOURCE}/mcp/x")).send().await.expect(405);
    });
}

#[test]
fn nothing_is_told_at_the_root_of_what_nobody_says_anything_about() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, &[]).await;
        for path in [
            &format!("{RESOURCE}/admin/users"),
            RESOURCE,
            &format!("{RESOURCE}/nowhere"),
            &format!("{RESOURCE}/mcp/../admin/users"),
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/plugins/nobody/mcp",
            "/.well-known/oauth-protected-resourceplugins/r/mcp/x",
            "/.well-known/oauth-authorization-server/plugins/nobody",
            "/.well-known/oauth-authorization-server/plugins/r/mcp/x",
            "/.well-known/openid-configuration",
            "/.well-known/other/plugins/r",
        ] {
            gateway.get(path).send().await.expect(404);
        }
    });
}

#[test]
fn who_is_refused_is_told_where_to_get_a_token_and_for_what() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, &[]).await;
        let answer = gateway.get("/plugins/r/mcp/x").send().await.expect(401);
        assert_eq!(
            challenge(&answer),
            "Bearer realm=\"sidegate\", \
             resource_metadata=\"https://gw.example.com/.well-known/oauth-protected-resource/plugins/r/mcp/x\", \
             scope=\"tools.call tools.list\""
        );
        let wrong = gateway.get("/plugins/r/mcp/x").header("authorization", "Bearer sgt_nobody");
        let wrong = wrong.send().await.expect(401);
        assert!(challenge(&wrong).contains("error=\"invalid_token\""), "{}", challenge(&wrong));
        assert!(challenge(&wrong).contains("resource_metadata="), "{}", challenge(&wrong));
        let app = gateway.app("caller").create().await;
        let token = app.token().scopes(&["tools.list"]).create().await;
        let lacking = gateway.get("/plugins/r/mcp/x").bearer(&token).send().await.expect(403);
        let told = challenge(&lacking);
        assert!(told.contains("error=\"insufficient_scope\""), "{told}");
        assert!(told.contains("scope=\"tools.call tools.list\""), "{told}");
        assert!(told.contains("resource_metadata="), "{told}");
        assert_eq!(told.matches("scope=\"").count(), 1, "{told}");
        let other = gateway.get("/plugins/r/admin/users").send().await.expect(401);
        assert_eq!(challenge(&other), "Bearer realm=\"sidegate\"");
    });
}

#[test]
fn a_plugin_that_wants_more_scopes_need_not_know_where_the_document_about_it_is() {
    story(async {
        let gateway = gateway().await;
        let lab = gateway.plugin("lab");
        lab.option("oauth.authorization_servers", "https://sso.example.com").ready().await;
        let says = async |status: u16, said: &str| {
            let path = "/plugins/lab/resp";
            let query = format!("status={status}&h=WWW-Authenticate:{said}");
            let query = query.replace(' ', "%20").replace('"', "%22");
            let answer = gateway.get(&format!("{path}?{query}")).send().await.expect(status);
            challenge(&answer).to_owned()
        };
        let wants = "Bearer error=\"insufficient_scope\", scope=\"files.write\"";
        let document = format!("{PUBLIC}/.well-known/oauth-protected-resource/plugins/lab/resp");
        let completed =
            wants.replace("Bearer ", &format!("Bearer resource_metadata=\"{document}\", "));
        assert_eq!(says(403, wants).await, completed);
        assert_eq!(says(401, wants).await, completed);
        // What says where it is, wants something else, or is no refusal, stays as it is.
        for (status, other) in [
            (
                403,
                "Bearer error=\"insufficient_scope\", resource_metadata=\"https://other.example/\"",
            ),
            (401, "Bearer realm=\"lab\""),
            (200, wants),
        ] {
            assert_eq!(says(status, other).await, other);
        }
    });
}

#[test]
fn the_operators_word_about_tokens_counts_before_the_plugins_and_at_once() {
    story(async {
        let gateway = gateway().await;
        let plugin =
            plugin(&gateway, &[("oauth.authorization_servers", "https://sso.example.com")]);
        let plugin = plugin.await;
        let servers = async |path: &str| {
            let answer = gateway.get(&format!("{RESOURCE}{path}")).send().await.expect(200);
            answer.json()["authorization_servers"].clone()
        };
        assert_eq!(servers("/mcp/x").await, json!(["https://sso.example.com"]));
        assert_eq!(servers("/admin/users").await, json!(["https://sso.example.com"]));
        let resource = json!({"options": {"oauth.resource": "https://api.example.com"}});
        plugin.change(&resource).await;
        let answer = gateway.get(&format!("{RESOURCE}/mcp/x")).send().await.expect(200);
        assert_eq!(answer.json()["resource"], "https://api.example.com");
    });
}

#[test]
fn an_issuer_that_is_a_plugin_is_found_at_all_three_addresses() {
    story(async {
        let gateway = gateway().await;
        plugin(&gateway, &[]).await;
        let paths = [
            "/.well-known/oauth-authorization-server/plugins/r",
            "/.well-known/openid-configuration/plugins/r",
            "/plugins/r/.well-known/openid-configuration",
        ];
        for (path, version) in
            paths.iter().flat_map(|path| [(path, Version::Http1), (path, Version::Http2)])
        {
            let answer = gateway.get(path).version(version).send().await.expect(200);
            assert_eq!(answer.text(), "an issuer");
            assert_eq!(answer.header("x-host"), Some(gateway.addr().to_string().as_str()));
            let seen = answer.header("x-path").map(str::to_owned);
            assert_eq!(seen.as_deref(), Some("/plugins/r/.well-known/openid-configuration"));
        }
    });
}

#[test]
fn without_a_public_address_documents_name_the_host_that_the_client_asked_and_the_log_warns() {
    story(async {
        let gateway = Gateway::start().await;
        plugin(&gateway, &[]).await;
        let answer = gateway.get(&format!("{RESOURCE}/mcp/x")).send().await.expect(200);
        let resource = gateway.url("/plugins/r/mcp/x");
        assert_eq!(answer.json()["resource"], json!(resource));
        eventually("the log warns", async || {
            gateway.log().contains("set SIDEGATE_PUBLIC_URL").then_some(())
        })
        .await;
    });
}
