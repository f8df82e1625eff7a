//! What forms and wizards ask: what a change would do, what a program is, what a plugin keeps, and what waits for an
//! operator.

use crate::harness::{Admin, Answer};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::kv::Kv as _;
use sidegate_model::plugin::PluginId;
use sidegate_model::role::Role::{Operator, Viewer};
use std::sync::atomic::Ordering;

async fn with_plugin() -> Admin {
    let admin = Admin::start().await;
    let plugin = json!({
        "name": "a-schema", "slug": "p", "command": "file:///p",
        "config": {"url": "a", "api_secret": "hunter1hunter1"},
    });
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    admin
}

async fn preview(admin: &Admin, patch: Value) -> Value {
    let path = "/api/v1/plugins/1?dry_run=true";
    let request = admin.request(Method::PATCH, path).bearer_auth(crate::harness::ADMIN_TOKEN);
    let request = request.header("content-type", "application/merge-patch+json");
    let answer = crate::harness::send(request.body(patch.to_string())).await.expect(200);
    assert_eq!(answer.header("x-sidegate-applied"), "false");
    let shown = admin.get("/api/v1/plugins/1").await.expect(200);
    assert_eq!(answer.header("etag"), shown.header("etag"), "nothing was changed");
    answer.attributes().clone()
}

fn details(preview: &Value) -> Vec<&str> {
    let problems = preview["problems"].as_array().into_iter().flatten();
    problems.filter_map(|problem| problem["detail"].as_str()).collect()
}

#[tokio::test]
async fn a_dry_run_says_what_would_differ_and_what_would_happen_and_changes_nothing() {
    let admin = with_plugin().await;
    let revision = admin.snapshot().revision;
    for (patch, effect, paths) in [
        (json!({"config": {"url": "a"}}), "none", &[][..]),
        (json!({"description": "d"}), "none", &["description"]),
        (json!({"options": {"rate_limit": "5"}}), "live", &["options.rate_limit"]),
        (json!({"config": {"url": "b"}}), "reload", &["config.url"]),
        (json!({"is_active": false}), "stop", &["is_active"]),
    ] {
        let told = preview(&admin, patch.clone()).await;
        assert_eq!(told["effect"], effect, "{patch}: {told}");
        let changes = told["changes"].as_array().expect("a list");
        let told_paths: Vec<_> = changes.iter().map(|change| &change["path"]).collect();
        assert_eq!(told_paths, paths, "{patch}");
        assert_eq!(told["problems"], json!([]), "{patch}");
    }
    assert_eq!(admin.snapshot().revision, revision);
    admin.patch("/api/v1/plugins/1", json!({"is_active": false})).await.expect(200);
    let told = preview(&admin, json!({"is_active": true})).await;
    assert_eq!((&told["effect"], &told["changes"][0]["to"]), (&json!("start"), &json!(true)));
    let entries = admin.get("/api/v1/audit").await.expect(200).json;
    let entries = entries["data"].as_array().expect("a list");
    assert_eq!(entries.len(), 2, "its making and its change: {entries:?}");
}

#[tokio::test]
async fn a_dry_run_shows_no_secret_and_says_which_would_become_another() {
    let admin = with_plugin().await;
    let told = preview(&admin, json!({"config": {"api_secret": "hunter2hunter2"}})).await;
    assert!(!told.to_string().contains("hunter"), "{told}");
    let change = json!({
        "path": "config.api_secret", "from": {"$secret": "set"}, "to": {"$secret": "changed"},
    });
    assert_eq!((&told["changes"], &told["effect"]), (&json!([change]), &json!("reload")));
    let same = preview(&admin, json!({"config": {"api_secret": {"$secret": "set"}}})).await;
    assert_eq!((&same["changes"], &same["effect"]), (&json!([]), &json!("none")));
}

