//! Pages of other origins, as a browser asks for them: preflights, and what it may read.

use serde_json::{Value, json};
use sidegate_e2e::{Answer, Gateway, Plugin, Request, Version, story};

const PAGE: &str = "https://app.example";

async fn with(gateway: &Gateway, options: &[(&str, &str)]) -> Plugin {
    let plugin = gateway.plugin("r").program("e2e-plugin-routes");
    options.iter().fold(plugin, |plugin, (name, value)| plugin.option(name, value)).ready().await
}

fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Request {
    let request = gateway.request("OPTIONS", path).header("origin", origin);
    request
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type")
}

fn told<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.header(&format!("access-control-{name}"))
}

fn says_nothing(answer: &Answer) {
    for name in ["allow-origin", "allow-methods", "allow-headers", "allow-credentials"] {
        assert_eq!(told(answer, name), None, "{name}");
    }
}

#[test]
fn a_preflight_of_a_protected_endpoint_is_answered_by_the_gateway_where_the_operator_says_who_may_ask()
 {
    story(async {
        let gateway = Gateway::start().await;
        let options = [
            ("cors.origins", "https://app.example, http://localhost:3000"),
            ("cors.credentials", "true"),
            ("cors.max_age", "10m"),
        ];
        with(&gateway, &options).await;
        for path in
            ["/plugins/r/acl/x", "/plugins/r/any", "/plugins/r/get-only", "/plugins/r/optioned"]
        {
            for version in [Version::Http1, Version::Http2] {
                let answer =
                    preflight(&gateway, path, PAGE).version(version).send().await.expect(204);
                assert_eq!(told(&answer, "allow-origin"), Some(PAGE), "{path}");
                assert_eq!(told(&answer, "allow-credentials"), Some("true"));
                assert_eq!(told(&answer, "allow-headers"), Some("authorization,content-type"));
                assert_eq!(told(&answer, "max-age"), Some("600"));
                let methods = told(&answer, "allow-methods").unwrap();
                assert_eq!(
                    methods.contains("PUT"),
                    !path.ends_with("d") && !path.ends_with("ly"),
                    "{methods}"
                );
                assert_eq!(answer.header("vary"), Some("Origin"));
            }
        }
        let stranger = preflight(&gateway, "/plugins/r/acl/x", "https://evil.example").send().await;
        let stranger = stranger.expect(204);
        says_nothing(&stranger);
        assert_eq!(stranger.header("vary"), Some("Origin"));
        // One that is no preflight is as before: a request like any other.
        let plain = gateway.request("OPTIONS", "/plugins/r/acl/x").header("origin", PAGE);
        plain.send().await.is_error(401, "unauthorized", "client");
    });
}

