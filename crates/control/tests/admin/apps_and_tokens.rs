//! Apps and their tokens over the admin API.

use crate::harness::Admin;
use serde_json::{Value, json};
use sidegate_model::app::AppId;
use sidegate_model::token::{TOKEN_PREFIX, TokenHash};

async fn with_app() -> Admin {
    let admin = Admin::start().await;
    let app = json!({"name": "billing", "owner_email": "ops@example.com"});
    admin.post("/api/v1/apps", app).await.expect(201);
    admin
}

#[tokio::test]
async fn an_app_is_taken_wrapped_or_flat_and_shown_with_every_field() {
    let admin = Admin::start().await;
    let fields = json!({
        "name": "billing", "description": "d", "owner_email": "ops@example.com",
        "is_active": true, "monthly_budget": 12.5, "rate_limit": 60,
        "metadata": {"mcp_access": "true", "allowed_operations": ["read"]},
    });
    let wrapped = json!({"data": {"type": "app", "attributes": fields}});
    let answer = admin.post("/api/v1/apps", wrapped).await.expect(201);
    assert_eq!(answer.json["data"]["type"], "app");
    assert_eq!(answer.json["data"]["id"], "1");
    for (name, value) in fields.as_object().unwrap() {
        assert_eq!(answer.attributes()[name], *value, "{name}");
    }
    let shown = admin.get("/api/v1/apps/1").await.expect(200);
    assert_eq!(shown.attributes(), answer.attributes());
    assert_eq!(admin.snapshot().apps[&AppId(1)].rate_limit, 60);

    let flat = json!({"name": "b", "owner_email": "b@x", "rate_limit_rpm": 5});
    let answer = admin.post("/api/v1/apps", flat).await.expect(201);
    assert_eq!(answer.attributes()["rate_limit"], 5);

    let named = admin.get("/api/v1/apps?name=billing").await.expect(200);
    assert_eq!(named.json["data"][0]["id"], "1");
    let all = admin.get("/api/v1/apps?limit=1&page=2").await.expect(200);
    assert_eq!(all.json["data"][0]["attributes"]["name"], "b");
    assert_eq!(all.json["meta"]["total_pages"], 2);
}

#[tokio::test]
async fn metadata_is_replaced_as_a_whole_and_other_fields_stay() {
    let admin = with_app().await;
    let first = json!({"metadata": {"a": 1, "b": 2}, "rate_limit": 7});
    admin.patch("/api/v1/apps/1", first).await.expect(200);
    let second = json!({"data": {"type": "app", "attributes": {"metadata": {"c": null}}}});
    let answer = admin.patch("/api/v1/apps/1", second).await.expect(200);
    assert_eq!(answer.attributes()["metadata"], json!({"c": null}));
    assert_eq!(answer.attributes()["rate_limit"], 7);
    assert_eq!(answer.attributes()["name"], "billing");
    assert_eq!(
        Value::Object(admin.snapshot().apps[&AppId(1)].metadata.clone()),
        json!({"c": null})
    );
}

#[tokio::test]
async fn a_bad_or_taken_app_is_refused_and_nothing_changes() {
    let admin = with_app().await;
    let number = json!({"name": "7", "owner_email": "a@b"});
    let answer = admin.post("/api/v1/apps", number).await.expect(400);
    assert!(answer.details()[0].contains("tell it from an id"), "{:?}", answer.details());
    let bad = json!({"name": "", "owner_email": "nobody", "monthly_budget": -1});
    let answer = admin.post("/api/v1/apps", bad).await.expect(400);
    assert_eq!(answer.details().len(), 3, "{:?}", answer.details());
    let taken = json!({"name": "billing", "owner_email": "a@b"});
    let answer = admin.post("/api/v1/apps", taken).await.expect(409);
    assert!(answer.details()[0].contains("taken by app 1"));
    admin.patch("/api/v1/apps/1", json!({"owner_email": "x"})).await.expect(400);
    assert_eq!(admin.snapshot().revision, 1);
}

