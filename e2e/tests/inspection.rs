//! What operators ask before and after: what a program is, what a change would do, what a plugin keeps, what waits for
//! them; with real programs.

use serde_json::{Value, json};
use sidegate_e2e::{ControlPlane, Gateway, eventually, program, story};

fn command(name: &str) -> String {
    format!("file://{}", program(name).display())
}

async fn inspected(gateway: &Gateway, fields: Value) -> Value {
    gateway.admin().post("plugins/inspect", &fields).await["attributes"].clone()
}

#[test]
fn a_program_says_what_it_is_and_nothing_of_it_stays() {
    story(async {
        let gateway = Gateway::start().await;
        let seen = inspected(&gateway, json!({"command": command("sidegate-plugin-echo")})).await;
        assert_eq!(seen["failure"], Value::Null, "{seen}");
        assert_eq!(seen["manifest"]["capabilities"]["primary_hook"], "custom_endpoint", "{seen}");
        assert!(!seen["endpoints"].as_array().unwrap().is_empty(), "{seen}");
        assert!(seen["config_schema"]["properties"].is_object(), "{seen}");
        assert_eq!(seen["sha256"].as_str().unwrap().len(), 64);
        assert_eq!(gateway.plugin_pids(), [0; 0], "it was ended");
        assert_eq!(gateway.admin().get("plugins").await, json!([]));
        let entry = gateway.admin().get("audit?limit=1").await[0]["attributes"].clone();
        assert_eq!(entry["operation"], "inspect_plugin", "{entry}");
        let printed =
            gateway.cli().ok(&["plugin", "inspect", "--", &command("sidegate-plugin-echo")]).await;
        assert!(printed.contains("endpoints"), "{printed}");
    });
}

#[test]
fn a_program_that_would_not_serve_says_why_with_its_last_words() {
    story(async {
        let gateway = Gateway::start().await;
        let refusing = json!({
            "command": command("e2e-plugin-misbehave"), "config": {"start": "refuse"},
        });
        let seen = inspected(&gateway, refusing).await;
        assert!(seen["failure"].as_str().unwrap().contains("refused on purpose"), "{seen}");
        let crashes = gateway.script("crashes", "#!/bin/sh\necho no database here >&2\nexit 3\n");
        let seen = inspected(&gateway, json!({"command": crashes})).await;
        assert!(seen["failure"].as_str().unwrap().contains("no database here"), "{seen}");
        let lines = seen["first_lines"].as_array().unwrap();
        assert!(lines.iter().any(|line| line["message"] == "no database here"), "{seen}");
        let silent = gateway.script("silent", "#!/bin/sh\nexec sleep 600\n");
        let seen = inspected(&gateway, json!({"command": silent})).await;
        assert!(seen["failure"].as_str().unwrap().contains("15s"), "{seen}");
        assert_eq!(gateway.plugin_pids(), [0; 0], "they were ended");
        let told = gateway.cli().fails(1, &["plugin", "inspect", "--", &crashes]).await;
        assert!(told.contains("no database here"), "{told}");
        let missing = json!({"command": "file:///no/such/program"});
        let (status, told) = gateway.admin().refused("POST", "plugins/inspect", &missing).await;
        assert!(status == 400 && told.contains("/no/such/program"), "{told}");
        let elsewhere = json!({"command": "grpc://127.0.0.1:1"});
        let (status, told) = gateway.admin().refused("POST", "plugins/inspect", &elsewhere).await;
        assert!(status == 400 && told.contains("elsewhere"), "{told}");
    });
}

#[test]
fn what_a_dry_run_says_is_what_happens() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        for (arguments, effect, same_process) in [
            (["--option", "rate_limit=1000"], "live", true),
            (["--set", "catch_all=true"], "reload", false),
        ] {
            let pid = plugin.pid().await;
            let update = [&["plugin", "update", "r"][..], &arguments].concat();
            let told = gateway.cli().json(&[&update[..], &["--dry-run"]].concat()).await;
            assert_eq!(told["attributes"]["effect"], effect, "{told}");
            assert_eq!(plugin.pid().await, pid, "nothing happened");
            gateway.cli().ok(&update).await;
            assert_eq!(plugin.pid().await == pid, same_process, "{arguments:?}");
        }
        let refused = ["plugin", "update", "r", "--slug", "not a slug", "--dry-run"];
        gateway.cli().fails(2, &refused).await;
    });
}

#[test]
fn a_plugin_that_cannot_run_is_what_waits_for_an_operator() {
    story(async {
        let gateway = Gateway::start().await;
        let admin = gateway.admin();
        assert_eq!(admin.get("needs").await, json!([]));
        gateway.plugin("p").command("file:///no/such/program").add().await;
        let need = eventually("a need", async || admin.get("needs").await.get(0).cloned()).await;
        let need = &need["attributes"];
        assert_eq!((&need["urgency"], &need["thing"]["name"]), (&json!("now"), &json!("p")));
        assert!(need["text"].as_str().unwrap().contains("/no/such/program"), "{need}");
        assert!(gateway.cli().ok(&["needs"]).await.contains("sidegate plugin logs p"));
    });
}

#[test]
fn a_control_plane_inspects_on_its_own_machine_and_has_no_storage_of_plugins() {
    story(async {
        let control = ControlPlane::start_with(None, &[]).await;
        let admin = control.admin();
        let echo = json!({"command": command("sidegate-plugin-echo")});
        let seen = admin.post("plugins/inspect", &echo).await;
        assert_eq!(seen["attributes"]["failure"], Value::Null, "{seen}");
        let missing = json!({"command": "file:///opt/on-the-edge"});
        let (status, told) = admin.refused("POST", "plugins/inspect", &missing).await;
        assert!(status == 400 && told.contains("machine of the control plane"), "{told}");
        let plugin = json!({"name": "p", "slug": "p", "command": command("sidegate-plugin-echo")});
        admin.post("plugins", &plugin).await;
        let (status, told) = admin.call("GET", "plugins/1/storage", None).await;
        assert!(status == 409 && told["error"].as_str().unwrap().contains("each edge"), "{told}");
    });
}
