//! Who may do what with the admin API, and who did: named admin tokens with roles, by the command line as people use
//! it, and the audit log that tells all of it but secrets.

use serde_json::{Value, json};
use sidegate_e2e::{Cli, Gateway, eventually, program, story};
use std::path::Path;

/// The command line of somebody with this token.
fn cli_of(gateway: &Gateway, token: &str) -> Cli {
    gateway.admin().keep_secret(token);
    let url = format!("http://{}", gateway.admin().addr());
    Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", token)])
}

/// Makes an admin token; gives the command line of who has it, and its text.
async fn made(gateway: &Gateway, name: &str, role: &str) -> (Cli, String) {
    let create = ["admin-token", "create", name, "--role", role, "--expires-in", "1h", "--quiet"];
    let token = gateway.cli().ok(&create).await.trim().to_owned();
    (cli_of(gateway, &token), token)
}

#[test]
fn each_role_does_what_is_its_own_and_is_told_what_is_not() {
    story(async {
        let gateway = Gateway::start().await;
        let lab = gateway.plugin("lab").config("api_key", "hunter2-of-lab").ready().await;
        let (viewer, _) = made(&gateway, "vera", "viewer").await;
        let (operator, token) = made(&gateway, "otto", "operator").await;

        let who = viewer.json(&["whoami"]).await;
        assert_eq!(
            (&who["attributes"]["name"], &who["attributes"]["role"]),
            (&json!("vera"), &json!("viewer"))
        );
        assert!(viewer.ok(&["plugin", "list"]).await.contains("lab"));
        let said = viewer.fails(6, &["plugin", "reload", "lab"]).await;
        assert!(said.contains("needs the role operator, and this token has viewer"), "{said}");
        assert!(said.contains("hint: `sidegate whoami`"), "{said}");
        let said = viewer.fails(6, &["plugin", "remove", "lab"]).await;
        assert!(said.contains("needs the role admin"), "{said}");

        operator.ok(&["plugin", "update", "lab", "--set", "greeting=hi"]).await;
        operator.ok(&["plugin", "update", "lab", "--option", "rate_limit=6000"]).await;
        operator.ok(&["plugin", "reload", "lab"]).await;
        operator.ok(&["app", "create", "--name", "a", "--owner-email", "a@b"]).await;
        operator.ok(&["token", "create", "--app", "a"]).await;
        for (arguments, field) in [
            (["--option", "env.MODE=x"], "options.env.MODE"),
            (["--option", "pass_token=true"], "options.pass_token"),
            (["--command", "file:///bin/true"], "command"),
        ] {
            let update = [&["plugin", "update", "lab"][..], &arguments].concat();
            let said = operator.fails(6, &update).await;
            assert!(said.contains(field) && said.contains("only the role admin"), "{said}");
        }
        operator.fails(6, &["plugin", "remove", "lab"]).await;
        operator.fails(6, &["log-level", "debug"]).await;
        let said = operator.fails(6, &["admin-token", "create", "me", "--role", "admin"]).await;
        assert!(said.contains("needs the role admin, and this token has operator"), "{said}");
        gateway.get("/plugins/lab/x").send().await.expect(200);
        assert_eq!(lab.status().await.summary.restarts, 0);

        let listed = gateway.cli().ok(&["admin-token", "list"]).await;
        assert!(listed.contains("otto") && !listed.contains(&token), "{listed}");
        gateway.cli().ok(&["admin-token", "revoke", "otto"]).await;
        let said = operator.fails(6, &["plugin", "list"]).await;
        assert!(said.contains("does not accept the token from SIDEGATE_ADMIN_TOKEN"), "{said}");
    });
}

/// Operation and outcome of each entry.
fn operations(entries: &Value) -> Vec<(&str, &str)> {
    fn of(entry: &Value) -> (&str, &str) {
        let text = |name| entry["attributes"][name].as_str().unwrap_or("-");
        (text("operation"), text("outcome"))
    }
    entries.as_array().expect("a list").iter().map(of).collect()
}

