//! Which endpoint a request comes to, and what is said when it comes to none.

use serde_json::json;
use sidegate_e2e::{Gateway, Plugin, eventually, story};

async fn routes(gateway: &Gateway) -> Plugin {
    gateway.plugin("r").program("e2e-plugin-routes").ready().await
}

async fn text(gateway: &Gateway, path: &str) -> String {
    gateway.get(&format!("/plugins/r{path}")).send().await.expect(200).text().to_owned()
}

#[test]
fn every_method_of_the_page_reaches_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
            for version in [sidegate_e2e::Version::Http1, sidegate_e2e::Version::Http2] {
                let request = gateway.request(method, "/plugins/r/any").version(version);
                let answer = request.send().await.expect(200);
                assert_eq!(answer.header("x-method"), Some(method), "{version:?}");
            }
        }
    });
}

#[test]
fn exact_paths_come_before_wildcards_and_longer_wildcards_before_shorter() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").config("catch_all", "true");
        plugin.ready().await;
        for (path, endpoint) in [
            ("/exact", "exact"),
            ("/exact/", "catch-all"),
            ("/exact/more", "catch-all"),
            ("/files/a", "files"),
            ("/files/a/b", "files"),
            ("/files/deep/a", "deep"),
            ("/files/deep/exact", "deep exact"),
            ("/files/deep/exact/a", "deep"),
            ("/files/deeper", "files"),
            ("/", "catch-all"),
            ("", "catch-all"),
            ("/a//b", "catch-all"),
        ] {
            assert_eq!(text(&gateway, path).await, endpoint, "{path}");
        }
    });
}

#[test]
fn what_nobody_registered_is_404() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        for path in [
            "/",
            "/nothing",
            "/plugins",
            "/plugins/",
            "/plugins/r",
            "/plugins/r/",
            "/plugins/r/nothing",
            "/plugins/r/exact/",
            "/plugins/R/exact",
            "/plugins/unknown/exact",
            "/pluginsx/r/exact",
            "/api/v1/plugins",
        ] {
            gateway.get(path).send().await.is_error(404, "not_found", "client");
        }
    });
}

#[test]
fn a_known_path_with_another_method_is_405_with_allow() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        for (method, path, allow) in [
            ("GET", "/post-only", "POST, OPTIONS"),
            ("HEAD", "/post-only", "POST, OPTIONS"),
            ("POST", "/get-only", "GET, HEAD, OPTIONS"),
            ("DELETE", "/files/deep/x", "GET, HEAD, OPTIONS"),
            ("get", "/get-only", "GET, HEAD, OPTIONS"),
            ("BREW", "/get-only", "GET, HEAD, OPTIONS"),
        ] {
            let answer = gateway.request(method, &format!("/plugins/r{path}")).send().await;
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            if method == "HEAD" {
                assert_eq!(answer.status, 405);
            } else {
                answer.is_error(405, "method_not_allowed", "client");
            }
        }
    });
}

#[test]
fn options_is_answered_with_allow_unless_the_plugin_registered_it() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        let answer = gateway.request("OPTIONS", "/plugins/r/get-only").send().await.expect(204);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        // Not even a token is asked for: nothing is told but methods.
        gateway.request("OPTIONS", "/plugins/r/admin/users").send().await.expect(204);
        let answer = gateway.request("OPTIONS", "/plugins/r/optioned").send().await.expect(200);
        assert_eq!(answer.header("x-handler"), Some("options"));
        let answer = gateway.request("OPTIONS", "/plugins/r/nothing").send().await;
        answer.is_error(404, "not_found", "client");
    });
}

#[test]
fn head_is_served_by_get_and_has_no_body() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        let answer = gateway.request("HEAD", "/plugins/r/get-only").send().await.expect(200);
        assert_eq!(answer.header("x-method"), Some("GET"), "the plugin sees GET");
        assert_eq!(answer.header("content-length"), Some("3"));
        let answer = gateway.request("HEAD", "/plugins/r/headed").send().await.expect(200);
        assert_eq!(answer.header("x-handler"), Some("head"), "a registered HEAD is the plugin's");
    });
}

#[test]
fn no_method_passes_by_the_token_that_get_needs_through_a_wider_endpoint() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        let token = gateway.token().await;
        for version in [sidegate_e2e::Version::Http1, sidegate_e2e::Version::Http2] {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let ask = |path| gateway.request(method, path).version(version);
                let refused = ask("/plugins/r/law/app").send().await;
                assert_eq!(refused.status, 401, "{method} {version:?}");
                // The paths beside it stay open.
                let open = ask("/plugins/r/law/other").send().await.expect(200);
                assert_eq!(open.header("x-method"), Some(method));
                let let_in = ask("/plugins/r/law/app").bearer(&token).send().await.expect(200);
                let by_get = matches!(method, "GET" | "HEAD");
                assert_eq!(let_in.header("x-method"), Some(method).filter(|_| !by_get));
            }
        }
    });
}

#[test]
fn a_demand_for_a_token_that_an_endpoint_does_not_make_itself_is_shown_as_raised() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let list = gateway.admin().get("routes").await;
        let find = |path: &str| {
            let found = list.as_array().unwrap().iter().find(|r| r["attributes"]["path"] == path);
            found.unwrap_or_else(|| panic!("{path} in {list}"))["attributes"].clone()
        };
        let methods = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let raised =
            json!([{"path": "/plugins/r/law/app", "methods": methods, "scopes_required": []}]);
        assert_eq!(find("/plugins/r/law/*")["raised"], raised);
        assert_eq!(find("/plugins/r/law/app")["raised"], json!([]));
        let status = plugin.status().await;
        let wide = status.endpoints.iter().find(|e| e.path == "/law/*").unwrap();
        let raised = wide.raised.iter().map(|at| (at.path.as_str(), &at.methods[..]));
        let raised: Vec<_> = raised.collect();
        assert_eq!(raised, [("/law/app", &methods.map(str::to_owned)[..])]);
        let shown = gateway.cli().ok(&["routes"]).await;
        assert!(shown.contains("raised on /plugins/r/law/app"), "{shown}");
    });
}