#[tokio::test]
async fn a_token_is_shown_once_and_only_its_hash_is_kept() {
    let admin = with_app().await;
    let wanted = json!({"app_id": 1, "name": "ci", "scopes": ["read", "write", "read"]});
    let answer = admin.post("/api/v1/tokens", wanted).await.expect(201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = answer.attributes()["token"].as_str().unwrap().to_owned();
    assert!(text.starts_with(TOKEN_PREFIX));
    assert_eq!(answer.attributes()["scopes"], json!(["read", "write"]));
    assert_eq!(answer.attributes()["expires_at"], Value::Null);
    assert_eq!(answer.attributes()["app_id"], 1);

    let kept = admin.snapshot().tokens.get(&TokenHash::of(&text)).cloned().unwrap();
    assert_eq!((kept.app_id, kept.name.as_str()), (AppId(1), "ci"));
    for path in ["/api/v1/tokens", "/api/v1/tokens?app_id=1", "/api/v1/tokens/1"] {
        let shown = admin.get(path).await.expect(200).json.to_string();
        assert!(!shown.contains(&text) && shown.contains(&text[..8]), "{path}: {shown}");
    }
    let others = admin.get("/api/v1/tokens?app_id=2").await.expect(200);
    assert_eq!(others.json["meta"]["total_count"], 0);

    admin.delete("/api/v1/tokens/1").await.expect(204);
    assert!(admin.snapshot().tokens.is_empty());
    admin.delete("/api/v1/tokens/1").await.expect(404);
}

#[tokio::test]
async fn tokens_are_found_by_name_and_app() {
    let admin = with_app().await;
    admin.post("/api/v1/apps", json!({"name": "b", "owner_email": "b@x"})).await.expect(201);
    for (app_id, name) in [(1, "ci"), (1, "cd"), (2, "ci"), (2, "")] {
        let token = json!({"app_id": app_id, "name": name});
        admin.post("/api/v1/tokens", token).await.expect(201);
    }
    let rows = [
        ("?name=ci", vec!["1", "3"]),
        ("?name=ci&app_id=2", vec!["3"]),
        ("?name=ci&limit=1&page=2", vec!["3"]),
        ("?name=c", vec![]),
        ("?name=%25", vec![]),
        ("?name=", vec!["4"]),
    ];
    for (query, ids) in rows {
        let answer = admin.get(&format!("/api/v1/tokens{query}")).await.expect(200);
        let data = answer.json["data"].as_array().unwrap();
        let found: Vec<_> = data.iter().map(|token| token["id"].as_str().unwrap()).collect();
        assert_eq!(found, ids, "{query}");
    }
}

#[tokio::test]
async fn an_app_takes_its_tokens_with_it() {
    let admin = with_app().await;
    admin.post("/api/v1/apps", json!({"name": "b", "owner_email": "b@x"})).await.expect(201);
    for app_id in [1, 1, 2] {
        admin.post("/api/v1/tokens", json!({"app_id": app_id})).await.expect(201);
    }
    admin.delete("/api/v1/apps/1").await.expect(204);
    let snapshot = admin.snapshot();
    assert_eq!((snapshot.apps.len(), snapshot.tokens.len()), (1, 1));
    assert!(snapshot.tokens.iter().all(|token| token.app_id == AppId(2)));
}

#[tokio::test]
async fn the_end_of_a_token_is_told_in_words_nanoseconds_or_as_a_time() {
    let admin = with_app().await;
    let hour = 3_600_000_i64;
    let rows = [
        (json!({"expires_in": "24h"}), 24 * hour),
        (json!({"expires_in": "30d"}), 30 * 24 * hour),
        (json!({"expires_in": "1h30m"}), hour + hour / 2),
        (json!({"expires_in": 86_400_000_000_000_i64}), 24 * hour),
    ];
    for (index, (mut wanted, lasting)) in rows.into_iter().enumerate() {
        wanted["app_id"] = json!(1);
        let id = admin.post("/api/v1/tokens", wanted).await.expect(201).id();
        assert_eq!(id as usize, index + 1);
        let token = admin.store.token(sidegate_model::token::TokenId(id)).await.unwrap();
        let got = token.expires_at.unwrap() - token.created_at;
        assert!((lasting - 20_000..=lasting).contains(&got), "{got} for {lasting}");
    }
    let exact = json!({"app_id": 1, "expires_at": "2999-01-31T12:00:00+01:00"});
    let answer = admin.post("/api/v1/tokens", exact).await.expect(201);
    assert_eq!(answer.attributes()["expires_at"], "2999-01-31T11:00:00.000Z");
}

#[tokio::test]
async fn an_end_that_was_hardly_meant_is_refused_with_a_hint() {
    let admin = with_app().await;
    let rows = [
        (json!({"expires_in": 3600}), "\"3600s\""),
        (json!({"expires_in": 0}), "nanoseconds"),
        (json!({"expires_in": -5}), "nanoseconds"),
        (json!({"expires_in": "3600"}), "3600s"),
        (json!({"expires_in": "0"}), "must last"),
        (json!({"expires_in": "1M"}), "minutes"),
        (json!({"expires_in": 1.5}), "in quotes"),
        (json!({"expires_at": "tomorrow"}), "2030-01-31"),
        (json!({"expires_at": "2001-01-01T00:00:00Z"}), "over already"),
        (json!({"expires_at": "2999-01-01T00:00:00Z", "expires_in": "1h"}), "not both"),
        (json!({"scopes": ["two words"]}), "scopes: scope \"two words\""),
    ];
    for (mut wanted, words) in rows {
        wanted["app_id"] = json!(1);
        let shown = wanted.to_string();
        let answer = admin.post("/api/v1/tokens", wanted).await.expect(400);
        assert!(answer.details()[0].contains(words), "{shown}: {:?}", answer.details());
    }
    let answer = admin.post("/api/v1/tokens", json!({"app_id": 77})).await.expect(400);
    assert!(answer.details()[0].starts_with("app_id:"), "{:?}", answer.details());
    let answer = admin.post("/api/v1/tokens", json!({"name": "\u{7}"})).await.expect(400);
    assert_eq!(answer.details().len(), 2);
    assert!(admin.snapshot().tokens.is_empty());
}
