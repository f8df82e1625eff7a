//! Plugins and routes over the admin API.

use crate::harness::Admin;
use reqwest::Method;
use serde_json::{Value, json};
use sidegate_model::plugin::PluginId;

fn body(name: &str, slug: &str) -> Value {
    json!({"name": name, "slug": slug, "command": "file:///opt/plugins/p"})
}

#[tokio::test]
async fn a_plugin_lives_from_its_registration_to_its_deletion() {
    let admin = Admin::start().await;
    let answer = admin
        .post(
            "/api/v1/plugins",
            json!({
                "name": "files", "description": "d", "command": "file:///opt/plugins/files",
                "slug": "files", "config": {"depth": 3}, "options": {"pass_token": "true"},
            }),
        )
        .await
        .expect(201);
    assert_eq!(answer.json["data"]["type"], "plugin");
    assert_eq!(answer.header("location"), "/api/v1/plugins/1");
    let attributes = answer.attributes();
    assert_eq!(attributes["slug"], "files");
    assert_eq!(attributes["config"], json!({"depth": 3, "slug": "files"}));
    assert_eq!(attributes["options"], json!({"pass_token": "true"}));
    assert_eq!(attributes["hook_type"], "custom_endpoint");
    assert_eq!(attributes["hook_types"], json!(["custom_endpoint"]));
    assert_eq!(attributes["is_active"], true);
    assert_eq!(attributes["status"]["state"], "ready");
    assert_eq!(attributes["status"]["pid"], 4711);

    let spec = admin.snapshot().plugins[&PluginId(1)].clone();
    assert!(spec.options.pass_token);

    let changes = json!({"hook_types": ["custom_endpoint", "studio_ui"], "description": "e"});
    let answer = admin.patch("/api/v1/plugins/1", changes).await.expect(200);
    assert_eq!(answer.attributes()["hook_types"], json!(["custom_endpoint", "studio_ui"]));
    assert_eq!(answer.attributes()["config"]["depth"], 3);

    let answer = admin.call(Method::POST, "/api/v1/plugins/1/reload", None).await.expect(200);
    assert_eq!(answer.attributes()["reloads"], 1);
    assert_eq!(admin.snapshot().plugins[&PluginId(1)].reloads, 1);

    let answer = admin.patch("/api/v1/plugins/1", json!({"is_active": false})).await.expect(200);
    assert_eq!(answer.attributes()["status"]["state"], "stopped");
    assert!(admin.snapshot().plugins.is_empty());
    admin.patch("/api/v1/plugins/1", json!({"is_active": true})).await.expect(200);
    assert_eq!(admin.snapshot().plugins.len(), 1);

    let answer = admin.delete("/api/v1/plugins/1").await.expect(204);
    assert_eq!(answer.header("x-sidegate-applied"), "true");
    assert!(admin.snapshot().plugins.is_empty());
    admin.get("/api/v1/plugins/1").await.expect(404);
}

#[tokio::test]
async fn status_and_routes_show_what_the_data_plane_serves() {
    let admin = Admin::start().await;
    admin.post("/api/v1/plugins", body("files", "f")).await.expect(201);
    let status = admin.get("/api/v1/plugins/1/status").await.expect(200);
    assert_eq!(status.json["data"]["id"], "1");
    let attributes = status.attributes();
    assert_eq!(attributes["state"], "ready");
    assert_eq!(attributes["reason"], Value::Null);
    assert_eq!(attributes["warnings"], json!(["runs as root"]));
    assert_eq!(attributes["restarts"], 0);
    assert_eq!(attributes["ready_since"], "2023-11-14T22:13:20.000Z");
    assert_eq!(attributes["endpoints"][0]["path"], "/files/*");

    assert_eq!(attributes["next_start_in_ms"], Value::Null);
    admin.patch("/api/v1/plugins/1", json!({"name": "waits"})).await.expect(200);
    let waits = admin.get("/api/v1/plugins/1/status").await.expect(200);
    let millis = waits.attributes()["next_start_in_ms"].as_u64().unwrap();
    assert!((3_500_000..=3_600_000).contains(&millis), "{millis}");
    admin.patch("/api/v1/plugins/1", json!({"name": "files"})).await.expect(200);

    let routes = admin.get("/api/v1/routes").await.expect(200);
    assert_eq!(routes.json["meta"]["total_count"], 1);
    assert_eq!(
        routes.json["data"][0]["attributes"],
        json!({
            "plugin_id": 1, "plugin": "files", "slug": "f", "path": "/plugins/f/files/*",
            "methods": ["GET", "POST"], "require_auth": true, "scopes_required": [],
            "demanded_by": ["plugin"], "raised": [], "public": null, "stream_response": false, "description": "keeps files", "metadata": {"tier": "gold"}, "state": "ready",
        })
    );
}

