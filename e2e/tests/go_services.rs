//! What plugins in Go get from the host: storage, facts, and refusals that say what is missing.

use crate::go_endpoints::{all, all_raw};
use serde_json::{Value, json};
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_e2e::{Flavour, Gateway, eventually, go_story};

/// Lets an operator grant a plugin a scope.
pub(crate) async fn grant(gateway: &Gateway, plugin: &str, scope: &str) {
    gateway.cli().ok(&["plugin", "grant", plugin, scope]).await;
}

fn name(flavour: Flavour) -> String {
    format!("plugin-{}", flavour.name())
}

/// The value of an answer about the host's services.
async fn value(gateway: &Gateway, method: &str, path: &str, body: &'static str) -> Value {
    let answer = gateway.request(method, path).body(body).send().await.expect(200);
    answer.json()["value"].take()
}

#[test]
fn what_a_plugin_in_go_stores_outlives_its_process_and_the_gateway() {
    go_story(async |go| {
        let mut gateway = Gateway::start().await;
        let plugins = all(go, &gateway).await;
        for (flavour, at, plugin) in &plugins {
            grant(&gateway, &name(*flavour), "kv.readwrite").await;
            let key = format!("{at}/kv/key");
            gateway.get(&key).send().await.expect(404);
            assert_eq!(value(&gateway, "PUT", &key, "one").await, true, "{flavour:?}: it is new");
            assert_eq!(value(&gateway, "PUT", &key, "two").await, false, "{flavour:?}");
            let before = plugin.pid().await;
            plugin.reload().await;
            plugin.wait_other_pid(before).await;
            assert_eq!(value(&gateway, "GET", &key, "").await, "two", "{flavour:?}");
        }
        let ids: Vec<_> = plugins.iter().map(|(_, _, plugin)| plugin.id).collect();
        gateway = gateway.restart().await;
        for ((flavour, at, _), id) in plugins.iter().zip(ids) {
            gateway.plugin_by_id(id).wait_ready().await;
            let key = format!("{at}/kv/key");
            assert_eq!(value(&gateway, "GET", &key, "").await, "two", "{flavour:?}");
            assert_eq!(value(&gateway, "DELETE", &key, "").await, true, "{flavour:?}");
            assert_eq!(value(&gateway, "DELETE", &key, "").await, false, "{flavour:?}");
            gateway.get(&key).send().await.expect(404);
        }
    });
}

#[test]
fn what_a_plugin_in_go_stores_for_a_time_is_gone_afterwards() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            grant(&gateway, &name(flavour), "kv.readwrite").await;
            value(&gateway, "PUT", &format!("{at}/kv/short?ttl=300ms"), "v").await;
            value(&gateway, "PUT", &format!("{at}/kv/long?ttl=1h"), "v").await;
            eventually("it expired", async || {
                let answer = gateway.get(&format!("{at}/kv/short")).send().await;
                (answer.status == 404).then_some(())
            })
            .await;
            assert_eq!(value(&gateway, "GET", &format!("{at}/kv/long"), "").await, "v");
        }
    });
}

#[test]
fn a_plugin_in_go_keeps_what_is_for_one_use_and_opens_what_it_sealed_itself() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let mut sealed = Vec::<String>::new();
        for (flavour, at, plugin) in all(go, &gateway).await {
            grant(&gateway, &name(flavour), "kv.readwrite").await;
            let code = format!("{at}/once/code");
            assert_eq!(value(&gateway, "PUT", &code, "one").await, true, "{flavour:?}");
            assert_eq!(value(&gateway, "PUT", &code, "two").await, false, "{flavour:?}");
            assert_eq!(value(&gateway, "GET", &format!("{at}/once/co"), "").await, json!(["code"]));
            let takers = (0..10).map(|_| tokio::spawn(gateway.post(&code).send()));
            let takers: Vec<_> = takers.collect();
            let mut taken = Vec::new();
            for taker in takers {
                let answer = taker.await.unwrap();
                if answer.status != 404 {
                    taken.push(answer.expect(200).json()["value"].take());
                }
            }
            assert_eq!(taken, ["one"], "{flavour:?}: one of ten gets it");
            let cookie = value(&gateway, "POST", &format!("{at}/seal/jane"), "secret").await;
            let cookie = cookie.as_str().unwrap().to_owned();
            let before = plugin.pid().await;
            plugin.reload().await;
            plugin.wait_other_pid(before).await;
            let open = async |at: &str, cookie: &str| {
                let request = gateway.post(&format!("{at}/open/jane")).body(cookie.to_owned());
                request.send().await.json()
            };
            assert_eq!(open(&at, &cookie).await["value"], "secret", "{flavour:?}");
            for other in &sealed {
                let refused = open(&at, other).await;
                assert_eq!(refused["code"], "InvalidArgument", "{flavour:?}: {refused}");
            }
            sealed.push(cookie);
        }
    });
}

