//! Who may call: tokens in all the places they come in, and what becomes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sidegate_e2e::{Answer, Gateway, eventually, story};

async fn protected_lab(gateway: &Gateway) {
    gateway.plugin("lab").config("require_auth", "true").ready().await;
}

fn is_challenge(answer: &Answer, error: Option<&str>) {
    answer.is_error(401, "unauthorized", "client");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    match error {
        Some(error) => assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}"),
        None => assert!(!challenge.contains("error="), "{challenge}"),
    }
}

#[test]
fn a_demanded_token_that_is_missing_or_wrong_is_401_with_a_challenge() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let token = gateway.token().await;
        let get = || gateway.get("/plugins/lab/x");
        is_challenge(&get().send().await, None);
        is_challenge(&get().header("authorization", "Basic dTpw").send().await, None);
        // The value alone is no credential: the scheme says what it is.
        is_challenge(&get().header("authorization", &token).send().await, None);
        // What is there and cannot be read is wrong, whatever stands in the query.
        for unreadable in ["Bearer", "bearer \t", "Bearer\tx", "Bearer x\u{f6}"] {
            for path in ["/plugins/lab/x".to_owned(), format!("/plugins/lab/x?token={token}")] {
                let request = gateway.get(&path).header("authorization", unreadable);
                is_challenge(&request.send().await, Some("invalid_token"));
            }
        }
        is_challenge(&gateway.get("/plugins/lab/x?token=").send().await, None);
        for wrong in
            ["nonsense", &token[..token.len() - 1], &format!("{token}x"), &token.to_uppercase()]
        {
            is_challenge(&get().bearer(wrong).send().await, Some("invalid_token"));
            let query = format!("/plugins/lab/x?token={wrong}");
            is_challenge(&gateway.get(&query).send().await, Some("invalid_token"));
        }
    });
}

#[test]
fn a_token_is_taken_from_the_header_or_from_the_query() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let token = gateway.token().await;
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let request = gateway.get("/plugins/lab/x");
            request.header("authorization", format!("{scheme} {token}")).send().await.expect(200);
        }
        for query in [format!("token={token}"), format!("a=1&token={token}&b=2")] {
            gateway.get(&format!("/plugins/lab/x?{query}")).send().await.expect(200);
            gateway.get(&format!("/plugins/lab/x?{query}")).http2().send().await.expect(200);
        }
        // The header wins, as it says what it is.
        let both = gateway.get("/plugins/lab/x?token=nonsense").bearer(&token);
        both.send().await.expect(200);
        let twice = format!("/plugins/lab/x?token={token}&token={token}");
        gateway.get(&twice).send().await.is_error(400, "invalid_request", "client");
    });
}

#[test]
fn the_token_is_removed_before_the_plugin_sees_the_request() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let token = gateway.token().await;
        let seen = gateway.get("/plugins/lab/x?a=1").bearer(&token).send().await.expect(200);
        assert_eq!(seen.json()["headers"]["Authorization"], Value::Null);
        assert!(!seen.text().contains(&token), "{}", seen.text());
        let path = format!("/plugins/lab/x?a=1&token={token}&b=2");
        let seen = gateway.get(&path).send().await.expect(200);
        assert_eq!(seen.json()["query_string"], "a=1&b=2");
        assert!(!seen.text().contains(&token), "{}", seen.text());
        let seen = gateway.get(&format!("/plugins/lab/x?token={token}")).send().await.expect(200);
        assert_eq!(seen.json()["query_string"], "");
        // A credential that is not the gateway's is the plugin's business.
        let request = gateway.get(&format!("/plugins/lab/x?token={token}"));
        let seen = request.header("authorization", "Basic dTpw").send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], "Basic dTpw");
    });
}

#[test]
fn a_plugin_can_be_configured_to_receive_the_token() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").config("require_auth", "true");
        plugin.option("pass_token", "true").ready().await;
        let token = gateway.token().await;
        let seen = gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], format!("Bearer {token}"));
        let query = format!("token={token}");
        let seen = gateway.get(&format!("/plugins/lab/x?{query}")).send().await.json();
        assert_eq!(seen["query_string"], query);
    });
}

#[test]
fn where_no_token_is_demanded_none_is_looked_at() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let token = gateway.token().await;
        for value in
            [format!("Bearer {token}"), "Bearer nonsense".to_owned(), "Basic dTpw".to_owned()]
        {
            let request = gateway.get("/plugins/lab/x").header("authorization", value);
            let seen = request.send().await.expect(200).json();
            assert_eq!((&seen["authenticated"], &seen["app"]), (&json!(false), &Value::Null));
        }
        let seen = gateway.get("/plugins/lab/x?token=my-own").send().await.expect(200).json();
        assert_eq!(seen["query_string"], "token=my-own", "it is the plugin's own parameter");
    });
}

