//! Pages of plugins over HTTP: shapes, roles, headers, bounds, and what the audit log has of them.

use crate::harness::{ADMIN_TOKEN, Admin, Answer};
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::role::Role;
use std::time::Instant;

async fn with_plugin(name: &str) -> (Admin, String) {
    let admin = Admin::start().await;
    let hooks = json!(["custom_endpoint", "studio_ui"]);
    let body = json!({"name": name, "command": "file:///p", "hook_types": hooks});
    let id = admin.post("/api/v1/plugins", body).await.expect(201).id();
    (admin, format!("/api/v1/plugins/{id}"))
}

async fn called(admin: &Admin, path: &str, body: Option<Value>) -> Answer {
    admin.call(Method::POST, path, body).await
}

#[tokio::test]
async fn a_page_is_shown_with_all_that_draws_it_or_with_why_it_is_closed() {
    let (admin, path) = with_plugin("page").await;
    let pages = admin.get(&format!("{path}/pages")).await.expect(200).json;
    let mut expected = json!({
        "slot": "sidebar.section", "label": "Page", "icon": "", "path": "/admin/page",
        "title": "Page", "kind": "webc", "tag": "a-page", "entry": "/ui/page.js", "props": {},
        "closed": null, "notice": null,
    });
    let page = &pages["data"][0];
    assert_eq!((&page["type"], &page["attributes"]), (&json!("plugin-page"), &expected));
    let viewer = admin.admin_token("v", Role::Viewer).await;
    let seen =
        admin.call_as(&viewer, Method::GET, &format!("{path}/pages"), None).await.expect(200);
    let mut seen = seen.json["data"][0]["attributes"].clone();
    let closed = seen["closed"].take();
    assert!(closed.as_str().unwrap().contains("needs the role operator"), "{closed}");
    expected["closed"].take();
    assert_eq!(seen, expected);
    admin.patch(&path, json!({"is_active": false})).await.expect(200);
    assert!(closed_of(&admin, &path).await.contains("switched off"));
    called(&admin, &format!("{path}/rpc/x"), Some(json!({}))).await.expect(409);
    admin.patch(&path, json!({"name": "away", "is_active": true})).await.expect(200);
    assert_eq!(closed_of(&admin, &path).await, "program /p is missing");
    admin
        .patch(&path, json!({"name": "away", "hook_types": ["custom_endpoint"]}))
        .await
        .expect(200);
    assert_eq!(admin.get(&format!("{path}/pages")).await.expect(200).json["data"], json!([]));
}

#[tokio::test]
async fn viewers_get_no_last_words_of_a_plugin() {
    let (admin, path) = with_plugin("crashes").await;
    let operator = admin.admin_token("o", Role::Operator).await;
    let viewer = admin.admin_token("v", Role::Viewer).await;
    let closed = async |token: &str| {
        let pages = admin.call_as(token, Method::GET, &format!("{path}/pages"), None).await;
        pages.expect(200).json["data"][0]["attributes"]["closed"].clone()
    };
    assert_eq!(closed(&operator).await, "it ended: its last words were dsn=4711");
    let told = closed(&viewer).await;
    assert_eq!(told, "its process beside the console failed; why is shown to operators");
}

async fn closed_of(admin: &Admin, path: &str) -> String {
    let pages = admin.get(&format!("{path}/pages")).await.expect(200).json;
    pages["data"][0]["attributes"]["closed"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn registry_and_menu_have_the_shapes_of_the_existing_system() {
    let (admin, _) = with_plugin("page").await;
    let registry = admin.get("/api/v1/plugins/ui-registry").await.expect(200).json;
    let row = &registry["data"][0];
    assert_eq!((&row["plugin_id"], &row["component_tag"]), (&json!(1), &json!("a-page")));
    assert_eq!((&row["route_pattern"], &row["scope"]), (&json!("/admin/page"), &json!("admin")));
    assert_eq!(row["mount_config"]["kind"], "webc");
    let menu = admin.get("/api/v1/plugins/sidebar-menu").await.expect(200).json;
    let section = &menu["data"][0];
    assert_eq!((&section["id"], &section["label"]), (&json!("plugin_1"), &json!("Page")));
    assert_eq!(section["sub_items"][0]["id"], "plugin_1_a-page");
}

#[tokio::test]
async fn a_file_of_a_page_can_do_nothing_by_itself_and_is_for_operators() {
    let (admin, path) = with_plugin("page").await;
    for address in
        [format!("{path}/assets/ui/page.html"), "/api/v1/plugins/assets/1/ui/page.html".into()]
    {
        let answer = admin.request(Method::GET, &address).bearer_auth(ADMIN_TOKEN);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{address}");
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-security-policy"), "sandbox; default-src 'none'");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-disposition"), "attachment");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("content-type"), "text/html");
        assert_eq!(answer.text().await.unwrap(), "<script>alert(1)</script>");
    }
    for (file, kind) in
        [("ui/deep/page.js", "text/javascript"), ("ui/odd", "application/octet-stream")]
    {
        let request = admin.request(Method::GET, &format!("{path}/assets/{file}"));
        let answer = request.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &kind.parse().unwrap())
        );
    }
    admin.get(&format!("{path}/assets/nope.js")).await.expect(404);
    admin.get("/api/v1/plugins/9/assets/x").await.expect(404);
    let viewer = admin.admin_token("v", Role::Viewer).await;
    admin
        .call_as(&viewer, Method::GET, &format!("{path}/assets/ui/page.html"), None)
        .await
        .expect(403);
}

