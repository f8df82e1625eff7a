//! Admin tokens over HTTP: made once, shown without their text, valid until they end or are revoked.

use crate::harness::{ADMIN_TOKEN, Admin};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;

const PATH: &str = "/api/v1/admin-tokens";

#[tokio::test]
async fn an_admin_token_opens_what_its_role_may_until_it_is_revoked() {
    let admin = Admin::start().await;
    let body = json!({"name": "jane", "role": "operator", "expires_in": "30d"});
    let made = admin.post(PATH, body).await.expect(201);
    assert_eq!(made.header("location"), "/api/v1/admin-tokens/1");
    assert_eq!(made.json["meta"]["applied"], true);
    assert_eq!(made.json["data"]["type"], "admin-token");
    let token = made.attributes()["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("sga_") && token.len() >= 47, "its length is {}", token.len());

    let who = admin.call_as(&token, Method::GET, "/api/v1/whoami", None).await.expect(200);
    let expires = made.attributes()["expires_at"].clone();
    let expected = json!({
        "name": "jane", "role": "operator", "via": "header", "admin_token_id": 1, "user_id": null,
        "session_id": null, "read_only": false, "expires_at": expires,
    });
    assert_eq!(*who.attributes(), expected);
    let app = json!({"name": "a", "owner_email": "a@b"});
    admin.call_as(&token, Method::POST, "/api/v1/apps", Some(app)).await.expect(201);
    admin.call_as(&token, Method::GET, PATH, None).await.expect(403);
    let stronger = json!({"name": "me", "role": "admin"});
    admin.call_as(&token, Method::POST, PATH, Some(stronger)).await.expect(403);

    for path in [PATH, "/api/v1/admin-tokens/1", "/api/v1/admin-tokens?name=jane"] {
        let shown = admin.get(path).await.expect(200).json.to_string();
        assert!(shown.contains("jane") && !shown.contains(&token), "{shown}");
    }
    assert_eq!(admin.get("/api/v1/admin-tokens?name=joe").await.json["meta"]["total_count"], 0);
    admin.delete("/api/v1/admin-tokens/1").await.expect(204);
    admin.call_as(&token, Method::GET, "/api/v1/whoami", None).await.expect(401);
    admin.get("/api/v1/admin-tokens/1").await.expect(404);
    admin.delete("/api/v1/admin-tokens/1").await.expect(404);
}

#[tokio::test]
async fn root_is_an_admin_without_a_number_or_an_end() {
    let admin = Admin::start().await;
    let who = admin.get("/api/v1/whoami").await.expect(200);
    let expected = json!({
        "name": "root", "role": "admin", "via": "header", "admin_token_id": null, "user_id": null,
        "session_id": null, "read_only": false, "expires_at": null,
    });
    assert_eq!((who.attributes(), &who.json["data"]["type"]), (&expected, &json!("whoami")));
}

#[tokio::test]
async fn all_that_is_wrong_with_a_new_admin_token_is_told_at_once() {
    let admin = Admin::start().await;
    let answer = admin.post(PATH, json!({})).await.expect(400);
    assert!(answer.details()[0].starts_with("name: "), "{:?}", answer.details());
    assert_eq!(answer.details()[1], "role: say viewer, operator or admin");
    let body = json!({"name": "root", "role": "ruler", "expires_in": "0s", "app_id": 1});
    let answer = admin.post(PATH, body).await.expect(400);
    let fields: Vec<_> = answer.json["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["app_id", "role", "name", "expires_in"], "{:?}", answer.details());
    let jane = json!({"name": "jane", "role": "viewer"});
    admin.post(PATH, jane.clone()).await.expect(201);
    let taken = admin.post(PATH, jane).await.expect(409);
    assert!(taken.details()[0].contains("taken by admin token 1"), "{:?}", taken.details());
}

#[tokio::test]
async fn an_admin_token_that_ends_says_so_to_its_holder_and_opens_nothing() {
    let admin = Admin::start().await;
    let token = admin.admin_token_until("old", Role::Admin, Some(1)).await;
    let refused = admin.call_as(&token, Method::GET, "/api/v1/whoami", None).await.expect(401);
    assert_eq!(refused.details(), ["this admin token has expired"]);
    let shown = admin.get("/api/v1/admin-tokens/1").await.expect(200);
    assert_eq!(shown.attributes()["is_expired"], true);
}

#[tokio::test]
async fn an_admin_may_revoke_the_token_it_uses_and_root_stays() {
    let admin = Admin::start().await;
    let token = admin.admin_token("jane", Role::Admin).await;
    let etag = admin.get("/api/v1/admin-tokens/1").await.header("etag").to_owned();
    let delete = admin.request(Method::DELETE, "/api/v1/admin-tokens/1").bearer_auth(&token);
    let stale = delete.try_clone().unwrap().header("if-match", "\"x\"");
    crate::harness::send(stale).await.expect(412);
    crate::harness::send(delete.header("if-match", etag)).await.expect(204);
    admin.call_as(&token, Method::GET, "/api/v1/whoami", None).await.expect(401);
    admin.get("/api/v1/whoami").await.expect(200);
}

#[tokio::test]
async fn where_the_database_does_not_work_root_gets_in_and_nobody_else_is_judged() {
    let admin = Admin::start().await;
    let token = admin.admin_token("jane", Role::Admin).await;
    admin.store.close().await;
    for unknown in [token.as_str(), "sga_of-nobody-0123456789"] {
        let answer = admin.call_as(unknown, Method::GET, "/api/v1/whoami", None).await;
        assert_eq!(answer.expect(503).header("retry-after"), "1");
    }
    admin.call_as("wrong", Method::GET, "/api/v1/whoami", None).await.expect(401);
    admin.call_as(ADMIN_TOKEN, Method::GET, "/api/v1/whoami", None).await.expect(200);
}

#[tokio::test]
async fn the_last_use_of_an_admin_token_is_shown() {
    let admin = Admin::start().await;
    let token = admin.admin_token("jane", Role::Viewer).await;
    let shown =
        async || admin.get("/api/v1/admin-tokens/1").await.attributes()["last_used_at"].clone();
    assert_eq!(shown().await, Value::Null);
    admin.call_as(&token, Method::GET, "/api/v1/whoami", None).await.expect(200);
    admin.control.write_notes().await.unwrap();
    assert!(shown().await.is_string());
}
