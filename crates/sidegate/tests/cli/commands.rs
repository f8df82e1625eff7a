//! The commands against a running server: what they print, and how they fail.

use crate::eventually::some_time_blocking;
use crate::harness::{Server, finish, program, run};
use serde_json::{Value, json};

#[test]
fn apps_are_created_changed_and_deleted_by_name_or_id() {
    let server = Server::start();
    let create = ["app", "create", "--name", "billing", "--owner-email", "ops@example.com"];
    let metadata = ["--metadata", "mcp_access=allowed", "--metadata-json", "levels=[1,2]"];
    let rate = ["--rate-limit", "60", "--quiet"];
    let id = server.run(&[&create[..], &metadata, &rate].concat()).data();
    let show = server.run(&["app", "show", "billing", "--output", "json"]).json();
    assert_eq!(show["id"], id.trim());
    let attributes = &show["attributes"];
    assert_eq!(attributes["metadata"], json!({"mcp_access": "allowed", "levels": [1, 2]}));
    assert_eq!(attributes["rate_limit"], 60);

    let update = ["app", "update", id.trim(), "--metadata", "allowed_operations=GET"];
    let more = ["--remove-metadata", "levels", "--active", "false", "--output", "json"];
    let updated = server.run(&[&update[..], &more].concat()).json();
    let attributes = &updated["attributes"];
    let expected = json!({"mcp_access": "allowed", "allowed_operations": "GET"});
    assert_eq!(attributes["metadata"], expected);
    assert_eq!((&attributes["is_active"], &attributes["rate_limit"]), (&json!(false), &json!(60)));

    assert!(server.run(&["app", "list"]).data().contains("billing"));
    assert_eq!(server.run(&["app", "delete", "billing"]).data(), "");
    assert_eq!(server.run(&["app", "list", "--output", "json"]).json(), json!([]));
}

#[test]
fn a_token_is_shown_once_and_quiet_prints_nothing_but_its_value() {
    let server = Server::start();
    server.run(&["app", "create", "--name", "a", "--owner-email", "o@x"]).data();
    let create = ["token", "create", "--app", "a", "--scopes", "read,write", "--expires", "24h"];
    let value = server.run(&[&create[..], &["--name", "ci", "--quiet"]].concat()).data();
    let value = value.strip_suffix('\n').unwrap();
    assert!(value.starts_with("sgt_") && !value.contains(char::is_whitespace), "{value}");

    let tokens = server.run(&["token", "list", "--app", "a", "--output", "json"]).json();
    assert!(!tokens.to_string().contains(value));
    assert_eq!(tokens[0]["attributes"]["scopes"], json!(["read", "write"]));
    assert!(tokens[0]["attributes"]["expires_at"].is_string());

    server.run(&["token", "revoke", "ci"]).data();
    assert_eq!(server.run(&["token", "list", "--quiet"]).data(), "");
    let again = server.run(&["token", "revoke", "ci"]).failure(4);
    assert!(again.contains("there is no token with the name or id \"ci\""), "{again}");
}

#[test]
fn lists_are_complete_over_many_pages() {
    let server = Server::start();
    let token = std::fs::read_to_string(server.data_dir().join("admin.token")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let http = reqwest::Client::new();
        for number in 0..203 {
            let app = json!({"name": format!("app {number}"), "owner_email": "o@x"});
            let url = format!("http://{}/api/v1/apps", server.admin_addr());
            let answer = http.post(url).bearer_auth(token.trim()).json(&app).send().await.unwrap();
            assert_eq!(answer.status(), 201);
        }
    });
    assert_eq!(server.run(&["app", "list", "--quiet"]).data().lines().count(), 203);
    assert_eq!(server.run(&["app", "show", "app 202", "--quiet"]).data(), "203\n");
}

#[test]
fn a_refusal_names_every_field_at_fault() {
    let server = Server::start();
    let add = ["plugin", "add", "--name", "p", "--slug", "Not A Slug", "--command", "rel/path"];
    let stderr = server.run(&add).failure(2);
    assert!(stderr.contains("command:") && stderr.contains("config.slug:"), "{stderr}");
    let stderr = server.run(&["app", "update", "nobody", "--rate-limit", "1"]).failure(4);
    assert!(stderr.contains("sidegate app list"), "{stderr}");
    server.run(&["app", "create", "--name", "a", "--owner-email", "o@x"]).data();
    let stderr = server.run(&["app", "update", "a"]).failure(2);
    assert!(stderr.contains("nothing to change"), "{stderr}");
}

