//! What operators are told would happen to a request is what happens to it, and telling it costs nothing
//! of what is counted.

use serde_json::{Value, json};
use sidegate_e2e::{Answer, Gateway, story};

/// What is told of a request.
async fn explain(gateway: &Gateway, request: &Value) -> Value {
    let told = gateway.admin().post("explain", request).await;
    told["attributes"].clone()
}

/// A request in the words of the API.
fn request(method: &str, path: &str, token: Option<&str>) -> Value {
    let mut request = json!({"method": method, "path": path});
    if let Some(token) = token {
        request["token"] = token.into();
    }
    request
}

async fn made(gateway: &Gateway, request: &Value) -> Answer {
    let text = |name: &str| request[name].as_str().unwrap();
    let mut made = gateway.request(text("method"), text("path"));
    if let Some(token) = request["token"].as_str() {
        made = made.bearer(token);
    }
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        made = made.header(name, value.as_str().unwrap());
    }
    made.send().await
}

/// Explains a request, makes it, and compares; gives what was told.
async fn compare(gateway: &Gateway, request: &Value) -> Value {
    let told = explain(gateway, request).await;
    let answer = made(gateway, request).await;
    let source = answer.header("x-sidegate-error");
    match told["answered_by"].as_str().unwrap() {
        "plugin" => {
            assert!(matches!(source, None | Some("plugin")), "{told} {}", answer.describe());
        }
        "gateway" => {
            assert_eq!(told["status"], answer.status.as_u16(), "{told} {}", answer.describe());
            // An answer to HEAD has no words.
            if let Some(code) = told["code"].as_str().filter(|_| request["method"] != "HEAD") {
                assert_eq!(answer.error().code, code, "{told}");
                assert_eq!(answer.error().text, told["message"].as_str().unwrap(), "{told}");
            }
        }
        other => panic!("{other}: {told}"),
    }
    told
}

fn names(told: &Value, passed: bool) -> Vec<&str> {
    let checks = told["checks"].as_array().unwrap().iter();
    let of = checks.filter(|check| check["passed"] == passed);
    of.map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn what_is_explained_is_what_happens() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let billing = gateway.app("billing").create().await;
        let reader = billing.token().scopes(&["files.read"]).create().await;
        let plain = billing.token().create().await;
        let other =
            gateway.app("other").create().await.token().scopes(&["files.read"]).create().await;
        let tokens = [None, Some("sgt_nobody"), Some(&*reader), Some(&*plain), Some(&*other)];
        let options = [
            json!({}),
            json!({"require_auth": "true"}),
            json!({"apps": "billing"}),
            json!({"scopes_required": "files.read"}),
            json!({"apps": "billing", "scopes_required": "files.read"}),
            json!({"rate_limit": "100000", "optional_auth": "true"}),
            json!({"rate_limit_per_client": "100000"}),
            json!({"max_concurrent": "4", "require_auth": "true"}),
            json!({"oauth.authorization_servers": "plugin:lab", "require_auth": "true"}),
            json!({"max_body": "10", "timeout": "5s", "stream_idle_timeout": "5s"}),
        ];
        let paths = [
            ("GET", "/plugins/lab/echo"),
            ("HEAD", "/plugins/lab/echo"),
            ("POST", "/plugins/lab/echo"),
            ("OPTIONS", "/plugins/lab/echo"),
            ("GET", "/plugins/lab/sse?n=1"),
            ("GET", "/plugins/lab/head"),
            ("DELETE", "/plugins/lab/method-only"),
            ("GET", "/plugins/lab/..%2fx"),
            ("GET", "/plugins/nobody/x"),
            ("GET", "/health"),
            ("POST", "/elsewhere"),
            ("GET", "/.well-known/oauth-protected-resource/plugins/lab/echo"),
            ("GET", "/.well-known/openid-configuration/plugins/lab"),
        ];
        for options in options {
            plugin.change(&json!({"options": options})).await;
            for token in tokens {
                for (method, path) in paths {
                    let told = compare(&gateway, &request(method, path, token)).await;
                    let refused = told["answered_by"] == "gateway" && !told["code"].is_null();
                    assert_eq!(names(&told, false).len(), usize::from(refused), "{told}");
                }
            }
        }
    });
}

