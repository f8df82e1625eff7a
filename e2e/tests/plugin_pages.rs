//! A plugin's own page, as far as the gateway has to do with it: files, questions, what the plugin may change by itself, and
//! whatever else its process may do.

use serde_json::{Value, json};
use sidegate_e2e::{Gateway, Plugin, eventually, long_story, story};
use std::time::{Duration, Instant};

const IDLE: &str = "SIDEGATE_PLUGIN_PAGE_IDLE_TIMEOUT";
pub(crate) const PROGRAM: &str = "e2e-plugin-beside";

/// A gateway with the plugin that has a page, which may change its own configuration.
pub(crate) async fn with_page(scopes: &[&str], settings: &[(&str, &str)]) -> (Gateway, Plugin) {
    let builder = Gateway::builder();
    let gateway = settings.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    let gateway = gateway.start().await;
    let plugin = gateway.plugin("page").program(PROGRAM).config("content", "first").ready().await;
    for scope in scopes {
        gateway
            .admin()
            .post(&format!("plugins/{}/grant", plugin.id), &json!({"scope": scope}))
            .await;
    }
    (gateway, plugin)
}

/// Asks a plugin what its page would; gives the answer.
pub(crate) async fn ask(gateway: &Gateway, plugin: &Plugin, method: &str, payload: Value) -> Value {
    gateway.admin().post(&format!("plugins/{}/rpc/{method}", plugin.id), &payload).await
}

async fn refused(gateway: &Gateway, plugin: &Plugin, method: &str) -> (u16, String) {
    let path = format!("plugins/{}/rpc/{method}", plugin.id);
    gateway.admin().refused("POST", &path, &json!({})).await
}

async fn served(gateway: &Gateway) -> String {
    gateway.get("/plugins/page/x").send().await.expect(200).text().to_owned()
}

#[test]
fn what_a_page_asks_its_plugin_can_be_asked_by_the_command_line() {
    story(async {
        let (gateway, _plugin) = with_page(&[], &[]).await;
        let asked = gateway.cli().ok(&["plugin", "call", "page", "get_config"]).await;
        let answer: Value = serde_json::from_str(&asked).unwrap();
        assert_eq!(answer["content"], "first", "{asked}");
        let failed = gateway.cli().run(&["plugin", "call", "page", "no_such", "{}"]).await;
        assert_ne!(failed.code, Some(0), "{failed:?}");
        let wrong = gateway.cli().run(&["plugin", "call", "page", "get_config", "[1]"]).await;
        assert!(wrong.stderr.contains("no JSON object"), "{wrong:?}");
    });
}

#[test]
fn a_page_is_shown_its_files_are_fetched_and_its_questions_answered() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let admin = gateway.admin();
        let pages = admin.get(&format!("plugins/{}/pages", plugin.id)).await;
        let page = &pages[0]["attributes"];
        assert_eq!((&page["tag"], &page["props"]), (&json!("e2e-page"), &json!({"n": 1})));
        assert_eq!(page["closed"], Value::Null, "{pages}");
        let token = format!("Bearer {}", admin.token());
        let headers = [("authorization", token.as_str())];
        let path = format!("plugins/{}/assets{}", plugin.id, page["entry"].as_str().unwrap());
        let script = admin.call_with(&headers, "GET", &path, None).await;
        assert!(script.text().contains("customElements.define"));
        assert_eq!(script.header("content-type"), Some("text/javascript"));
        let path = format!("plugins/assets/{}/ui/page.html", plugin.id);
        let html = admin.call_with(&headers, "GET", &path, None).await;
        assert_eq!(html.header("content-security-policy"), Some("sandbox; default-src 'none'"));
        let missing = format!("plugins/{}/assets/nope.js", plugin.id);
        let (status, told) = admin.call("GET", &missing, None).await;
        assert!(status == 404 && told["error"].as_str().unwrap().contains("/nope.js"), "{told}");

        let answer = ask(&gateway, &plugin, "get_config", json!({})).await;
        assert_eq!((&answer["content"], &answer["runtime"]), (&json!("first"), &json!("studio")));
        assert_eq!(answer["asked_for_endpoints"], false);
        assert_eq!(answer["keys"], json!([plugin.id.to_string(), "1", "true"]));
        assert_ne!(answer["pid"], plugin.pid().await, "a process of its own");
        assert_eq!(ask(&gateway, &plugin, "text", json!({})).await, "no json");
        let (status, told) = refused(&gateway, &plugin, "fail").await;
        assert_eq!((status, told.as_str()), (502, "slug is required"));

        let registry = admin.get("plugins/ui-registry").await;
        assert_eq!(registry[0]["component_tag"], "e2e-page", "{registry}");
        let menu = admin.get("plugins/sidebar-menu").await;
        assert_eq!(menu[0]["sub_items"][0]["text"], "Editor", "{menu}");
        let seen =
            admin.post(&format!("plugins/{}/validate-and-load", plugin.id), &json!({})).await;
        assert_eq!(seen["attributes"]["status"], "scopes_pending", "{seen}");
        let schema = admin.get(&format!("plugins/{}/config-schema", plugin.id)).await;
        assert!(schema["attributes"]["schema"]["properties"]["limit"].is_object(), "{schema}");
    });
}