#[tokio::test]
async fn a_path_that_leads_out_of_a_folder_never_gets_to_the_plugin() {
    let (admin, path) = with_plugin("page").await;
    for file in [
        "..%2f..%2fetc%2fpasswd",
        "ui%2f..%2f..%2fx",
        "ui%2f%2e%2e",
        "%2e%2fx%2f..",
        "ui%5c..%5cx",
        "a%5cb",
        "a%00b..",
    ] {
        for address in [format!("{path}/assets/{file}"), format!("/api/v1/plugins/assets/1/{file}")]
        {
            let refused = admin.get(&address).await.expect(404);
            assert_eq!(refused.details(), ["no file has such a path"], "{address}");
        }
    }
    // Two dots in a name lead nowhere.
    let answer = admin.request(Method::GET, &format!("{path}/assets/ui/a..b"));
    assert_eq!(answer.bearer_auth(ADMIN_TOKEN).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn one_user_fetches_fifty_files_a_second_and_another_one_as_many() {
    let (admin, path) = with_plugin("page").await;
    let operator = admin.admin_token("o", Role::Operator).await;
    let file = format!("{path}/assets/none");
    let (begun, mut asked, mut is_refused) = (Instant::now(), 0, false);
    while !is_refused && asked < 1000 {
        is_refused = admin.get(&file).await.status == 429;
        asked += 1;
    }
    // A machine that does not get there in time never meets the bound.
    let fast = f64::from(asked) > 60.0 * begun.elapsed().as_secs_f64();
    assert!(is_refused || !fast, "{asked} files in a row were all fetched");
    admin.call_as(&operator, Method::GET, &file, None).await.expect(404);
    called(&admin, &format!("{path}/rpc/x"), None).await.expect(200);
}

#[tokio::test]
async fn a_question_of_a_page_gets_the_plugins_answer_or_its_own_words() {
    let (admin, path) = with_plugin("page").await;
    let rpc = |method: &str| format!("{path}/rpc/{method}");
    let answer = called(&admin, &rpc("get"), Some(json!({"a": 1}))).await.expect(200);
    assert_eq!(answer.json, json!({"data": {"payload": "{\"a\":1}", "user": "root"}}));
    let answer =
        admin.post_text(&rpc("get"), "application/json", "no json".into()).await.expect(200);
    assert_eq!(answer.json["data"]["payload"], "{}");
    assert_eq!(
        called(&admin, &rpc("text"), None).await.expect(200).json,
        json!({"data": "no json"})
    );
    let failed = called(&admin, &rpc("fail"), Some(json!({}))).await.expect(502);
    assert_eq!(failed.json["errors"][0]["detail"], "slug is required");
    assert_eq!(
        (&failed.json["code"], failed.json["errors"][0]["title"].is_string()),
        (&json!("plugin_failed"), true)
    );
    let paused = called(&admin, &rpc("pause"), None).await.expect(503);
    assert_eq!(paused.header("retry-after"), "3");
    let large = json!({"a": "x".repeat(1024 * 1024)});
    called(&admin, &rpc("get"), Some(large)).await.expect(413);
    let viewer = admin.admin_token("v", Role::Viewer).await;
    admin.call_as(&viewer, Method::POST, &rpc("get"), Some(json!({}))).await.expect(403);
}

#[tokio::test]
async fn the_audit_log_has_plugin_and_method_and_never_what_was_said() {
    let (admin, path) = with_plugin("page").await;
    called(&admin, &format!("{path}/rpc/save"), Some(json!({"pin": "4711-0815"})))
        .await
        .expect(200);
    let entries = admin.get("/api/v1/audit?limit=1").await.expect(200).json;
    let entry = &entries["data"][0]["attributes"];
    assert_eq!(
        (&entry["operation"], &entry["thing"]["name"]),
        (&json!("call_plugin"), &json!("page"))
    );
    assert!(entry["detail"].as_str().unwrap().contains("\"save\""), "{entry}");
    assert!(!entries.to_string().contains("4711"), "{entries}");
}

#[tokio::test]
async fn one_user_asks_ten_things_a_second_and_another_one_as_many() {
    let (admin, path) = with_plugin("page").await;
    let operator = admin.admin_token("o", Role::Operator).await;
    let rpc = format!("{path}/rpc/x");
    let mut refused = 0;
    for _ in 0..60 {
        let answer = called(&admin, &rpc, None).await;
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), "1");
            refused += 1;
        }
    }
    assert!(refused > 0, "60 calls in a row were all taken");
    admin.call_as(&operator, Method::POST, &rpc, Some(json!({}))).await.expect(200);
}

#[tokio::test]
async fn a_program_says_what_it_is_in_the_shape_of_the_existing_system() {
    let (admin, path) = with_plugin("page").await;
    let validate = format!("{path}/validate-and-load");
    // The fake program names no hook.
    let answer = admin.post(&validate, json!({})).await.expect(400);
    assert!(answer.details()[0].contains("names no hook"), "{:?}", answer.details());
    let missing = json!({"command": "file:///missing"});
    admin.post(&validate, missing).await.expect(400);
    admin.post("/api/v1/plugins/9/validate-and-load", json!({})).await.expect(404);
}
