//! Issuers of JWTs over the admin API.

use crate::harness::{ADMIN_TOKEN, Admin};
use reqwest::Method;
use serde_json::json;
use sidegate_model::issuer::IssuerId;
use sidegate_model::role::Role;

fn fields() -> serde_json::Value {
    json!({
        "name": "corp", "url": "https://id.example", "audiences": ["https://gw/plugins/{slug}"],
        "clients": {"svc": "billing"}, "leeway": "1m",
    })
}

#[tokio::test]
async fn an_issuer_is_shown_with_every_field_and_published_at_once() {
    let admin = Admin::start().await;
    let made = admin.post("/api/v1/issuers", fields()).await.expect(201);
    assert_eq!(
        (&made.json["data"]["type"], &made.json["data"]["id"]),
        (&json!("issuer"), &json!("1"))
    );
    for (name, value) in fields().as_object().unwrap() {
        assert_eq!(made.attributes()[name], *value, "{name}");
    }
    assert_eq!(made.attributes()["algorithms"], json!(["ES256", "RS256", "EdDSA"]));
    assert_eq!(
        (&made.attributes()["keys_max_age"], &made.attributes()["jwks_uri"]),
        (&json!("1h"), &json!(""))
    );
    assert_eq!(admin.snapshot().issuers[&IssuerId(1)].draft.clients["svc"], "billing");
    let named = admin.get("/api/v1/issuers?name=corp").await.expect(200);
    assert_eq!(named.json["data"][0]["attributes"], *made.attributes());

    let merge = Some(json!({"clients": {"svc": null, "x": "shop"}}));
    let path = "/api/v1/issuers/1";
    let answer = admin.call_as(ADMIN_TOKEN, Method::PATCH, path, merge).await.expect(200);
    assert_eq!(answer.attributes()["clients"], json!({"x": "shop"}));
    assert_eq!(answer.attributes()["leeway"], "1m");
    let replaced = admin.patch("/api/v1/issuers/1", json!({"clients": {}})).await.expect(200);
    assert_eq!(replaced.attributes()["clients"], json!({}));

    let differs = admin.get("/api/v1/revisions/diff?from=1").await.expect(200);
    let differences = &differs.attributes()["differences"];
    assert_eq!(
        (&differences[0]["type"], &differences[0]["name"]),
        (&json!("issuer"), &json!("corp"))
    );
    let back = json!({"revision": 1});
    admin.post("/api/v1/revisions/rollback", back).await.expect(200);
    assert_eq!(admin.snapshot().issuers[&IssuerId(1)].draft.clients["svc"], "billing");
    admin.delete("/api/v1/issuers/1").await.expect(204);
    assert!(admin.snapshot().issuers.is_empty());
    let audit = admin.get("/api/v1/audit?kind=issuer").await.expect(200);
    assert_eq!(audit.json["data"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn what_is_wrong_with_an_issuer_is_told_at_once_and_only_an_admin_changes_one() {
    let admin = Admin::start().await;
    let bad = json!({
        "name": "a,b", "url": "http://id.example", "audiences": [], "algorithms": ["none", "HS256"],
        "leeway": "1h", "clients": {"": "x"},
    });
    let answer = admin.post("/api/v1/issuers", bad).await.expect(400);
    let told = answer.details().join("\n");
    for field in ["name", "url", "audiences", "algorithms", "leeway", "clients"] {
        assert!(told.contains(&format!("{field}:")), "{field}: {told}");
    }
    admin.post("/api/v1/issuers", fields()).await.expect(201);
    admin.post("/api/v1/issuers", fields()).await.expect(409);
    let operator = admin.admin_token("joe", Role::Operator).await;
    for (method, path) in [
        (Method::POST, "/api/v1/issuers"),
        (Method::PATCH, "/api/v1/issuers/1"),
        (Method::DELETE, "/api/v1/issuers/1"),
    ] {
        admin.call_as(&operator, method, path, Some(fields())).await.expect(403);
    }
    admin.call_as(&operator, Method::GET, "/api/v1/issuers/1", None).await.expect(200);
}