#[test]
fn saved_content_is_served_by_the_next_request_also_after_the_process_was_idle() {
    story(async {
        let (gateway, plugin) = with_page(&["plugins.write"], &[(IDLE, "300ms")]).await;
        plugin
            .change(&json!({"config": {"slug": "page", "content": "first", "api_token": "t-4711"}}))
            .await;
        let begun = Instant::now();
        let saved =
            ask(&gateway, &plugin, "save_config", json!({"slug": "page", "content": "second"}))
                .await;
        assert_eq!(saved["success"], true, "{saved}");
        assert_eq!(served(&gateway).await, "second", "{saved}");
        assert!(begun.elapsed() < Duration::from_secs(10));
        let page = ask(&gateway, &plugin, "get_config", json!({})).await;
        assert_eq!(page["content"], "second", "its page knows, too");
        // It ends once nobody asks, and the one that serves stays.
        let pid = plugin.pid().await;
        eventually("one process is left", async || {
            (gateway.plugin_pids().len() == 1).then_some(())
        })
        .await;
        assert_eq!(plugin.pid().await, pid);
        let saved = ask(&gateway, &plugin, "save_config", json!({"content": "third"})).await;
        assert_eq!((&saved["success"], served(&gateway).await.as_str()), (&json!(true), "third"));
        // Nothing else was lost, and everybody sees who did it, for whom.
        let shown = gateway.admin().get(&format!("plugins/{}", plugin.id)).await;
        assert!(
            shown["attributes"]["config"]["api_token"].is_object(),
            "a secret stays one: {shown}"
        );
        let audit = gateway.admin().get("audit?limit=3").await;
        let changed = audit
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["attributes"]["operation"] == "update_plugin_config");
        let changed = &changed.expect("the change has an entry")["attributes"];
        assert_eq!(
            (&changed["actor"], &changed["fields"]),
            (&json!("plugin:page for root"), &json!(["config.content"])),
            "{changed}"
        );
        let history = gateway.admin().get("revisions?limit=1").await;
        assert_eq!(history[0]["attributes"]["author"], "plugin:page for root", "{history}");
    });
}

#[test]
fn of_two_who_change_the_same_at_once_one_is_told_and_nothing_is_lost() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("page").program("e2e-plugin-page").ready().await;
        let grant = format!("plugins/{}/grant", plugin.id);
        gateway.admin().post(&grant, &json!({"scope": "plugins.write"})).await;
        plugin.change(&json!({"config": {"slug": "page", "names": ["a"], "content": "x"}})).await;
        let add = async |expected: Value, names: Value| {
            let asked = json!({"expected": {"names": expected}, "change": {"names": names}});
            let path = format!("plugins/{}/rpc/save_config_if", plugin.id);
            gateway.admin().call("POST", &path, Some(&asked)).await
        };
        let names = async || {
            let shown = gateway.admin().get(&format!("plugins/{}", plugin.id)).await;
            shown["attributes"]["config"]["names"].clone()
        };
        // Both have read the same list.
        let both = tokio::join!(
            add(json!(["a"]), json!(["a", "b"])),
            add(json!(["a"]), json!(["a", "c"]))
        );
        let (saved, refused) = match both.0.0 {
            200 => (both.0, both.1),
            _ => (both.1, both.0),
        };
        assert_eq!(saved.0, 200, "{saved:?} {refused:?}");
        assert_ne!(refused.0, 200, "{saved:?} {refused:?}");
        assert!(refused.1.to_string().contains("changed meanwhile"), "{refused:?}");
        let now = names().await;
        assert!(now == json!(["a", "b"]) || now == json!(["a", "c"]), "{now}");
        // Whoever looks again loses nothing of the other one's; what an operator saves counts as well.
        plugin.change(&json!({"config": {"slug": "page", "names": ["z"], "content": "x"}})).await;
        assert_ne!(add(now.clone(), json!([])).await.0, 200);
        assert_eq!(names().await, json!(["z"]));
        assert_eq!(add(json!(["z"]), json!(["z", "d"])).await.0, 200);
        assert_eq!(names().await, json!(["z", "d"]));
        assert_ne!(add(Value::Null, json!(["e"])).await.0, 200, "it is there");
    });
}