#[tokio::test]
async fn the_status_sums_up_what_serves_and_what_failed_last() {
    let admin = Admin::start().await;
    let mut plugin = body("files", "f");
    plugin["options"] = json!({"required": "true", "restart.base": "1s", "env.MODE": "x"});
    admin.post("/api/v1/plugins", plugin).await.expect(201);
    let status = admin.get("/api/v1/plugins/1/status").await.expect(200);
    let attributes = status.attributes();
    assert_eq!((&attributes["required"], &attributes["in_flight"]), (&json!(true), &json!(2)));
    let (serves, failed) = (&attributes["instance"], &attributes["last_failure"]);
    assert_eq!((&serves["pid"], &serves["running"]), (&json!(4711), &json!(true)));
    assert_eq!(
        (&serves["sha256"], &serves["start_duration_ms"]),
        (&json!("ab".repeat(32)), &json!(40))
    );
    assert_eq!((&serves["ended_at"], &serves["signal"]), (&Value::Null, &Value::Null));
    assert_eq!((&failed["pid"], &failed["in_flight"]), (&json!(4710), &json!(3)));
    assert_eq!((&failed["signal"], &failed["signal_name"]), (&json!(9), &json!("SIGKILL")));
    assert_eq!((&failed["exit_code"], &failed["out_of_memory"]), (&Value::Null, &Value::Null));
    assert_eq!((&failed["uptime_ms"], &failed["in_order"]), (&json!(500), &json!(false)));
    assert_eq!(failed["ended_at"], "2023-11-14T22:13:20.500Z");
    assert_eq!(failed.get("lines"), None);
}

#[tokio::test]
async fn records_come_newest_first_with_as_many_lines_as_asked_for() {
    let admin = Admin::start().await;
    admin.post("/api/v1/plugins", body("files", "f")).await.expect(201);
    let records = admin.get("/api/v1/plugins/1/records").await.expect(200);
    assert_eq!(records.json["meta"]["total_count"], 2);
    assert_eq!(records.json["data"][0]["attributes"]["running"], true);
    let lines = &records.json["data"][1]["attributes"]["lines"];
    assert_eq!(lines.as_array().unwrap().len(), 200);
    let line = json!({
        "number": 199, "at": "2023-11-14T22:13:20.000Z", "stream": "stderr", "level": "error",
        "message": "line 199 \u{1b}[31m", "fields": {"n": 1},
    });
    assert_eq!(lines[199], line);
    let records = admin.get("/api/v1/plugins/1/records?lines=1").await.expect(200);
    assert_eq!(records.json["data"][1]["attributes"]["lines"], json!([line]));
    for bad in ["lines=201", "lines=x", "lins=1"] {
        admin.get(&format!("/api/v1/plugins/1/records?{bad}")).await.expect(400);
    }
    admin.get("/api/v1/plugins/2/records").await.expect(404);
}

#[tokio::test]
async fn options_are_checked_when_they_are_saved() {
    let admin = Admin::start().await;
    let mut plugin = body("files", "f");
    plugin["options"] = json!({
        "env.LD_PRELOAD": "x.so", "restart.base": "soon", "restart.max": "1s", "odd": "1",
    });
    let answer = admin.post("/api/v1/plugins", plugin).await.expect(400);
    let details = answer.details().join("\n");
    for word in ["env.LD_PRELOAD", "restart.base", "as in 300ms", "\"odd\" is unknown", "env.NAME"]
    {
        assert!(details.contains(word), "{word} in {details}");
    }
    admin.post("/api/v1/plugins", body("files", "f")).await.expect(201);
    let change = json!({"options": {"drain_deadline": "0s", "ping_interval": "250ms"}});
    admin.patch("/api/v1/plugins/1", change).await.expect(200);
    let options = &admin.snapshot().plugins[&PluginId(1)].options.clone();
    assert_eq!(options.drain_deadline, Some(std::time::Duration::ZERO));
    assert_eq!(options.ping_interval, Some(std::time::Duration::from_millis(250)));
}

#[tokio::test]
async fn a_taken_name_or_slug_is_409_and_says_who_has_it() {
    let admin = Admin::start().await;
    admin.post("/api/v1/plugins", body("first", "s")).await.expect(201);
    let answer = admin.post("/api/v1/plugins", body("second", "s")).await.expect(409);
    assert!(answer.details()[0].contains("\"s\" is taken by plugin 1 (\"first\")"));
    let answer = admin.post("/api/v1/plugins", body("first", "t")).await.expect(409);
    assert!(answer.details()[0].contains("\"first\" is taken by plugin 1"));
    admin.post("/api/v1/plugins", body("second", "t")).await.expect(201);
    let answer = admin.patch("/api/v1/plugins/2", json!({"slug": "s"})).await.expect(409);
    assert!(answer.details()[0].contains("first"));
    assert_eq!(admin.snapshot().plugins[&PluginId(2)].slug.as_ref().unwrap().as_str(), "t");
}

