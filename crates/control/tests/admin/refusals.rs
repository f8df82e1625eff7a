//! Requests that cannot be served: the status, and words that say what to do.

use crate::harness::{ADMIN_TOKEN, Admin, send};
use reqwest::Method;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_method_that_is_not_there_is_405_with_the_ones_that_are() {
    let admin = Admin::start().await;
    let answer = admin.call(Method::PUT, "/api/v1/plugins/1", None).await.expect(405);
    let mut allowed: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"]);
}

#[tokio::test]
async fn bodies_that_are_no_json_object_say_what_is_wrong() {
    let admin = Admin::start().await;
    let rows = [
        ("", "empty"),
        ("{\"name\": ", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("{\"nam\": 1}", "nam"),
        ("{\"data\": 1}", "data:"),
        ("{\"data\": {}, \"more\": 1}", "more: this field is unknown"),
        ("{\"data\": {\"attributes\": {}, \"links\": 1}}", "data.links: this field is unknown"),
        (
            "{\"data\": {\"type\": \"token\", \"attributes\": {}}}",
            "data.type: this address takes \"app\"",
        ),
        ("{\"data\": {\"type\": \"app\"}}", "data.attributes:"),
        ("{\"data\": {\"attributes\": {\"rate_limit\": -1}}}", "data.attributes.rate_limit:"),
        ("{\"metadata\": 5}", "metadata:"),
    ];
    for (body, words) in rows {
        let answer = admin.post_text("/api/v1/apps", "application/json", body.to_owned()).await;
        let answer = answer.expect(400);
        assert!(answer.details()[0].contains(words), "{body}: {:?}", answer.details());
    }
}

#[tokio::test]
async fn a_wrong_type_deep_inside_is_named_by_its_path() {
    let admin = Admin::start().await;
    let body = json!({"name": "a", "command": "/p", "options": {"lenient_done": true}});
    let answer = admin.post("/api/v1/plugins", body).await.expect(400);
    assert!(answer.details()[0].starts_with("options.lenient_done: "), "{:?}", answer.details());
    let body = json!({"app_id": 1, "scopes": ["a", 2]});
    let answer = admin.post("/api/v1/tokens", body).await.expect(400);
    assert!(answer.details()[0].starts_with("scopes[1]: "), "{:?}", answer.details());
}

#[tokio::test]
async fn options_that_cannot_hold_for_a_plugin_elsewhere_are_refused_when_it_is_saved() {
    let admin = Admin::start().await;
    let body = |command: &str, options: serde_json::Value| json!({"name": "a", "command": command, "options": options});
    let refused = admin.post("/api/v1/plugins", body("grpc://a:1", json!({"mtls": "true"}))).await;
    let refused = refused.expect(400);
    assert!(refused.details()[0].starts_with("options: option mtls"), "{:?}", refused.details());
    let plain = body("file:///p", json!({"mtls": "true"}));
    let saved = admin.post("/api/v1/plugins", plain).await.expect(201);
    let path = format!("/api/v1/plugins/{}", saved.json["data"]["id"].as_str().unwrap());
    admin.patch(&path, json!({"command": "grpc://a:1"})).await.expect(400);
    admin.patch(&path, json!({"command": "grpc://a:1", "options": {}})).await.expect(200);
}

#[tokio::test]
async fn only_json_is_taken() {
    let admin = Admin::start().await;
    let form = "application/x-www-form-urlencoded";
    let answer = admin.post_text("/api/v1/apps", form, "{}".to_owned()).await.expect(415);
    assert!(answer.details()[0].contains("application/json"));
    let with_charset = "Application/JSON; charset=utf-8";
    admin.post_text("/api/v1/apps", with_charset, "{}".to_owned()).await.expect(400);
}

#[tokio::test]
async fn a_body_above_two_mebibytes_is_413_and_one_of_exactly_that_is_read() {
    let admin = Admin::start().await;
    let limit = 2 * 1024 * 1024;
    let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
    admin.post_text("/api/v1/apps", "application/json", padded(limit)).await.expect(400);
    admin.post_text("/api/v1/apps", "application/json", padded(limit + 1)).await.expect(413);
}

#[tokio::test]
async fn queries_are_checked_as_strictly_as_bodies() {
    let admin = Admin::start().await;
    let rows = [
        ("/api/v1/plugins?page=0", "page"),
        ("/api/v1/plugins?limit=101", "limit"),
        ("/api/v1/plugins?page=x", "page"),
        ("/api/v1/plugins?is_active=maybe", "is_active"),
        ("/api/v1/plugins?hooktype=x", "hooktype"),
        ("/api/v1/apps?limit=-1", "limit"),
        ("/api/v1/tokens?app_id=x", "app_id"),
    ];
    for (path, field) in rows {
        let answer = admin.get(path).await.expect(400);
        assert!(answer.details()[0].contains(field), "{path}: {:?}", answer.details());
    }
}

#[tokio::test]
async fn an_unknown_query_parameter_is_refused_by_every_operation_but_those_that_say_they_ignore_it()
 {
    let admin = Admin::start().await;
    let document = sidegate_api::document::document();
    let (mut refusing, mut ignoring) = (0, 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let address = format!("{}?unheard=1&of=2", path.replace("{id}", "1"));
            let said = operation["description"].as_str().unwrap_or_default();
            if said.contains("query parameter is ignored") {
                let request = admin.request(method.clone(), &address);
                assert_eq!(request.send().await.unwrap().status(), 200, "{method} {path}");
                assert!(operation["responses"]["400"].is_null(), "{method} {path}");
                ignoring += 1;
                continue;
            }
            let body = (operation["requestBody"].is_object()).then(|| json!({}));
            let answer = admin.call(method.clone(), &address, body).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.json);
            let unknown = |name: &str| format!("query: {name}: this parameter is unknown here");
            assert_eq!(answer.details(), [unknown("unheard"), unknown("of")], "{method} {path}");
            assert!(operation["responses"]["400"].is_object(), "{method} {path}");
            refusing += 1;
        }
    }
    assert_eq!((refusing, ignoring), (94, 4));
}