#[test]
fn what_is_saved_for_a_user_who_went_away_is_never_said_to_be_for_another() {
    story(async {
        let (gateway, plugin) = with_page(&["plugins.write"], &[]).await;
        let admin = gateway.admin();
        let other = gateway
            .cli()
            .ok(&["admin-token", "create", "o", "--role", "operator", "--quiet"])
            .await;
        admin.keep_secret(other.trim());
        ask(&gateway, &plugin, "get_config", json!({})).await;
        let path = format!("plugins/{}/rpc/save_after_a_while", plugin.id);
        let payload = json!({"content": "late"});
        let gone = admin.call("POST", &path, Some(&payload));
        tokio::time::timeout(Duration::from_secs(1), gone).await.unwrap_err();
        let path = format!("plugins/{}/rpc/hang", plugin.id);
        let hang = json!({});
        let hangs = admin.call_as(Some(other.trim()), "POST", &path, Some(&hang));
        let saved =
            eventually("it is saved", async || (served(&gateway).await == "late").then_some(()));
        tokio::select! {
            answer = hangs => panic!("{answer:?}"),
            () = saved => {}
        }
        let history = admin.get("revisions?limit=1").await;
        assert_eq!(history[0]["attributes"]["author"], "plugin:page", "{history}");
    });
}

#[test]
fn the_process_beside_the_console_ends_with_what_it_was_started_for() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let admin = gateway.admin();
        let beside = async || {
            let answer = ask(&gateway, &plugin, "get_config", json!({})).await;
            u32::try_from(answer["pid"].as_u64().unwrap()).unwrap()
        };
        let ended = async |pid: u32| {
            eventually("it ended", async || (!gateway.plugin_pids().contains(&pid)).then_some(()))
                .await;
        };
        let first = beside().await;
        assert!(gateway.plugin_pids().contains(&first));
        let config = json!({"slug": "page", "content": "other"});
        plugin.change(&json!({ "config": config })).await;
        ended(first).await;
        let second = beside().await;
        plugin.change(&json!({"is_active": false})).await;
        ended(second).await;
        plugin.change(&json!({"is_active": true})).await;
        let third = beside().await;
        assert!(gateway.plugin_pids().contains(&third));
        admin.delete(&format!("plugins/{}", plugin.id)).await;
        ended(third).await;
        assert_eq!(gateway.plugin_pids(), Vec::<u32>::new());
    });
}

#[test]
fn processes_that_hang_do_not_pile_up_however_often_they_are_replaced() {
    story(async {
        let (gateway, plugin) = with_page(&["plugins.write"], &[]).await;
        let admin = gateway.admin();
        let path = format!("plugins/{}/rpc/hang", plugin.id);
        let nothing = json!({});
        for n in 0..6 {
            let hang = admin.call("POST", &path, Some(&nothing));
            tokio::time::timeout(Duration::from_millis(300), hang).await.unwrap_err();
            let content = json!({"content": format!("n{n}")});
            assert_eq!(ask(&gateway, &plugin, "save_config", content).await["success"], true);
        }
        // One that serves, one for the page, and two that finish what they are asked.
        eventually("few are left", async || (gateway.plugin_pids().len() <= 4).then_some(())).await;
    });
}

