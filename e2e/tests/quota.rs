//! Requests a minute of an app: counted, told and enforced.

use serde_json::json;
use sidegate_e2e::{Answer, Gateway, story};

async fn gateway() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.plugin("lab").config("require_auth", "true").ready().await;
    gateway
}

fn number(answer: &Answer, header: &str) -> u64 {
    let text = answer.header(header).unwrap_or_else(|| panic!("{header}: {}", answer.describe()));
    text.parse().unwrap()
}

#[test]
fn a_full_minute_of_requests_passes_and_the_next_is_429() {
    story(async {
        let gateway = gateway().await;
        let token = gateway.app("a").rate_limit(5).create().await.token().create().await;
        for left in (0..5).rev() {
            let answer = gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
            assert_eq!(number(&answer, "ratelimit-limit"), 5);
            assert_eq!(number(&answer, "ratelimit-remaining"), left);
            assert!(number(&answer, "ratelimit-reset") <= 60);
        }
        let answer = gateway.get("/plugins/lab/x").bearer(&token).send().await;
        answer.is_error(429, "rate_limited", "client");
        assert!((1..=12).contains(&number(&answer, "retry-after")), "{}", answer.describe());
        assert_eq!(number(&answer, "ratelimit-remaining"), 0);
    });
}

#[test]
fn all_tokens_of_an_app_share_its_limit_and_apps_do_not() {
    story(async {
        let gateway = gateway().await;
        let app = gateway.app("a").rate_limit(2).create().await;
        let (first, second) = (app.token().create().await, app.token().create().await);
        let other = gateway.app("b").rate_limit(2).create().await.token().create().await;
        for token in [&first, &second] {
            gateway.get("/plugins/lab/x").bearer(token).send().await.expect(200);
        }
        for token in [&first, &second] {
            let answer = gateway.get("/plugins/lab/x").bearer(token).http2().send().await;
            answer.is_error(429, "rate_limited", "client");
        }
        gateway.get("/plugins/lab/x").bearer(&other).send().await.expect(200);
    });
}

#[test]
fn no_limit_means_no_limit_and_no_headers_about_it() {
    story(async {
        let gateway = gateway().await;
        let token = gateway.token().await;
        let connection = gateway.connection(sidegate_e2e::Version::Http1).await;
        for _ in 0..200 {
            let request = connection.request("GET", "/plugins/lab/status/200").bearer(&token);
            let answer = request.send().await.expect(200);
            assert_eq!(answer.header("ratelimit-limit"), None);
        }
    });
}

#[test]
fn a_changed_limit_counts_from_the_next_request_on() {
    story(async {
        let gateway = gateway().await;
        let app = gateway.app("a").rate_limit(1).create().await;
        let token = app.token().create().await;
        let ask = async || gateway.get("/plugins/lab/x").bearer(&token).send().await;
        ask().await.expect(200);
        ask().await.is_error(429, "rate_limited", "client");
        app.change(&json!({"rate_limit": 0})).await;
        for _ in 0..10 {
            ask().await.expect(200);
        }
    });
}

#[test]
fn whoever_is_not_known_is_not_counted() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let token = gateway.app("a").rate_limit(1).create().await.token().create().await;
        for _ in 0..5 {
            gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        }
    });
}

#[test]
fn a_refused_request_never_reaches_the_plugin() {
    story(async {
        let gateway = gateway().await;
        let token = gateway.app("a").rate_limit(1).create().await.token().create().await;
        let free = gateway.token().await;
        let send = async |nonce: &str| {
            let request = gateway.get("/plugins/lab/x").bearer(&token);
            request.header("x-nonce", nonce).send().await.status.as_u16()
        };
        assert_eq!((send("first").await, send("second").await), (200, 429));
        let seen = async |nonce: &str| {
            let path = format!("/plugins/lab/seen?nonce={nonce}");
            gateway.get(&path).bearer(&free).send().await.expect(200).json()["seen"].clone()
        };
        assert_eq!((seen("first").await, seen("second").await), (json!(true), json!(false)));
    });
}