#[test]
fn every_answer_says_who_may_read_it_the_gateways_own_errors_too() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "10");
        let gateway = builder.start().await;
        let expose = "X-Method, RateLimit-Remaining";
        let plugin = with(&gateway, &[("cors.origins", PAGE), ("cors.expose", expose)]).await;
        let app = gateway.app("a").rate_limit(1).create().await;
        let token = app.token().create().await;
        let ask = |method: &str, path: &str| {
            gateway.request(method, &format!("/plugins/r{path}")).header("origin", PAGE)
        };
        let readable = |answer: &Answer, status: u16| {
            assert_eq!(answer.status, status);
            assert_eq!(told(answer, "allow-origin"), Some(PAGE), "{status}");
            assert_eq!(told(answer, "expose-headers"), Some("X-Method, RateLimit-Remaining"));
            assert_eq!(answer.header("vary"), Some("Origin"));
        };
        readable(&ask("GET", "/any").send().await, 200);
        readable(&ask("POST", "/any").body("far more than ten").send().await, 413);
        readable(&ask("GET", "/acl/x").send().await, 401);
        readable(&ask("GET", "/acl/x").bearer(&token).send().await, 403);
        readable(&ask("GET", "/acl/x").bearer(&token).send().await, 429);
        readable(&ask("GET", "/nothing").send().await, 404);
        readable(&ask("PUT", "/get-only").send().await, 405);
        readable(&ask("GET", "/any/%zz").send().await, 400);
        readable(&ask("GET", "/panic").send().await, 502);
        // However the name of the plugin is written.
        for (path, status) in
            [("nothing", 404), ("any/%zz", 400), ("../any", 400), ("get-only", 405)]
        {
            let asked = gateway.request("PUT", &format!("/plugins/%72/{path}"));
            readable(&asked.header("origin", PAGE).send().await, status);
        }
        // Not to others, and the cache is told that it depends.
        let other = gateway.get("/plugins/r/any").header("origin", "https://evil.example");
        let other = other.send().await.expect(200);
        says_nothing(&other);
        assert_eq!(other.header("vary"), Some("Origin"));
        let nobody = gateway.get("/plugins/r/any").send().await.expect(200);
        assert_eq!((told(&nobody, "allow-origin"), nobody.header("vary")), (None, Some("Origin")));
        // It is live, and over when it is taken back.
        plugin.change(&json!({"options": {"cors.origins": "*"}})).await;
        assert_eq!(told(&ask("GET", "/any").send().await, "allow-origin"), Some("*"));
        plugin.change(&json!({"options": {}})).await;
        says_nothing(&ask("GET", "/any").send().await);
    });
}

#[test]
fn the_operators_word_replaces_the_plugins() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").option("cors.origins", PAGE).ready().await;
        let path = "/plugins/lab/resp?h=Access-Control-Allow-Origin:*&h=Vary:Accept";
        let ask = || gateway.get(path).header("origin", PAGE);
        let answer = ask().send().await.expect(200);
        let origins: Vec<_> =
            answer.headers.get_all("access-control-allow-origin").iter().collect();
        assert_eq!(origins, [PAGE]);
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["Accept", "Origin"]);
        // Without the operator's word the plugin's own counts.
        plugin.change(&json!({"options": {}})).await;
        assert_eq!(told(&ask().send().await, "allow-origin"), Some("*"));
    });
}

#[test]
fn without_the_operators_word_a_preflight_reaches_only_endpoints_that_are_open_for_it() {
    story(async {
        let gateway = Gateway::start().await;
        with(&gateway, &[]).await;
        let ask = |path: &str| preflight(&gateway, &format!("/plugins/r{path}"), PAGE);
        // Registered and open: the plugin answers.
        let answer = ask("/optioned").send().await.expect(200);
        assert_eq!(answer.header("x-handler"), Some("options"));
        ask("/any").send().await.expect(200);
        // Demands a token, by itself or because GET does: it never sees a request without one.
        for path in ["/acl/x", "/law/app"] {
            let answer = ask(path).send().await.expect(204);
            says_nothing(&answer);
            assert!(answer.header("allow").unwrap().contains("OPTIONS"), "{path}");
            assert_eq!(answer.header("x-method"), None);
        }
        // Not registered: as every OPTIONS.
        says_nothing(&ask("/get-only").send().await.expect(204));
        ask("/nothing").send().await.is_error(404, "not_found", "client");
    });
}

#[test]
fn what_would_open_everything_to_every_page_is_refused_when_it_is_saved() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = || gateway.plugin("r").program("e2e-plugin-routes");
        let both = plugin().option("cors.origins", "*").option("cors.credentials", "true");
        let (status, reason) = both.refused().await;
        assert!(status == 400 && reason.contains("cors.credentials"), "{status} {reason}");
        let (status, reason) = plugin().option("cors.origins", "app.example").refused().await;
        assert!(status == 400 && reason.contains("cors.origins"), "{status} {reason}");
        let (status, reason) = plugin().option("cors.max_age", "5m").refused().await;
        assert!(status == 400 && reason.contains("cors.origins"), "{status} {reason}");
        assert_eq!(gateway.admin().get("plugins").await, Value::Array(vec![]));
    });
}