#[tokio::test]
async fn a_dry_run_does_not_tell_whether_a_guessed_secret_is_the_stored_one() {
    let admin = with_plugin().await;
    let more = json!({
        "config": {"dsn": "db", "users": [{"name": "n", "password": "hunter2"}]},
        "options": {"env.MODE": "hunter3", "secret_settings": "dsn"},
    });
    let as_admin = async |path: &str, patch: &Value| {
        let request = admin.request(Method::PATCH, path);
        let request = request.bearer_auth(crate::harness::ADMIN_TOKEN);
        let request = request.header("content-type", "application/merge-patch+json");
        crate::harness::send(request.body(patch.to_string())).await
    };
    as_admin("/api/v1/plugins/1?schema=ignore", &more).await.expect(200);
    let users = |password: &str| json!({"users": [{"name": "n", "password": password}]});
    for (right, wrong) in [
        (json!({"api_secret": "hunter1hunter1"}), json!({"api_secret": "hunter9hunter9"})),
        (json!({"dsn": "db"}), json!({"dsn": "other"})),
        (users("hunter2"), users("hunter9")),
    ] {
        let [right, wrong] = [right, wrong].map(|config| json!({ "config": config }));
        let (told, of_wrong) = (preview(&admin, right).await, preview(&admin, wrong).await);
        assert_eq!(told, of_wrong);
        assert_eq!(told["effect"], "reload", "{told}");
        assert!(told["changes"].to_string().contains(r#"{"$secret":"changed"}"#), "{told}");
    }
    let variable = |value: &str| json!({"options": {"env.MODE": value}});
    let told = preview(&admin, variable("hunter3")).await;
    assert_eq!(told, preview(&admin, variable("hunter9")).await);
    assert_eq!(told["changes"][0]["to"], json!({"$secret": "changed"}));
    // Fields that take the place of all that is stored say no more.
    let path = "/api/v1/plugins/1?dry_run=true";
    let whole = |secret: &str| json!({"config": {"url": "a", "slug": "p", "api_secret": secret}});
    let right = admin.patch(path, whole("hunter1hunter1")).await.expect(200);
    let wrong = admin.patch(path, whole("hunter9hunter9")).await.expect(200);
    assert_eq!(right.json, wrong.json);
    // What only an admin sets is refused to an operator whether it would change or not.
    let operator = admin.admin_token("op", Operator).await;
    for path in [path, "/api/v1/plugins/1"] {
        let try_variable = async |value: &str| {
            let patch = Some(variable(value));
            let refused = admin.call_as(&operator, Method::PATCH, path, patch).await.expect(403);
            refused.json["error"].clone()
        };
        assert_eq!(try_variable("hunter3").await, try_variable("hunter9").await, "{path}");
    }
    let kept = Some(json!({"options": {"env.MODE": {"$secret": "set"}}}));
    admin.call_as(&operator, Method::PATCH, "/api/v1/plugins/1", kept).await.expect(200);
}

#[tokio::test]
async fn a_secret_that_is_saved_again_changes_nothing_and_leaves_a_trace() {
    let admin = with_plugin().await;
    let operator = admin.admin_token("op", Operator).await;
    let noted = async || {
        let entries = admin.get("/api/v1/audit").await.expect(200).json["data"].clone();
        let entries = entries.as_array().expect("a list").clone();
        let by_operator = |entry: &&Value| entry["attributes"]["actor"] == "op";
        entries.iter().filter(by_operator).map(|it| it["attributes"].clone()).collect::<Vec<_>>()
    };
    let save = async |token: &str, patch: Value| {
        admin.call_as(token, Method::PATCH, "/api/v1/plugins/1", Some(patch)).await.expect(200);
    };
    let revision = admin.snapshot().revision;
    save(&operator, json!({"config": {"api_secret": "hunter1hunter1"}})).await;
    assert_eq!(admin.snapshot().revision, revision, "applied once more it changes nothing");
    let told = noted().await;
    let detail = "a-schema: a secret was sent that is the stored one";
    assert_eq!((told.len(), &told[0]["detail"]), (1, &json!(detail)));
    assert_eq!(told[0]["operation"], "change_plugin");
    // Beside another change too.
    save(&operator, json!({"config": {"url": "b", "api_secret": "hunter1hunter1"}})).await;
    let told = noted().await;
    assert_eq!((told.len(), &told[0]["detail"]), (3, &json!(detail)));
    // One that is another is a change, and what keeps it is none.
    save(&operator, json!({"config": {"api_secret": "hunter9hunter9"}})).await;
    save(&operator, json!({"config": {"api_secret": {"$secret": "set"}}})).await;
    let told = noted().await;
    assert_eq!(told.len(), 4);
    assert!(told[0]["detail"] != detail, "{:?}", told[0]);
    save(crate::harness::ADMIN_TOKEN, json!({"config": {"api_secret": "hunter9hunter9"}})).await;
    let all = admin.get("/api/v1/audit").await.expect(200).json["data"].clone();
    let of_root =
        all[0]["attributes"]["actor"] == "root" && all[0]["attributes"]["detail"] == detail;
    assert!(!of_root, "an admin could read it anyway");
}

#[tokio::test]
async fn what_a_change_would_be_refused_for_is_told_in_the_dry_run() {
    let admin = with_plugin().await;
    let other = json!({"name": "other", "slug": "taken", "command": "file:///p"});
    admin.post("/api/v1/plugins", other).await.expect(201);
    let told = preview(&admin, json!({"config": {"port": 70000}})).await;
    assert_eq!(details(&told), ["config.port: use at most 65535"]);
    assert_eq!(told["problems"][0]["path"], "config.port");
    assert_eq!(told["effect"], "reload", "where it is saved all the same");
    let told = preview(&admin, json!({"name": "other"})).await;
    assert!(details(&told)[0].contains("other"), "{told}");
    let told = preview(&admin, json!({"slug": "not a slug", "command": "nothing"})).await;
    assert_eq!((details(&told).len(), &told["changes"]), (2, &json!([])), "{told}");
    let ignored = "/api/v1/plugins/1?dry_run=true&schema=ignore";
    let told = admin.patch(ignored, json!({"config": {"slug": "p", "port": 70000}})).await;
    assert_eq!(told.expect(200).attributes()["problems"], json!([]));
    admin.patch("/api/v1/plugins/9?dry_run=true", json!({})).await.expect(404);
    admin.patch("/api/v1/plugins/1?dry_run=maybe", json!({})).await.expect(400);
}

#[tokio::test]
async fn a_dry_run_needs_the_role_that_the_change_needs() {
    let admin = with_plugin().await;
    let (operator, viewer) =
        (admin.admin_token("op", Operator).await, admin.admin_token("view", Viewer).await);
    let path = "/api/v1/plugins/1?dry_run=true";
    let command = json!({"command": "file:///q"});
    let refused = admin.call_as(&operator, Method::PATCH, path, Some(command)).await.expect(403);
    assert!(refused.details()[0].starts_with("command: "), "{:?}", refused.details());
    let text = json!({"description": "d"});
    admin.call_as(&operator, Method::PATCH, path, Some(text.clone())).await.expect(200);
    admin.call_as(&viewer, Method::PATCH, path, Some(text)).await.expect(403);
}

#[tokio::test]
async fn a_program_is_inspected_by_admins_and_the_audit_log_says_that_it_ran() {
    let admin = Admin::start().await;
    let inspect = "/api/v1/plugins/inspect";
    let body = |command: &str, config: Value| json!({"command": command, "config": config});
    let seen = admin.post(inspect, body("file:///p", json!({"port": 70000}))).await.expect(200);
    let seen = seen.attributes();
    assert_eq!(seen["wished_scopes"], json!(["kv.readwrite"]));
    assert_eq!(seen["unknown_scopes"], json!(["analytics.read"]));
    assert_eq!((&seen["manifest"]["id"], &seen["failure"]), (&json!("p"), &Value::Null));
    assert_eq!(seen["endpoints"][0]["path"], "/files/*");
    assert!(seen["config_schema"]["properties"]["port"].is_object(), "{seen}");
    let problems = seen["config_problems"].as_array().expect("a list");
    assert!(problems.iter().any(|problem| problem["path"] == "config.port"), "{problems:?}");
    let refuses = admin.post(inspect, body("file:///refuses", json!({}))).await.expect(200);
    assert_eq!(refuses.attributes()["failure"], "refused its configuration");
    let busy = admin.post(inspect, body("file:///busy", json!({}))).await.expect(429);
    assert_eq!(
        (&busy.json["code"], busy.header("retry-after")),
        (&json!("too_many_requests"), "1")
    );
    let missing = admin.post(inspect, body("file:///missing", json!({}))).await.expect(400);
    assert_eq!(missing.details(), ["command: program is missing"]);
    admin.post(inspect, json!({})).await.expect(400);
    let operator = admin.admin_token("op", Operator).await;
    let body = Some(body("file:///p", json!({})));
    admin.call_as(&operator, Method::POST, inspect, body).await.expect(403);
    assert_eq!(admin.get("/api/v1/plugins").await.json["meta"]["total_count"], 0);
    let entries = admin.get("/api/v1/audit?kind=plugin").await.expect(200);
    let entries = entries.json["data"].as_array().expect("a list").clone();
    assert_eq!(entries.len(), 2, "only those that ran: {entries:?}");
    let told = entries[1]["attributes"].clone();
    assert_eq!((&told["operation"], &told["outcome"]), (&json!("inspect_plugin"), &json!("done")));
    assert!(told["detail"].as_str().expect("a text").contains("file:///p was started once"));
}

async fn keeps(admin: &Admin, key: &str, value: &[u8]) {
    admin.store.write(PluginId(1), key, value, None).await.expect("it is kept");
}

fn keys(answer: &Answer) -> Vec<String> {
    let entries = answer.json["data"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["attributes"]["key"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_a_plugin_keeps_is_listed_shown_and_removed() {
    let admin = with_plugin().await;
    let storage = "/api/v1/plugins/1/storage";
    for key in ["user/1", "user/2", "user/3", "other", "ü %\u{0}"] {
        keeps(&admin, key, key.as_bytes()).await;
    }
    keeps(&admin, "bytes", &[0xff, 0]).await;
    let all = admin.get(storage).await.expect(200);
    assert_eq!(keys(&all), ["bytes", "other", "user/1", "user/2", "user/3", "ü %\u{0}"]);
    assert_eq!(
        (&all.json["meta"]["total_keys"], &all.json["meta"]["next_after"]),
        (&json!(6), &Value::Null)
    );
    let first = admin.get(&format!("{storage}?prefix=user/&limit=2")).await.expect(200);
    assert_eq!((keys(&first).len(), &first.json["meta"]["next_after"]), (2, &json!("user/2")));
    let next = admin.get(&format!("{storage}?prefix=user/&limit=2&after=user/2")).await.expect(200);
    assert_eq!(
        (keys(&next), &next.json["meta"]["next_after"]),
        (vec!["user/3".to_owned()], &Value::Null)
    );
    let odd = admin.get(&format!("{storage}/%C3%BC%20%25%00")).await.expect(200);
    assert_eq!(odd.attributes()["text"], "ü %\u{0}");
    let bytes = admin.get(&format!("{storage}/bytes")).await.expect(200);
    let bytes = bytes.attributes();
    assert_eq!(
        (&bytes["value_base64"], &bytes["text"], &bytes["value_bytes"]),
        (&json!("/wA="), &Value::Null, &json!(2))
    );
    admin.delete(&format!("{storage}/user%2F1")).await.expect(204);
    admin.delete(&format!("{storage}/user%2F1")).await.expect(404);
    admin.get(&format!("{storage}/user%2F1")).await.expect(404);
    let entry =
        admin.get("/api/v1/audit?limit=1").await.expect(200).json["data"][0]["attributes"].clone();
    assert_eq!(
        (&entry["operation"], &entry["thing"]["name"]),
        (&json!("delete_plugin_storage"), &json!("a-schema"))
    );
    assert!(entry["detail"].as_str().expect("a text").contains("user/1"), "{entry}");
}

#[tokio::test]
async fn what_a_plugin_keeps_is_for_operators_and_bad_questions_say_why() {
    let admin = with_plugin().await;
    let storage = "/api/v1/plugins/1/storage";
    keeps(&admin, "k", b"v").await;
    let (operator, viewer) =
        (admin.admin_token("op", Operator).await, admin.admin_token("view", Viewer).await);
    for (method, path) in [
        (Method::GET, storage.to_owned()),
        (Method::GET, format!("{storage}/k")),
        (Method::DELETE, format!("{storage}/k")),
    ] {
        admin.call_as(&viewer, method, &path, None).await.expect(403);
    }
    admin.call_as(&operator, Method::GET, storage, None).await.expect(200);
    // Its values may be secrets of others.
    admin.call_as(&operator, Method::GET, &format!("{storage}/k"), None).await.expect(403);
    admin.get(&format!("{storage}/k")).await.expect(200);
    admin.call_as(&operator, Method::DELETE, &format!("{storage}/k"), None).await.expect(204);
    admin.get(&format!("{storage}?limit=0")).await.expect(400);
    let long = "k".repeat(513);
    admin.get(&format!("{storage}/{long}")).await.expect(400);
    admin.get("/api/v1/plugins/9/storage").await.expect(404);
    admin.get("/api/v1/plugins/9/storage/k").await.expect(404);
}

#[tokio::test]
async fn what_waits_for_an_operator_is_gathered_from_what_is_known() {
    let admin = Admin::start().await;
    assert_eq!(admin.get("/api/v1/needs").await.expect(200).json["data"], json!([]));
    admin.plane.approves.store(true, Ordering::Relaxed);
    for (name, command) in [("waits", "file:///w"), ("open", "file:///o")] {
        let plugin = json!({"name": name, "slug": name, "command": command});
        admin.post("/api/v1/plugins", plugin).await.expect(201);
    }
    let approve = json!({"revoke": ["*"]});
    admin.post("/api/v1/plugins/2/public-endpoints", approve).await.expect(200);
    let app = json!({"name": "billing", "owner_email": "a@b"});
    admin.post("/api/v1/apps", app).await.expect(201);
    let token = json!({"name": "ci", "app_id": 1, "expires_in": "2d"});
    admin.post("/api/v1/tokens", token).await.expect(201);
    let viewer = admin.admin_token("view", Viewer).await;
    let needs = admin.call_as(&viewer, Method::GET, "/api/v1/needs", None).await.expect(200).json;
    let needs = needs["data"].as_array().expect("a list");
    let told: Vec<_> = needs.iter().map(|need| need["id"].as_str().expect("an id")).collect();
    assert_eq!(
        told,
        ["plugin_failing-1", "token_expires-1", "scopes_wished-2", "public_endpoint_waits-2"]
    );
    assert_eq!(needs[1]["attributes"]["thing"], json!({"type": "token", "id": "1", "name": "ci"}));
}