#[tokio::test]
async fn what_does_not_exist_is_404_whatever_is_asked_of_it() {
    let admin = Admin::start().await;
    for noun in ["plugins", "apps", "issuers", "tokens"] {
        for id in ["99", "abc", "-1", "4294967296"] {
            let path = format!("/api/v1/{noun}/{id}");
            admin.get(&path).await.expect(404);
            admin.delete(&path).await.expect(404);
            if noun != "tokens" {
                admin.patch(&path, json!({})).await.expect(404);
            }
        }
    }
    admin.call(Method::POST, "/api/v1/plugins/99/reload", None).await.expect(404);
    admin.get("/api/v1/plugins/99/status").await.expect(404);
}

#[tokio::test]
async fn a_panic_ends_one_request_and_an_unavailable_store_is_503_without_internals() {
    let admin = Admin::start().await;
    admin.plane.panics.store(true, Ordering::Relaxed);
    let answer = admin.get("/api/v1/routes").await.expect(500);
    assert!(!answer.json.to_string().contains("told to panic"));
    admin.plane.panics.store(false, Ordering::Relaxed);
    admin.get("/api/v1/routes").await.expect(200);

    admin.store.close().await;
    let answer = admin.get("/api/v1/apps").await.expect(503);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(!answer.json.to_string().contains("pool"), "{:?}", answer.json);
    let body = json!({"name": "a", "owner_email": "a@b"});
    admin.post("/api/v1/apps", body).await.expect(503);
    send(admin.request(Method::GET, "/api/v1/health")).await.expect(200);
}

#[tokio::test]
async fn a_body_that_never_ends_is_408_and_a_handler_that_never_ends_is_503() {
    let admin = Admin::start_with(|settings| {
        settings.body_timeout = Duration::from_millis(50);
        settings.apply_timeout = Duration::from_secs(60);
        settings.request_timeout = Duration::from_millis(500);
    })
    .await;
    let mut slow = TcpStream::connect(admin.address).await.unwrap();
    let head = format!(
        "POST /api/v1/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN_TOKEN}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");

    admin.plane.stalls.send_replace(true);
    let body = json!({"name": "a", "owner_email": "a@b"});
    admin.post("/api/v1/apps", body).await.expect(503);
    assert_eq!(admin.snapshot().apps.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let admin = Admin::start().await;
    let mut sending = TcpStream::connect(admin.address).await.unwrap();
    let head = "POST /api/v1/apps HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n";
    sending.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b' '; 64 * 1024];
    for _ in 0..128 {
        sending.write_all(&chunk).await.unwrap();
    }
    let mut answer = [0; 13];
    sending.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401 ");
}
