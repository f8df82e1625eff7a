//! Plugins that cannot serve: what a person is told who registers one, once and without guesses.

use serde_json::json;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, program, story};

/// Registers a program and gives what is printed.
async fn added(gateway: &Gateway, command: &str, more: &[&str]) -> sidegate_e2e::Finished {
    let add = ["plugin", "add", "--name", "p", "--slug", "p", "--command", command];
    gateway.cli().run(&[&add[..], more].concat()).await
}

#[test]
fn causes_that_do_not_pass_are_permanent_and_told_once() {
    story(async {
        let gateway = Gateway::start().await;
        std::fs::write(gateway.folder().join("plain"), "text").unwrap();
        let missing = "file:///nonexistent/program".to_owned();
        let plain = format!("file://{}", gateway.folder().join("plain").display());
        let refusing = format!("file://{}", program("e2e-plugin-misbehave").display());
        for (command, more, words) in [
            (missing, &[][..], "No such file"),
            (plain, &[][..], "not executable"),
            (refusing, &["--set", "start=refuse"][..], "refused on purpose"),
        ] {
            let finished = added(&gateway, &command, more).await;
            assert_ne!(finished.code, Some(0), "{finished:?}");
            let printed = format!("{}{}", finished.stdout, finished.stderr);
            assert_eq!(printed.matches(words).count(), 1, "{printed}");
            assert!(finished.stderr.contains(words), "{printed}");
            assert!(!printed.contains("SIGKILL"), "{printed}");
            let shown = gateway.cli().ok(&["plugin", "show", "p"]).await;
            assert_eq!(shown.matches(words).count(), 1, "{shown}");
            assert!(!shown.contains("SIGKILL"), "what we did is not how it ended: {shown}");
            let status = gateway.cli().ok(&["plugin", "show", "p", "--output", "json"]).await;
            let status: serde_json::Value = serde_json::from_str(&status).unwrap();
            let found =
                status.pointer("/data/attributes/status").or(status.pointer("/attributes/status"));
            let found = found.unwrap_or_else(|| panic!("{status}"));
            assert_eq!((&found["state"], &found["restarts"]), (&json!("stopped"), &json!(0)));
            gateway.cli().ok(&["plugin", "remove", "p"]).await;
        }
    });
}

#[test]
fn a_program_that_is_missing_for_a_moment_later_on_is_tried_again() {
    story(async {
        let gateway = Gateway::start().await;
        let path = gateway.folder().join("program");
        std::fs::copy(program("e2e-plugin-routes"), &path).unwrap();
        let command = format!("file://{}", path.display());
        let plugin =
            gateway.plugin("r").command(&command).option("restart.max", "200ms").ready().await;
        let old = plugin.pid().await;
        std::fs::rename(&path, path.with_extension("away")).unwrap();
        sidegate_e2e::kill(old);
        plugin.wait_state(State::Backoff).await;
        std::fs::rename(path.with_extension("away"), &path).unwrap();
        plugin.wait_other_pid(old).await;
    });
}

#[test]
fn whoever_waits_is_told_what_for() {
    story(async {
        let gateway = Gateway::start().await;
        let silent = gateway.script("silent", "sleep 100");
        let finished = added(&gateway, &silent, &["--wait", "3s"]).await;
        let told = finished.stderr.matches("waits for its first line on stdout").count();
        assert_eq!(told, 2, "once while it waits, once at the end: {finished:?}");
        gateway.cli().ok(&["plugin", "remove", "p"]).await;
    });
}

#[test]
fn the_reason_quotes_what_weighs_and_no_routine() {
    story(async {
        let gateway = Gateway::start().await;
        let text = r#"
echo '{"@level":"info","@message":"all is well","@module":"m"}' >&2
echo '{"@level":"error","@message":"the database is gone","@module":"m"}' >&2
echo '{"@level":"info","@message":"bye","@module":"m"}' >&2
exit 3"#;
        let command = gateway.script("talks", text);
        let plugin = gateway.plugin("p").command(&command).add().await;
        let failed = |status: &WholeStatusAttributes| status.summary.state == State::Backoff;
        let status = plugin.wait_for("it failed", failed).await;
        let reason = status.summary.reason.as_deref().unwrap();
        assert!(
            reason.contains("exit code 3") && reason.contains("the database is gone"),
            "{reason}"
        );
        assert!(!reason.contains("all is well") && !reason.contains("bye"), "{reason}");
    });
}

#[test]
fn a_plugin_without_endpoints_says_that_it_offers_none() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin =
            gateway.plugin("m").program("e2e-plugin-misbehave").config("endpoints", "none");
        let plugin = plugin.ready().await;
        let status = plugin.status().await;
        assert!(status.summary.warnings.join("\n").contains("offers no endpoints"), "{status:?}");
        assert_eq!(status.manifest.hooks, [""; 0], "{status:?}");
    });
}

#[test]
fn a_refused_call_is_a_warning_until_it_is_granted_and_a_wish_is_none() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
        let refused = gateway.get("/plugins/lab/kv/a").send().await;
        assert_ne!(refused.status, 200);
        let told = |status: &WholeStatusAttributes| {
            status.summary.warnings.join("\n").contains("sidegate plugin grant lab kv.readwrite")
        };
        plugin.wait_for("the refused call is told", told).await;
        gateway.cli().ok(&["plugin", "grant", "lab", "kv.readwrite"]).await;
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
    });
}