#[test]
fn a_plugin_changes_only_what_is_its_own_to_change() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let save = async |payload: Value| {
            let path = format!("plugins/{}/rpc/save_config", plugin.id);
            gateway.admin().call("POST", &path, Some(&payload)).await
        };
        let (status, told) = save(json!({"content": "x"})).await;
        let words = told["error"].as_str().unwrap();
        assert!(status == 502 && words.contains("insufficient scope: plugins.write"), "{told}");
        assert!(words.contains("sidegate plugin grant page plugins.write"), "{told}");
        gateway
            .admin()
            .post(&format!("plugins/{}/grant", plugin.id), &json!({"scope": "plugins.config"}))
            .await;
        for (payload, named) in [
            (json!({"slug": "other"}), "config.slug"),
            (json!({"limit": 7}), "x-admin"),
            (json!({"content": "x".repeat(41)}), "config.content"),
        ] {
            let (status, told) = save(payload.clone()).await;
            assert!(
                status == 502 && told["error"].as_str().unwrap().contains(named),
                "{payload}: {told}"
            );
        }
        let (status, told) = refused(&gateway, &plugin, "save_other").await;
        assert!(status == 502 && told.contains("its own configuration only"), "{told}");
        assert_eq!(served(&gateway).await, "first");
        let (status, answer) = save(json!({"content": "new", "limit": null})).await;
        assert_eq!((status, &answer["data"]["success"]), (200, &json!(true)), "{answer}");
        let (_, told) = refused(&gateway, &plugin, "tools").await;
        assert!(told.contains("ListTools is not offered"), "{told}");
        let (_, told) = refused(&gateway, &plugin, "plugins").await;
        assert!(told.contains("plugins.read"), "{told}");
    });
}

#[test]
fn what_would_not_serve_is_said_and_what_served_goes_on() {
    story(async {
        let (gateway, plugin) = with_page(&["plugins.write"], &[]).await;
        let saved = ask(&gateway, &plugin, "save_config", json!({"content": "bad"})).await;
        assert_eq!(saved["success"], false, "{saved}");
        assert!(
            saved["message"].as_str().unwrap().contains("content is bad on purpose"),
            "{saved}"
        );
        assert_eq!(served(&gateway).await, "first");
        let saved = ask(&gateway, &plugin, "save_config", json!({"content": "good"})).await;
        assert_eq!((&saved["success"], served(&gateway).await.as_str()), (&json!(true), "good"));
    });
}

#[test]
fn a_page_that_saved_what_its_own_plugin_refuses_can_be_opened_and_take_it_back() {
    story(async {
        let (gateway, plugin) = with_page(&["plugins.write"], &[]).await;
        let admin = gateway.admin();
        let page = async || {
            let pages = admin.get(&format!("plugins/{}/pages", plugin.id)).await;
            pages[0]["attributes"].clone()
        };
        let viewer =
            gateway.cli().ok(&["admin-token", "create", "v", "--role", "viewer", "--quiet"]).await;
        let viewer = viewer.trim().to_owned();
        admin.keep_secret(&viewer);
        let bad = [
            (json!({"content": "worse"}), false, "content is bad on purpose"),
            // Gateways take this one.
            (json!({"beside": "crash"}), true, "no page today"),
        ];
        for (change, serves, words) in bad {
            let saved = ask(&gateway, &plugin, "save_config", change.clone()).await;
            assert_eq!(saved["success"], serves, "{saved}");
            // It is there, and what is told of it is true: what is stored, and by what the page is answered.
            let open = page().await;
            assert_eq!(
                (&open["tag"], &open["closed"]),
                (&json!("e2e-page"), &Value::Null),
                "{open}"
            );
            let notice = open["notice"].as_str().unwrap_or_default();
            assert!(
                notice.contains("configuration that is stored") && notice.contains(words),
                "{open}"
            );
            let path = format!("plugins/{}/pages", plugin.id);
            let (_, seen) = admin.call_as(Some(&viewer), "GET", &path, None).await;
            assert!(!seen.to_string().contains(words), "{seen}");
            let stored = admin.get(&format!("plugins/{}", plugin.id)).await;
            let (name, value) = change.as_object().unwrap().iter().next().unwrap();
            assert_eq!(&stored["attributes"]["config"][name], value, "{stored}");
            assert_eq!(ask(&gateway, &plugin, "get_config", json!({})).await["content"], "first");
            assert_eq!(served(&gateway).await, "first");
            let back = json!({"content": "first", "beside": null});
            let saved = ask(&gateway, &plugin, "save_config", back).await;
            assert_eq!(saved["success"], true, "{saved}");
            ask(&gateway, &plugin, "get_config", json!({})).await;
            assert_eq!(page().await["notice"], Value::Null);
        }
    });
}

