//! What the plugin commands change and show, with plugins that are disabled or cannot start.

use crate::harness::Server;
use serde_json::json;

fn add(server: &Server, more: &[&str]) {
    let add = ["plugin", "add", "--name", "hook", "--slug", "h", "--command", "file:///no/such"];
    server.run(&[&add[..], more, &["--no-wait", "--quiet"]].concat()).data();
}

fn with_secrets() -> Server {
    let server = Server::start();
    let set = ["--set", "webhook_secret=hunter2", "--set", "region=eu"];
    let nested = ["--set-json", r#"db={"Password":"hunter3","host":"h"}"#];
    let options = ["--option", "env.MODE=hunter4", "--option", "pass_token=true"];
    add(&server, &[&set[..], &nested, &options].concat());
    server.run(&["plugin", "disable", "hook"]).data();
    server
}

#[test]
fn a_plugin_is_shown_without_its_secrets() {
    let server = with_secrets();
    let shown = server.run(&["plugin", "show", "hook"]).data();
    // When and why its one start failed is another matter.
    let stays = |line: &&str| {
        ["name ", "slug ", "config ", "options "].iter().any(|title| line.starts_with(title))
    };
    let shown: Vec<_> = shown.lines().filter(stays).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let json = server.run(&["plugin", "show", "hook", "--output", "json"]).json();
    insta::assert_snapshot!(format!("{:#}", json!({
        "config": json["attributes"]["config"], "options": json["attributes"]["options"],
    })), @r#"
    {
      "config": {
        "db": {
          "Password": {
            "$secret": "set"
          },
          "host": "h"
        },
        "region": "eu",
        "slug": "h",
        "webhook_secret": {
          "$secret": "set"
        }
      },
      "options": {
        "env.MODE": {
          "$secret": "set"
        },
        "pass_token": "true"
      }
    }
    "#);
}

#[test]
fn no_plugin_command_prints_a_secret() {
    let server = with_secrets();
    for arguments in [
        &["plugin", "list"][..],
        &["plugin", "show", "hook"],
        &["plugin", "enable", "hook", "--no-wait"],
        &["plugin", "reload", "hook", "--no-wait"],
        &["plugin", "update", "hook", "--set", "region=us", "--no-wait"],
        &["plugin", "disable", "hook"],
    ] {
        for form in ["table", "json"] {
            let shown = server.run(&[arguments, &["--output", form]].concat()).data();
            assert!(!shown.contains("hunter"), "{arguments:?}: {shown}");
        }
    }
    let removed = server.run(&["plugin", "remove", "hook", "--output", "json"]).data();
    assert!(!removed.contains("hunter"), "{removed}");
}

#[test]
fn an_update_changes_what_is_named_and_keeps_the_rest_with_its_secrets() {
    let server = with_secrets();
    let update = ["plugin", "update", "hook", "--name", "hooks", "--slug", "new", "--unset", "db"];
    let more = ["--set-json", "n=[1]", "--remove-option", "pass_token", "--description", "d"];
    let last = ["--option", "required=true", "--output", "json"];
    let updated = server.run(&[&update[..], &more, &last].concat()).json();
    let attributes = &updated["attributes"];
    let set = json!({"$secret": "set"});
    let config = json!({"slug": "new", "webhook_secret": set, "region": "eu", "n": [1]});
    assert_eq!(attributes["config"], config);
    assert_eq!(attributes["options"], json!({"env.MODE": set, "required": "true"}));
    let (name, description) = (&attributes["name"], &attributes["description"]);
    assert_eq!((name, description), (&json!("hooks"), &json!("d")));
    assert_eq!(attributes["is_active"], false);
    let again = ["plugin", "update", "hooks", "--slug", "new", "--output", "json"];
    let finished = server.run(&again);
    assert!(finished.stderr.contains("nothing changes"), "{finished:?}");
    assert_eq!(finished.json()["attributes"]["updated_at"], attributes["updated_at"]);
    let stderr = server.run(&["plugin", "update", "hooks"]).failure(2);
    assert!(stderr.contains("nothing to change"), "{stderr}");
}

#[test]
fn an_update_waits_as_an_addition_does_and_a_failed_addition_names_it() {
    let server = Server::start();
    let command = ["plugin", "add", "--name", "gone", "--slug", "g", "--command"];
    let stderr = server.run(&[&command[..], &["file:///no/such"]].concat()).failure(1);
    assert!(stderr.contains("`sidegate plugin update gone …` changes it"), "{stderr}");
    let stderr = server.run(&[&command[..], &["file:///no/such"]].concat()).failure(5);
    assert!(stderr.contains("`sidegate plugin update NAME …`"), "{stderr}");
    let update = ["plugin", "update", "gone", "--command", "file:///nor/this"];
    let stderr = server.run(&update).failure(1);
    assert!(
        stderr.contains("gone did not become ready") && stderr.contains("/nor/this"),
        "{stderr}"
    );
    server.run(&["plugin", "update", "gone", "--description", "d"]).data();
}

#[test]
fn a_disabled_plugin_is_not_reloaded_and_an_update_does_not_wait_for_it() {
    let server = with_secrets();
    let stderr = server.run(&["plugin", "reload", "hook"]).failure(1);
    insta::assert_snapshot!(stderr, @r"
    error: plugin hook cannot be reloaded: it is disabled
    hint: run `sidegate plugin enable hook`
    ");
    let finished = server.run(&["plugin", "update", "hook", "--set", "region=us"]);
    assert!(finished.stderr.contains("`sidegate plugin enable hook` starts it"), "{finished:?}");
    assert_eq!(finished.code, Some(0));
}

#[test]
fn scopes_are_granted_and_revoked_and_it_is_said_what_is_granted_then() {
    let server = Server::start();
    add(&server, &["--grant", "apps.read"]);
    let told = server.run(&["plugin", "grant", "hook", "kv.readwrite", "llms.read"]);
    assert_eq!(told.stderr, "plugin hook may ask for apps.read, kv.readwrite, llms.read\n");
    assert_eq!(told.data(), "");
    let quiet = server.run(&["plugin", "grant", "hook", "kv.readwrite", "--quiet"]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("1\n", ""));
    let shown = server.run(&["plugin", "show", "hook"]).data();
    let row = shown.lines().find(|line| line.starts_with("granted ")).unwrap();
    assert!(row.ends_with(" apps.read, kv.readwrite, llms.read"), "{row}");
    let revoke = ["plugin", "revoke", "hook", "apps.read", "llms.read", "--output", "json"];
    let revoked = server.run(&revoke).json();
    assert_eq!(revoked["attributes"]["service_scopes"], json!(["kv.readwrite"]));
    let told = server.run(&["plugin", "revoke", "hook", "kv.readwrite"]);
    assert_eq!(told.stderr, "plugin hook may ask nothing of the gateway\n");
    assert!(!server.run(&["plugin", "show", "hook"]).data().contains("granted "));
}

#[test]
fn a_scope_that_is_unknown_is_refused_and_the_known_ones_are_listed() {
    let server = Server::start();
    add(&server, &[]);
    let stderr = server.run(&["plugin", "grant", "hook", "kv.readwrite", "kv.write"]).failure(2);
    insta::assert_snapshot!(stderr, @r#"error: scope "kv.write" is unknown: known are apps.read, apps.write, budget.read, control.send, credentials.validate, kv.readwrite, llms.read, plugins.config, plugins.read, plugins.write, pricing.read"#);
    let command = ["plugin", "add", "--name", "x", "--command", "file:///p", "--grant", "all"];
    let stderr = server.run(&command).failure(2);
    assert!(stderr.contains("\"all\" is unknown: known are apps.read"), "{stderr}");
    let shown = server.run(&["plugin", "show", "hook", "--output", "json"]).json();
    assert_eq!(shown["attributes"]["service_scopes"], json!([]));
    server.run(&["plugin", "grant", "hook"]).failure(2);
}