#[test]
fn a_refusal_names_the_scope_and_a_grant_takes_effect_in_the_same_process() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let app = gateway.app("shop").create().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let pid = plugin.pid().await;
            for (path, scope) in [
                ("kv/key".to_owned(), "kv.readwrite"),
                (format!("app/{}", app.id), "apps.read"),
                ("credential".to_owned(), "credentials.validate"),
            ] {
                let path = format!("{at}/{path}");
                let refused = gateway.request("PUT", &path).body("1").send().await.expect(500);
                let refused = refused.json();
                assert_eq!(refused["code"], "PermissionDenied", "{flavour:?} {refused}");
                assert!(refused["refusal"].to_string().contains(scope), "{refused}");
                grant(&gateway, &name(flavour), scope).await;
                eventually("the grant takes effect", async || {
                    let answer = gateway.request("PUT", &path).body("1").send().await;
                    (answer.status == 200).then_some(())
                })
                .await;
                gateway.cli().ok(&["plugin", "revoke", &name(flavour), scope]).await;
                eventually("the revocation takes effect", async || {
                    let answer = gateway.request("PUT", &path).body("1").send().await;
                    (answer.status == 500).then_some(())
                })
                .await;
            }
            assert_eq!(plugin.pid().await, pid, "{flavour:?}: nothing was restarted");
        }
    });
}

#[test]
fn a_plugin_that_names_another_plugins_id_gets_its_own_data_only() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let victim = gateway.plugin("victim").command(&command(go)).ready().await;
        grant(&gateway, "victim", "kv.readwrite").await;
        let secret = gateway.get("/plugins/victim/dial?write=key&value=secret").send().await;
        assert_eq!(secret.expect(200).json()["value"], "true");
        for (flavour, at, _) in all_raw(go, &gateway).await {
            grant(&gateway, &format!("raw-{}", flavour.name()), "kv.readwrite").await;
            let ask = async |query: &str| {
                let path = format!("{at}/dial?as={}&{query}", victim.id);
                gateway.get(&path).send().await.expect(200).json()
            };
            let read = ask("read=key").await;
            assert_eq!(read["code"], "NotFound", "{flavour:?} {read}");
            assert_eq!(ask("write=key&value=mine").await["value"], "true", "{flavour:?}");
            assert_eq!(ask("read=key").await["value"], "mine", "{flavour:?}");
        }
        let secret = gateway.get("/plugins/victim/dial?read=key").send().await.expect(200);
        assert_eq!(secret.json()["value"], "secret");
    });
}

fn command(go: sidegate_e2e::Go) -> String {
    let path = go.program(sidegate_e2e::Library::Today, "raw");
    format!("file://{}", path.display())
}

#[test]
fn a_plugin_in_go_learns_of_apps_and_judges_tokens() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let app = gateway.app("shop").create().await;
        let token: &'static str = app.token().create().await.leak();
        for (flavour, at, _) in all(go, &gateway).await {
            grant(&gateway, &name(flavour), "apps.read").await;
            grant(&gateway, &name(flavour), "credentials.validate").await;
            assert_eq!(value(&gateway, "GET", &format!("{at}/apps"), "").await, 1, "{flavour:?}");
            let path = format!("{at}/app/{}", app.id);
            assert_eq!(value(&gateway, "GET", &path, "").await, "shop", "{flavour:?}");
            gateway.get(&format!("{at}/app/999")).send().await.expect(404);
            let path = format!("{at}/credential");
            let verdict = value(&gateway, "POST", &path, token).await;
            assert_eq!(verdict, json!({"valid": true, "app": app.id}), "{flavour:?}");
            let verdict = value(&gateway, "POST", &path, "sgt_wrong").await;
            assert_eq!(verdict["valid"], false, "{flavour:?}");
        }
    });
}

#[test]
fn a_plugin_in_go_can_store_something_while_it_is_initialized() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for flavour in Flavour::ALL {
            let name = name(flavour);
            let builder = go.plugin(&gateway, "plugin", flavour, &name);
            // It is refused, and tried again, until the operator has granted what it needs.
            let plugin = builder.config("kv_at_start", "first").add().await;
            let told =
                |status: &WholeStatusAttributes| format!("{status:?}").contains("kv.readwrite");
            plugin.wait_for("a status that names the scope", told).await;
            grant(&gateway, &name, "kv.readwrite").await;
            plugin.reload().await;
            plugin.wait_ready().await;
            let path = format!("/plugins/{name}/kv/first");
            assert_eq!(value(&gateway, "GET", &path, "").await, "written by Initialize");
        }
    });
}

#[test]
fn the_wishes_in_the_manifest_of_a_plugin_in_go_are_shown_and_not_taken() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, plugin) in all(go, &gateway).await {
            let status = plugin.status().await;
            let wishes = ["kv.readwrite", "apps.read"];
            assert_eq!(status.manifest.requested_scopes, wishes, "{flavour:?} {status:?}");
            gateway.get(&format!("{at}/kv/key")).send().await.expect(500);
            let shown = gateway.cli().ok(&["plugin", "show", &name(flavour)]).await;
            assert!(shown.contains("kv.readwrite"), "{shown}");
        }
    });
}
