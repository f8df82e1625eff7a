//! Who gets in, on every route there is.

use crate::harness::{ADMIN_TOKEN, Admin, send};
use reqwest::Method;
use sidegate_api::operations::operations;

#[tokio::test]
async fn every_route_refuses_a_missing_and_a_wrong_token() {
    let admin = Admin::start().await;
    let operations = operations();
    let protected: Vec<_> = operations.iter().filter(|operation| operation.token).collect();
    assert!(protected.len() >= 25, "the table of operations is empty?");
    for operation in protected {
        let method: Method = operation.method.as_str().parse().unwrap();
        let path = operation.path.replace("{id}", "1");
        let wrong = ["", "Bearer wrong", "Basic c2dhOng=", ADMIN_TOKEN];
        for value in wrong {
            let mut request = admin.request(method.clone(), &path).body("{not json");
            if !value.is_empty() {
                request = request.header("authorization", value);
            }
            let answer = send(request).await.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        }
        let by_query = format!("{path}?token={ADMIN_TOKEN}");
        send(admin.request(method.clone(), &by_query)).await.expect(401);
        let answer = admin.call(method.clone(), &path, None).await;
        assert_ne!(answer.status, 401, "{method} {path}");
        assert_ne!(answer.status, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn only_probes_are_open_and_unknown_addresses_tell_strangers_nothing() {
    let admin = Admin::start().await;
    let health = send(admin.request(Method::GET, "/api/v1/health")).await.expect(200);
    assert_eq!(health.json, serde_json::json!({ "status": "ok" }));
    for path in ["/", "/api/v1", "/api/v1/nothing", "/api/v1/plugins/1/x", "/healthy"] {
        send(admin.request(Method::GET, path)).await.expect(401);
        admin.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn a_clients_request_id_comes_back() {
    let admin = Admin::start().await;
    let request = admin.request(Method::GET, "/api/v1/health").header("x-request-id", "mine-1");
    assert_eq!(send(request).await.header("x-request-id"), "mine-1");
    let request = admin.request(Method::GET, "/api/v1/health").header("x-request-id", "not <mine>");
    assert_ne!(send(request).await.header("x-request-id"), "not <mine>");
}
