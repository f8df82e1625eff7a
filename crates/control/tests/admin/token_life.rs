//! Tokens over time: the end that counts where nothing is said, rotation, last use, and lists by all of it.

use crate::harness::{Admin, Answer};
use serde_json::{Value, json};
use sidegate_control::ControlSettings;
use sidegate_model::clock::now_millis;
use sidegate_model::token::{TokenHash, TokenId};
use std::time::Duration;

const DAY: i64 = 24 * 3_600_000;

async fn with_app(adjust: impl FnOnce(&mut ControlSettings)) -> Admin {
    let admin = Admin::start_with(adjust).await;
    let app = json!({"name": "billing", "owner_email": "ops@example.com"});
    admin.post("/api/v1/apps", app).await.expect(201);
    admin
}

impl Admin {
    async fn token(&self, mut fields: Value) -> Answer {
        fields["app_id"] = json!(1);
        self.post("/api/v1/tokens", fields).await.expect(201)
    }

    async fn rotate(&self, id: u32, fields: Value) -> Answer {
        self.post(&format!("/api/v1/tokens/{id}/rotate"), fields).await
    }

    /// For how long a token was made, or is valid from now on if that is less; in days.
    async fn days(&self, id: u32) -> Option<i64> {
        let token = self.store.token(TokenId(id)).await.expect("a file");
        let rounded = |millis: i64| (millis + DAY / 2) / DAY;
        token.expires_at.map(|end| rounded(end - token.created_at))
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/api/v1/tokens?{query}")).await.expect(200);
        let found = page.json["data"].as_array().expect("a token").iter();
        found
            .map(|token| token["attributes"]["name"].as_str().expect("a token").to_owned())
            .collect()
    }
}

#[tokio::test]
async fn a_usual_end_counts_where_nothing_is_said_and_never_can_be_said() {
    let usual = Some(Duration::from_secs(90 * 86_400));
    let admin = with_app(|settings| settings.token_expiry = usual).await;
    for (fields, days) in [
        (json!({}), Some(90)),
        (json!({"expires_in": null, "expires_at": null}), Some(90)),
        (json!({"expires_in": "never"}), None),
        (json!({"expires_in": "7d"}), Some(7)),
    ] {
        let id = admin.token(fields.clone()).await.id();
        assert_eq!(admin.days(id).await, days, "{fields}");
    }
    let without = with_app(|_| {}).await;
    for fields in [json!({}), json!({"expires_in": "never"})] {
        let id = without.token(fields).await.id();
        assert_eq!(without.days(id).await, None);
    }
    let both = json!({"app_id": 1, "expires_in": "never", "expires_at": "2999-01-01T00:00:00Z"});
    let refused = admin.post("/api/v1/tokens", both).await.expect(400);
    assert!(refused.details()[0].contains("not both"), "{:?}", refused.details());
}

#[tokio::test]
async fn a_rotation_gives_a_new_text_once_and_lets_the_old_one_end() {
    let admin = with_app(|_| {}).await;
    let old =
        admin.token(json!({"name": "ci", "scopes": ["read", "write"], "expires_in": "30d"})).await;
    let version = admin.get("/api/v1/tokens/1").await.header("etag").to_owned();
    let revision = admin.snapshot().revision;
    let new = admin.rotate(1, json!({})).await.expect(201);
    assert_eq!(new.header("location"), "/api/v1/tokens/2");
    assert_eq!(new.header("x-sidegate-applied"), "true");
    let text = new.attributes()["token"].as_str().unwrap();
    assert_ne!(new.attributes()["token"], old.attributes()["token"]);
    for name in ["app_id", "name", "scopes"] {
        assert_eq!(new.attributes()[name], old.attributes()[name], "{name}");
    }
    assert_eq!((admin.days(2).await, admin.days(1).await), (Some(30), Some(1)), "a day of overlap");
    let snapshot = admin.snapshot();
    assert_eq!((snapshot.revision, snapshot.tokens.len()), (revision + 1, 2), "one change");
    assert_eq!(snapshot.tokens[&TokenHash::of(text)].id, TokenId(2));
    let replaced = admin.get("/api/v1/tokens/1").await.expect(200);
    assert_eq!(replaced.attributes()["replaced_by"], 2);
    assert_eq!(replaced.attributes()["is_expired"], false);
    assert_ne!(replaced.header("etag"), version);
    let shown = admin.get("/api/v1/tokens/2").await.expect(200);
    assert_eq!(shown.header("etag"), new.header("etag"));
    assert_eq!(shown.attributes()["token"], Value::Null);
    assert_eq!(shown.attributes()["replaced_by"], Value::Null);
}

