//! The command line: everything an operator does, from the first plugin to the last token.

use serde_json::{Value, json};
use sidegate_e2e::{Cli, Gateway, eventually, program, story};

fn file(name: &str) -> String {
    format!("file://{}", program(name).display())
}

#[test]
fn a_plugin_can_be_added_shown_reloaded_disabled_enabled_and_removed() {
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let command = file("e2e-plugin-routes");
        let add = ["plugin", "add", "--name", "Routes", "--slug", "r", "--command", &command];
        let added = cli
            .json(&[&add[..], &["--set", "a=1", "--option", "optional_auth=true"]].concat())
            .await;
        let attributes = &added["attributes"];
        assert_eq!(attributes["status"]["state"], "ready", "it waits until it serves: {added}");
        assert_eq!(attributes["config"], json!({"a": "1", "slug": "r"}));
        assert_eq!(attributes["options"], json!({"optional_auth": "true"}));
        let ask = async || gateway.get("/plugins/r/config").send().await;
        assert_eq!(ask().await.expect(200).json()["a"], "1");

        let list = cli.json(&["plugin", "list"]).await;
        assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
        let table = cli.ok(&["plugin", "list"]).await;
        assert!(table.contains("Routes") && table.contains("ready"), "{table}");
        let id = added["id"].as_str().unwrap();
        for name in ["Routes", id] {
            let shown = cli.ok(&["plugin", "show", name]).await;
            assert!(shown.contains("/plugins/r/exact") && shown.contains(&command), "{shown}");
        }
        let pid = |shown: &Value| shown["attributes"]["status"]["pid"].as_u64();
        let reloaded = cli.json(&["plugin", "reload", "Routes"]).await;
        assert_ne!(pid(&reloaded), pid(&added), "it waits for the new process");
        cli.ok(&["plugin", "disable", "Routes"]).await;
        ask().await.expect(404);
        cli.ok(&["plugin", "enable", "Routes"]).await;
        ask().await.expect(200);
        cli.ok(&["plugin", "remove", "Routes"]).await;
        ask().await.expect(404);
        assert_eq!(cli.json(&["plugin", "list"]).await, json!([]));
    });
}

#[test]
fn a_configuration_can_come_from_a_file() {
    story(async {
        let gateway = Gateway::start().await;
        let path = gateway.folder().join("config.json");
        std::fs::write(&path, r#"{"a": 1, "nested": {"b": [true, null]}}"#).unwrap();
        let (command, path) = (file("e2e-plugin-routes"), path.display().to_string());
        let add = ["plugin", "add", "--name", "r", "--slug", "r", "--command", &command];
        gateway.cli().ok(&[&add[..], &["--config", &path, "--set", "c=x=y"]].concat()).await;
        let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
        assert_eq!((&config["a"], &config["c"]), (&json!("1"), &json!("x=y")));
        let nested: Value = serde_json::from_str(config["nested"].as_str().unwrap()).unwrap();
        assert_eq!(nested, json!({"b": [true, null]}));
    });
}

#[test]
fn a_plugin_that_does_not_come_up_is_a_failure_with_its_reason() {
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let webhook = file("sidegate-plugin-webhook");
        let add = ["plugin", "add", "--name", "hook", "--slug", "hook", "--command", &webhook];
        let said = cli.fails(1, &add).await;
        assert!(said.contains("webhook_secret"), "{said}");
        let again = cli.fails(5, &add).await;
        assert!(again.contains("hook"), "a name is taken once: {again}");
        let said = cli.fails(4, &["plugin", "show", "nobody"]).await;
        assert!(said.contains("nobody"), "{said}");
        for command in ["relative/path", "https://example.com/x", "file:///a/../b"] {
            let said = cli.fails(2, &["plugin", "add", "--name", "x", "--command", command]).await;
            assert!(said.contains("command"), "{said}");
        }
    });
}

#[test]
fn apps_can_be_created_listed_shown_updated_and_deleted() {
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let create = ["app", "create", "--name", "shop", "--owner-email", "o@example.com"];
        let more = ["--metadata", "team=blue", "--rate-limit", "60"];
        let app = cli.json(&[&create[..], &more[..]].concat()).await;
        assert_eq!(app["attributes"]["metadata"], json!({"team": "blue"}));
        assert_eq!(app["attributes"]["rate_limit"], 60);
        assert!(cli.ok(&["app", "list"]).await.contains("shop"));
        let update = ["app", "update", "shop", "--metadata", "stage=beta", "--rate-limit", "0"];
        let app = cli.json(&update).await;
        assert_eq!(app["attributes"]["metadata"], json!({"team": "blue", "stage": "beta"}));
        assert!(cli.ok(&["app", "show", "shop"]).await.contains("unlimited"));
        let said = cli.fails(5, &create).await;
        assert!(said.contains("shop"), "{said}");
        cli.ok(&["app", "delete", "shop"]).await;
        assert_eq!(cli.json(&["app", "list"]).await, json!([]));
        let said = cli.fails(2, &["app", "create", "--name", "x", "--owner-email", "nobody"]).await;
        assert!(said.contains("owner_email"), "{said}");
    });
}

