//! What was stored before: listed, compared and gone back to, by the command line as people use it, while the gateway
//! serves.

use serde_json::{Value, json};
use sidegate_e2e::{Gateway, eventually, program, story};

/// The newest revision.
async fn newest(gateway: &Gateway) -> String {
    let list = gateway.cli().json(&["history", "list", "--limit", "1"]).await;
    list[0]["id"].as_str().expect("a revision").to_owned()
}

/// Waits until a path is answered so: going back starts processes, which nobody waits for.
async fn answers(gateway: &Gateway, path: &str, status: u16) {
    eventually(&format!("{path} is {status}"), async || {
        (gateway.get(path).send().await.status == status).then_some(())
    })
    .await;
}

#[test]
fn going_back_serves_what_was_served_and_a_diff_says_what_changed_but_no_secret() {
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let command = format!("file://{}", program("sidegate-plugin-lab").display());
        let add = ["plugin", "add", "--name", "lab", "--slug", "lab", "--command", &command];
        cli.ok(&[&add[..], &["--set", "api_key=hunter2"]].concat()).await;
        cli.ok(&["app", "create", "--name", "a", "--owner-email", "a@b"]).await;
        gateway.get("/plugins/lab/x").send().await.expect(200);
        let then = newest(&gateway).await;

        cli.ok(&["plugin", "update", "lab", "--slug", "moved", "--set", "api_key=hunter3"]).await;
        cli.ok(&["app", "update", "a", "--rate-limit", "60", "--max-staleness", "1h"]).await;
        cli.ok(&["plugin", "add", "--name", "new", "--slug", "new", "--command", &command]).await;
        gateway.get("/plugins/moved/x").send().await.expect(200);
        gateway.get("/plugins/lab/x").send().await.expect(404);

        let listed = cli.ok(&["history", "list"]).await;
        assert!(
            listed.contains("change_app") && listed.contains("plugin 2 (new) created"),
            "{listed}"
        );
        let told = cli.ok(&["history", "diff", &then]).await;
        for line in [
            "~ plugin 1 (lab)",
            "config.slug: lab → moved",
            "config.api_key: … → … (a secret changes)",
            "+ plugin 2 (new)",
            "~ app 1 (a)",
            "rate_limit: 0 → 60",
        ] {
            assert!(told.contains(line), "{line} in {told}");
        }
        let found = cli.json(&["history", "diff", &then]).await;
        assert!(!found.to_string().contains("hunter") && !told.contains("hunter"), "{told}");

        let before = newest(&gateway).await;
        let planned = cli.json(&["history", "rollback", &then, "--dry-run"]).await;
        assert_eq!(planned["attributes"]["differences"].as_array().map(Vec::len), Some(3));
        assert_eq!(newest(&gateway).await, before, "a plan changes nothing");
        let done = cli.json(&["history", "rollback", &then]).await;
        assert_eq!(done["attributes"]["differences"], planned["attributes"]["differences"]);
        answers(&gateway, "/plugins/lab/x", 200).await;
        answers(&gateway, "/plugins/moved/x", 404).await;
        answers(&gateway, "/plugins/new/x", 404).await;
        let app = cli.json(&["app", "show", "a"]).await;
        assert_eq!(app["attributes"]["rate_limit"], 0);
        assert_eq!(app["attributes"]["max_staleness"], Value::Null);
        cli.ok(&["history", "rollback", &then]).await;
        let last = newest(&gateway).await;
        assert_eq!(
            last,
            done["attributes"]["revision"].to_string(),
            "nothing differs: no revision"
        );
        let said = cli.ok(&["history", "show", &last]).await;
        assert!(said.contains("roll_back") && said.contains("plugin 2 (new) deleted"), "{said}");

        cli.ok(&["history", "rollback", &before]).await;
        answers(&gateway, "/plugins/moved/x", 200).await;
        answers(&gateway, "/plugins/new/x", 200).await;
        let said = cli.fails(4, &["history", "rollback", "9999"]).await;
        assert!(said.contains("revision 9999 does not exist"), "{said}");
    });
}

#[test]
fn a_gateway_that_stands_alone_serves_the_global_namespace_only_and_names_tell_which_one_is_meant()
{
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let command = format!("file://{}", program("sidegate-plugin-lab").display());
        let add = ["plugin", "add", "--name", "lab", "--command", &command, "--no-wait"];
        let said =
            cli.fails(2, &[&add[..], &["--slug", "b", "--namespace", "berlin"]].concat()).await;
        assert!(said.contains("sidegate namespace create berlin"), "{said}");
        for namespace in ["berlin", "oslo"] {
            cli.ok(&["namespace", "create", namespace]).await;
            let place = ["--slug", "lab", "--namespace", namespace];
            cli.ok(&[&add[..], &place].concat()).await;
            let app = ["app", "create", "--name", "a", "--owner-email", "a@b"];
            cli.ok(&[&app[..], &["--namespace", namespace]].concat()).await;
        }
        gateway.get("/plugins/lab/x").send().await.expect(404);
        let create = ["token", "create", "--app", "a", "--quiet"];
        let said = cli.fails(2, &create).await;
        assert!(said.contains("2 apps are named") && said.contains("--namespace"), "{said}");
        cli.ok(&[&create[..], &["--namespace", "oslo"]].concat()).await;
        let said = cli.fails(5, &add).await;
        assert!(said.contains("taken by plugin 1 of the namespace"), "{said}");
        let said = cli.fails(5, &["namespace", "delete", "oslo"]).await;
        assert!(said.contains("(\"lab\")") && said.contains("are in the namespace"), "{said}");
        cli.ok(&["plugin", "remove", "lab", "--namespace", "oslo"]).await;
        cli.ok(&["app", "delete", "a", "--namespace", "oslo"]).await;
        cli.ok(&["namespace", "delete", "oslo"]).await;
        let left = cli.json(&["plugin", "list", "--namespace", "berlin"]).await;
        assert_eq!(left[0]["attributes"]["namespace"], json!("berlin"));
        assert_eq!(left.as_array().map(Vec::len), Some(1));
    });
}