#[tokio::test]
async fn overlap_and_end_of_a_rotation_can_be_said() {
    let admin = with_app(|_| {}).await;
    for name in ["at once", "longer", "endless"] {
        admin.token(json!({"name": name, "expires_in": "10d"})).await;
    }
    let at_once = admin.rotate(1, json!({"overlap": "0", "expires_in": "never"})).await.expect(201);
    assert_eq!(admin.days(at_once.id()).await, None);
    assert_eq!(admin.get("/api/v1/tokens/1").await.attributes()["is_expired"], true);
    let longer = admin.rotate(2, json!({"overlap": "90d", "expires_in": "20d"})).await.expect(201);
    assert_eq!((admin.days(longer.id()).await, admin.days(2).await), (Some(20), Some(10)));
    let end =
        json!({"data": {"type": "token", "attributes": {"expires_at": "2999-01-01T00:00:00Z"}}});
    let exact = admin.rotate(3, end).await.expect(201);
    assert_eq!(exact.attributes()["expires_at"], "2999-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn what_cannot_be_rotated_is_refused_with_the_way_out() {
    let admin = with_app(|_| {}).await;
    admin.token(json!({})).await;
    let wrong = json!({"overlap": "1M", "expires_in": "0", "name": "x"});
    let refused = admin.rotate(1, wrong).await.expect(400);
    let fields: Vec<_> =
        refused.json["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["name", "expires_in", "overlap"], "{:?}", refused.details());
    admin.rotate(9, json!({})).await.expect(404);
    admin.rotate(1, json!({"overlap": "0"})).await.expect(201);
    let refused = admin.rotate(1, json!({})).await.expect(409);
    assert!(refused.details()[0].contains("by token 2 already; rotate that one"));
    let ended = admin.token(json!({"expires_in": "1ns"})).await.id();
    let refused = admin.rotate(ended, json!({})).await.expect(409);
    assert!(refused.details()[0].contains("has expired; make a new one"));
}

#[tokio::test]
async fn tokens_are_listed_by_end_and_use_and_every_wrong_word_is_told() {
    let admin = with_app(|_| {}).await;
    for (name, lasting) in [("days", "3d"), ("weeks", "21d"), ("endless", "never")] {
        admin.token(json!({"name": name, "expires_in": lasting})).await;
    }
    admin.token(json!({"name": "over"})).await;
    admin.rotate(4, json!({"overlap": "0"})).await.expect(201);
    let in_days = |days: i64| {
        jiff::Timestamp::from_millisecond(now_millis() + days * DAY).unwrap().to_string()
    };
    let used = admin.get("/api/v1/tokens/1").await;
    assert_eq!(used.attributes()["last_used_at"], Value::Null);
    admin.store.note_token_uses(&[(TokenId(1), now_millis() + 60 * DAY)]).await.unwrap();
    assert!(admin.get("/api/v1/tokens/1").await.attributes()["last_used_at"].is_string());
    for (query, names) in [
        ("expires_within=7d".to_owned(), vec!["days"]),
        ("expires_within=30d&app_id=1".to_owned(), vec!["days", "weeks"]),
        ("expires_within=30d&app_id=2".to_owned(), vec![]),
        (format!("expires_before={}", in_days(7)), vec!["days", "over"]),
        (format!("expires_before={}&expired=false", in_days(7)), vec!["days"]),
        ("expired=true".to_owned(), vec!["over"]),
        ("expired=true&expires_within=7d".to_owned(), vec![]),
        ("expired=false&name=over".to_owned(), vec!["over"]),
        (format!("unused_since={}", in_days(1)), vec!["weeks", "endless", "over", "over"]),
        (format!("unused_since={}&expired=false&name=days", in_days(61)), vec!["days"]),
        ("unused_for=30d".to_owned(), vec![]),
    ] {
        assert_eq!(admin.listed(&query).await, names, "{query}");
    }
    let query =
        "expires_before=soon&expires_within=7&unused_since=2030-01-31&unused_for=1M&page=0&x=1";
    let refused = admin.get(&format!("/api/v1/tokens?{query}")).await.expect(400);
    let told = refused.details().join("\n");
    for words in [
        "query: expires_before: \"soon\" is no time: write it as in",
        "query: expires_within: duration \"7\" has a number without a unit",
        "query: unused_since: \"2030-01-31\" is no time",
        "query: unused_for: ",
        "page 0",
        "query: x: this parameter is unknown here",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let both = "expires_before=2030-01-31T00:00:00Z&expires_within=7d&unused_since=2030-01-31T00:00:00Z&unused_for=1h";
    let refused = admin.get(&format!("/api/v1/tokens?{both}")).await.expect(400);
    assert_eq!(refused.details().len(), 2, "{:?}", refused.details());
}

#[tokio::test]
async fn a_use_is_not_forgotten_when_a_token_is_rotated_or_everything_is_read_anew() {
    let admin = with_app(|_| {}).await;
    admin.token(json!({})).await;
    let token = admin.snapshot().tokens.iter().next().unwrap().clone();
    token.last_used.touch(now_millis());
    let time = token.last_used.time();
    admin.rotate(1, json!({})).await.expect(201);
    assert_eq!(admin.snapshot().tokens[&token.hash].last_used.time(), time);
    let other = sidegate_model::app::AppDraft::new("b", "o@example.com");
    admin.store.create_app(&other).await.unwrap();
    admin.control.refresh().await.unwrap();
    assert_eq!(admin.snapshot().apps.len(), 2, "it was read anew");
    assert_eq!(admin.snapshot().tokens[&token.hash].last_used.time(), time);
    let revision = admin.snapshot().revision;
    admin.control.write_notes().await.unwrap();
    assert_eq!(admin.store.token(TokenId(1)).await.unwrap().last_used.time(), time);
    assert_eq!(admin.store.revision().await.unwrap(), revision, "it is no change");
}
