//! Signing in to the console: what is guessed, who is told to wait and who is not, and links that are burnt.

use super::console_browser::{Browser, JSON, SAME_ORIGIN, code, gateway_page, link, user};
use serde_json::{Value, json};
use sidegate_e2e::{Gateway, eventually, story};

#[test]
fn passwords_cannot_be_guessed_and_whoever_is_locked_out_has_a_link() {
    story(async {
        let gateway = Gateway::start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "admin").await);
        Browser::signed_in(admin, &jane).await;
        let wrong = |name: &str| json!({ "name": name, "password": "not the password" });
        let (unknown, _) = Browser::sign_in(admin, &wrong("nobody"), None).await;
        let (known, _) = Browser::sign_in(admin, &wrong("jane"), None).await;
        let [unknown, known] = [unknown, known].map(|answer| answer.expect(401).json());
        assert_eq!(unknown["error"], known["error"]);
        let limited = eventually("somebody is told to wait", async || {
            let (answer, _) = Browser::sign_in(admin, &wrong("jane"), None).await;
            (answer.status == 429).then_some(answer)
        });
        let limited = limited.await;
        assert!(limited.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
        assert_eq!(code(limited, 429), "too_many_requests");
        // Also with the right one: who guesses must not see which it was.
        let (answer, _) = Browser::sign_in(admin, &jane, None).await;
        answer.expect(429);

        let link = link(&gateway).await;
        let browser = Browser::signed_in(admin, &json!({ "link": link })).await;
        let told = browser.ask("GET", "session", None).await.expect(200).json();
        assert_eq!(told["data"]["attributes"]["user"], "root");
        let noted = eventually("the failures are in the audit log", async || {
            let entries = admin.get("audit?outcome=refused").await;
            let entries = entries.as_array().unwrap().clone();
            // A minute may have ended between them.
            let of_jane =
                entries.iter().filter(|entry| entry["attributes"]["actor"] == "user:jane");
            let of_jane: Vec<_> = of_jane.cloned().collect();
            let times = of_jane.iter().filter_map(|entry| entry["attributes"]["times"].as_u64());
            (times.sum::<u64>() >= 5).then_some((of_jane, entries))
        });
        let (of_jane, all) = noted.await;
        assert_eq!(of_jane[0]["attributes"]["detail"], "the password of the user jane is wrong");
        let text = serde_json::to_string(&all).unwrap();
        assert!(text.contains("there is no user nobody") && !text.contains("not the password"));
    });
}

#[test]
fn a_name_is_not_barred_where_others_fail_under_it() {
    story(async {
        let gateway = Gateway::builder().env("TRUSTED_PROXIES", "127.0.0.1").start().await;
        let (admin, jane) = (gateway.admin(), user(&gateway, "jane", "admin").await);
        let wrong = json!({ "name": "jane", "password": "not the password" });
        let try_from = async |client: &str, with: &Value| {
            let headers = [SAME_ORIGIN, ("x-forwarded-for", client)];
            let answer = admin.call_with(&headers, "POST", "session", Some(with)).await;
            if let Some((_, secret)) = answer.header("set-cookie").and_then(|it| it.split_once('='))
            {
                admin.keep_secret(secret.split(';').next().unwrap());
            }
            answer.status.as_u16()
        };
        eventually("whoever fails is told to wait", async || {
            (try_from("192.0.2.1", &wrong).await == 429).then_some(())
        })
        .await;
        // What a client says itself stands before what its proxy says.
        assert_eq!(try_from("192.0.2.9, 192.0.2.1", &jane).await, 429);
        assert_eq!(try_from("192.0.2.2", &jane).await, 200);
        assert_eq!(try_from("192.0.2.1", &jane).await, 429);
    });
}

#[test]
fn a_link_is_burnt_by_whoever_signs_in_with_it_and_by_nobody_who_looks() {
    story(async {
        let gateway = Gateway::start().await;
        let admin = gateway.admin();
        let (first, second) = (link(&gateway).await, link(&gateway).await);
        for path in ["/console/sign-in", "/console/", "/console/sign-in?link=x"] {
            let page = gateway_page(&gateway, path).await.expect(200);
            assert!(page.header("content-type").unwrap().starts_with("text/html"));
        }
        for link in [&first, &second] {
            let with = json!({ "link": link });
            let (answer, browser) = Browser::sign_in(admin, &with, None).await;
            let session = answer.expect(200).json();
            assert_eq!(session["data"]["attributes"]["via"], "link");
            browser.ask("GET", "plugins", None).await.expect(200);
            let (again, _) = Browser::sign_in(admin, &with, None).await;
            assert_eq!(code(again, 401), "unauthorized");
            browser.ask("GET", "plugins", None).await.expect(200);
        }
        let (unknown, _) = Browser::sign_in(admin, &json!({ "link": "sgc_x" }), None).await;
        unknown.expect(401);
    });
}

#[test]
fn whoever_signs_in_is_judged_before_what_they_send() {
    story(async {
        let gateway = Gateway::start().await;
        let admin = gateway.admin();
        let large = json!({"name": "x".repeat(100_000), "password": "y"});
        let answer = admin.call_with(&[JSON], "POST", "session", Some(&large)).await;
        assert_eq!(code(answer, 403), "cross_site");
        let answer = admin.call_with(&[SAME_ORIGIN, JSON], "POST", "session", Some(&large)).await;
        assert_eq!(code(answer, 413), "body_too_large");
    });
}
