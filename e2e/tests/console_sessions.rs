//! Sessions of the console: how they begin and end, and everything that must not be one: stolen and foreign cookies,
//! pages of other origins, plugins on the same host.

use super::console_browser::{
    BACKGROUND, Browser, JSON, KEY, NO_KEY, SAME_ORIGIN, code, gateway_page, user,
};
use serde_json::{Value, json};
use sidegate_e2e::{Connection, Gateway, Version, eventually, story};

#[test]
fn a_session_begins_under_a_new_id_and_ends_when_one_signs_out() {
    story(async {
        let gateway = Gateway::start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "operator").await);
        let planted = "__Host-sidegate_console=sgc_planted-by-somebody-0123456789";
        let (answer, browser) = Browser::sign_in(admin, &jane, Some((planted, NO_KEY))).await;
        let set = answer.header("set-cookie").unwrap().to_owned();
        for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(set.split("; ").any(|given| given == part), "{set}");
        }
        assert!(!set.contains("planted") && !set.contains("Domain"), "{set}");
        let begun = answer.expect(200).json();
        let told = &begun["data"]["attributes"];
        assert_eq!((&told["user"], &told["actor"]), (&json!("jane"), &json!("user:jane")));
        assert_eq!((&told["role"], &told["via"]), (&json!("operator"), &json!("password")));

        let app = json!({ "name": "billing", "owner_email": "a@b" });
        browser.ask("POST", "apps", Some(&app)).await.expect(201);
        let who = browser.ask("GET", "whoami", None).await.expect(200).json();
        assert_eq!(who["data"]["attributes"]["name"], "user:jane");
        let audit = admin.get("audit?actor=user:jane").await;
        assert_eq!(audit[0]["attributes"]["operation"], "create_app");
        assert_eq!(audit[1]["attributes"]["operation"], "sign_in");

        let before = Some((&*browser.cookie, &*browser.key));
        let (again, second) = Browser::sign_in(admin, &jane, before).await;
        again.expect(200);
        assert_ne!(second.cookie, browser.cookie);
        assert_eq!(code(browser.ask("GET", "session", None).await, 401), "unauthorized");
        let third = Browser::signed_in(admin, &jane).await;
        let gone = second.sign_out("session").await.expect(204);
        assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
        assert_eq!(code(second.ask("GET", "plugins", None).await, 401), "unauthorized");
        third.ask("GET", "session", None).await.expect(200);

        let (fourth, fifth) =
            (Browser::signed_in(admin, &jane).await, Browser::signed_in(admin, &jane).await);
        fourth.sign_out("session?everywhere=true").await.expect(204);
        for over in [&third, &fourth, &fifth] {
            over.ask("GET", "session", None).await.expect(401);
        }
    });
}

#[test]
fn a_cookie_counts_for_pages_of_the_console_only() {
    story(async {
        let gateway = Gateway::start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "admin").await);
        let browser = Browser::signed_in(admin, &jane).await;
        let host = admin.addr().to_string();
        let (cookie, key) = (("cookie", &*browser.cookie), (KEY, &*browser.key));
        let foreign = [
            vec![cookie, key],
            vec![cookie],
            vec![cookie, ("sec-fetch-site", "same-site")],
            vec![cookie, ("sec-fetch-site", "cross-site")],
            vec![cookie, ("sec-fetch-site", "none")],
            vec![cookie, SAME_ORIGIN, ("origin", "http://evil.example")],
            vec![cookie, SAME_ORIGIN, ("origin", "http://127.0.0.1:1")],
        ];
        let app = json!({ "name": "a", "owner_email": "a@b" });
        for headers in &foreign {
            let read = admin.call_with(headers, "GET", "apps", None).await;
            assert_eq!(code(read, 403), "cross_site", "{headers:?}");
            let change = admin.call_with(headers, "POST", "apps", Some(&app)).await;
            assert_eq!(code(change, 403), "cross_site", "{headers:?}");
            let sign_in = admin.call_with(headers, "POST", "session", Some(&jane)).await;
            assert_eq!(code(sign_in, 403), "cross_site", "{headers:?}");
        }
        let own = format!("http://{host}");
        let headers = [cookie, key, SAME_ORIGIN, ("origin", &*own)];
        let form = [&headers[..], &[("content-type", "text/plain")]].concat();
        let answer = admin.call_with(&form, "POST", "apps", None).await;
        assert_eq!(code(answer, 415), "unsupported_media_type");
        let answer = admin.call_with(&headers, "DELETE", "apps/1", None).await;
        assert_eq!(code(answer, 415), "unsupported_media_type");
        let made = admin.call_with(&headers, "POST", "apps", Some(&app)).await.expect(201);
        assert!(made.header("access-control-allow-origin").is_none());
        let asks_first =
            [("origin", "http://evil.example"), ("access-control-request-method", "POST")];
        let answer = admin.call_with(&asks_first, "OPTIONS", "apps", None).await;
        assert!(answer.status.is_client_error());
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));

        // Neither of them is a token.
        for secret in [browser.cookie.split_once('=').unwrap().1, &browser.key] {
            let bearer = format!("Bearer {secret}");
            let headers = [("authorization", &*bearer)];
            admin.call_with(&headers, "GET", "apps", None).await.expect(401);
        }
    });
}