#[tokio::test]
async fn a_slug_beside_the_configuration_must_not_contradict_it() {
    let admin = Admin::start().await;
    let two = json!({"name": "a", "command": "/p", "slug": "x", "config": {"slug": "y"}});
    let answer = admin.post("/api/v1/plugins", two).await.expect(400);
    assert!(answer.details()[0].contains("config.slug"));
    let same = json!({"name": "a", "command": "/p", "slug": "x", "config": {"slug": "x"}});
    admin.post("/api/v1/plugins", same).await.expect(201);
    let answer = admin.patch("/api/v1/plugins/1", json!({"slug": "z"})).await.expect(200);
    assert_eq!(answer.attributes()["config"], json!({"slug": "z"}));
    let answer = admin.patch("/api/v1/plugins/1", json!({"slug": ""})).await.expect(200);
    assert_eq!(answer.attributes()["slug"], Value::Null);
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let admin = Admin::start().await;
    let bad = json!({
        "command": "relative", "config": {"slug": "No Slug"}, "options": {"odd": "1"},
        "hook_type": "nonsense", "checksum": "abc", "namespace": "No Name",
    });
    let answer = admin.post("/api/v1/plugins", bad).await.expect(400);
    let details = answer.details().join("\n");
    for field in
        ["name:", "command:", "config.slug:", "options:", "hook_types:", "checksum:", "namespace:"]
    {
        assert!(details.contains(field), "{field} in {details}");
    }
    let number = json!({"name": "42", "command": "file:///p"});
    let answer = admin.post("/api/v1/plugins", number).await.expect(400);
    assert!(answer.details()[0].contains("tell it from an id"), "{:?}", answer.details());
    assert_eq!(admin.snapshot().revision, 0);
}

#[tokio::test]
async fn fields_of_existing_clients_pass_while_they_say_nothing() {
    let admin = Admin::start().await;
    let reference = json!({
        "name": "a", "command": "/p", "description": "", "checksum": "", "namespace": "",
        "oci_reference": "", "load_immediately": true, "hook_types_customized": false,
        "hook_type": "custom_endpoint", "hook_types": [], "config": null, "is_active": true,
    });
    let answer = admin.post("/api/v1/plugins", reference).await.expect(201);
    assert_eq!(answer.attributes()["hook_types"], json!(["custom_endpoint"]));
    let wrapped = json!({"data": {"type": "plugins", "attributes": {"description": "w"}}});
    let answer = admin.patch("/api/v1/plugins/1", wrapped).await.expect(200);
    assert_eq!(answer.attributes()["description"], "w");
}

#[tokio::test]
async fn lists_are_paged_filtered_and_found_by_name() {
    let admin = Admin::start().await;
    for i in 1..=5 {
        let mut plugin = body(&format!("p{i}"), &format!("s{i}"));
        plugin["is_active"] = json!(i % 2 == 1);
        plugin["hook_types"] = json!(if i == 4 { vec!["agent"] } else { vec![] });
        admin.post("/api/v1/plugins", plugin).await.expect(201);
    }
    let names = async |query: &str| {
        let answer = admin.get(&format!("/api/v1/plugins{query}")).await.expect(200);
        let data = answer.json["data"].as_array().unwrap();
        let name = |plugin: &Value| plugin["attributes"]["name"].as_str().unwrap().to_owned();
        (data.iter().map(name).collect::<Vec<_>>().join(","), answer.json["meta"].clone())
    };
    let meta = |count: u32, pages: u32, size: u32, number: u32| json!({"total_count": count, "total_pages": pages, "page_size": size, "page_number": number});
    assert_eq!(names("").await, ("p1,p2,p3,p4,p5".to_owned(), meta(5, 1, 20, 1)));
    assert_eq!(names("?page=3&limit=2").await, ("p5".to_owned(), meta(5, 3, 2, 3)));
    assert_eq!(names("?page=4&limit=2").await, (String::new(), meta(5, 3, 2, 4)));
    assert_eq!(names("?page=4294967295&limit=100").await.0, "");
    assert_eq!(names("?is_active=true").await.0, "p1,p3,p5");
    assert_eq!(names("?hook_type=agent").await.0, "p4");
    assert_eq!(names("?name=p2").await, ("p2".to_owned(), meta(1, 1, 20, 1)));
    assert_eq!(names("?name=p2&is_active=true").await, (String::new(), meta(0, 0, 20, 1)));
    assert_eq!(names("?name=nobody").await.0, "");
}