#[test]
fn a_token_of_the_gateway_reaches_no_plugin_wherever_it_stands_and_whoever_looks_at_it() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.plugin("old").program("e2e-plugin-misbehave").ready().await;
        let app = gateway.app("gone").create().await;
        let (revoked, id) = app.token().create_with_id().await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        let admin = "sga_0123456789abcdefghijABCDEFGHIJ-_-_-_-_-_xyz".to_owned();
        for token in [gateway.token().await, revoked, admin] {
            let basic = format!("Basic {}", STANDARD.encode(format!("x:{token}")));
            for path in ["/plugins/lab/x", "/plugins/old/unary/seen"] {
                for (name, value) in [
                    ("authorization", format!("Bearer {token}")),
                    ("authorization", basic.clone()),
                    ("x-api-key", token.clone()),
                    ("referer", format!("https://a.example/?token={token}")),
                    ("cookie", format!("a=1; t={token}; b=2")),
                ] {
                    let request = gateway.get(path).header(name, value).header("x-more", "kept");
                    let seen = request.send().await.expect(200);
                    let text = seen.text();
                    assert!(!text.contains(&token[4..]) && !text.contains(&basic[8..]), "{text}");
                    let headers = &seen.json()["headers"];
                    assert_eq!(headers["X-More"], "kept");
                    let cookies = if name == "cookie" { json!("a=1; b=2") } else { Value::Null };
                    assert_eq!(headers["Cookie"], cookies);
                }
            }
            for part in [format!("token={token}"), format!("q=a%20{}", token.replace('_', "%5F"))] {
                let path = format!("/plugins/lab/x?a=1&{part}&b=%zz");
                let seen = gateway.get(&path).send().await.expect(200).json();
                assert_eq!(seen["query_string"], "a=1&b=%zz", "{part}");
            }
        }
        // What others have made stays as it is: an OAuth provider looks at it itself.
        let others = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZ3RfIn0.c2d0X3NndF9zZ3Rfc2d0Xw";
        let request = gateway.get("/plugins/lab/x?token=sgt_x").header("authorization", others);
        let seen = request.send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], others);
        assert_eq!(seen["query_string"], "token=sgt_x");
    });
}

#[test]
fn a_plugin_that_is_to_have_tokens_gets_them_on_open_endpoints_too() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").option("pass_token", "true").ready().await;
        let bearer = format!("Bearer {}", gateway.token().await);
        let request = gateway.get("/plugins/lab/x").header("authorization", &bearer);
        let seen = request.send().await.expect(200).json();
        assert_eq!(seen["headers"]["Authorization"], bearer);
    });
}

#[test]
fn optional_auth_fills_the_identity_of_those_who_have_one() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").option("optional_auth", "true").ready().await;
        let token = gateway.app("known").create().await.token().scopes(&["s"]).create().await;
        let seen = gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        assert!(!seen.text().contains(&token), "{}", seen.text());
        let seen = seen.json();
        assert_eq!((&seen["authenticated"], &seen["app"]["name"]), (&json!(true), &json!("known")));
        assert_eq!(seen["scopes"], json!(["s"]));
        for anonymous in ["Bearer nonsense", "Basic dTpw"] {
            let request = gateway.get("/plugins/lab/x").header("authorization", anonymous);
            let seen = request.send().await.expect(200).json();
            assert_eq!((&seen["authenticated"], &seen["app"]), (&json!(false), &Value::Null));
        }
        assert_eq!(gateway.get("/plugins/lab/x").send().await.json()["authenticated"], false);
    });
}

#[test]
fn a_token_that_is_good_no_more_does_not_reach_a_plugin_as_an_anonymous_callers_header() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").option("optional_auth", "true").ready().await;
        let app = gateway.app("idle").create().await;
        let token = app.token().create().await;
        app.change(&json!({"is_active": false})).await;
        let by_header = gateway.get("/plugins/lab/x?a=1").bearer(&token);
        let by_query = gateway.get(&format!("/plugins/lab/x?a=1&token={token}"));
        for request in [by_header, by_query] {
            let seen = request.send().await.expect(200);
            assert!(!seen.text().contains(&token), "{}", seen.text());
            let seen = seen.json();
            assert_eq!(
                (&seen["authenticated"], &seen["query_string"]),
                (&json!(false), &json!("a=1"))
            );
        }
    });
}

#[test]
fn a_revoked_token_is_refused_from_the_next_request_on() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let app = gateway.app("a").create().await;
        let (token, id) = app.token().create_with_id().await;
        let other = app.token().create().await;
        let connection = gateway.connection(sidegate_e2e::Version::Http1).await;
        let ask = async |token: &str| {
            connection.request("GET", "/plugins/lab/x").bearer(token).send().await
        };
        ask(&token).await.expect(200);
        gateway.admin().delete(&format!("tokens/{id}")).await;
        is_challenge(&ask(&token).await, Some("invalid_token"));
        ask(&other).await.expect(200);
    });
}

#[test]
fn a_token_ends_when_it_was_told_to() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let app = gateway.app("a").create().await;
        let (short, long) = (app.token().expires_in("1s"), app.token().expires_in("24h"));
        let (short, long) = (short.create().await, long.create().await);
        let refused = eventually("the token has expired", async || {
            let answer = gateway.get("/plugins/lab/x").bearer(&short).send().await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        is_challenge(&refused, Some("invalid_token"));
        gateway.get("/plugins/lab/x").bearer(&long).send().await.expect(200);
    });
}

#[test]
fn tokens_of_an_inactive_or_deleted_app_are_refused_at_once() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let app = gateway.app("a").create().await;
        let token = app.token().create().await;
        let ask = async || gateway.get("/plugins/lab/x").bearer(&token).send().await;
        ask().await.expect(200);
        app.change(&json!({"is_active": false})).await;
        is_challenge(&ask().await, Some("invalid_token"));
        app.change(&json!({"is_active": true})).await;
        ask().await.expect(200);
        app.delete().await;
        is_challenge(&ask().await, Some("invalid_token"));
    });
}

#[test]
fn more_than_one_authorization_header_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        protected_lab(&gateway).await;
        let token = gateway.token().await;
        let request = gateway.get("/plugins/lab/x").bearer(&token).bearer("other");
        request.send().await.is_error(400, "invalid_request", "client");
    });
}