#[test]
fn whoever_has_the_cookie_of_a_session_alone_has_nothing() {
    story(async {
        let gateway = Gateway::start().await;
        let admin = gateway.admin();
        gateway.lab().await;
        let jane = user(&gateway, "jane", "admin").await;
        let browser = Browser::signed_in(admin, &jane).await;
        let other = Browser::signed_in(admin, &jane).await;
        // As a program gets it that listens on another port of this host, and says whatever it likes of itself.
        let stolen = [SAME_ORIGIN, JSON, ("cookie", &*browser.cookie)];
        let wrong = [&stolen[..], &[(KEY, &*other.key)]].concat();
        let twice = [&stolen[..], &[(KEY, &*browser.key), (KEY, &*browser.key)]].concat();
        for headers in [&stolen[..], &wrong, &twice] {
            for (method, path) in [
                ("GET", "session"),
                ("GET", "whoami"),
                ("GET", "live"),
                ("POST", "console-links"),
                ("DELETE", "session?everywhere=true"),
            ] {
                let answer = admin.call_with(headers, method, path, None).await;
                assert_eq!(code(answer, 401), "unauthorized", "{method} {path}");
            }
        }
        // Nor does it end the session by signing in itself.
        let (planted, _) =
            Browser::sign_in(admin, &jane, Some((&browser.cookie, &other.key))).await;
        planted.expect(200);
        browser.ask("GET", "session", None).await.expect(200);
        let noted = eventually("the audit log says whose cookie it was", async || {
            let entries = admin.get("audit?outcome=refused&actor=user:jane").await;
            let entries = entries.as_array().unwrap().clone();
            let is_told = |entry: &Value| {
                entry["attributes"]["detail"] == "the cookie of a session came without its key"
            };
            entries.iter().any(is_told).then_some(entries)
        });
        noted.await;
        // What a plugin is asked has neither of them.
        let seen = gateway.get("/plugins/lab/x").header("cookie", &browser.cookie);
        let seen = seen.header(KEY, &browser.key).send().await.expect(200).json();
        assert_eq!(seen["headers"]["Cookie"], Value::Null);
        assert_eq!(seen["headers"]["X-Sidegate-Session"], Value::Null, "{seen}");
    });
}