#[test]
fn an_explanation_names_the_check_that_a_request_does_not_pass() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let app = gateway.app("billing").create().await;
        let token = app.token().create().await;
        let failed = async |options: Value, request: Value| {
            plugin.change(&json!({"options": options})).await;
            let told = compare(&gateway, &request).await;
            names(&told, false).join(",")
        };
        let get = |token| request("GET", "/plugins/lab/echo", token);
        assert_eq!(failed(json!({}), request("GET", "/plugins/nobody/x", None)).await, "route");
        assert_eq!(failed(json!({"require_auth": "true"}), get(None)).await, "token");
        let scopes = json!({"scopes_required": "a"});
        assert_eq!(failed(scopes, get(Some(&token))).await, "scopes");
        gateway.app("other").create().await;
        assert_eq!(failed(json!({"apps": "other"}), get(Some(&token))).await, "apps");
        let mut unsound = request("POST", "/plugins/lab/echo", None);
        unsound["headers"] = json!({"content-length": "+5"});
        let told = explain(&gateway, &unsound).await;
        assert_eq!((names(&told, false), &told["status"]), (vec!["request"], &json!(400)));
        let mut large = request("POST", "/plugins/lab/echo", None);
        large["headers"] = json!({"content-length": "11"});
        plugin.change(&json!({"options": {"max_body": "10"}})).await;
        let told = explain(&gateway, &large).await;
        assert_eq!((names(&told, false), &told["status"]), (vec!["max_body"], &json!(413)));
    });
}

#[test]
fn explaining_counts_nowhere_and_tells_what_is_left() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let options = json!({"rate_limit": "5", "rate_limit_per_client": "3"});
        plugin.change(&json!({"options": options})).await;
        let get = request("GET", "/plugins/lab/echo", None);
        let left = |told: &Value| {
            let limits = told["limits"].as_array().unwrap().iter();
            let of = limits.filter(|limit| limit["name"] != "max_body");
            let left = of.map(|limit| (limit["name"].as_str().unwrap(), &limit["remaining"]));
            left.map(|(name, left)| format!("{name}={left}")).collect::<Vec<_>>().join(" ")
        };
        for _ in 0..20 {
            let told = explain(&gateway, &get).await;
            assert_eq!(left(&told), "rate_limit_per_client=3 rate_limit=5", "{told}");
        }
        for used in 1..=3 {
            compare(&gateway, &get).await;
            let told = explain(&gateway, &get).await;
            let expected = format!("rate_limit_per_client={} rate_limit={}", 3 - used, 5 - used);
            if used < 3 {
                assert_eq!(left(&told), expected);
            }
        }
        let told = compare(&gateway, &get).await;
        assert_eq!((&told["status"], &told["code"]), (&json!(429), &json!("rate_limited")));
        assert_eq!(names(&told, false), ["rate_limit_per_client"]);
        // Another client has all of its own, whatever this one used.
        let mut elsewhere = get.clone();
        elsewhere["client"] = json!("192.0.2.7");
        let told = explain(&gateway, &elsewhere).await;
        assert!(left(&told).starts_with("rate_limit_per_client=3 "), "{told}");
    });
}

async fn explained(gateway: &Gateway, arguments: &[&str]) -> String {
    let finished = gateway.cli().run(&[&["explain"], arguments].concat()).await;
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    finished.stdout
}

#[test]
fn the_command_line_explains_a_request() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let text = explained(&gateway, &["GET", "/plugins/lab/echo?a=1"]).await;
        assert!(text.starts_with("answer    the plugin's\nroute     GET /plugins/lab/*"), "{text}");
        assert!(text.contains("\nplugin    lab (ready, process "), "{text}");
        plugin.change(&json!({"options": {"require_auth": "true"}})).await;
        let text = explained(&gateway, &["GET", "/plugins/lab/echo"]).await;
        assert!(text.starts_with("answer    401 unauthorized: a token is required"), "{text}");
        assert!(text.contains("\nno        token: "), "{text}");
    });
}