#[test]
fn a_page_keeps_what_its_plugin_keeps() {
    story(async {
        let (gateway, plugin) = with_page(&["kv.readwrite", "plugins.read"], &[]).await;
        assert_eq!(ask(&gateway, &plugin, "set", json!({"value": "v"})).await["created"], true);
        assert_eq!(ask(&gateway, &plugin, "get", json!({})).await["value"], "v");
        let kept = gateway.admin().get(&format!("plugins/{}/storage/k", plugin.id)).await;
        assert_eq!(kept["attributes"]["text"], "v", "{kept}");
        assert_eq!(ask(&gateway, &plugin, "plugins", json!({})).await, json!(["page"]));
    });
}

#[test]
fn a_page_that_hangs_crashes_or_says_too_much_hurts_nobody() {
    long_story(Duration::from_secs(100), async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let hang = format!("plugins/{}/assets/ui/hang", plugin.id);
        let hangs = async { gateway.admin().call("GET", &hang, None).await };
        let others = async {
            let answer = ask(&gateway, &plugin, "get_config", json!({})).await;
            assert_eq!(answer["content"], "first", "one that hangs holds up no other");
            assert_eq!(served(&gateway).await, "first");
        };
        let ((status, told), ()) = tokio::join!(hangs, others);
        assert!(status == 502 && told["error"].as_str().unwrap().contains("within 10s"), "{told}");
        let (status, told) = refused(&gateway, &plugin, "large").await;
        assert!(status == 502 && told.contains("too large"), "{told}");
        let path = format!("plugins/{}/assets/ui/large", plugin.id);
        let (status, told) = gateway.admin().call("GET", &path, None).await;
        assert!(status == 502 && told["error"].as_str().unwrap().contains("too large"), "{told}");
        let (status, told) = refused(&gateway, &plugin, "crash").await;
        assert!(status == 502 && told.contains("the last words of the page"), "{told}");
        // The first crash costs nothing; then it takes its time.
        assert_eq!(ask(&gateway, &plugin, "get_config", json!({})).await["content"], "first");
        let post = async |method: &str| {
            let path = format!("plugins/{}/rpc/{method}", plugin.id);
            let (status, told) = gateway.admin().call("POST", &path, Some(&json!({}))).await;
            (status, told.to_string())
        };
        let told = eventually("it takes its time, the longer the oftener it crashes", async || {
            post("crash").await;
            let (status, told) = post("get_config").await;
            (status == 503).then_some(told)
        });
        let told = told.await;
        assert!(told.contains("the last words of the page"), "{told}");
        assert_eq!(served(&gateway).await, "first");
    });
}

#[test]
fn what_cannot_be_opened_says_why() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let admin = gateway.admin();
        let closed = async |plugin: &Plugin| {
            let pages = admin.get(&format!("plugins/{}/pages", plugin.id)).await;
            pages[0]["attributes"]["closed"].as_str().unwrap_or_default().to_owned()
        };
        let token =
            gateway.cli().ok(&["admin-token", "create", "v", "--role", "viewer", "--quiet"]).await;
        admin.keep_secret(token.trim());
        let path = format!("plugins/{}/rpc/get_config", plugin.id);
        let (status, _) = admin.call_as(Some(token.trim()), "POST", &path, Some(&json!({}))).await;
        assert_eq!(status, 403);
        plugin
            .change(&json!({"config": {"slug": "page", "content": "c", "beside": "crash"}}))
            .await;
        let (status, told) = refused(&gateway, &plugin, "get_config").await;
        assert!(status == 502 && told.contains("no page today"), "{told}");
        let hooks = ["custom_endpoint", "studio_ui"];
        plugin.change(&json!({"is_active": false, "hook_types": hooks})).await;
        assert!(closed(&plugin).await.contains("switched off"));
        let hooks = json!({"hook_types": ["custom_endpoint", "studio_ui"]});
        let missing = gateway.plugin("gone").command("file:///no/such/program").add().await;
        missing.change(&hooks).await;
        assert!(closed(&missing).await.contains("/no/such/program"));
        let elsewhere = gateway.plugin("far").command("grpc://127.0.0.1:1").add().await;
        elsewhere.change(&hooks).await;
        assert!(closed(&elsewhere).await.contains("runs elsewhere"));
    });
}