#[test]
fn who_becomes_less_or_goes_is_so_at_once_wherever_they_are_signed_in() {
    story(async {
        let gateway = Gateway::start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "admin").await);
        let cli = gateway.cli();
        let browser = Browser::signed_in(admin, &jane).await;
        let app = |name: &str| json!({ "name": name, "owner_email": "a@b" });
        browser.ask("POST", "apps", Some(&app("a"))).await.expect(201);
        cli.ok(&["user", "role", "jane", "viewer"]).await;
        let refused = browser.ask("POST", "apps", Some(&app("b"))).await.expect(403).json();
        assert_eq!(refused["code"], "insufficient_role");
        let said = refused["error"].as_str().unwrap();
        assert!(said.contains("needs the role operator, and this session has viewer"), "{said}");
        browser.ask("GET", "apps", None).await.expect(200);

        let id = admin.get("users?name=jane").await[0]["id"].as_str().unwrap().to_owned();
        let path = format!("users/{id}/password");
        let second = Browser::signed_in(admin, &jane).await;
        let new = "another long password";
        let alone = json!({ "password": new });
        assert_eq!(code(browser.ask("POST", &path, Some(&alone)).await, 400), "invalid_request");
        let wrong = json!({ "password": new, "current_password": "something else" });
        assert_eq!(code(browser.ask("POST", &path, Some(&wrong)).await, 400), "invalid_request");
        let right = json!({ "password": new, "current_password": jane["password"] });
        browser.ask("POST", &path, Some(&right)).await.expect(200);
        browser.ask("GET", "session", None).await.expect(200);
        second.ask("GET", "session", None).await.expect(401);
        let (before, _) = Browser::sign_in(admin, &jane, None).await;
        before.expect(401);
        admin.keep_secret(new);
        let jane = json!({ "name": "Jane", "password": new });
        let third = Browser::signed_in(admin, &jane).await;

        cli.ok(&["user", "disable", "jane"]).await;
        third.ask("GET", "session", None).await.expect(401);
        let (disabled, _) = Browser::sign_in(admin, &jane, None).await;
        disabled.expect(401);
        cli.ok(&["user", "enable", "jane"]).await;
        third.ask("GET", "session", None).await.expect(401);
        let fourth = Browser::signed_in(admin, &jane).await;
        cli.ok(&["user", "delete", "jane"]).await;
        fourth.ask("GET", "session", None).await.expect(401);

        let token = cli.ok(&["admin-token", "create", "ci", "--role", "admin", "--quiet"]).await;
        let token = token.trim();
        admin.keep_secret(token);
        let of_token = Browser::signed_in(admin, &json!({ "admin_token": token })).await;
        of_token.ask("GET", "users", None).await.expect(200);
        cli.ok(&["admin-token", "revoke", "ci"]).await;
        of_token.ask("GET", "session", None).await.expect(401);
    });
}

#[test]
fn streams_and_links_end_with_the_session_that_they_came_of() {
    story(async {
        let gateway = Gateway::start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "admin").await);
        let browser = Browser::signed_in(admin, &jane).await;
        let made = browser.ask_json("POST", "console-links").await.expect(200).json();
        let url = made["data"]["attributes"]["url"].as_str().unwrap().to_owned();
        let link = url.split_once("#link=").unwrap().1;
        admin.keep_secret(link);
        let connection = Connection::open(admin.addr(), Version::Http1).await;
        let stream = connection.request("GET", "/api/v1/live").header(SAME_ORIGIN.0, SAME_ORIGIN.1);
        let stream = stream.header("cookie", &browser.cookie).header(KEY, &browser.key);
        let mut stream = stream.open().await;
        assert_eq!(stream.status, 200);
        assert_eq!(browser.sign_out("session?everywhere=true").await.status, 204);
        let rest = stream.rest().await.expect("it ends in order");
        let rest = String::from_utf8_lossy(&rest);
        assert!(rest.contains("event: end") && rest.contains("the session is over"), "{rest}");
        let (answer, _) = Browser::sign_in(admin, &json!({"link": link}), None).await;
        answer.expect(401);
    });
}

#[test]
fn sessions_of_a_console_that_only_shows_change_nothing() {
    story(async {
        let gateway = Gateway::builder().env("SIDEGATE_CONSOLE_READ_ONLY", "true").start().await;
        let admin = gateway.admin();
        let browser = Browser::signed_in(admin, &json!({ "admin_token": admin.token() })).await;
        let session = browser.ask("GET", "session", None).await.expect(200).json();
        assert_eq!(session["data"]["attributes"]["read_only"], true);
        let app = json!({ "name": "a", "owner_email": "a@b" });
        assert_eq!(code(browser.ask("POST", "apps", Some(&app)).await, 403), "read_only");
        let link = browser.ask("POST", "console-links", Some(&json!({}))).await;
        assert_eq!(code(link, 403), "read_only");
        let explain = json!({ "method": "GET", "path": "/plugins/x/y" });
        browser.ask("POST", "explain", Some(&explain)).await.expect(200);
        admin.post("apps", &app).await;
        browser.sign_out("session").await.expect(204);
    });
}