#[test]
fn the_audit_log_tells_who_did_what_and_who_was_refused_and_no_secret() {
    story(async {
        let mut gateway = Gateway::start().await;
        let secrets = ["hunter2-of-config", "hunter3-of-env", "hunter4-of-config"];
        let command = format!("file://{}", program("sidegate-plugin-lab").display());
        let cli = gateway.cli();
        let add = ["plugin", "add", "--name", "lab", "--slug", "lab", "--command", &command];
        let said = ["--set", "api_key=hunter2-of-config", "--option", "env.KEY=hunter3-of-env"];
        cli.ok(&[&add[..], &said].concat()).await;
        let (operator, token) = made(&gateway, "otto", "operator").await;
        operator.ok(&["plugin", "update", "lab", "--set", "api_key=hunter4-of-config"]).await;
        operator.ok(&["plugin", "disable", "lab"]).await;
        operator.fails(6, &["plugin", "remove", "lab"]).await;
        let wrong = "sga_this-is-no-token-of-anybody-0123456789";
        cli_of(&gateway, wrong).fails(6, &["plugin", "list"]).await;

        let of_otto = eventually("the refusals are written", async || {
            let entries = cli.json(&["audit", "--actor", "otto"]).await;
            (entries.as_array()?.len() == 3).then_some(entries)
        });
        let of_otto = of_otto.await;
        assert_eq!(
            operations(&of_otto),
            [("delete_plugin", "refused"), ("change_plugin", "done"), ("change_plugin", "done")]
        );
        let changed = &of_otto[2]["attributes"];
        assert_eq!(changed["thing"], json!({"type": "plugin", "id": "1", "name": "lab"}));
        assert_eq!(
            (&changed["fields"], &changed["peer"]),
            (&json!(["config.api_key"]), &json!("127.0.0.1"))
        );
        assert_eq!(changed["before"], changed["after"], "a digest tells nothing of secrets");
        let unknown = eventually("the refused sign-in is written", async || {
            let entries = cli.json(&["audit", "--outcome", "refused", "--since", "1h"]).await;
            let entries = entries.as_array()?.clone();
            entries.into_iter().find(|entry| entry["attributes"]["actor"].is_null())
        });
        assert_eq!(unknown.await["attributes"]["operation"], "sign_in");
        let table = cli.ok(&["audit", "--limit", "2"]).await;
        assert_eq!(table.lines().count(), 3, "{table}");
        let all = cli.json(&["audit", "--kind", "plugin"]).await;
        assert_eq!(all.as_array().unwrap().last().unwrap()["attributes"]["actor"], "root");

        gateway.stop();
        let random = token.trim_start_matches("sga_");
        for secret in [random, wrong.trim_start_matches("sga_")] {
            assert!(!is_in_database(&gateway.data_dir(), secret), "a token is in the database");
        }
        // What is configured is kept for the plugin, and nowhere beside it.
        let audit = audit_as_text(&gateway.data_dir()).await;
        assert!(audit.contains("change_plugin") && audit.contains("config.api_key"), "{audit}");
        for secret in secrets {
            assert!(!audit.contains(secret), "{secret} is in the audit log");
        }
    });
}

/// Whether a text is in any file of the database.
fn is_in_database(data: &Path, text: &str) -> bool {
    let files =
        std::fs::read_dir(data).expect("a folder").map(|entry| entry.expect("a file").path());
    let of_database = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sidegate.db"))
    };
    let mut files = files.filter(of_database).peekable();
    assert!(files.peek().is_some(), "there is a database");
    files.any(|path| {
        let bytes = std::fs::read(path).expect("a file");
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    })
}

/// All of the audit log as it lies in the database.
async fn audit_as_text(data: &Path) -> String {
    use sqlx::{Connection as _, Row as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("sidegate.db"));
    let mut database =
        sqlx::sqlite::SqliteConnection::connect_with(&options).await.expect("a database");
    let columns = "operation || ' ' || actor_name || ' ' || thing_name || ' ' || fields || ' ' \
         || coalesce(detail, '') || ' ' || coalesce(peer, '')";
    let sql = sqlx::AssertSqlSafe(format!("SELECT {columns} AS text FROM audit"));
    let rows = sqlx::query(sql).fetch_all(&mut database).await.expect("the audit log");
    database.close().await.expect("a database");
    rows.iter().map(|row| row.get::<String, _>("text") + "\n").collect()
}