#[test]
fn a_token_is_shown_once_and_works_until_it_is_revoked() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let cli = gateway.cli();
        cli.ok(&["app", "create", "--name", "shop", "--owner-email", "o@example.com"]).await;
        let create = ["token", "create", "--app", "shop", "--scopes", "a,b", "--expires", "24h"];
        let value = cli.ok(&[&create[..], &["--quiet"]].concat()).await;
        let token = value.trim();
        gateway.admin().keep_secret(token);
        assert_eq!(value, format!("{token}\n"), "stdout is the value alone");
        let ask = async || gateway.get("/plugins/lab/x").bearer(token).send().await;
        assert_eq!(ask().await.expect(200).json()["scopes"], json!(["a", "b"]));
        let list = cli.ok(&["token", "list", "--output", "json"]).await;
        assert!(!list.contains(token), "{list}");
        let list: Value = serde_json::from_str(&list).unwrap();
        assert!(list[0]["attributes"]["expires_at"].is_string(), "{list}");
        cli.ok(&["token", "revoke", list[0]["id"].as_str().unwrap()]).await;
        ask().await.expect(401);
        let said = cli.fails(4, &["token", "create", "--app", "nobody"]).await;
        assert!(said.contains("nobody"), "{said}");
    });
}

#[test]
fn the_routes_can_be_listed() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let table = gateway.cli().ok(&["routes"]).await;
        for said in ["/plugins/r/admin/users", "required", "An endpoint that tells of itself"] {
            assert!(table.contains(said), "{said} in\n{table}");
        }
        let list = gateway.cli().json(&["routes"]).await;
        assert!(list.as_array().is_some_and(|routes| routes.len() > 10), "{list}");
    });
}

#[test]
fn without_the_right_token_or_a_gateway_the_command_line_says_what_to_do() {
    story(async {
        let gateway = Gateway::start().await;
        let url = format!("http://{}", gateway.admin().addr());
        let wrong = Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", "wrong")]);
        let said = wrong.fails(6, &["plugin", "list"]).await;
        assert!(said.contains("SIDEGATE_ADMIN_TOKEN"), "{said}");
        // As `$(cat no-such-file)` leaves it: whoever typed that believes to have said a token.
        let folder = gateway.data_dir().join("elsewhere");
        let blank = [
            ("SIDEGATE_URL", url.as_str()),
            ("DATA_DIR", folder.to_str().unwrap()),
            ("SIDEGATE_ADMIN_TOKEN", ""),
        ];
        let said = Cli::with(&blank).fails(6, &["plugin", "list"]).await;
        assert!(said.contains("SIDEGATE_ADMIN_TOKEN is empty, and there is no"), "{said}");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("admin.token"), "sga_of-another-gateway").unwrap();
        let said = Cli::with(&blank).fails(6, &["plugin", "list"]).await;
        assert!(said.contains("admin.token (SIDEGATE_ADMIN_TOKEN is empty)"), "{said}");
        let nobody = [("SIDEGATE_URL", "http://127.0.0.1:1"), ("SIDEGATE_ADMIN_TOKEN", "x")];
        let said = Cli::with(&nobody).fails(7, &["plugin", "list"]).await;
        assert!(said.contains("127.0.0.1:1") && said.contains("SIDEGATE_URL"), "{said}");
        let said = gateway.cli().fails(2, &["plugin", "ad"]).await;
        assert!(said.contains("add"), "{said}");
    });
}

#[test]
fn what_the_command_line_changes_is_live_at_once() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let cli = gateway.cli();
        cli.ok(&["plugin", "disable", "lab"]).await;
        gateway.get("/plugins/lab/x").send().await.expect(404);
        cli.ok(&["plugin", "enable", "lab", "--no-wait"]).await;
        eventually("it serves again", async || {
            (gateway.get("/plugins/lab/x").send().await.status == 200).then_some(())
        })
        .await;
    });
}