#[test]
fn a_session_ends_after_its_time() {
    story(async {
        let builder = Gateway::builder().env("SIDEGATE_CONSOLE_SESSION_LIFETIME", "3s");
        let gateway = builder.start().await;
        let admin = gateway.admin();
        let browser = Browser::signed_in(admin, &json!({ "admin_token": admin.token() })).await;
        browser.ask("GET", "session", None).await.expect(200);
        eventually("the session is over", async || {
            (browser.ask("GET", "session", None).await.status == 401).then_some(())
        })
        .await;
    });
}

#[test]
fn a_page_that_nobody_looks_at_keeps_no_session() {
    story(async {
        let builder = Gateway::builder().env("SIDEGATE_CONSOLE_IDLE_TIMEOUT", "3s");
        let gateway = builder.start().await;
        let admin = gateway.admin();
        let with = json!({ "admin_token": admin.token() });
        let (used, left) =
            (Browser::signed_in(admin, &with).await, Browser::signed_in(admin, &with).await);
        let connection = Connection::open(admin.addr(), Version::Http1).await;
        let stream = connection.request("GET", "/api/v1/live").header(BACKGROUND.0, BACKGROUND.1);
        let stream =
            left.headers().into_iter().fold(stream, |it, (name, value)| it.header(name, value));
        let stream = stream.open().await;
        assert_eq!(stream.status, 200);
        eventually("the session that only a page uses is over", async || {
            used.ask("GET", "session", None).await.expect(200);
            let headers = [&left.headers()[..], &[BACKGROUND]].concat();
            let answer = admin.call_with(&headers, "GET", "session", None).await;
            (answer.status == 401).then_some(())
        })
        .await;
        used.ask("GET", "session", None).await.expect(200);
    });
}

#[test]
fn sessions_survive_a_restart_and_a_plugin_on_the_same_host_gets_and_sets_none() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
        let with = json!({ "admin_token": gateway.admin().token() });
        let browser = Browser::signed_in(gateway.admin(), &with).await;
        let sent = format!("a=1; {};  b=\"2\"", browser.cookie);
        for version in [Version::Http1, Version::Http2] {
            let request = gateway.get("/plugins/lab/x").version(version);
            let seen = request.header("cookie", &sent).send().await.expect(200).json();
            assert_eq!(seen["headers"]["Cookie"], "a=1;  b=\"2\"", "{version:?}");
            let request = gateway.get("/plugins/lab/x").version(version);
            let seen = request.header("cookie", &browser.cookie).send().await.expect(200).json();
            assert_eq!(seen["headers"]["Cookie"], Value::Null, "{version:?}");
            let set = "/plugins/lab/resp?h=Set-Cookie:__Host-sidegate_console%3Dx%3B%20Secure\
                 &h=Set-Cookie:mine%3D1&h=Set-Cookie:%3D__host-Sidegate_Console%3Dx&body=a";
            let answer = gateway.get(set).version(version).send().await.expect(200);
            assert_eq!(answer.header_values("set-cookie"), ["mine=1"], "{version:?}");
            let clears = "/plugins/lab/resp?h=Clear-Site-Data:%22cookies%22\
                 &h=Clear-Site-Data:%22*%22&h=Clear-Site-Data:%22storage%22,%22cookies%22&body=a";
            let answer = gateway.get(clears).version(version).send().await.expect(200);
            let left = answer.header_values("clear-site-data");
            assert_eq!(left, ["\"cache\", \"storage\"", "\"storage\""], "{version:?}");
            for path in ["/plugins/m/unary/hostile-headers", "/plugins/m/stream/console-cookie"] {
                let answer = gateway.get(path).version(version).send().await.expect(200);
                assert_eq!(answer.header("x-good"), Some("1"), "{path}");
                assert!(answer.header("set-cookie").is_none(), "{path} {version:?}");
            }
        }
        let gateway = gateway.restart().await;
        let browser = Browser { admin: gateway.admin().clone(), ..browser };
        browser.ask("GET", "session", None).await.expect(200);
    });
}

#[test]
fn the_console_is_a_page_without_scripts_of_others_and_the_api_stays_the_api() {
    story(async {
        let gateway = Gateway::start().await;
        let home = gateway_page(&gateway, "/").await.expect(307);
        assert_eq!(home.header("location"), Some("/console/"));
        let page = gateway_page(&gateway, "/console/plugins/1").await.expect(200);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        let (status, body) = gateway.admin().call("GET", "nothing", None).await;
        assert_eq!((status, &body["code"]), (404, &json!("not_found")));
    });
}