#[test]
fn head_of_a_stream_ends_after_its_headers_and_cancels_it() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        let answer = gateway.request("HEAD", "/plugins/r/stream").send().await.expect(200);
        assert_eq!(answer.header("x-handler"), Some("stream"));
        eventually("the plugin's stream is cancelled", async || {
            let counts = gateway.get("/plugins/r/counts").send().await.json();
            (counts["opened"] == 1 && counts["closed"] == 1).then_some(())
        })
        .await;
    });
}

#[test]
fn invalid_registrations_are_skipped_and_the_status_says_why() {
    story(async {
        let gateway = Gateway::start().await;
        let registrations = json!([
            {"path": "no-slash", "methods": ["GET"]},
            {"path": "/a*b", "methods": ["GET"]},
            {"path": "/tea", "methods": ["BREW"]},
            {"path": "/none", "methods": []},
            {"path": "/unary/lower", "methods": ["get", "Brew"]},
            {"path": "/unary/twice", "methods": ["GET"], "description": "first"},
            {"path": "/unary/twice", "methods": ["GET"], "description": "second"},
        ]);
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave");
        let plugin = plugin.config("registrations", registrations).ready().await;
        let status = plugin.status().await;
        let warnings = status.summary.warnings.join("\n");
        for said in ["no-slash", "/a*b", "BREW", "/none", "Brew", "/unary/twice"] {
            assert!(warnings.contains(said), "{said} in {warnings}");
        }
        let endpoints = &status.endpoints;
        let paths: Vec<_> = endpoints.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["/unary/*", "/stream/*", "/unary/lower", "/unary/twice"], "{status:?}");
        let twice = endpoints.iter().find(|e| e.path == "/unary/twice").unwrap();
        assert_eq!(twice.description, "first");
        gateway.get("/plugins/m/tea").send().await.is_error(404, "not_found", "client");
    });
}

#[test]
fn everything_a_registration_says_is_shown_in_the_list_of_routes() {
    story(async {
        let gateway = Gateway::start().await;
        routes(&gateway).await;
        let list = gateway.admin().get("routes").await;
        let find = |path: &str| {
            let found = list.as_array().unwrap().iter().find(|r| r["attributes"]["path"] == path);
            found.unwrap_or_else(|| panic!("{path} in {list}"))["attributes"].clone()
        };
        let described = find("/plugins/r/described");
        assert_eq!(described["methods"], json!(["GET"]));
        assert_eq!(described["description"], "An endpoint that tells of itself");
        assert_eq!(described["metadata"], json!({"team": "blue", "stage": "beta"}));
        assert_eq!(described["require_auth"], false);
        assert_eq!(described["stream_response"], false);
        assert_eq!(described["state"], "ready");
        assert_eq!(find("/plugins/r/admin/users")["require_auth"], true);
        assert_eq!(find("/plugins/r/stream")["stream_response"], true);
    });
}

#[test]
fn a_slug_belongs_to_one_plugin_and_a_second_claim_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        let first = routes(&gateway).await;
        let second = || gateway.plugin("other").program("e2e-plugin-misbehave");
        let (status, reason) = second().slug("r").refused().await;
        assert_eq!(status, 409);
        assert!(reason.contains("'r'") || reason.contains("\"r\""), "{reason}");
        assert_eq!(text(&gateway, "/exact").await, "exact");
        // A change cannot take it either, and the plugin that tried keeps its own.
        let other = second().slug("s").ready().await;
        let change = json!({"config": {"slug": "r"}});
        let path = format!("plugins/{}", other.id);
        let (status, _) = gateway.admin().refused("PATCH", &path, &change).await;
        assert_eq!(status, 409);
        gateway.get("/plugins/s/stream/good").send().await.expect(200);
        // Once it is free, it can be taken.
        first.remove().await;
        other.change(&change).await;
        eventually("the slug has a new owner", async || {
            let answer = gateway.get("/plugins/r/stream/good").send().await;
            (answer.status == 200).then_some(())
        })
        .await;
    });
}

#[test]
fn slugs_follow_their_rule() {
    story(async {
        let gateway = Gateway::start().await;
        let long = "a".repeat(64);
        for slug in ["-a", ".a", "_a", "A", "a b", "a/b", "ä", "a%2Fb", long.as_str()] {
            let plugin = gateway.plugin("p").program("e2e-plugin-routes").slug(slug);
            let (status, reason) = plugin.refused().await;
            assert_eq!(status, 400, "{slug}");
            assert!(reason.contains("slug"), "{reason}");
        }
        let longest = "0".repeat(63);
        for (name, slug) in [("one", "a"), ("two", "v1.2_x-y"), ("three", &longest)] {
            gateway.plugin(name).program("e2e-plugin-routes").slug(slug).ready().await;
            gateway.get(&format!("/plugins/{slug}/exact")).send().await.expect(200);
        }
    });
}

#[test]
fn without_a_slug_nothing_is_served_and_the_status_has_the_warning_of_the_page() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").no_slug().ready().await;
        let warning = "Plugin has endpoint registrations but no 'slug' in config";
        let status = plugin.status().await;
        assert!(status.summary.warnings.join("\n").contains(warning), "{status:?}");
        gateway.logged(warning).await;
        gateway.get("/plugins/r/exact").send().await.is_error(404, "not_found", "client");
        assert_eq!(gateway.admin().get("routes").await, json!([]));
    });
}