#[test]
fn a_plugin_that_cannot_start_is_stored_and_reported_with_its_reason() {
    let server = Server::start();
    let add = ["plugin", "add", "--name", "gone", "--slug", "gone", "--command", "file:///no/such"];
    let stderr = server.run(&add).failure(1);
    assert!(stderr.contains("plugin gone did not become ready: "), "{stderr}");
    let id = server.run(&["plugin", "list", "--quiet"]).data();
    let disabled = server.run(&["plugin", "disable", id.trim(), "--output", "json"]).json();
    assert_eq!(disabled["attributes"]["is_active"], false);
    assert_eq!(disabled["attributes"]["status"]["state"], "stopped");
    server.run(&["plugin", "enable", "gone", "--no-wait"]).data();
    server.run(&["plugin", "remove", "gone"]).data();
    assert_eq!(server.run(&["plugin", "list", "--output", "json"]).json(), json!([]));
    assert_eq!(server.run(&["routes", "--output", "json"]).json(), json!([]));
}

#[test]
fn what_a_plugin_said_before_it_died_is_shown() {
    let server = Server::start();
    let path = server.data_dir().join("dying");
    std::fs::write(&path, "#!/bin/sh\nprintf 'no \\033[31mluck\\n' >&2\nkill -9 $$\n").unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let command = format!("file://{}", path.display());
    let add = ["plugin", "add", "--name", "dying", "--slug", "d", "--command", &command];
    let options = ["--option", "restart.park_after=2", "--option", "required=true"];
    server.run(&[&add[..], &options].concat()).failure(1);
    let parked = || {
        let shown = server.run(&["plugin", "show", "dying"]).data();
        shown.contains("parked after 2 failures").then_some(shown)
    };
    let shown = some_time_blocking(parked).expect("it is parked");
    for words in ["SIGKILL (9)", "| no \u{fffd}[31mluck", "required"] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let logs = server.run(&["plugin", "logs", "dying", "--lines", "3"]).data();
    let words = |line: &&str| !line.starts_with("==") && line.ends_with(" no \u{fffd}[31mluck");
    assert_eq!(logs.lines().filter(words).count(), 2, "{logs}");
    assert_eq!(logs.matches(", SIGKILL (9): ").count(), 2, "{logs}");
    let records = server.run(&["plugin", "logs", "dying", "--latest", "--output", "json"]).json();
    assert_eq!(records.as_array().unwrap().len(), 1);
    assert_eq!(records[0]["attributes"]["signal"], 9);
}

#[test]
fn a_required_plugin_that_does_not_serve_makes_the_node_unready_and_no_other_does() {
    let server = Server::start();
    let said: Value =
        serde_json::from_str(&std::fs::read_to_string(server.ready_file()).unwrap()).unwrap();
    let clients = said["gateway_addr"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ask = |path: &str| {
        runtime.block_on(async {
            let answer = reqwest::get(format!("http://{clients}/{path}")).await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        })
    };
    let (status, body) = ask("ready");
    assert_eq!((status, &body["missing"]), (200, &json!([])), "nothing is wanted yet: {body}");
    let add = |name: &str, option: &str| {
        let named = ["plugin", "add", "--name", name, "--slug", name, "--no-wait"];
        let rest = ["--command", "file:///no/such", "--option", option];
        server.run(&[&named[..], &rest].concat()).data();
    };
    add("optional", "required=false");
    assert_eq!(ask("ready").0, 200);
    add("needed", "required=true");
    let (status, body) = ask("ready");
    assert_eq!((status, &body["missing"]), (503, &json!(["needed"])), "{body}");
    assert_eq!(body["plugins"].as_array().unwrap().len(), 2);
    assert_eq!(body["plugins"][1]["required"], true);
    assert_eq!(ask("health").0, 200);
    server.run(&["plugin", "disable", "needed"]).data();
    assert_eq!(ask("ready").0, 200);
}

#[test]
fn options_that_cannot_be_are_refused_with_what_could() {
    let server = Server::start();
    let add = ["plugin", "add", "--name", "p", "--command", "file:///p"];
    let options = ["--option", "restart.base=1", "--option", "env.LD_PRELOAD=/x.so"];
    let stderr = server.run(&[&add[..], &options].concat()).failure(2);
    assert!(stderr.contains("as in 1s") && stderr.contains("env.LD_PRELOAD"), "{stderr}");
}

#[test]
fn a_server_that_is_not_there_is_said_with_what_to_do() {
    let mut command = program(&["app", "list", "--url", "http://127.0.0.1:1"]);
    let stderr = finish(command.env("SIDEGATE_ADMIN_TOKEN", "t")).failure(7);
    insta::assert_snapshot!(stderr, @"
    error: the admin API at http://127.0.0.1:1 cannot be reached (Connection refused (os error 111))
    hint: start the gateway with `sidegate serve`, or set SIDEGATE_URL to where it runs
    ");
}

#[test]
fn a_missing_and_a_wrong_admin_token_are_told_apart() {
    let server = Server::start();
    let url = format!("http://{}", server.admin_addr());
    let missing = run(&["app", "list", "--url", &url, "--data-dir", "/no/such"]).failure(6);
    assert!(missing.contains("/no/such/admin.token does not exist"), "{missing}");
    let mut command = server.command(&["app", "list"]);
    let wrong = finish(command.env("SIDEGATE_ADMIN_TOKEN", "wrong")).failure(6);
    assert!(wrong.contains("does not accept the token from SIDEGATE_ADMIN_TOKEN"), "{wrong}");
    assert!(!wrong.contains("\"wrong\""));
}

#[test]
fn the_port_for_clients_is_told_from_the_admin_api() {
    let server = Server::start();
    let said = std::fs::read_to_string(server.ready_file()).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    let url = format!("http://{}", said["gateway_addr"].as_str().unwrap());
    for arguments in [&["app", "list"][..], &["plugin", "show", "1"], &["token", "revoke", "x"]] {
        let mut command = server.command(arguments);
        let stderr = finish(command.env("SIDEGATE_URL", &url)).failure(1);
        assert!(stderr.contains("is the port for clients, not the admin API"), "{stderr}");
        assert!(stderr.contains("ADMIN_PORT (8080 by default)"), "{stderr}");
    }
}

/// The hint of a token may end like a time.
fn is_time(word: &str) -> bool {
    word.ends_with('Z') && word.contains(':')
}

#[test]
fn tables_name_the_app_of_a_token_and_mark_expired_ones() {
    let server = Server::start();
    let app = ["app", "create", "--name", "billing", "--owner-email", "o@x"];
    let shown = server.run(&app).data();
    assert!(shown.lines().any(|line| line.ends_with("monthly budget  0")), "{shown}");
    let create = ["token", "create", "--app", "billing", "--name", "short", "--expires", "1s"];
    let made = server.run(&create).data();
    assert!(made.contains("billing"), "{made}");
    server.run(&["token", "create", "--app", "billing", "--name", "long"]).data();
    let expired = || {
        let table = server.run(&["token", "list"]).data();
        table.contains("(expired)").then_some(table)
    };
    let table = some_time_blocking(expired).expect("it expires");
    let (short, long) = (table.lines().nth(1).unwrap(), table.lines().nth(2).unwrap());
    assert!(short.contains("billing") && short.contains("Z (expired) "), "{table}");
    assert!(long.contains("billing") && long.contains(" never "), "{table}");
    let time = short.split_whitespace().find(|word| is_time(word)).unwrap();
    assert_eq!(time.len(), "2030-01-31T12:00:00.000Z".len(), "{time}");
    let list = server.run(&["token", "list", "--output", "json"]).json();
    assert_eq!(list[0]["attributes"].get("app"), None, "the data as the admin API gives it");
}

#[test]
fn a_name_that_is_a_number_is_refused() {
    let server = Server::start();
    let app = ["app", "create", "--name", "12", "--owner-email", "o@x"];
    let plugin = ["plugin", "add", "--name", "12", "--command", "file:///p"];
    for arguments in [&app[..], &plugin] {
        let stderr = server.run(arguments).failure(2);
        assert!(stderr.contains("name: \"12\" reads as a number"), "{stderr}");
    }
}
